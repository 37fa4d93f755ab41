/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seam by which the owner of a server adds commands (AUTH, STARTTLS),
 * refuses and delays them, and says more or less in EHLO.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/buf.h"
#include "postern/base/mem.h"
#include "postern/smtp/smtp_server.h"

struct owner {
	struct buf wire, asked;
	bool later;
};

static void
on_write(void *arg, const char *p, size_t n)
{
	struct owner *o = arg;

	assert_int_equal(buf_add(&o->wire, p, n), 0);
}

/* AUTH is a dialogue of two lines, STARTTLS ends the session, NOOP is
 * refused, XLATER and RSET are thought about. */
static int
on_command(
    void *arg, struct str verb, struct str argument, struct smtp_reply *r)
{
	struct owner *o = arg;

	assert_int_equal(buf_addf(&o->asked, "[%.*s|%.*s]", (int)verb.len,
	                     verb.p, (int)argument.len, argument.p),
	    0);
	if (str_is(verb, "AUTH"))
		return smtp_reply_set(r, 334, "", "more");
	if (verb.len == 0)
		return smtp_reply_set(r, 235, "2.7.0", "In");
	if (str_is(verb, "NOOP"))
		return smtp_reply_set(r, 454, "4.3.0", "Not now");
	if (str_is(verb, "STARTTLS")) {
		smtp_reply_set(r, 220, "2.0.0", "Go");
		r->close = true;
		return SMTP_NOW;
	}
	return o->later ? SMTP_LATER : SMTP_PASS;
}

static int
on_mail(void *arg, const struct smtp_mail *m, struct smtp_reply *r)
{
	(void)arg;
	(void)m;
	return smtp_reply_set(r, 250, "2.1.0", "Ok");
}

static int
on_rcpt(void *arg, const struct smtp_rcpt *rcpt, struct smtp_reply *r)
{
	(void)arg;
	(void)rcpt;
	return smtp_reply_set(r, 250, "2.1.5", "Ok");
}

static int
on_data(void *arg, struct smtp_reply *r)
{
	(void)arg;
	return smtp_reply_set(r, 354, "", "Go on");
}

static bool
on_body(void *arg, const char *p, size_t n)
{
	(void)arg;
	(void)p;
	(void)n;
	return false;
}

static void
on_reset(void *arg)
{
	(void)arg;
}

static const struct smtp_server_hooks hooks = {
	.write = on_write,
	.command = on_command,
	.mail = on_mail,
	.rcpt = on_rcpt,
	.data = on_data,
	.body = on_body,
	.end = on_data,
	.reset = on_reset,
};

static const char *const more[] = { "STARTTLS", "AUTH PLAIN LOGIN", NULL };

static struct smtp_server *
open_server(struct owner *o, const struct smtp_server_settings *set)
{
	struct smtp_server *s = smtp_server_new(set, &hooks, o);

	memset(o, 0, sizeof *o);
	buf_init(&o->wire, 8192);
	buf_init(&o->asked, 65536);
	smtp_server_greet(s);
	buf_clear(&o->wire);
	return s;
}

static void
say(struct smtp_server *s, const char *text)
{
	size_t n = strlen(text);

	assert_int_equal(smtp_server_feed(s, text, n), n);
}

static void
expect(struct buf *b, const char *text)
{
	assert_int_equal(buf_add(b, "", 1), 0);
	assert_string_equal(buf_at(b), text);
	buf_clear(b);
}

static void
close_server(struct owner *o, struct smtp_server *s)
{
	smtp_server_free(&s);
	buf_done(&o->wire);
	buf_done(&o->asked);
}

static const struct smtp_server_settings usual = { .hostname = "h",
	.size_max = 1000,
	.recipients_max = 100,
	.errors_max = 20,
	.idle_commands_max = 100,
	.line_max = 512,
	.chunking = true,
	.extensions = more };

static void
the_owner_says_more_or_less_in_ehlo(void **state)
{
	struct smtp_server_settings set = usual;
	struct owner o;
	struct smtp_server *s = open_server(&o, &set);

	(void)state;
	say(s, "EHLO c\r\n");
	expect(&o.wire,
	    "250-h\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-CHUNKING\r\n"
	    "250-STARTTLS\r\n250-AUTH PLAIN LOGIN\r\n"
	    "250 ENHANCEDSTATUSCODES\r\n");
	close_server(&o, s);
	set.extensions = NULL;
	set.chunking = false;
	set.no_pipelining = set.no_size = set.no_enhanced = true;
	s = open_server(&o, &set);
	say(s, "EHLO c\r\n");
	expect(&o.wire, "250 h\r\n");
	say(s, "MAIL FROM:<a@b> SIZE=1\r\nNOOP\r\nRSET\r\n");
	expect(&o.wire, "555 Parameter not recognized or not offered\r\n"
	                "454 Not now\r\n250 Ok\r\n");
	close_server(&o, s);
}

static void
a_dialogue_takes_whole_lines(void **state)
{
	struct owner o;
	struct smtp_server *s = open_server(&o, &usual);

	(void)state;
	say(s, "AUTH X y\r\n");
	expect(&o.wire, "334 more\r\n");
	say(s, "QUIT  now \r\nBDAT 0\r\n\r\nAUTH\r\n");
	expect(&o.asked, "[AUTH|X y][|QUIT  now ][AUTH|]");
	expect(&o.wire, "235 2.7.0 In\r\n503 5.5.1 Bad sequence of commands\r\n"
	                "500 5.5.1 Command not recognized\r\n334 more\r\n");
	close_server(&o, s);
}

