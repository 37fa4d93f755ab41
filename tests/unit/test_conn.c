/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "postern/base/clock.h"

#include "conn_world.h"
#include "io/conn_priv.h"

#define MIB ((size_t)1024 * 1024)

static char big[4 * MIB];

static void
fill_big(void)
{
	for (size_t i = 0; i < sizeof big; i++)
		big[i] = (char)(i * 31 + i / 251);
}

static void
put(int fd, const char *s)
{
	assert_int_equal(write(fd, s, strlen(s)), (ssize_t)strlen(s));
}

static void
assert_got(struct side *s, const char *want)
{
	assert_int_equal(s->got.len, strlen(want));
	assert_memory_equal(buf_at(&s->got), want, strlen(want));
}

static void
bytes_come_and_go(void **state)
{
	struct side s = { 0 };
	char reply[16];
	int fd[2];

	(void)state;
	world_pair(fd, SOCK_STREAM);
	world_adopt(&s, fd[0]);
	put(fd[1], "EHLO");
	world_until_event(&s, 'D');
	assert_got(&s, "EHLO");
	conn_write(s.c, "250 ", 4);
	conn_write(s.c, "ok", 2);
	assert_int_equal(conn_unsent(s.c), 6);
	world_turns(1);
	assert_int_equal(world_drain(fd[1], reply, sizeof reply), 6);
	assert_memory_equal(reply, "250 ok", 6);
	assert_int_equal(conn_unsent(s.c), 0);
	assert_false(conn_is_secure(s.c));
	assert_string_equal(conn_tls_version(s.c), "");
	assert_int_equal(conn_error(s.c)->kind, ERR_NONE);
	assert_int_equal(conn_fd(s.c), fd[0]);
	world_done(&s);
	assert_int_equal(read(fd[1], reply, 1), 0); /* closed at once */
	close(fd[1]);
}

static void
what_a_turn_writes_leaves_in_one_write(void **state)
{
	struct side s = { 0 };
	char packet[4096];
	int fd[2];

	(void)state;
	world_pair(fd, SOCK_SEQPACKET); /* a packet a write */
	world_adopt(&s, fd[0]);
	for (int i = 0; i < 1000; i++)
		conn_write(s.c, "ab", 2);
	world_turns(1);
	assert_int_equal(read(fd[1], packet, sizeof packet), 2000);
	assert_int_equal(read(fd[1], packet, sizeof packet), -1);
	world_done(&s);
	close(fd[1]);
}

static void
an_idle_connection_holds_no_buffer(void **state)
{
	struct side s = { .take = 1 };
	char reply[16];
	int fd[2];

	(void)state;
	world_pair(fd, SOCK_STREAM);
	world_adopt(&s, fd[0]);
	put(fd[1], "abc");
	world_until_event(&s, 'D');
	assert_non_null(s.c->in.mem); /* "bc" is held */
	conn_take(s.c, 2);
	conn_write(s.c, "x", 1);
	world_turns(1);
	assert_int_equal(world_drain(fd[1], reply, sizeof reply), 1);
	assert_null(s.c->in.mem);
	assert_null(s.c->out.mem);
	world_done(&s);
	close(fd[1]);
}

static void
take_secret(struct side *s, enum conn_event ev)
{
	struct str shown = conn_input(s->c);

	if (ev != CONN_DATA || shown.len < 2)
		return;
	s->arg = (void *)(uintptr_t)shown.p;
	conn_take_secret(s->c, shown.len - 1); /* one is left: it stays */
	assert_int_equal(conn_input(s->c).len, 1);
}

static void
a_secret_that_is_taken_is_wiped(void **state)
{
	static const char zeros[6];
	struct side s = { .leave = true, .on = take_secret };
	int fd[2];

	(void)state;
	world_pair(fd, SOCK_STREAM);
	world_adopt(&s, fd[0]);
	put(fd[1], "geheim\n");
	world_until_event(&s, 'D');
	assert_memory_equal(s.arg, zeros, sizeof zeros);
	world_done(&s);
	close(fd[1]);
}

