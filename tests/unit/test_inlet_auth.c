/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A login as clients see it, over a real connection to an inlet on a spool.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "inlet/logins.h"
#include "inlet/session_auth.h"
#include "inlet_rig.h"
#include "postern/base/clock.h"
#include "postern/inlet/users.h"

/* "123456" and "secret" */
#define TEST_HASH                                                              \
	"test:$2b$04$KBCwKxOzLha2MUDgW0PjXeQheCmR/mSXjEgfWpqy8CBg4BJMFCDM2\n"
#define BOB_SCRAM                                                              \
	"bob:SCRAM-SHA-256$4096$MDEyMzQ1Njc4OWFiY2RlZg==$bpSY5Ze9NUH+"         \
	"I35LC3gVq+DpBfK46iXBxvhAKqVu9pE=$"                                    \
	"VpYlBuxyzeCI1KnctrefdljpB1mk3Gp7sBI/t11+NkQ=\n"

#define PLAIN "AUTH PLAIN dGVzdAB0ZXN0ADEyMzQ1Ng==\r\n"
#define PLAIN_WRONG "AUTH PLAIN AHRlc3QAd3Jvbmc=\r\n"

static struct rig rig;
static struct addr loopback, foreign;

static void
on_mistake(void *arg, unsigned line, const char *text)
{
	(void)arg;
	fail_msg("%u: %s", line, text);
}

static struct users *
users_of(const char *text)
{
	struct users *u = NULL;

	assert_int_equal(users_parse(&u, str_of(text), on_mistake, NULL), 0);
	return u;
}

static int
begin(void **state)
{
	struct err err;

	(void)state;
	logins_forget();
	assert_int_equal(addr_parse(&loopback, "127.0.0.1:25", &err), 0);
	assert_int_equal(addr_parse(&foreign, "203.0.113.1:25", &err), 0);
	rig_init(&rig);
	rig.listener.addresses = &loopback;
	rig.listener.naddresses = 1;
	rig.listener.auth = INLET_AUTH_OPTIONAL;
	rig.listener.auth_failures_max = 5;
	rig.listener.auth_failures_name =
	    (struct rate){ RATE_LOGINS, 10, 600000, false, 0 };
	rig.listener.auth_failures_client =
	    (struct rate){ RATE_LOGINS, 100, 600000, false, 0 };
	rig.settings.users = users_of(TEST_HASH BOB_SCRAM);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	rig_end(&rig);
	users_free(&rig.settings.users);
	return 0;
}

/* Says and hears, line by line: ">" what is said, "<" how the reply begins. */
struct line {
	const char *say, *hear;
};

static void
talk(int fd, const struct line *lines, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (lines[i].say != NULL)
			rig_say(fd, lines[i].say);
		rig_hear(fd, lines[i].hear);
	}
}
#define TALK(fd, ...)                                                          \
	do {                                                                   \
		const struct line lines[] = { __VA_ARGS__ };                   \
		talk(fd, lines, sizeof lines / sizeof lines[0]);               \
	} while (0)

static uint64_t
logins(const char *mech, enum meter_login what)
{
	size_t m = 0;

	while (strcmp(meter_mech_word(m), mech) != 0)
		m++;
	return stat_get(&inlet_counters(rig.inlet[0])->meter.logins[m][what]);
}

static void
each_try_is_counted_by_mechanism_and_result(void **state)
{
	int fd;

	(void)state;
	rig.listener.auth_failures_name =
	    (struct rate){ RATE_LOGINS, 1, 600000, false, 0 };
	rig_start(&rig, 1);
	fd = rig_hello(&rig, 0);
	TALK(fd, { "AUTH LOGIN\r\n", "334 " }, { "*\r\n", "501 5.7.0 " },
	    { "AUTH CRAM-MD5\r\n", "504 " },
	    { "AUTH PLAIN !\r\n", "501 5.5.2 " }, { PLAIN, "235 " });
	rig_bye(fd);
	fd = rig_hello(&rig, 0);
	TALK(fd, { PLAIN_WRONG, "535 " });
	TALK(fd, { PLAIN_WRONG, "454 " });
	rig_bye(fd);
	assert_int_equal(logins("LOGIN", METER_LOGIN_BROKEN), 1);
	assert_int_equal(logins("other", METER_LOGIN_BROKEN), 1);
	assert_int_equal(logins("PLAIN", METER_LOGIN_BROKEN), 1);
	assert_int_equal(logins("PLAIN", METER_LOGIN_OK), 1);
	assert_int_equal(logins("PLAIN", METER_LOGIN_FAILED), 1);
	assert_int_equal(logins("PLAIN", METER_LOGIN_LIMITED), 1);
	assert_int_equal(logins("PLAIN", METER_LOGIN_ANY), 0);
}

