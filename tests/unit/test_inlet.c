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
#include "postern/mail/rate.h"

#include "inlet_rig.h"

static uint64_t
count(const struct stat_counter *c)
{
	return stat_get(c);
}

static void
a_message_is_taken(void **state)
{
	static const char text[] = "Subject: x\r\n\r\n.hello\r\n";
	const struct inlet_counters *n;
	struct rig r;
	char *content;
	size_t len;
	int fd;

	(void)state;
	rig_init(&r);
	rig_start(&r, 1);
	fd = rig_hello(&r, 0);
	rig_begin(fd);
	rig_say(fd, "Subject: x\r\n\r\n..hello\r\n.\r\n");
	rig_hear(fd, "250 2.0.0 queued as ");
	n = inlet_counters(r.inlet[0]);
	assert_int_equal(inlet_load(r.inlet[0]), 1);
	rig_bye(fd);
	assert_int_equal(inlet_load(r.inlet[0]), 0);
	assert_int_equal(count(&n->sessions), 1);
	assert_int_equal(count(&n->accepted), 1);
	assert_int_equal(count(&n->messages), 1);
	assert_int_equal(count(&n->refused), 0);
	assert_int_equal(count(&n->bytes), sizeof text - 1);
	assert_int_equal(
	    count(&n->meter.size[METER_SMTP].sum), sizeof text - 1);
	rig_stop(&r);
	assert_int_equal(rig_stored(&r), 1);
	content = rig_content(&r, 0, &len);
	assert_memory_equal(content, "Received: from client.example", 29);
	assert_string_equal(strstr(content, "Subject"), text);
	free(content);
	rig_end(&r);
}

/* By the words that metrics show. */
static uint64_t
replies(const struct meter *m, const char *verb, const char *class)
{
	size_t v = 0, c = 0;

	while (strcmp(meter_verb_word(v), verb) != 0)
		v++;
	while (strcmp(meter_class_word(c), class) != 0)
		c++;
	return count(&m->commands[v][c]);
}

static void
each_reply_is_counted_by_its_verb_and_class(void **state)
{
	const struct inlet_counters *n;
	struct rig r;
	int fd;

	(void)state;
	rig_init(&r);
	r.listener.is_sendmail = true;
	rig_start(&r, 1);
	n = inlet_counters(r.inlet[0]);
	fd = rig_hello(&r, 0);
	rig_say(fd, "NONSENSE\r\n");
	rig_hear(fd, "500 ");
	rig_say(fd, "MAIL FROM:<a@example.com>\r\nRCPT TO:<>\r\n");
	rig_hear(fd, "250 ");
	rig_hear(fd, "501 ");
	rig_say(fd, "RSET\r\n");
	rig_hear(fd, "250 ");
	rig_begin(fd);
	rig_say(fd, "Subject: x\r\n\r\nhello\r\n.\r\n");
	rig_hear(fd, "250 2.0.0 queued as ");
	rig_begin(fd); /* of the next one alone the size counts */
	rig_say(fd, "\r\n.\r\n");
	rig_hear(fd, "250 2.0.0 queued as ");
	rig_bye(fd);
	assert_int_equal(replies(&n->meter, "other", "5xx"), 1);
	assert_int_equal(replies(&n->meter, "MAIL", "2xx"), 3);
	assert_int_equal(replies(&n->meter, "RCPT", "2xx"), 2);
	assert_int_equal(replies(&n->meter, "RCPT", "5xx"), 1);
	assert_int_equal(count(&n->meter.rejected[METER_ADDRESS]), 1);
	assert_int_equal(count(&n->meter.rejected[METER_SYNTAX]), 0);
	assert_int_equal(replies(&n->meter, "DATA", "3xx"), 2);
	assert_int_equal(replies(&n->meter, "DATA", "2xx"), 0);
	assert_int_equal(replies(&n->meter, ".", "2xx"), 2);
	assert_int_equal(replies(&n->meter, "QUIT", "2xx"), 1);
	assert_int_equal(count(&n->meter.size[METER_SMTP].count), 0);
	assert_int_equal(count(&n->meter.size[METER_SENDMAIL].count), 2);
	assert_int_equal(count(&n->meter.size[METER_SENDMAIL].sum),
	    strlen("Subject: x\r\n\r\nhello\r\n") + strlen("\r\n"));
	rig_end(&r);
}