static void
what_is_not_taken_is_shown_again(void **state)
{
	struct side s = { .leave = true };
	int fd[2];

	(void)state;
	world_pair(fd, SOCK_STREAM);
	world_adopt(&s, fd[0]);
	put(fd[1], "MAIL ");
	world_until_event(&s, 'D');
	world_turns(3);
	assert_int_equal(conn_input(s.c).len, 5);
	s.leave = false;
	put(fd[1], "FROM");
	world_turns(3);
	assert_got(&s, "MAIL FROM");
	world_done(&s);
	close(fd[1]);
}

static void
what_is_read_is_a_copy_of_its_own(void **state)
{
	struct side s = { .leave = true };
	char a[4], b[16];
	int fd[2];

	(void)state;
	world_pair(fd, SOCK_STREAM);
	world_adopt(&s, fd[0]);
	put(fd[1], "MAIL RCPT");
	world_until_event(&s, 'D');
	assert_int_equal(conn_read(s.c, a, sizeof a), 4);
	assert_int_equal(conn_read(s.c, b, sizeof b), 5);
	assert_memory_equal(a, "MAIL", 4);
	assert_memory_equal(b, " RCPT", 5);
	assert_int_equal(conn_read(s.c, b, sizeof b), 0);
	world_done(&s);
	close(fd[1]);
}

/* Writes what goes of big from *at on. */
static void
push(int fd, size_t *at)
{
	ssize_t n = write(fd, big + *at, sizeof big - *at);

	if (n > 0)
		*at += (size_t)n;
}

static void
a_peer_that_sends_more_is_not_read(void **state)
{
	struct side s = { .leave = true };
	size_t at = 0, stuck;
	int fd[2];

	(void)state;
	world_pair(fd, SOCK_STREAM);
	world_adopt_with(&s, fd[0], 8192, 0);
	do { /* until the kernel's buffers are full too */
		stuck = at;
		push(fd[1], &at);
		world_turns(20);
	} while (at != stuck);
	assert_int_equal(conn_input(s.c).len, 8192);
	assert_true(at < sizeof big);
	assert_int_equal(s.c->events, 0); /* not even polled for */
	s.leave = false;
	s.take = 5000;
	while (s.got.len < sizeof big) {
		size_t held = conn_input(s.c).len;

		push(fd[1], &at);
		if (held) { /* taken outside of the callback */
			assert_int_equal(
			    buf_add(&s.got, conn_input(s.c).p, held), 0);
			conn_take(s.c, held);
		}
		world_turns(1);
	}
	assert_true(s.most_held <= 8192);
	assert_memory_equal(buf_at(&s.got), big, sizeof big);
	world_done(&s);
	close(fd[1]);
}

static void
a_paused_connection_shows_nothing(void **state)
{
	struct side s = { 0 };
	int fd[2];

	(void)state;
	world_pair(fd, SOCK_STREAM);
	world_adopt(&s, fd[0]);
	conn_pause(s.c);
	put(fd[1], "DATA");
	world_turns(5);
	assert_int_equal(s.n, 0);
	assert_int_equal(s.c->events, 0);
	conn_resume(s.c);
	world_until_event(&s, 'D');
	assert_got(&s, "DATA");
	world_done(&s);
	close(fd[1]);
}

static void
pause_once(struct side *s, enum conn_event ev)
{
	if (ev == CONN_DATA && s->take == 4) {
		conn_pause(s->c);
		s->take = 0;
	}
}

static void
resuming_shows_what_is_held(void **state)
{
	struct side s = { .take = 4, .on = pause_once };
	int fd[2];

	(void)state;
	world_pair(fd, SOCK_STREAM);
	world_adopt(&s, fd[0]);
	put(fd[1], "RSETQUIT");
	world_turns(5);
	assert_got(&s, "RSET");
	conn_resume(s.c);
	assert_got(&s, "RSET"); /* not inside the call */
	world_turns(1);
	assert_got(&s, "RSETQUIT");
	world_done(&s);
	close(fd[1]);
}