/* All of EHLO's answer. */
static void
ehlo(int fd, char *out, size_t max)
{
	size_t n = 0;
	const char *last;

	rig_say(fd, "EHLO client.example\r\n");
	do {
		ssize_t got = recv(fd, out + n, max - 1 - n, 0);

		assert_true(got > 0);
		n += (size_t)got;
		out[n] = '\0';
		last = strstr(out, "250 ");
	} while (last == NULL || strchr(last, '\n') == NULL);
}

static bool
offers(const char *line)
{
	int fd = rig_connect(&rig, 0);
	char text[2048];

	rig_hear(fd, "220 ");
	ehlo(fd, text, sizeof text);
	rig_bye(fd);
	return strstr(text, line) != NULL;
}

static void
whoever_knows_the_password_is_in(void **state)
{
	int fd;
	char *content;
	size_t len;

	(void)state;
	rig_start(&rig, 1);
	assert_true(offers("250-AUTH PLAIN LOGIN\r\n"));
	fd = rig_hello(&rig, 0);
	TALK(fd, { PLAIN, "235 2.7.0 " });
	rig_begin(fd);
	rig_say(fd, "Subject: x\r\n\r\ny\r\n.\r\n");
	rig_hear(fd, "250 2.0.0");
	rig_bye(fd);
	rig_stop(&rig);
	content = rig_content(&rig, 0, &len);
	assert_non_null(strstr(content, "with ESMTPA"));
	free(content);
}

static void
P16_each_way_of_saying_it_works(void **state)
{
	static const struct line plain[] = { { "AUTH PLAIN\r\n", "334 \r\n" },
		{ "AHRlc3QAMTIzNDU2\r\n", "235 " } };
	static const struct line login[] = { { "auth login\r\n",
		                                 "334 VXNlcm5hbWU6\r\n" },
		{ "dGVzdA==\r\n", "334 UGFzc3dvcmQ6\r\n" },
		{ "MTIzNDU2\r\n", "235 " } };
	static const struct line initial[] = { { "AUTH LOGIN dGVzdA==\r\n",
		                                   "334 UGFzc3dvcmQ6\r\n" },
		{ "MTIzNDU2\r\n", "235 " } };
	static const struct line verifier[] = {
		{ "AUTH PLAIN AGJvYgBzZWNyZXQ=\r\n", "235 " },
	};
	static const struct {
		const struct line *lines;
		size_t n;
	} ways[] = { { plain, 2 }, { login, 3 }, { initial, 2 },
		{ verifier, 1 } };

	(void)state;
	rig_start(&rig, 1);
	for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
		int fd = rig_hello(&rig, 0);

		talk(fd, ways[i].lines, ways[i].n);
		rig_bye(fd);
	}
}

static void
P16_what_is_not_right_is_told(void **state)
{
	int fd;

	(void)state;
	rig.listener.auth_failures_max = 100;
	rig.listener.errors_max = 100;
	rig_start(&rig, 1);
	fd = rig_connect(&rig, 0);
	rig_hear(fd, "220 ");
	TALK(fd, { PLAIN, "503 5.5.1 Say EHLO" }, { "HELO c\r\n", "250 " },
	    { PLAIN, "503 5.5.1 Say EHLO" }, { "EHLO c\r\n", "250 " },
	    { "AUTH\r\n", "501 5.5.4" }, { "AUTH CRAM-MD5\r\n", "504 5.5.4" },
	    { "AUTH SCRAM-SHA-256 biwsbj1hLHI9Yg==\r\n", "504 5.5.4" },
	    { "AUTH EXTERNAL =\r\n", "504 5.5.4" },
	    { "AUTH PLAIN !\r\n", "501 5.5.2" },
	    { "AUTH PLAIN =\r\n", "501 5.5.2" }, { "AUTH PLAIN\r\n", "334 " },
	    { "*\r\n", "501 5.7.0" }, { "AUTH LOGIN\r\n", "334 " },
	    { "*\r\n", "501 5.7.0" }, { "AUTH LOGIN\r\n", "334 " },
	    { "dGVzdA\r\n", "501 5.5.2" },
	    /* the next line is a command again */
	    { "NOOP\r\n", "250 " }, { "MAIL FROM:<a@example.com>\r\n", "250 " },
	    { PLAIN, "503 5.5.1 Not in a transaction" }, { "RSET\r\n", "250 " },
	    { PLAIN, "235 " }, { PLAIN, "503 5.5.1 Already" },
	    { "RSET\r\n", "250 " }, { "EHLO c\r\n", "250 " },
	    { PLAIN, "503 5.5.1 Already" });
	rig_bye(fd);
}

