/* SPDX-License-Identifier: Apache-2.0 */
/* How sessions end, what is counted, when nothing is taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/buf.h"

#include "server_play.h"
#include "smtp/smtp_server_state.h"

#define TO "EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n"

struct owner {
	struct buf seen;
	int later;       /* 'm' 'r' 'd' 'e': that hook answers later */
	bool pause;      /* body() has had enough */
	unsigned resets; /* calls of reset() */
};

static void
add(void *arg, const char *p, size_t n)
{
	assert_int_equal(buf_add(&((struct owner *)arg)->seen, p, n), 0);
}

static int
answer(struct owner *o, int hook, uint16_t code, struct smtp_reply *reply)
{
	smtp_reply_set(reply, code, "", "Ok");
	return o->later == hook ? SMTP_LATER : SMTP_NOW;
}

static int
on_mail(void *arg, const struct smtp_mail *m, struct smtp_reply *reply)
{
	(void)m;
	return answer(arg, 'm', 250, reply);
}

static int
on_rcpt(void *arg, const struct smtp_rcpt *r, struct smtp_reply *reply)
{
	(void)r;
	return answer(arg, 'r', 250, reply);
}

static int
on_data(void *arg, struct smtp_reply *reply)
{
	return answer(arg, 'd', 354, reply);
}

static bool
on_body(void *arg, const char *p, size_t n)
{
	add(arg, p, n);
	return ((struct owner *)arg)->pause;
}

static int
on_end(void *arg, struct smtp_reply *reply)
{
	return answer(arg, 'e', 250, reply);
}

static void
on_reset(void *arg)
{
	((struct owner *)arg)->resets++;
}

static void
on_replied(void *arg, const char *verb, const struct smtp_reply *reply)
{
	struct owner *o = arg;

	assert_int_equal(
	    buf_addf(&o->seen, "(%s %d)", verb, (int)reply->code), 0);
}

static const struct smtp_server_hooks hooks = {
	.write = add,
	.mail = on_mail,
	.rcpt = on_rcpt,
	.data = on_data,
	.body = on_body,
	.end = on_end,
	.reset = on_reset,
};

static struct smtp_server *
start(struct owner *o, int later)
{
	*o = (struct owner){ .later = later };
	buf_init(&o->seen, 10000);
	return smtp_server_new(&play_settings, &hooks, o);
}

static size_t
say(struct smtp_server *s, const char *text)
{
	return smtp_server_feed(s, text, strlen(text));
}

static bool
saw_last(struct owner *o, const char *text)
{
	size_t n = strlen(text);

	return o->seen.len >= n &&
	       memcmp(buf_at(&o->seen) + o->seen.len - n, text, n) == 0;
}

static const struct {
	const char *why, *in;
	int later;
	unsigned resets;
} places[] = {
	{ "before EHLO", "", 0, 0 },
	{ "in the middle of a command", "EHLO c\r\nMAIL F", 0, 0 },
	{ "in a transaction", TO, 0, 1 },
	{ "while MAIL is thought about", TO, 'm', 0 },
	{ "while RCPT is", TO, 'r', 1 },
	{ "while DATA is", TO "DATA\r\n", 'd', 1 },
	{ "in the content", TO "DATA\r\nabc", 0, 1 },
	{ "in content that is refused", TO "DATA\r\na\nb", 0, 1 },
	{ "in a chunk", TO "BDAT 9\r\nabc", 0, 1 },
	{ "between chunks", TO "BDAT 3\r\nabc", 0, 1 },
	{ "in a chunk that is not welcome", "BDAT 9\r\nabc", 0, 0 },
	{ "after a message", TO "DATA\r\n.\r\n", 0, 0 },
};

static void
P22_time_is_up_anywhere_421(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		struct smtp_reply late;
		struct owner o;
		struct smtp_server *s = start(&o, places[i].later);

		smtp_server_greet(s);
		say(s, places[i].in);
		smtp_server_end(s, "4.4.2", "Timeout");
		if (!smtp_server_is_done(s) || o.resets != places[i].resets ||
		    !saw_last(&o, "421 4.4.2 Timeout\r\n"))
			fail_msg("%s: %u", places[i].why, o.resets);
		smtp_reply_set(&late, 250, "2.0.0", "too late");
		smtp_server_answer(s, &late);
		smtp_server_end(s, "4.4.2", "again");
		assert_true(saw_last(&o, "421 4.4.2 Timeout\r\n"));
		assert_false(smtp_server_is_waiting(s));
		assert_int_equal(say(s, "NOOP\r\n"), 0);
		smtp_server_free(&s);
		buf_done(&o.seen);
	}
}

static void
P9_the_fate_of_a_message_is_told_before_421(void **state)
{
	struct smtp_reply late;
	struct owner o;
	struct smtp_server *s = start(&o, 'e');

	(void)state;
	smtp_server_greet(s);
	say(s, TO "DATA\r\nabc\r\n.\r\n");
	assert_true(smtp_server_is_waiting(s));
	assert_false(smtp_server_in_body(s));
	smtp_server_end(s, "4.3.2", "Going down");
	assert_false(smtp_server_is_done(s));
	smtp_reply_set(&late, 250, "2.0.0", "safe");
	smtp_server_answer(s, &late);
	assert_true(smtp_server_is_done(s));
	assert_true(saw_last(&o, "250 2.0.0 safe\r\n421 4.3.2 Going down\r\n"));
	assert_int_equal(o.resets, 0);
	smtp_server_free(&s);
	buf_done(&o.seen);
}