static void
a_peer_that_does_not_read_fills_the_output(void **state)
{
	static char in[sizeof big];
	struct side s = { 0 };
	size_t n = 0;
	int fd[2];

	(void)state;
	world_tcp_pair(fd);
	world_adopt_with(&s, fd[0], 0, 128 * 1024);
	while (!conn_is_full(s.c) && n < sizeof big) {
		conn_write(s.c, big + n, 64 * 1024);
		n += 64 * 1024;
		world_turns(1);
	}
	assert_true(conn_is_full(s.c));
	assert_true(conn_unsent(s.c) > 128 * 1024);
	assert_false(world_has(&s, 'R'));
	for (size_t got = 0; got < n;) {
		got += world_drain(fd[1], in + got, n - got);
		world_turns(1);
	}
	assert_memory_equal(in, big, n);
	assert_string_equal(s.events, "R"); /* once */
	assert_int_equal(conn_unsent(s.c), 0);
	assert_int_equal(s.c->events, EV_READ);
	world_done(&s);
	close(fd[1]);
}

static void
a_connection_that_was_full_within_a_turn_drains(void **state)
{
	static char in[sizeof big];
	struct side s = { 0 };
	size_t n = 0;
	int fd[2];

	(void)state;
	world_tcp_pair(fd);
	world_adopt_with(&s, fd[0], 0, 1024);
	conn_write(s.c, big, 3000);
	assert_true(conn_is_full(s.c));
	world_until_event(&s, 'R');
	assert_false(conn_is_full(s.c));
	while ((n += world_drain(fd[1], in, sizeof in)) < 3000)
		world_turns(1);
	world_done(&s);
	close(fd[1]);
}

static void
the_time_is_up_once(void **state)
{
	struct side s = { .keep = true };
	uint64_t start = clock_mono_ms();
	char word[8];
	int fd[2];

	(void)state;
	world_pair(fd, SOCK_STREAM);
	world_adopt(&s, fd[0]);
	conn_timeout(s.c, 60000);
	conn_timeout(s.c, 30); /* sooner than before */
	world_until_event(&s, 'T');
	assert_in_range(clock_mono_ms() - start, 29, 5000);
	put(fd[1], "late");
	world_turns(5);
	assert_string_equal(s.events, "T"); /* nothing comes behind it */
	conn_write(s.c, "421", 3);          /* a last word may be said */
	conn_close_after(&s.c, 1000);
	world_turns(2);
	assert_int_equal(world_drain(fd[1], word, sizeof word), 3);
	assert_int_equal(read(fd[1], word, 1), 0);
	close(fd[1]);
	world_turns(2);
	world_done(&s);
}

static bool
is_later(void *arg)
{
	return clock_mono_ms() >= *(uint64_t *)arg;
}

static void
a_time_set_again_moves_and_zero_stops_it(void **state)
{
	struct side s = { 0 };
	uint64_t start = clock_mono_ms(), at;
	int fd[2];

	(void)state;
	world_pair(fd, SOCK_STREAM);
	world_adopt(&s, fd[0]);
	conn_timeout(s.c, 30);
	conn_timeout(s.c, 90);
	world_until_event(&s, 'T');
	assert_true(clock_mono_ms() - start >= 89);
	world_done(&s);
	close(fd[1]);

	world_pair(fd, SOCK_STREAM);
	world_adopt(&s, fd[0]);
	conn_timeout(s.c, 10);
	conn_timeout(s.c, 0);
	at = clock_mono_ms() + 40;
	world_until(is_later, &at, "the clock");
	assert_int_equal(s.n, 0);
	world_done(&s);
	close(fd[1]);
}

static void
the_peers_end_comes_after_its_bytes(void **state)
{
	struct side s = { .leave = true, .keep = true };
	char word[8];
	int fd[2];

	(void)state;
	world_pair(fd, SOCK_STREAM);
	world_adopt(&s, fd[0]);
	put(fd[1], "QUIT");
	shutdown(fd[1], SHUT_WR);
	world_until_event(&s, 'C');
	assert_string_equal(s.events, "DC");
	assert_int_equal(conn_input(s.c).len, 4);
	conn_write(s.c, "221", 3); /* half-closed: it still reads */
	world_turns(1);
	assert_int_equal(world_drain(fd[1], word, sizeof word), 3);
	conn_close_after(&s.c, 1000);
	world_turns(1);
	assert_int_equal(read(fd[1], word, 1), 0);
	world_done(&s);
	close(fd[1]);
}