static void
what_was_refused_counts_for_no_size(void **state)
{
	const struct inlet_counters *n;
	struct rig r;
	int fd;

	(void)state;
	rig_init(&r);
	rig_start(&r, 1);
	n = inlet_counters(r.inlet[0]);
	fd = rig_hello(&r, 0);
	for (int bdat = 0; bdat <= 1; bdat++) {
		rig_say(fd, RIG_ENVELOPE);
		rig_say(fd, bdat ? "BDAT 1313 LAST\r\n" : "DATA\r\n");
		for (int i = 0; i < 101; i++)
			rig_say(fd, "Received: x\r\n");
		rig_say(fd, bdat ? "" : ".\r\n");
		for (int i = 0; i < 3 - bdat; i++)
			rig_hear(fd, i < 2 ? "250 " : "354 ");
		rig_hear(fd, "554 5.4.6 ");
		rig_begin(fd);
		rig_say(fd, "\r\n.\r\n");
		rig_hear(fd, "250 2.0.0 queued as ");
	}
	assert_int_equal(count(&n->meter.size[METER_SMTP].count), 2);
	assert_int_equal(count(&n->meter.size[METER_SMTP].sum), 4);
	rig_end(&r);
}

/* main accepts many in a turn before an inlet has seen the first. */
static void
what_is_on_its_way_counts(void **state)
{
	struct addr peer = { .len = sizeof(sa_family_t) };
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_start(&r, 1);
	inlet_stop(r.inlet[0]);
	peer.ss.ss_family = AF_UNIX;
	for (size_t i = 1; i <= 3; i++) {
		inlet_accept(r.inlet[0], 0,
		    open("/dev/null", O_RDWR | O_CLOEXEC), &peer);
		assert_int_equal(inlet_load(r.inlet[0]), i);
	}
	rig_end(&r);
}

#define MANY 100

static void
many_messages_in_one_write_are_taken(void **state)
{
	static const char one[] =
	    RIG_ENVELOPE "DATA\r\nx: y\r\n\r\nhello\r\n.\r\n";
	struct rig r;
	char *all = mem_new(MANY * sizeof one + 8);
	int fd;

	(void)state;
	rig_init(&r);
	rig_start(&r, 1);
	fd = rig_hello(&r, 0);
	for (int i = 0; i < MANY; i++)
		strcat(all, one);
	strcat(all, "QUIT\r\n");
	rig_say(fd, all);
	for (int i = 0; i < MANY; i++) {
		rig_hear(fd, "250 2.1.0");
		rig_hear(fd, "250 2.1.5");
		rig_hear(fd, "354 ");
		rig_hear(fd, "250 2.0.0 queued as ");
	}
	rig_hear(fd, "221 ");
	rig_hear_end(fd);
	free(all);
	rig_stop(&r);
	assert_int_equal(rig_stored(&r), MANY);
	rig_end(&r);
}

static void
a_client_that_closes_its_side_still_hears(void **state)
{
	struct rig r;
	int fd;

	(void)state;
	rig_init(&r);
	rig_start(&r, 1);
	fd = rig_connect(&r, 0);
	rig_say(
	    fd, "EHLO x\r\n" RIG_ENVELOPE "DATA\r\nhello\r\n.\r\nNOOP\r\nNO");
	shutdown(fd, SHUT_WR);
	rig_hear(fd, "220 ");
	rig_hear(fd, "250 ENHANCEDSTATUSCODES");
	rig_hear(fd, "250 2.1.0");
	rig_hear(fd, "250 2.1.5");
	rig_hear(fd, "354 ");
	rig_hear(fd, "250 2.0.0 queued as ");
	rig_hear(fd, "250 2.0.0");
	rig_hear_end(fd);
	rig_end(&r);
}

/* A client with Nagle's algorithm on holds a second piece back until the first
 * is acknowledged; nobody says anything meanwhile. */
