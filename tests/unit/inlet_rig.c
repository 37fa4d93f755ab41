/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "postern/base/mem.h"

#include "inlet_rig.h"

#define PATIENCE_MS 10000

/* --- the server --------------------------------------------------------------
 */

void
rig_init(struct rig *r)
{
	memset(r, 0, sizeof *r);
	r->listener = (struct inlet_listener){
		.name = "local",
		.priority = SPOOL_NORMAL,
		.size_max = 64 << 20,
		.recipients_max = 100,
		.messages_max = 0,
		.errors_max = 20,
		.idle_commands_max = 100,
		.line_max = 2048,
		.smtputf8 = true,
		.chunking = true,
		.dsn = true,
		.eight_bit = true,
		.timeouts = { .command = 60000,
		    .data = 60000,
		    .linger = 2000,
		    .proxy = 60000 },
	};
	r->settings = (struct inlet_settings){
		.hostname = "mx.example.com",
		.nlisteners = 1,
		.listeners = &r->listener,
		.intake = {
		    .hostname = "mx.example.com",
		    .domain = "example.com",
		    .size_max = 64 << 20,
		    .recipients_max = 100,
		    .received_max = 100,
		    .stage_above = 256 << 10,
		},
	};
	r->store = (struct spool_settings){
		.map_max = 1 << 30,
		.min_free = 1,
		.ballast = UINT64_MAX,
		.memory_max = 64 << 20,
	};
	sem_init(&r->posted, 0, 0);
}

static int
open_listener(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof in), 0);
	assert_int_equal(listen(fd, 64), 0);
	return fd;
}

void
rig_start(struct rig *r, size_t ninlets)
{
	struct err err = { 0 };

	strcpy(r->directory, "/tmp/test_inlet.XXXXXX");
	assert_non_null(mkdtemp(r->directory));
	r->store.directory = r->directory;
	if (spool_open(&r->spool, &r->store, &err) == -1)
		fail_msg("%s", err.text);
	spool_start(r->spool);
	for (r->ninlets = 0; r->ninlets < ninlets; r->ninlets++) {
		struct inlet **in = &r->inlet[r->ninlets];

		if (inlet_new(in, r->spool, &r->settings, &err) == -1)
			fail_msg("%s", err.text);
		inlet_start(*in, "inlet");
	}
	r->listen_fd = open_listener();
}

void
rig_stop(struct rig *r)
{
	if (r->ninlets == 0)
		return;
	for (size_t i = 0; i < r->ninlets; i++)
		inlet_stop(r->inlet[i]);
	spool_stop(r->spool);
	for (size_t i = 0; i < r->ninlets; i++)
		inlet_free(&r->inlet[i]);
	r->ninlets = 0;
}

void
rig_end(struct rig *r)
{
	char command[128];

	rig_stop(r);
	spool_close(&r->spool);
	close(r->listen_fd);
	sem_destroy(&r->posted);
	snprintf(command, sizeof command, "rm -rf '%s'", r->directory);
	assert_int_equal(system(command), 0);
}

void
rig_post(void *rig)
{
	struct rig *r = rig;

	sem_post(&r->posted);
}

void
rig_wait(struct rig *r)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE_MS / 1000;
	assert_int_equal(sem_timedwait(&r->posted, &until), 0);
}

/* --- clients -----------------------------------------------------------------
 */

int
rig_connect(struct rig *r, size_t inlet)
{
	struct sockaddr_in in;
	socklen_t len = sizeof in;
	struct addr peer = { .len = sizeof peer.ss };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), theirs;

	assert_int_equal(
	    getsockname(r->listen_fd, (struct sockaddr *)&in, &len), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&in, len), 0);
	theirs = accept4(r->listen_fd, (struct sockaddr *)&peer.ss, &peer.len,
	    SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(theirs >= 0);
	inlet_accept(r->inlet[inlet], 0, theirs, &peer);
	return fd;
}

int
rig_hello(struct rig *r, size_t inlet)
{
	int fd = rig_connect(r, inlet);

	rig_hear(fd, "220 mx.example.com");
	rig_say(fd, "EHLO client.example\r\n");
	rig_hear(fd, "250 ");
	return fd;
}

void
rig_send(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t put = send(fd, p, n, MSG_NOSIGNAL);

		if (put <= 0)
			fail_msg("send: %s", strerror(errno));
		p += put;
		n -= (size_t)put;
	}
}

void
rig_say(int fd, const char *text)
{
	rig_send(fd, text, strlen(text));
}

/* One byte at a time: nothing is read ahead.  0: the end. */
static size_t
read_line(int fd, char *line, size_t max)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t n = 0;

	while (n < max - 1) {
		ssize_t got;

		if (poll(&p, 1, PATIENCE_MS) != 1)
			fail_msg("no word from the server");
		got = read(fd, line + n, 1);
		if (got <= 0)
			break;
		if (line[n++] == '\n')
			break;
	}
	line[n] = '\0';
	return n;
}

const char *
rig_hear(int fd, const char *begin)
{
	static char line[1024];

	do {
		if (read_line(fd, line, sizeof line) == 0)
			fail_msg("closed instead of \"%s\"", begin);
	} while (line[3] == '-');
	if (strncmp(line, begin, strlen(begin)) != 0)
		fail_msg("\"%s\" instead of \"%s\"", line, begin);
	return line;
}

void
rig_hear_end(int fd)
{
	char line[1024];

	if (read_line(fd, line, sizeof line) != 0)
		fail_msg("\"%s\" instead of the end", line);
	close(fd);
}

void
rig_bye(int fd)
{
	rig_say(fd, "QUIT\r\n");
	rig_hear(fd, "221 ");
	rig_hear_end(fd);
}

void
rig_begin(int fd)
{
	rig_say(fd, RIG_ENVELOPE "DATA\r\n");
	rig_hear(fd, "250 2.1.0");
	rig_hear(fd, "250 2.1.5");
	rig_hear(fd, "354 ");
}

/* --- what is stored
 * ------------------------------------------------------------
 */

size_t
rig_stored(struct rig *r)
{
	struct spool_stats st;

	spool_stats(r->spool, &st);
	return (size_t)st.queued;
}

char *
rig_content(struct rig *r, size_t nth, size_t *len)
{
	static struct spool_item items[SPOOL_PAGE];
	struct spool_reader *reader = spool_reader_new(r->spool);
	struct err err = { 0 };
	int64_t got;
	char *p;
	int n = spool_list(reader, 0, items, SPOOL_PAGE);

	assert_true(n > (int)nth);
	p = mem_new(items[nth].size + 1);
	for (*len = 0; *len < items[nth].size; *len += (size_t)got) {
		got = spool_content(reader, items[nth].mid, *len, p + *len,
		    items[nth].size - *len, &err);
		if (got <= 0)
			fail_msg("%s", err.text);
	}
	spool_reader_free(&reader);
	return p;
}