static void
a_full_input_keeps_the_end_back(void **state)
{
	struct side s = { .leave = true, .keep = true };
	int fd[2];

	(void)state;
	world_pair(fd, SOCK_STREAM);
	world_adopt_with(&s, fd[0], 4096, 0);
	assert_int_equal(write(fd[1], big, 5000), 5000);
	close(fd[1]);
	world_turns(5);
	assert_string_equal(s.events, "D");
	conn_take(s.c, 4096);
	world_until_event(&s, 'C');
	assert_int_equal(s.most_held, 4096);
	assert_int_equal(conn_input(s.c).len, 904);
	world_done(&s);
}

static void
a_reset_fails_with_its_reason(void **state)
{
	struct linger hard = { .l_onoff = 1 };
	struct side s = { 0 };
	int fd[2];

	(void)state;
	world_tcp_pair(fd);
	world_adopt(&s, fd[0]);
	setsockopt(fd[1], SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
	close(fd[1]);
	world_until_event(&s, 'F');
	assert_string_equal(s.error, "read: Connection reset by peer");
	assert_int_equal(s.sys_errno, ECONNRESET);
	world_done(&s);
}

static void
what_the_peer_said_before_it_went_is_shown(void **state)
{
	struct side s = { 0 };
	int fd[2];

	(void)state;
	world_pair(fd, SOCK_STREAM);
	world_adopt(&s, fd[0]);
	put(fd[1], "421 bye");
	close(fd[1]);
	conn_write(s.c, "MAIL", 4); /* fails before anything is read */
	world_until_event(&s, 'F');
	assert_string_equal(s.events, "DF");
	assert_got(&s, "421 bye");
	assert_int_equal(s.sys_errno, EPIPE);
	assert_string_equal(s.error, "write: Broken pipe");
	world_done(&s);
}

static void
close_it(struct side *s, enum conn_event ev)
{
	(void)ev;
	conn_close(&s->c);
}

static void
after_close_no_event_comes(void **state)
{
	struct side s = { .on = close_it };
	int fd[2];

	(void)state;
	world_pair(fd, SOCK_STREAM);
	world_adopt(&s, fd[0]);
	conn_write(s.c, "dropped", 7);
	conn_timeout(s.c, 1);
	put(fd[1], "x");
	close(fd[1]);
	world_until_event(&s, 'D');
	world_turns(5);
	assert_string_equal(s.events, "D");
	conn_close(&s.c); /* NULL: harmless */
	world_done(&s);
}

static bool
is_empty_world(void *arg)
{
	struct {
		int fd;
		size_t sum;
		char *in;
	} *p = arg;
	ssize_t n = read(p->fd, p->in + p->sum, sizeof big - p->sum);

	if (n > 0)
		p->sum += (size_t)n;
	return n == 0;
}

static void
close_after_sends_everything_first(void **state)
{
	static char in[sizeof big];
	struct {
		int fd;
		size_t sum;
		char *in;
	} reader = { .in = in };
	struct side s = { 0 };
	int fd[2];

	(void)state;
	world_tcp_pair(fd);
	world_adopt(&s, fd[0]);
	conn_write(s.c, big, sizeof big);
	put(fd[1], "not read any more");
	conn_close_after(&s.c, 10000);
	assert_null(s.c);
	reader.fd = fd[1];
	world_until(is_empty_world, &reader, "the end");
	assert_int_equal(reader.sum, sizeof big);
	assert_memory_equal(in, big, sizeof big);
	assert_int_equal(s.n, 0);
	close(fd[1]);
	world_turns(3);
	world_done(&s);
}

static bool
is_reset(void *arg)
{
	char c;

	/* The other end has gone with our bytes unread: reset. */
	return send(*(int *)arg, "x", 1, MSG_NOSIGNAL) < 0 && errno != EAGAIN &&
	       recv(*(int *)arg, &c, 0, 0) <= 0;
}

static void
note_gone(void *arg)
{
	*(bool *)arg = true;
}

static bool
is_true(void *arg)
{
	return *(bool *)arg;
}

static void
the_end_of_a_lingering_one_is_told(void **state)
{
	struct side s = { 0 };
	bool gone = false;
	char got[16];
	int fd[2];

	(void)state;
	world_tcp_pair(fd);
	world_adopt(&s, fd[0]);
	conn_write(s.c, "QUIT\r\n", 6);
	assert_true(conn_close_told(&s.c, 60000, note_gone, &gone));
	assert_null(s.c);
	world_turns(5);
	assert_int_equal(recv(fd[1], got, sizeof got, 0), 6);
	assert_false(gone); /* the peer has not closed yet */
	put(fd[1], "221 bye\r\n");
	world_turns(5);
	assert_false(gone);
	close(fd[1]);
	world_until(is_true, &gone, "the peer's end");
	world_done(&s);

	gone = false; /* a peer that never closes: the time decides */
	world_tcp_pair(fd);
	world_adopt(&s, fd[0]);
	assert_true(conn_close_told(&s.c, 20, note_gone, &gone));
	world_until(is_true, &gone, "the linger time");
	close(fd[1]);
	assert_false(conn_close_told(&s.c, 20, note_gone, &gone));
	world_done(&s);
}

static void
lingering_has_an_end(void **state)
{
	struct side s = { 0 };
	uint64_t start = clock_mono_ms();
	int fd[2];

	(void)state;
	world_tcp_pair(fd);
	world_adopt(&s, fd[0]);
	conn_write(s.c, big, sizeof big);
	conn_write(s.c, big, sizeof big);
	conn_close_after(&s.c, 50); /* nobody reads */
	world_until(is_reset, &fd[1], "the linger time");
	assert_true(clock_mono_ms() - start >= 49);
	world_done(&s);
	close(fd[1]);
	/* One that is still lingering is freed with its loop. */
	world_tcp_pair(fd);
	world_adopt(&s, fd[0]);
	conn_write(s.c, big, sizeof big);
	conn_close_after(&s.c, 60000);
	world_turns(1);
	close(fd[1]);
}

static void
start_connect(struct side *s, const void *to, socklen_t len)
{
	struct conn_settings set = { 0 };

	world_side(s, &set);
	s->c = conn_connect(world, to, len, NULL, 0, &set);
}

static int
listen_on_loopback(struct sockaddr_in *in)
{
	socklen_t len = sizeof *in;
	int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*in = (struct sockaddr_in){ .sin_family = AF_INET };
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(l, (struct sockaddr *)in, len), 0);
	assert_int_equal(getsockname(l, (struct sockaddr *)in, &len), 0);
	return l;
}