static void
a_client_that_writes_in_pieces_does_not_wait(void **state)
{
	uint64_t best_ms = UINT64_MAX;
	struct rig r;
	int fd;

	(void)state;
	rig_init(&r);
	rig_start(&r, 1);
	fd = rig_hello(&r, 0);
	for (int i = 0; i < 10; i++) {
		uint64_t began = clock_mono_ms(), ms;

		rig_begin(fd);
		rig_say(fd, "Subject: x\r\n");
		rig_say(fd, "\r\n");
		rig_say(fd, "hel");
		rig_say(fd, "lo\r\n");
		rig_say(fd, ".\r\n");
		rig_hear(fd, "250 2.0.0 queued as ");
		ms = clock_mono_ms() - began;
		best_ms = ms < best_ms ? ms : best_ms;
	}
	assert_in_range(best_ms, 0, 35); /* a delayed one comes after 40 */
	rig_bye(fd);
	rig_end(&r);
}

#define BIG ((size_t)5 << 20)

static void
a_big_message_is_taken(void **state)
{
	struct rig r;
	char *text = mem_new(BIG + 1), *content;
	size_t len;
	int fd;

	(void)state;
	for (size_t i = 0; i < BIG; i++)
		text[i] = (char)('a' + i % 26);
	memcpy(text + BIG - 2, "\r\n", 2);
	rig_init(&r);
	r.store.memory_max = 1 << 20;
	rig_start(&r, 1);
	fd = rig_hello(&r, 0);
	rig_begin(fd);
	rig_send(fd, text, BIG);
	rig_say(fd, ".\r\n");
	rig_hear(fd, "250 2.0.0 queued as ");
	rig_bye(fd);
	rig_stop(&r);
	content = rig_content(&r, 0, &len);
	assert_in_range(len, BIG + 1, BIG + 2000);
	assert_memory_equal(content + len - BIG, text, BIG);
	free(content);
	free(text);
	rig_end(&r);
}

#define CROWD 8
#define CROWD_EACH ((size_t)1 << 20)

static char
crowd_byte(size_t who, size_t at)
{
	return at >= CROWD_EACH - 2 ? "\r\n"[at - (CROWD_EACH - 2)]
	                            : (char)('a' + (who + at / 7) % 26);
}