static void
a_session_is_freed_in_the_middle_of_anything(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		struct owner o;
		struct smtp_server *s = start(&o, places[i].later);

		smtp_server_greet(s);
		say(s, places[i].in);
		smtp_server_free(&s);
		assert_null(s);
		assert_true(o.resets <= 1); /* of refused content only */
		buf_done(&o.seen);
	}
}

static void
nothing_is_taken_before_the_greeting(void **state)
{
	struct smtp_reply busy;
	struct owner o;
	struct smtp_server *s = start(&o, 0);

	(void)state;
	assert_int_equal(say(s, "NOOP\r\n"), 0);
	smtp_reply_set(&busy, 421, "", "mx.test busy");
	smtp_server_refuse(s, &busy);
	assert_true(smtp_server_is_done(s));
	assert_true(str_eq(buf_str(&o.seen), STR("421 mx.test busy\r\n")));
	assert_int_equal(say(s, "NOOP\r\n"), 0);
	smtp_server_free(&s);
	buf_done(&o.seen);
}

static void
a_body_that_pauses_stops_the_input(void **state)
{
	struct owner o;
	struct smtp_server *s = start(&o, 0);

	(void)state;
	o.pause = true;
	smtp_server_greet(s);
	assert_int_equal(
	    say(s, TO "DATA\r\nab\r\n.\r\n"), strlen(TO "DATA\r\nab\r\n."));
	assert_true(smtp_server_in_body(s));
	assert_int_equal(say(s, "\r\n"), 0);
	smtp_server_resume(s);
	smtp_server_resume(s); /* twice is harmless */
	assert_int_equal(say(s, "\r\n"), 2);
	assert_false(smtp_server_in_body(s));
	assert_true(saw_last(&o, "ab\r\n250 2.0.0 Ok\r\n"));

	/* A chunk that ends with the pause is answered after it. */
	say(s, TO "BDAT 2 LAST\r\nab");
	assert_true(saw_last(&o, "ab"));
	smtp_server_resume(s);
	assert_true(saw_last(&o, "ab250 2.0.0 Ok\r\n"));
	smtp_server_free(&s);
	buf_done(&o.seen);
}

static void
each_reply_is_counted_with_its_command(void **state)
{
	struct smtp_server_hooks counting = hooks;
	struct smtp_server *s;
	struct owner o = { .later = 0 };
	const char *seen;

	(void)state;
	counting.replied = on_replied;
	buf_init(&o.seen, 10000);
	s = smtp_server_new(&play_settings, &counting, &o);
	smtp_server_greet(s);
	say(s, "ehlo\r\n" TO "DATA\r\n.\r\nxyzzy\r\n" TO
	       "BDAT 0 LAST\r\nQUIT\r\n");
	assert_int_equal(buf_add(&o.seen, "", 1), 0);
	seen = buf_at(&o.seen);
	for (size_t i = 0; i < 9; i++) {
		static const char *const want[] = { "(EHLO 501)", "(EHLO 250)",
			"(MAIL 250)", "(RCPT 250)", "(DATA 354)", "(. 250)",
			"(? 500)", "(BDAT 250)", "(QUIT 221)" };

		seen = strstr(seen, want[i]);
		if (seen == NULL)
			fail_msg("%s", want[i]);
	}
	smtp_server_free(&s);
	buf_done(&o.seen);
}

static void
the_protocol_is_named_for_received(void **state)
{
	struct owner o;
	struct smtp_server *s = start(&o, 0);

	(void)state;
	smtp_server_greet(s);
	say(s, "HELO c\r\n");
	assert_string_equal(smtp_server_protocol(s), "SMTP");
	say(s, "EHLO c\r\n");
	assert_string_equal(smtp_server_protocol(s), "ESMTP");
	say(s, "MAIL FROM:<a@b> SMTPUTF8\r\n");
	assert_string_equal(smtp_server_protocol(s), "UTF8SMTP");
	say(s, "RSET\r\nMAIL FROM:<a@b>\r\n");
	assert_string_equal(smtp_server_protocol(s), "ESMTP");
	smtp_server_free(&s);
	buf_done(&o.seen);
}

static void
an_idle_session_is_small(void **state)
{
	struct owner o;
	struct smtp_server *s = start(&o, 0);

	(void)state;
	smtp_server_greet(s);
	say(s, "EHLO c\r\nNO");
	say(s, "OP\r\n");
	say(s, TO "DATA\r\na\nb\r\n.\r\n");
	assert_null(s->lines.held.mem);
	assert_null(s->refusal);
	assert_true(sizeof *s <= 400);
	smtp_server_free(&s);
	buf_done(&o.seen);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(P22_time_is_up_anywhere_421),
		cmocka_unit_test(P9_the_fate_of_a_message_is_told_before_421),
		cmocka_unit_test(a_session_is_freed_in_the_middle_of_anything),
		cmocka_unit_test(nothing_is_taken_before_the_greeting),
		cmocka_unit_test(a_body_that_pauses_stops_the_input),
		cmocka_unit_test(each_reply_is_counted_with_its_command),
		cmocka_unit_test(the_protocol_is_named_for_received),
		cmocka_unit_test(an_idle_session_is_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