/* The peer may have accepted it while we have not looked yet. */
static void
the_end_of_one_that_connects_is_told(void **state)
{
	struct sockaddr_in in;
	struct side s = { 0 };
	bool gone = false;
	char got[16];
	int l = listen_on_loopback(&in), fd;

	(void)state;
	start_connect(&s, &in, sizeof in); /* nobody listens */
	assert_false(conn_close_told(&s.c, 60000, note_gone, &gone));
	world_done(&s);
	assert_int_equal(listen(l, 1), 0);
	start_connect(&s, &in, sizeof in);
	conn_write(s.c, "EHLO x\r\n", 8);
	assert_true(conn_close_told(&s.c, 60000, note_gone, &gone));
	fd = accept(l, NULL, NULL);
	assert_true(fd >= 0);
	assert_int_equal(recv(fd, got, sizeof got, 0), 0); /* no word */
	world_turns(5);
	assert_false(gone);
	close(fd);
	world_until(is_true, &gone, "the peer's end");
	world_done(&s);
	close(l);
}

static void
what_is_dropped_never_leaves(void **state)
{
	struct side s = { 0 };
	bool gone = false;
	size_t n = 0;
	int fd[2];

	(void)state;
	world_tcp_pair(fd);
	world_adopt(&s, fd[0]);
	conn_write(s.c, big, sizeof big);
	conn_write(s.c, big, sizeof big);
	world_turns(2);
	n = 2 * sizeof big - conn_unsent(s.c);
	assert_true(conn_unsent(s.c) > 0);
	conn_drop_output(s.c);
	assert_true(conn_close_told(&s.c, 60000, note_gone, &gone));
	world_turns(3);
	for (ssize_t got = 1; got > 0; n -= (size_t)got) {
		char some[65536];

		got = recv(fd[1], some, sizeof some, 0);
		assert_true(got >= 0);
	}
	assert_int_equal(n, 0); /* what had left before, and the end */
	assert_false(gone);
	close(fd[1]);
	world_until(is_true, &gone, "the peer's end");
	world_done(&s);
}