/* A piece of one client's content, as much as goes; true: all has gone. */
static bool
crowd_push(int fd, size_t who, size_t *sent)
{
	char part[8192];
	size_t n = 0;
	ssize_t put;

	while (n < sizeof part && *sent + n < CROWD_EACH) {
		part[n] = crowd_byte(who, *sent + n);
		n++;
	}
	put = send(fd, part, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (put < 0)
		assert_int_equal(errno, EAGAIN);
	*sent += put > 0 ? (size_t)put : 0;
	return *sent == CROWD_EACH;
}

static void
crowd_send(struct pollfd *p)
{
	size_t sent[CROWD] = { 0 };
	int left = CROWD;

	while (left > 0) {
		assert_true(poll(p, CROWD, 10000) > 0);
		for (size_t i = 0; i < CROWD; i++) {
			if (!(p[i].revents & POLLOUT))
				continue;
			if (!crowd_push(p[i].fd, i, &sent[i]))
				continue;
			p[i].events = 0;
			left--;
		}
	}
}

static void
crowd_check(const char *content, size_t len)
{
	const char *p = content + len - CROWD_EACH;
	size_t who = (size_t)(p[0] - 'a');

	assert_in_range(len, CROWD_EACH + 1, CROWD_EACH + 2000);
	assert_in_range(who, 0, CROWD - 1);
	for (size_t i = 0; i < CROWD_EACH; i++) {
		if (p[i] != crowd_byte(who, i))
			fail_msg("message %zu differs at %zu", who, i);
	}
}

static void
many_big_ones_at_once_share_little_memory(void **state)
{
	struct pollfd p[CROWD];
	struct rig r;
	size_t len;

	(void)state;
	rig_init(&r);
	r.store.memory_max = 128 << 10;
	rig_start(&r, 1);
	for (size_t i = 0; i < CROWD; i++) {
		p[i].fd = rig_hello(&r, 0);
		p[i].events = POLLOUT;
		rig_begin(p[i].fd);
	}
	crowd_send(p);
	for (size_t i = 0; i < CROWD; i++)
		rig_say(p[i].fd, ".\r\n");
	for (size_t i = 0; i < CROWD; i++) {
		rig_hear(p[i].fd, "250 2.0.0 queued as ");
		rig_bye(p[i].fd);
	}
	rig_stop(&r);
	assert_int_equal(rig_stored(&r), CROWD);
	for (size_t i = 0; i < CROWD; i++) {
		char *content = rig_content(&r, i, &len);

		crowd_check(content, len);
		free(content);
	}
	rig_end(&r);
}

/* --- who may come
 * --------------------------------------------------------------
 */

static void
one_connection_too_many_gets_421(void **state)
{
	struct rig r;
	int fd[2], more;

	(void)state;
	rig_init(&r);
	r.listener.connections_max = 2;
	rig_start(&r, 2); /* the limit is for both inlets */
	fd[0] = rig_hello(&r, 0);
	fd[1] = rig_hello(&r, 1);
	more = rig_connect(&r, 0);
	rig_hear(more, "421 4.7.0 ");
	rig_hear_end(more);
	rig_bye(fd[1]);
	fd[1] = rig_hello(&r, 0);
	rig_bye(fd[0]);
	rig_bye(fd[1]);
	assert_int_equal(count(&inlet_counters(r.inlet[0])->refused), 1);
	rig_end(&r);
}

static void
a_client_has_its_share(void **state)
{
	struct rig r;
	int fd, more;

	(void)state;
	rig_init(&r);
	r.listener.per_client_max = 1;
	rig_start(&r, 1);
	fd = rig_hello(&r, 0);
	more = rig_connect(&r, 0);
	rig_hear(more, "421 4.7.0 ");
	rig_hear_end(more);
	rig_bye(fd);
	rig_bye(rig_hello(&r, 0));
	rig_end(&r);
}

static void
another_network_is_refused(void **state)
{
	const char *networks[] = { "10.0.0.0/8", "192.0.2.1" };
	struct rig r;
	int fd;

	(void)state;
	rig_init(&r);
	r.listener.networks = networks;
	r.listener.nnetworks = 2;
	rig_start(&r, 1);
	fd = rig_connect(&r, 0);
	rig_hear(fd, "554 5.7.1 ");
	rig_hear_end(fd);
	rig_end(&r);
}

static void
a_network_that_cannot_be_read_is_a_mistake(void **state)
{
	const char *networks[] = { "10.0.0.0/99" };
	struct inlet *in = NULL;
	struct err err = { 0 };
	struct rig r;

	(void)state;
	rig_init(&r);
	r.listener.networks = networks;
	r.listener.nnetworks = 1;
	assert_int_equal(inlet_new(&in, NULL, &r.settings, &err), -1);
	assert_null(in);
	assert_non_null(strstr(err.text, "listener local"));
	sem_destroy(&r.posted);
}

static void
other_protocols_are_sent_away(void **state)
{
	static const char *const words[] = { "GET / HTTP/1.1\r\n",
		"POST /x HTTP/1.1\r\nHost: y\r\n\r\nEHLO x\r\n",
		"\x16\x03\x01" };
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_start(&r, 1);
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		int fd = rig_connect(&r, 0);

		rig_say(fd, words[i]);
		rig_hear(fd, "220 ");
		rig_hear(fd, "421 4.7.0 ");
		rig_hear_end(fd);
	}
	rig_end(&r);
}

static void
a_full_spool_says_so(void **state)
{
	struct rig r;
	int fd;

	(void)state;
	rig_init(&r);
	r.store.min_free = UINT64_C(1) << 60;
	rig_start(&r, 1);
	fd = rig_hello(&r, 0);
	rig_say(fd, "MAIL FROM:<a@example.com>\r\n");
	rig_hear(fd, "452 4.3.1 ");
	rig_bye(fd);
	rig_end(&r);
}

/* --- reload and stop
 * ------------------------------------------------------------
 */

static void
a_session_keeps_its_settings(void **state)
{
	struct inlet_listener other;
	struct inlet_settings settings;
	struct rig r;
	int old, new;

	(void)state;
	rig_init(&r);
	rig_start(&r, 1);
	old = rig_hello(&r, 0);
	other = r.listener;
	other.size_max = 1000;
	settings = r.settings;
	settings.listeners = &other;
	inlet_change(r.inlet[0], &settings, rig_post, &r);
	new = rig_hello(&r, 0);
	rig_say(old, "MAIL FROM:<a@example.com> SIZE=2000\r\n");
	rig_hear(old, "250 ");
	rig_say(new, "MAIL FROM:<a@example.com> SIZE=2000\r\n");
	rig_hear(new, "552 ");
	assert_int_equal(sem_trywait(&r.posted), -1);
	rig_bye(old);
	rig_wait(&r); /* the old ones are let go */
	rig_bye(new);
	rig_end(&r);
}