static void
a_wrong_password_is_told_after_a_while(void **state)
{
	uint64_t began;
	int fd, other;

	(void)state;
	rig_start(&rig, 1);
	fd = rig_hello(&rig, 0);
	began = clock_mono_ms();
	rig_say(fd, PLAIN_WRONG "NOOP\r\n");
	other = rig_hello(&rig, 0); /* who is served meanwhile */
	TALK(other, { PLAIN, "235 " });
	rig_bye(other);
	rig_hear(fd, "535 5.7.8 ");
	assert_true(clock_mono_ms() - began >= SESSION_AUTH_DELAY_MS);
	rig_hear(fd, "250 "); /* the NOOP waited */
	/* somebody who is not there gets the same words */
	TALK(fd, { "AUTH PLAIN AGV2ZQB3cm9uZw==\r\n", "535 5.7.8 " },
	    { PLAIN, "235 " });
	rig_bye(fd);
}

static void
too_many_failures_end_the_session(void **state)
{
	int fd;

	(void)state;
	rig.listener.auth_failures_max = 2;
	rig_start(&rig, 1);
	fd = rig_hello(&rig, 0);
	TALK(fd, { "AUTH PLAIN !\r\n", "501 " }, { "AUTH LOGIN\r\n", "334 " },
	    { "*\r\n", "501 " });
	/* even the right one comes too late */
	TALK(fd, { PLAIN, "421 4.7.0 " });
	rig_hear_end(fd);
}

static void
a_client_that_fails_too_often_is_refused_without_a_look(void **state)
{
	struct login l = { .client = UINT64_C(0xffff) << 32 | htonl(0x7f000001),
		.serial = 1,
		.user = STR("test"),
		.password = STR("x") };
	int fd;

	(void)state;
	rig_start(&rig, 1);
	l.limits.name = rig.listener.auth_failures_name;
	l.limits.client = rig.listener.auth_failures_client;
	for (uint32_t i = 0; i < l.limits.name.count; i++)
		(void)logins_wrong(&l, clock_mono_ms());
	fd = rig_hello(&rig, 0);
	TALK(fd, { PLAIN, "454 4.7.0 " },
	    { "AUTH PLAIN AGJvYgBzZWNyZXQ=\r\n", "235 " });
	rig_bye(fd);
}

static void
where_a_login_is_required_nothing_goes_without(void **state)
{
	int fd;

	(void)state;
	rig.listener.auth = INLET_AUTH_REQUIRED;
	rig_start(&rig, 1);
	fd = rig_hello(&rig, 0);
	TALK(fd, { "MAIL FROM:<a@example.com>\r\n", "530 5.7.0 " },
	    { "VRFY x\r\n", "530 5.7.0 " },
	    { "RCPT TO:<b@example.com>\r\n", "530 5.7.0 " },
	    { "DATA\r\n", "530 5.7.0 " }, { "BDAT 3 LAST\r\nabc", "503 " },
	    { "NOOP\r\n", "250 " }, { "RSET\r\n", "250 " }, { PLAIN, "235 " });
	rig_begin(fd);
	rig_say(fd, "x\r\n.\r\n");
	rig_hear(fd, "250 ");
	rig_bye(fd);
}

static void
a_listener_without_logins_has_no_such_command(void **state)
{
	int fd;

	(void)state;
	rig.listener.auth = INLET_AUTH_OFF;
	rig_start(&rig, 1);
	assert_false(offers("AUTH"));
	fd = rig_hello(&rig, 0);
	TALK(fd, { PLAIN, "502 5.5.1 " });
	rig_bye(fd);
}

static void
no_password_is_taken_in_clear_from_elsewhere(void **state)
{
	int fd;

	(void)state;
	rig.listener.addresses = &foreign;
	rig_start(&rig, 1);
	assert_false(offers("AUTH"));
	fd = rig_hello(&rig, 0);
	TALK(fd, { PLAIN, "538 5.7.11 " });
	rig_bye(fd);
}

static void
unless_a_key_says_so(void **state)
{
	int fd;

	(void)state;
	rig.listener.addresses = &foreign;
	rig.listener.allow_clear_auth = true;
	rig_start(&rig, 1);
	assert_true(offers("250-AUTH PLAIN LOGIN\r\n"));
	fd = rig_hello(&rig, 0);
	TALK(fd, { PLAIN, "235 " });
	rig_bye(fd);
}

static void
scram_is_offered_where_everybody_has_a_verifier(void **state)
{
	(void)state;
	users_free(&rig.settings.users);
	rig.settings.users = users_of(BOB_SCRAM);
	rig_start(&rig, 1);
	assert_true(offers("250-AUTH PLAIN LOGIN SCRAM-SHA-256\r\n"));
}

