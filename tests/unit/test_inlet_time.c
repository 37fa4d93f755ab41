/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "postern/base/clock.h"
#include "postern/base/mem.h"

#include "inlet_rig.h"

/* --- time --------------------------------------------------------------------
 */

static void
a_silent_client_is_told(void **state)
{
	struct rig r;
	int fd;

	(void)state;
	rig_init(&r);
	r.listener.timeouts.command = 50;
	rig_start(&r, 1);
	fd = rig_connect(&r, 0);
	rig_hear(fd, "220 ");
	rig_hear(fd, "421 4.4.2 ");
	rig_hear_end(fd);
	rig_end(&r);
}

static void
silence_in_content_is_told(void **state)
{
	struct rig r;
	int fd;

	(void)state;
	rig_init(&r);
	r.listener.timeouts.data = 50;
	rig_start(&r, 1);
	fd = rig_hello(&r, 0);
	rig_begin(fd);
	rig_say(fd, "half a li");
	rig_hear(fd, "421 4.4.2 ");
	rig_hear_end(fd);
	rig_stop(&r);
	assert_int_equal(rig_stored(&r), 0);
	rig_end(&r);
}

/* A byte now and then is not a command. */
static void
dripping_does_not_help(void **state)
{
	uint64_t began = clock_mono_ms();
	struct pollfd p = { .events = POLLIN };
	struct rig r;

	(void)state;
	rig_init(&r);
	r.listener.timeouts.command = 300;
	rig_start(&r, 1);
	p.fd = rig_hello(&r, 0);
	while (poll(&p, 1, 20) == 0)
		rig_say(p.fd, "x");
	rig_hear(p.fd, "421 4.4.2 ");
	rig_hear_end(p.fd);
	assert_in_range(clock_mono_ms() - began, 300, 5000);
	rig_end(&r);
}

static void
a_session_has_an_end(void **state)
{
	struct pollfd p = { .events = POLLIN };
	struct rig r;
	const char *heard;

	(void)state;
	rig_init(&r);
	r.listener.timeouts.session = 200;
	r.listener.idle_commands_max = 100000;
	rig_start(&r, 1);
	p.fd = rig_hello(&r, 0);
	do {
		rig_say(p.fd, "NOOP\r\n");
		heard = rig_hear(p.fd, "");
	} while (strncmp(heard, "250 ", 4) == 0);
	assert_memory_equal(heard, "421 4.4.2 ", 10);
	close(p.fd);
	rig_end(&r);
}

/* Sends without reading until nothing goes any more: how much went. */
static size_t
flood(int fd, const char *text)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	size_t sent = 0, n = strlen(text);

	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (poll(&p, 1, 200) == 1) {
		ssize_t put = send(fd, text, n, MSG_NOSIGNAL);

		if (put < 0 && errno != EAGAIN)
			break;
		sent += put > 0 ? (size_t)put : 0;
		assert_in_range(sent, 0, 16 << 20);
	}
	return sent;
}

/* The kernel may tell the client late (its probes of a closed window get
 * rarer), so the server is asked. */
static void
wait_for_load(struct rig *r, size_t load)
{
	uint64_t began = clock_mono_ms();

	while (inlet_load(r->inlet[0]) != load) {
		poll(NULL, 0, 20);
		assert_in_range(clock_mono_ms() - began, 0, 10000);
	}
}

static void
a_client_that_does_not_read_is_not_read(void **state)
{
	struct rig r;
	int fd, small = 4096;

	(void)state;
	rig_init(&r);
	r.listener.timeouts.command = 1000;
	r.listener.timeouts.linger = 100;
	r.listener.idle_commands_max = UINT32_MAX;
	rig_start(&r, 1);
	fd = rig_connect(&r, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
	rig_say(fd, "EHLO x\r\n");
	assert_true(flood(fd, "NOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\n") > 10000);
	rig_bye(rig_hello(&r, 0)); /* others are served */
	wait_for_load(&r, 0);      /* and one day it is cut */
	close(fd);
	rig_end(&r);
}

/* So many replies, whatever they say. */
static void
hear_lines(int fd, size_t n)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	static const char reply[] = "250 2.0.0 Ok\r\n";
	size_t left = n * (sizeof reply - 1);
	static char bytes[65536];

	while (left > 0) {
		ssize_t got;

		assert_int_equal(poll(&p, 1, 10000), 1);
		got =
		    read(fd, bytes, left < sizeof bytes ? left : sizeof bytes);
		assert_true(got > 0);
		left -= (size_t)got;
	}
}

static void
a_choked_client_that_reads_again_goes_on(void **state)
{
	struct rig r;
	size_t sent;
	int fd;

	(void)state;
	rig_init(&r);
	r.listener.idle_commands_max = UINT32_MAX;
	rig_start(&r, 1);
	fd = rig_hello(&r, 0);
	sent = flood(fd, "NOOP\r\n");
	fcntl(fd, F_SETFL, 0);
	hear_lines(fd, sent / 6);
	if (sent % 6 != 0)
		rig_say(fd, &"NOOP\r\n"[sent % 6]);
	else
		rig_say(fd, "NOOP\r\n");
	rig_hear(fd, "250 ");
	rig_bye(fd);
	rig_end(&r);
}

/* --- a client that goes
 * -------------------------------------------------------- */

static void
gone_before_the_dot_nothing_is_kept(void **state)
{
	struct rig r;
	int fd;

	(void)state;
	rig_init(&r);
	rig_start(&r, 1);
	fd = rig_hello(&r, 0);
	rig_begin(fd);
	rig_say(fd, "hello\r\n.\r");
	close(fd);
	rig_bye(rig_hello(&r, 0));
	rig_stop(&r);
	assert_int_equal(rig_stored(&r), 0);
	rig_end(&r);
}

static void
gone_after_the_dot_it_is_ours(void **state)
{
	struct rig r;
	int fd;

	(void)state;
	rig_init(&r);
	rig_start(&r, 1);
	fd = rig_hello(&r, 0);
	rig_begin(fd);
	rig_say(fd, "hello\r\n.\r\n");
	close(fd);
	rig_bye(rig_hello(&r, 0));
	rig_stop(&r);
	assert_int_equal(rig_stored(&r), 1);
	rig_end(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_silent_client_is_told),
		cmocka_unit_test(silence_in_content_is_told),
		cmocka_unit_test(dripping_does_not_help),
		cmocka_unit_test(a_session_has_an_end),
		cmocka_unit_test(a_client_that_does_not_read_is_not_read),
		cmocka_unit_test(a_choked_client_that_reads_again_goes_on),
		cmocka_unit_test(gone_before_the_dot_nothing_is_kept),
		cmocka_unit_test(gone_after_the_dot_it_is_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