/* An old session's message goes by what was in force when it began, which is
 * neither the session's nor the newest. */
static void
a_message_keeps_its_settings(void **state)
{
	struct inlet_settings second, third;
	struct rig r;
	int old;

	(void)state;
	rig_init(&r);
	rig_start(&r, 1);
	old = rig_hello(&r, 0);
	second = third = r.settings;
	inlet_change(r.inlet[0], &second, rig_post, &r);
	rig_bye(rig_hello(&r, 0)); /* it has been taken up */
	rig_say(old, "MAIL FROM:<a@example.com>\r\n");
	rig_hear(old, "250 ");
	inlet_change(r.inlet[0], &third, rig_post, &r);
	rig_bye(rig_hello(&r, 0));
	assert_int_equal(sem_trywait(&r.posted), -1); /* both are in use */
	rig_say(old, "RSET\r\n");
	rig_hear(old, "250 ");
	rig_wait(&r); /* the second has gone */
	rig_bye(old);
	rig_wait(&r);
	rig_end(&r);
}

static void
a_network_that_a_change_breaks_lets_nobody_in(void **state)
{
	const char *networks[] = { "127.0.0.0/8", "nonsense" };
	struct inlet_listener other;
	struct inlet_settings settings;
	struct rig r;
	int fd;

	(void)state;
	rig_init(&r);
	rig_start(&r, 1);
	other = r.listener;
	other.networks = networks;
	other.nnetworks = 2;
	settings = r.settings;
	settings.listeners = &other;
	inlet_change(r.inlet[0], &settings, rig_post, &r);
	rig_wait(&r);
	fd = rig_connect(&r, 0);
	rig_hear(fd, "554 5.7.1 ");
	rig_hear_end(fd);
	rig_end(&r);
}

static void
a_drain_lets_content_come(void **state)
{
	struct rig r;
	int idle, mail, data, late;

	(void)state;
	rig_init(&r);
	rig_start(&r, 1);
	idle = rig_hello(&r, 0);
	mail = rig_hello(&r, 0);
	rig_say(mail, RIG_ENVELOPE);
	rig_hear(mail, "250 2.1.0");
	rig_hear(mail, "250 2.1.5");
	data = rig_hello(&r, 0);
	rig_begin(data);
	inlet_drain(r.inlet[0], 60000, rig_post, &r);
	rig_hear(idle, "421 4.3.2 ");
	rig_hear_end(idle);
	rig_hear(mail, "421 4.3.2 ");
	rig_hear_end(mail);
	late = rig_connect(&r, 0);
	rig_hear(late, "421 4.3.2 ");
	rig_hear_end(late);
	assert_int_equal(sem_trywait(&r.posted), -1);
	rig_say(data, "hello\r\n.\r\n");
	rig_hear(data, "250 2.0.0 queued as ");
	rig_hear(data, "421 4.3.2 ");
	rig_hear_end(data);
	rig_wait(&r);
	rig_stop(&r);
	assert_int_equal(rig_stored(&r), 1);
	rig_end(&r);
}

static void
a_drain_waits_only_so_long(void **state)
{
	struct rig r;
	int fd;

	(void)state;
	rig_init(&r);
	rig_start(&r, 1);
	fd = rig_hello(&r, 0);
	rig_begin(fd);
	rig_say(fd, "hello\r\n");
	inlet_drain(r.inlet[0], 50, rig_post, &r);
	rig_hear(fd, "421 4.3.2 ");
	rig_hear_end(fd);
	rig_wait(&r);
	rig_stop(&r);
	assert_int_equal(rig_stored(&r), 0);
	rig_end(&r);
}

static void
an_idle_inlet_is_drained_at_once(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_start(&r, 2);
	inlet_drain(r.inlet[0], 60000, rig_post, &r);
	inlet_drain(r.inlet[1], 0, rig_post, &r);
	rig_wait(&r);
	rig_wait(&r);
	rig_end(&r);
}

static void
a_stop_cuts_what_is_left(void **state)
{
	struct rig r;
	int idle, data;

	(void)state;
	rig_init(&r);
	rig_start(&r, 1);
	idle = rig_hello(&r, 0);
	data = rig_hello(&r, 0);
	rig_begin(data);
	for (int i = 0; i < 40; i++) { /* staged in part */
		char part[16384];

		memset(part, 'x', sizeof part);
		rig_send(data, part, sizeof part);
	}
	rig_stop(&r);
	rig_hear_end(idle);
	close(data);
	assert_int_equal(rig_stored(&r), 0);
	rig_end(&r);
}