static void
connecting_succeeds_and_sends_what_waits(void **state)
{
	struct sockaddr_in in, from = { .sin_family = AF_INET };
	struct conn_settings set = { 0 };
	struct side s = { 0 };
	socklen_t len = sizeof from;
	int l = listen_on_loopback(&in), fd, nodelay = 0;
	size_t n = 0;
	char word[8];

	(void)state;
	assert_int_equal(listen(l, 1), 0);
	from.sin_addr.s_addr = htonl(0x7f000002);
	world_side(&s, &set);
	s.c = conn_connect(world, (struct sockaddr *)&in, sizeof in,
	    (struct sockaddr *)&from, sizeof from, &set);
	conn_write(s.c, "EHLO", 4);
	assert_int_equal(s.n, 0);
	world_until_event(&s, 'N');
	fd = accept4(
	    l, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_int_equal(ntohl(from.sin_addr.s_addr), 0x7f000002);
	while ((n += world_drain(fd, word, sizeof word)) < 4)
		world_turns(1);
	len = sizeof nodelay;
	getsockopt(conn_fd(s.c), IPPROTO_TCP, TCP_NODELAY, &nodelay, &len);
	assert_int_equal(nodelay, 1);
	world_done(&s);
	close(fd);
	close(l);
}

static void
connecting_fails_as_an_event(void **state)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX,
		.sun_path = "/nonexistent/socket" };
	struct sockaddr_in in;
	struct side s = { 0 };
	int l = listen_on_loopback(&in);

	(void)state;
	start_connect(&s, &in, sizeof in); /* bound, but nobody listens */
	assert_int_equal(s.n, 0);
	world_until_event(&s, 'F');
	assert_string_equal(s.error, "connect: Connection refused");
	assert_int_equal(s.sys_errno, ECONNREFUSED);
	world_done(&s);
	close(l);
	start_connect(&s, &un, sizeof un);
	assert_int_equal(s.n, 0); /* fails at once, is told later */
	world_until_event(&s, 'F');
	assert_int_equal(s.sys_errno, ENOENT);
	world_done(&s);
	start_connect(&s, &un, sizeof un);
	conn_close_after(&s.c, 1000); /* before it is connected */
	world_turns(2);
	assert_int_equal(s.n, 0);
	world_done(&s);
}

static void
a_connect_may_take_too_long(void **state)
{
	struct sockaddr_in in;
	struct side s = { 0 }, filler[3] = { 0 };
	int l = listen_on_loopback(&in);

	(void)state;
	assert_int_equal(listen(l, 0), 0);
	for (int i = 0; i < 3; i++) /* the queue is full, SYNs are dropped */
		start_connect(&filler[i], &in, sizeof in);
	world_turns(5);
	start_connect(&s, &in, sizeof in);
	conn_timeout(s.c, 50);
	world_until_event(&s, 'T');
	assert_string_equal(s.events, "T");
	world_done(&s);
	for (int i = 0; i < 3; i++)
		world_done(&filler[i]);
	close(l);
}

