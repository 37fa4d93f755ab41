/* SPDX-License-Identifier: Apache-2.0 */
#include "conn_world.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "postern/base/clock.h"

#include "io/loop_priv.h"

struct loop *world;

int
world_setup(void **state)
{
	struct err err;

	(void)state;
	return loop_new(&world, &err);
}

int
world_teardown(void **state)
{
	(void)state;
	loop_free(&world);
	return 0;
}

static void
note(struct side *s, enum conn_event ev)
{
	static const char letters[] = "NSDRTCF";

	if (s->n < sizeof s->events - 1 &&
	    !(ev == CONN_DATA && s->n && s->events[s->n - 1] == 'D'))
		s->events[s->n++] = letters[ev];
}

static void
take(struct side *s)
{
	struct str in = conn_input(s->c);
	size_t n = s->take && s->take < in.len ? s->take : in.len;

	if (in.len > s->most_held)
		s->most_held = in.len;
	if (s->leave)
		return;
	assert_int_equal(buf_add(&s->got, in.p, n), 0);
	conn_take(s->c, n);
}

static void
on_event(struct conn *c, enum conn_event ev, void *arg)
{
	struct side *s = arg;

	if (!s->c)
		s->c = c;
	assert_ptr_equal(s->c, c);
	note(s, ev);
	if (ev == CONN_FAILED) {
		snprintf(s->error, sizeof s->error, "%s", conn_error(c)->text);
		s->sys_errno = conn_errno(c);
	}
	if (ev == CONN_DATA || ev == CONN_CLOSED)
		take(s);
	if (s->on)
		s->on(s, ev);
	if (s->c && !s->keep && ev >= CONN_TIMEOUT)
		conn_close(&s->c);
}

void
world_side(struct side *s, struct conn_settings *settings)
{
	buf_init(&s->got, 64 * 1024 * 1024);
	settings->fn = on_event;
	settings->arg = s;
}

void
world_adopt_with(struct side *s, int fd, size_t input_max, size_t high)
{
	struct conn_settings set = { .input_max = input_max,
		.output_high = high };

	world_side(s, &set);
	s->c = conn_adopt(world, fd, &set);
}

void
world_adopt(struct side *s, int fd)
{
	world_adopt_with(s, fd, 0, 0);
}

void
world_pair(int fd[2], int type)
{
	assert_int_equal(
	    socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
}

void
world_tcp_pair(int fd[2])
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof in;
	int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(l, (struct sockaddr *)&in, len), 0);
	assert_int_equal(listen(l, 1), 0);
	assert_int_equal(getsockname(l, (struct sockaddr *)&in, &len), 0);
	fd[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd[1], (struct sockaddr *)&in, len), 0);
	fd[0] = accept4(l, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(fd[0] >= 0);
	assert_int_equal(fcntl(fd[1], F_SETFL, O_NONBLOCK), 0);
	close(l);
}

struct until {
	bool (*cond)(void *arg);
	void *arg;
	uint64_t deadline_ms;
	bool met;
};

static void
stop_turn(void *arg)
{
	(void)arg;
	loop_stop(world);
}

/* One turn that does not sleep. */
static void
turn(void)
{
	struct loop_task t;

	loop_task_init(&t, stop_turn, NULL);
	loop_task_next(world, &t);
	loop_run(world);
}

void
world_turns(int n)
{
	for (int i = 0; i < n; i++)
		turn();
}

void
world_until(bool (*cond)(void *arg), void *arg, const char *what)
{
	uint64_t end = clock_mono_ms() + 10000;

	while (!cond(arg)) {
		if (clock_mono_ms() > end)
			fail_msg("waited too long for %s", what);
		turn();
	}
}

bool
world_has(const struct side *s, char letter)
{
	return memchr(s->events, letter, s->n) != NULL;
}

struct wanted {
	struct side *s;
	char letter;
};

static bool
has_come(void *arg)
{
	struct wanted *w = arg;

	return world_has(w->s, w->letter);
}

void
world_until_event(struct side *s, char letter)
{
	char what[2] = { letter, '\0' };

	world_until(has_come, &(struct wanted){ s, letter }, what);
}

void
world_done(struct side *s)
{
	if (s->c)
		conn_close(&s->c);
	buf_done(&s->got);
	memset(s, 0, sizeof *s);
}

size_t
world_drain(int fd, char *to, size_t max)
{
	size_t sum = 0;

	while (sum < max) {
		ssize_t n = read(fd, to + sum, max - sum);

		if (n <= 0)
			break;
		sum += (size_t)n;
	}
	return sum;
}