/* A rate of one message, and a client that has used it up and waits.  (A rate
 * that differs from the last test's starts anew.) */
static void
rig_with_one_that_waits(struct rig *r, const struct rate *one, int *fd)
{
	rig_init(r);
	r->listener.client_rates = one;
	r->listener.nclient_rates = 1;
	rig_start(r, 1);
	*fd = rig_hello(r, 0);
	rig_say(*fd, "MAIL FROM:<a@example.com>\r\n");
	rig_hear(*fd, "250 2.1.0");
	rig_say(*fd, "RSET\r\nMAIL FROM:<a@example.com>\r\nNOOP\r\n");
	rig_hear(*fd, "250 2.0.0");
}

static void
a_reply_that_is_held_back_holds_nobody_else(void **state)
{
	const struct rate one = { RATE_MESSAGES, 1, 10000 };
	struct rig r;
	int slow, fd;

	(void)state;
	rig_with_one_that_waits(&r, &one, &slow);
	fd = rig_hello(&r, 0);
	rig_say(fd, "NOOP\r\n");
	rig_hear(fd, "250 ");
	rig_bye(fd);
	inlet_drain(r.inlet[0], 10000, rig_post, &r);
	rig_hear(slow, "421 4.3.2"); /* without waiting, and no NOOP's */
	rig_hear_end(slow);
	rig_wait(&r);
	rig_end(&r);
}

static void
a_client_may_leave_while_its_reply_is_held_back(void **state)
{
	const struct rate one = { RATE_MESSAGES, 1, 11000 };
	struct linger now = { .l_onoff = 1 };
	struct rig r;
	int slow;

	(void)state;
	rig_with_one_that_waits(&r, &one, &slow);
	setsockopt(slow, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	close(slow); /* a reset */
	while (inlet_load(r.inlet[0]) > 0)
		rig_bye(rig_hello(&r, 0));
	rig_end(&r);
}

static void
it_is_alive_before_its_thread_has_begun(void **state)
{
	struct rig r;
	struct inlet *in;
	struct err err;
	uint64_t before = clock_mono_ms();

	(void)state;
	rig_init(&r);
	rig_start(&r, 1);
	assert_int_equal(inlet_new(&in, r.spool, &r.settings, &err), 0);
	assert_in_range(
	    stat_get(&inlet_counters(in)->beat_ms), before, clock_mono_ms());
	inlet_free(&in);
	rig_end(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_is_taken),
		cmocka_unit_test(each_reply_is_counted_by_its_verb_and_class),
		cmocka_unit_test(what_was_refused_counts_for_no_size),
		cmocka_unit_test(what_is_on_its_way_counts),
		cmocka_unit_test(many_messages_in_one_write_are_taken),
		cmocka_unit_test(a_client_that_closes_its_side_still_hears),
		cmocka_unit_test(a_client_that_writes_in_pieces_does_not_wait),
		cmocka_unit_test(a_big_message_is_taken),
		cmocka_unit_test(many_big_ones_at_once_share_little_memory),
		cmocka_unit_test(one_connection_too_many_gets_421),
		cmocka_unit_test(a_client_has_its_share),
		cmocka_unit_test(another_network_is_refused),
		cmocka_unit_test(a_network_that_cannot_be_read_is_a_mistake),
		cmocka_unit_test(other_protocols_are_sent_away),
		cmocka_unit_test(a_full_spool_says_so),
		cmocka_unit_test(a_session_keeps_its_settings),
		cmocka_unit_test(a_message_keeps_its_settings),
		cmocka_unit_test(a_network_that_a_change_breaks_lets_nobody_in),
		cmocka_unit_test(a_drain_lets_content_come),
		cmocka_unit_test(a_drain_waits_only_so_long),
		cmocka_unit_test(an_idle_inlet_is_drained_at_once),
		cmocka_unit_test(a_stop_cuts_what_is_left),
		cmocka_unit_test(a_reply_that_is_held_back_holds_nobody_else),
		cmocka_unit_test(
		    a_client_may_leave_while_its_reply_is_held_back),
		cmocka_unit_test(it_is_alive_before_its_thread_has_begun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