/* Feeds head, then 'x' so that the line has n octets with its CRLF. */
static void
say_long(struct smtp_server *s, const char *head, size_t n, size_t step)
{
	char *line = mem_new(n);

	memset(line, 'x', n);
	memcpy(line, head, strlen(head));
	memcpy(line + n - 2, "\r\n", 2);
	for (size_t at = 0; at < n; at += step) {
		size_t part = n - at < step ? n - at : step;

		assert_int_equal(smtp_server_feed(s, line + at, part), part);
	}
	free(line);
}

/* RFC 4954 section 4: 12,288 octets, for AUTH's lines alone. */
static void
P16_a_line_of_auth_may_have_12288_octets(void **state)
{
	static const size_t steps[] = { 1, 7, 4096, SIZE_MAX / 2 };

	(void)state;
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		struct owner o;
		struct smtp_server *s = open_server(&o, &usual);

		say_long(s, "auth x ", 12288, steps[i]);
		expect(&o.wire, "334 more\r\n");
		say_long(s, "", 12288, steps[i]);
		expect(&o.wire, "235 2.7.0 In\r\n");
		say_long(s, "AUTH x ", 12289, steps[i]);
		expect(&o.wire,
		    "500 5.5.6 Authentication exchange line too long\r\n");
		say_long(s, "AUTHX ", 12288, steps[i]);
		expect(&o.wire, "500 5.5.2 Line too long\r\n");
		say_long(s, "NOOP ", 12288, steps[i]);
		expect(&o.wire, "500 5.5.2 Line too long\r\n");
		close_server(&o, s);
	}
}

static void
P16_a_line_that_is_too_long_ends_a_dialogue(void **state)
{
	struct owner o;
	struct smtp_server *s = open_server(&o, &usual);

	(void)state;
	say(s, "AUTH\r\n");
	expect(&o.wire, "334 more\r\n");
	say_long(s, "", 12289, 12289);
	expect(&o.wire, "500 5.5.6 Authentication exchange line too long\r\n");
	say_long(s, "", 12288, 12288);
	expect(&o.wire, "500 5.5.2 Line too long\r\n");
	say(s, "VRFY x\r\n");
	expect(&o.asked, "[AUTH|][VRFY|x]");
	close_server(&o, s);
}

static void
lines_that_may_hold_a_password_are_told(void **state)
{
	struct owner o;
	struct smtp_server *s = open_server(&o, &usual);

	(void)state;
	say(s, "NOOP\r\n");
	assert_false(smtp_server_had_secret(s));
	say(s, "AUTH X y\r\nNOOP\r\n"); /* NOOP answers the 334 */
	assert_true(smtp_server_had_secret(s));
	say(s, "NOOP\r\nAUTH X z");
	assert_true(smtp_server_had_secret(s));
	say(s, "z");
	assert_true(smtp_server_had_secret(s));
	say(s, "\r\n");
	assert_true(smtp_server_had_secret(s));
	say(s, "an");
	assert_true(smtp_server_had_secret(s));
	say(s, "swer\r\nVRFY x\r\n");
	assert_true(smtp_server_had_secret(s));
	say(s, "NOOP\r\n");
	assert_false(smtp_server_had_secret(s));
	close_server(&o, s);
}

static void
a_reply_that_closes_ends_the_session(void **state)
{
	struct owner o;
	struct smtp_server *s = open_server(&o, &usual);

	(void)state;
	/* what stands behind it was not protected: it is not taken */
	assert_int_equal(smtp_server_feed(s, "STARTTLS\r\nNOOP\r\n", 16), 10);
	expect(&o.wire, "220 2.0.0 Go\r\n");
	assert_true(smtp_server_is_done(s));
	smtp_server_free(&s);
	s = smtp_server_new(&usual, &hooks, &o); /* the one behind TLS */
	smtp_server_begin(s, 0);
	expect(&o.wire, "");
	say(s, "MAIL FROM:<a@b>\r\n");
	expect(&o.wire, "503 5.5.1 Say EHLO first\r\n");
	close_server(&o, s);
}

static void
a_command_waits_for_its_owner(void **state)
{
	static const char two[] = "EHLO c\r\nVRFY x\r\n";
	struct smtp_reply r = { .code = 0 };
	struct owner o;
	struct smtp_server *s = open_server(&o, &usual);

	(void)state;
	o.later = true;
	assert_int_equal(smtp_server_feed(s, two, sizeof two - 1), 8);
	assert_true(smtp_server_is_waiting(s));
	expect(&o.wire, "");
	smtp_server_answer(s, &r); /* as usual */
	assert_non_null(strstr(buf_at(&o.wire), "250-PIPELINING\r\n"));
	buf_clear(&o.wire);
	say(s, "VRFY x\r\n");
	smtp_reply_set(&r, 550, "5.1.1", "No");
	smtp_server_answer(s, &r);
	expect(&o.wire, "550 5.1.1 No\r\n");
	assert_int_equal(smtp_server_feed(s, "RSET\r\n", 6), 6);
	smtp_server_end(s, "4.3.2", "Stopping"); /* while it waits */
	expect(&o.wire, "421 4.3.2 Stopping\r\n");
	smtp_server_answer(s, &r);
	expect(&o.wire, "");
	close_server(&o, s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_owner_says_more_or_less_in_ehlo),
		cmocka_unit_test(a_dialogue_takes_whole_lines),
		cmocka_unit_test(P16_a_line_of_auth_may_have_12288_octets),
		cmocka_unit_test(P16_a_line_that_is_too_long_ends_a_dialogue),
		cmocka_unit_test(lines_that_may_hold_a_password_are_told),
		cmocka_unit_test(a_reply_that_closes_ends_the_session),
		cmocka_unit_test(a_command_waits_for_its_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