static void
any_auth_takes_whatever_is_said_and_gives_nothing(void **state)
{
	int fd;
	char *content;
	size_t len;

	(void)state;
	rig.listener.auth = INLET_AUTH_OFF;
	rig.listener.lenient = INLET_ANY_AUTH;
	rig_start(&rig, 1);
	assert_true(offers("250-AUTH PLAIN LOGIN\r\n"));
	fd = rig_hello(&rig, 0);
	TALK(fd, { PLAIN_WRONG, "235 " }, { PLAIN, "503 5.5.1 Already" });
	rig_begin(fd);
	rig_say(fd, "x\r\n.\r\n");
	rig_hear(fd, "250 ");
	rig_bye(fd);
	rig_stop(&rig);
	content = rig_content(&rig, 0, &len);
	assert_null(strstr(content, "ESMTPA"));
	free(content);
}

static void
any_auth_is_no_login_where_one_is_required(void **state)
{
	int fd;

	(void)state;
	rig.listener.auth = INLET_AUTH_REQUIRED;
	rig.listener.lenient = INLET_ANY_AUTH;
	rig_start(&rig, 1);
	fd = rig_hello(&rig, 0);
	TALK(fd, { PLAIN_WRONG, "235 " },
	    { "MAIL FROM:<a@example.com>\r\n", "530 5.7.0 " });
	rig_bye(fd);
	fd = rig_hello(&rig, 0); /* a user is one all the same */
	TALK(
	    fd, { PLAIN, "235 " }, { "MAIL FROM:<a@example.com>\r\n", "250 " });
	rig_bye(fd);
	assert_int_equal(logins("PLAIN", METER_LOGIN_ANY), 1);
	assert_int_equal(logins("PLAIN", METER_LOGIN_OK), 1);
}

static void
clear_auth_takes_passwords_in_clear(void **state)
{
	int fd;

	(void)state;
	rig.listener.addresses = &foreign;
	rig.listener.lenient = INLET_CLEAR_AUTH;
	rig_start(&rig, 1);
	assert_true(offers("250-AUTH PLAIN LOGIN\r\n"));
	fd = rig_hello(&rig, 0);
	TALK(fd, { PLAIN, "235 " });
	rig_bye(fd);
}

static void
change_users(const char *text, struct inlet_settings *made)
{
	*made = rig.settings;
	made->users = users_of(text);
	inlet_change(rig.inlet[0], made, rig_post, &rig);
}

static void
a_login_goes_by_the_newest_users(void **state)
{
	static struct inlet_settings next;
	struct users *old = rig.settings.users;
	int in, out;

	(void)state;
	rig_start(&rig, 1);
	in = rig_hello(&rig, 0);
	out = rig_hello(&rig, 0);
	TALK(in, { PLAIN, "235 " });
	change_users(BOB_SCRAM, &next);
	/* this session keeps the old settings, but not the old users; nor does
	 * who is in stay in */
	TALK(out, { PLAIN, "535 5.7.8 " },
	    { "AUTH PLAIN AGJvYgBzZWNyZXQ=\r\n", "235 " },
	    { "MAIL FROM:<a@example.com>\r\n", "250 " });
	TALK(in, { "MAIL FROM:<a@example.com>\r\n", "421 4.7.0 " });
	rig_hear_end(in);
	rig_bye(out);
	rig_wait(&rig);
	rig_stop(&rig);
	users_free(&next.users);
	assert_ptr_equal(rig.settings.users, old);
}

static void
a_client_may_go_while_its_password_is_hashed(void **state)
{
	(void)state;
	rig_start(&rig, 1);
	for (int i = 0; i < 50; i++) {
		int fd = rig_hello(&rig, 0);
		struct linger cut = { .l_onoff = 1 };

		rig_say(fd, i % 2 ? PLAIN : PLAIN_WRONG);
		if (i % 3 == 0)
			assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER,
			                     &cut, sizeof cut),
			    0);
		close(fd);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(whoever_knows_the_password_is_in),
		TEST(each_try_is_counted_by_mechanism_and_result),
		TEST(P16_each_way_of_saying_it_works),
		TEST(P16_what_is_not_right_is_told),
		TEST(a_wrong_password_is_told_after_a_while),
		TEST(too_many_failures_end_the_session),
		TEST(a_client_that_fails_too_often_is_refused_without_a_look),
		TEST(where_a_login_is_required_nothing_goes_without),
		TEST(a_listener_without_logins_has_no_such_command),
		TEST(no_password_is_taken_in_clear_from_elsewhere),
		TEST(unless_a_key_says_so),
		TEST(scram_is_offered_where_everybody_has_a_verifier),
		TEST(any_auth_takes_whatever_is_said_and_gives_nothing),
		TEST(any_auth_is_no_login_where_one_is_required),
		TEST(clear_auth_takes_passwords_in_clear),
		TEST(a_login_goes_by_the_newest_users),
		TEST(a_client_may_go_while_its_password_is_hashed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