static void
dropped_input_is_gone(void **state)
{
	struct side s = { .leave = true };
	int fd[2];

	(void)state;
	world_pair(fd, SOCK_STREAM);
	world_adopt_with(&s, fd[0], 4096, 0);
	assert_int_equal(write(fd[1], big, 4096), 4096);
	world_turns(5);
	conn_drop_input(s.c);
	assert_int_equal(conn_input(s.c).len, 0);
	s.leave = false;
	put(fd[1], "next"); /* reading goes on after full */
	world_turns(5);
	assert_got(&s, "next");
	world_done(&s);
	close(fd[1]);
}

static void
pass(int by, const char *s, int fd)
{
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr head;
	} u = { .head = { .cmsg_level = SOL_SOCKET,
		    .cmsg_type = SCM_RIGHTS,
		    .cmsg_len = CMSG_LEN(sizeof fd) } };
	struct iovec data = { (void *)(uintptr_t)s, strlen(s) };
	struct msghdr m = { .msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = u.room,
		.msg_controllen = sizeof u.room };

	memcpy(CMSG_DATA(&u.head), &fd, sizeof fd);
	assert_int_equal(sendmsg(by, &m, 0), (ssize_t)strlen(s));
}

/* The end of the pipe that comes along, or what a closed one gives. */
static bool
is_open(int pipe_end)
{
	return send(pipe_end, "x", 1, MSG_NOSIGNAL) == 1;
}

static void
the_last_descriptor_that_comes_along_is_the_owners(void **state)
{
	struct conn_settings with = { .takes_fd = true };
	struct side s = { 0 };
	int fd[2], first[2], second[2], third[2], got;

	(void)state;
	world_pair(fd, SOCK_STREAM);
	world_pair(first, SOCK_STREAM);
	world_pair(second, SOCK_STREAM);
	world_pair(third, SOCK_STREAM);
	world_side(&s, &with);
	s.c = conn_adopt(world, fd[0], &with);
	assert_int_equal(conn_take_fd(s.c), -1);
	pass(fd[1], "one ", first[0]);
	world_turns(3);
	pass(fd[1], "two ", second[0]);
	close(first[0]);
	close(second[0]);
	put(fd[1], "three");
	world_turns(3);
	assert_got(&s, "one two three");
	assert_false(is_open(first[1])); /* a newer one came */
	got = conn_take_fd(s.c);
	assert_true(got >= 0);
	assert_int_equal(conn_take_fd(s.c), -1);
	pass(fd[1], "!", third[0]);
	close(third[0]);
	world_turns(3);
	world_done(&s);
	world_turns(3);
	assert_true(is_open(second[1]));
	assert_false(is_open(third[1])); /* nobody took it */
	close(got);
	close(fd[1]);
	close(first[1]);
	close(second[1]);
	close(third[1]);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(bytes_come_and_go),
		TEST(what_a_turn_writes_leaves_in_one_write),
		TEST(an_idle_connection_holds_no_buffer),
		TEST(a_secret_that_is_taken_is_wiped),
		TEST(what_is_not_taken_is_shown_again),
		TEST(what_is_read_is_a_copy_of_its_own),
		TEST(a_peer_that_sends_more_is_not_read),
		TEST(a_paused_connection_shows_nothing),
		TEST(resuming_shows_what_is_held),
		TEST(a_peer_that_does_not_read_fills_the_output),
		TEST(a_connection_that_was_full_within_a_turn_drains),
		TEST(the_time_is_up_once),
		TEST(a_time_set_again_moves_and_zero_stops_it),
		TEST(the_peers_end_comes_after_its_bytes),
		TEST(a_full_input_keeps_the_end_back),
		TEST(a_reset_fails_with_its_reason),
		TEST(what_the_peer_said_before_it_went_is_shown),
		TEST(after_close_no_event_comes),
		TEST(close_after_sends_everything_first),
		TEST(the_end_of_a_lingering_one_is_told),
		TEST(lingering_has_an_end),
		TEST(the_end_of_one_that_connects_is_told),
		TEST(what_is_dropped_never_leaves),
		TEST(connecting_succeeds_and_sends_what_waits),
		TEST(connecting_fails_as_an_event),
		TEST(a_connect_may_take_too_long),
		TEST(dropped_input_is_gone),
		TEST(the_last_descriptor_that_comes_along_is_the_owners),
	};

	fill_big();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
