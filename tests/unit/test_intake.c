/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/crc32c.h"
#include "postern/base/id.h"

#include "fake_spool.h"

static void
send(struct fake_client *c, const char *text)
{
	fake_body(c, text, strlen(text));
}

static void
a_message_is_accepted_as_it_came(void **state)
{
	static const char text[] = "Message-ID: <1@x>\r\n\r\nhello\r\n";
	struct intake *i = fake_intake(&fake_rules);
	const struct fake_accepted *a = &fake.accepted[0];
	char id[ID_TEXT], queued[64], *content;
	struct fake_client c;

	(void)state;
	fake_begin(i, &c);
	send(&c, text);
	assert_int_equal(intake_pending(i), 0);
	assert_int_equal(fake_end(&c), 0);
	assert_int_equal(intake_pending(i), 1);
	assert_false(c.is_answered);
	assert_true(fake_answer(SPOOL_DONE));
	assert_int_equal(intake_pending(i), 0);
	assert_true(c.is_answered);
	assert_int_equal(c.reply.code, 250);
	assert_string_equal(c.reply.enhanced, "2.0.0");
	id_text(a->env->mid, id);
	snprintf(queued, sizeof queued, "queued as %s", id);
	assert_string_equal(c.reply.text, queued);

	assert_string_equal(a->env->sender, "sender@example.com");
	assert_string_equal(a->env->client, "192.0.2.1");
	assert_string_equal(a->env->helo, "client.example");
	assert_string_equal(a->env->listener, "local");
	assert_string_equal(a->env->message_id, "<1@x>");
	assert_null(a->env->envid);
	assert_int_equal(a->env->nrcpts, 1);
	assert_string_equal(a->env->rcpts[0].address, "rcpt@example.org");
	assert_int_equal(a->env->flags, 0);
	assert_int_equal(a->env->size, a->content.len);
	assert_int_equal(
	    a->env->crc32c, crc32c(0, buf_str(&a->content).p, a->content.len));
	content = strndup(buf_str(&a->content).p, a->content.len);
	assert_memory_equal(content, "Received: from client.example", 29);
	assert_non_null(strstr(content, "mx.example.com"));
	assert_non_null(strstr(content, "ESMTP"));
	assert_non_null(strstr(content, id));
	assert_non_null(strstr(content, "<rcpt@example.org>"));
	assert_string_equal(strstr(content, "Message-ID"), text);
	free(content);
	intake_free(&i);
	fake_reset();
}

static void
several_recipients_are_not_told_in_received(void **state)
{
	struct intake *i = fake_intake(&fake_rules);
	struct fake_client c;
	char *content;

	(void)state;
	assert_int_equal(fake_mail(i, &c, "", 0), 250);
	assert_int_equal(fake_rcpt(&c, "a@example.org"), 250);
	assert_int_equal(fake_rcpt(&c, "b@example.org"), 250);
	assert_int_equal(fake_data(&c), 354);
	send(&c, "\r\n");
	assert_int_equal(fake_end(&c), 0);
	fake_answer_all(SPOOL_DONE);
	content = strndup(
	    buf_str(&fake.accepted[0].content).p, fake.accepted[0].content.len);
	assert_null(strstr(content, "example.org"));
	free(content);
	assert_string_equal(fake.accepted[0].env->sender, "");
	intake_free(&i);
	fake_reset();
}

static void
a_recipient_twice_is_one(void **state)
{
	struct intake *i = fake_intake(&fake_rules);
	struct fake_client c;

	(void)state;
	assert_int_equal(fake_mail(i, &c, "", 0), 250);
	assert_int_equal(fake_rcpt(&c, "a@example.org"), 250);
	assert_int_equal(fake_rcpt(&c, "b@example.org"), 250);
	assert_int_equal(fake_rcpt(&c, "a@EXAMPLE.org"), 250);
	assert_int_equal(fake_rcpt(&c, "A@example.org"), 250);
	assert_int_equal(fake_data(&c), 354);
	assert_int_equal(fake_end(&c), 0);
	fake_answer_all(SPOOL_DONE);
	assert_int_equal(fake.accepted[0].env->nrcpts, 3);
	assert_string_equal(
	    fake.accepted[0].env->rcpts[2].address, "A@example.org");
	intake_free(&i);
	fake_reset();
}

static void
one_recipient_too_many_gets_452(void **state)
{
	struct intake *i = fake_intake(&fake_rules);
	struct fake_client c;
	char address[64];

	(void)state;
	assert_int_equal(fake_mail(i, &c, "", 0), 250);
	for (int n = 0; n < 100; n++) {
		snprintf(address, sizeof address, "u%d@example.org", n);
		assert_int_equal(fake_rcpt(&c, address), 250);
	}
	assert_int_equal(fake_rcpt(&c, "more@example.org"), 452);
	assert_string_equal(c.reply.enhanced, "4.5.3");
	assert_int_equal(fake_rcpt(&c, "u7@example.org"), 250);
	intake_abort(&c.m);
	assert_null(c.m);
	intake_free(&i);
	fake_reset();
}

static void
recipients_take_of_the_budget(void **state)
{
	struct intake_settings rules = fake_rules;
	struct intake *i;
	char address[256];
	struct fake_client c;
	unsigned taken = 0;

	(void)state;
	rules.recipients_max = 1000;
	i = fake_intake(&rules);
	fake.memory_max = 16 << 10;
	memset(address, 'x', sizeof address);
	memcpy(address + 240, "@example.org", 13);
	assert_int_equal(fake_mail(i, &c, "", 0), 250);
	while (taken < 500) {
		address[0] = (char)('a' + taken % 26);
		address[1] = (char)('a' + taken / 26);
		if (fake_rcpt(&c, address) != 250)
			break;
		taken++;
	}
	assert_in_range(taken, 110, 128); /* what 32 KiB can hold */
	assert_int_equal(c.reply.code, 452);
	assert_string_equal(c.reply.enhanced, "4.3.1");
	assert_int_equal(fake.memory, 16 << 10);
	fake.memory_max = 32 << 10;
	assert_int_equal(fake_rcpt(&c, address), 250);
	assert_int_equal(fake_data(&c), 354);
	assert_int_equal(fake_end(&c), 0);
	fake_answer_all(SPOOL_DONE);
	assert_int_equal(fake.accepted[0].env->nrcpts, taken + 1);
	assert_int_equal(fake.memory, 0);
	intake_free(&i);
	fake_reset();
}

static void
no_recipient_no_content(void **state)
{
	struct intake *i = fake_intake(&fake_rules);
	struct fake_client c;

	(void)state;
	assert_int_equal(fake_mail(i, &c, "", 0), 250);
	assert_int_equal(fake_data(&c), 554);
	intake_abort(&c.m);
	intake_abort(&c.m); /* harmless */
	intake_free(&i);
	fake_reset();
}

/* --- what speaks against a message ------------------------------------------
 */

static const struct {
	const char *why, *text;
	unsigned repeat; /* of text */
	unsigned code;   /* 0: taken */
	const char *enhanced;
} contents[] = {
	{ "nothing at all", "", 0, 0, "" },
	{ "100 hops", "Received: x\r\n", 100, 0, "" },
	{ "101 hops are a loop", "received: x\r\n", 101, 554, "5.4.6" },
	{ "a name that only begins so", "Received-SPF: x\r\n", 200, 0, "" },
	{ "below the header they do not count", "\r\nReceived: x\r\n", 200, 0,
	    "" },
	{ "as big as may be", "0123456789abcde\r\n", 1000, 0, "" },
	{ "too big", "0123456789abcde\r\n", 1001, 552, "5.3.4" },
	{ "a bare LF", "a\nb\r\n", 1, 550, "5.5.2" },
	{ "a bare CR", "a\rb\r\n", 1, 550, "5.5.2" },
	{ "a bare CR at the very end", "a\r", 1, 550, "5.5.2" },
};

static void
bad_content_is_refused_at_its_end(void **state)
{
	struct intake_settings rules = fake_rules;
	struct intake *i;

	(void)state;
	rules.size_max = 17000;
	i = fake_intake(&rules);
	for (size_t n = 0; n < sizeof contents / sizeof contents[0]; n++) {
		struct fake_client c;

		fake_begin(i, &c);
		for (unsigned r = 0; r < contents[n].repeat; r++)
			send(&c, contents[n].text);
		if (fake_end(&c) != contents[n].code)
			fail_msg("%s: %u", contents[n].why, c.reply.code);
		fake_answer_all(SPOOL_DONE);
		if (contents[n].code == 0)
			assert_int_equal(c.reply.code, 250);
		else
			assert_string_equal(
			    c.reply.enhanced, contents[n].enhanced);
	}
	intake_free(&i);
	fake_reset();
}

static void
a_nul_is_refused(void **state)
{
	struct intake *i = fake_intake(&fake_rules);
	struct fake_client c;

	(void)state;
	fake_begin(i, &c);
	fake_body(&c, "a\0b\r\n", 5);
	assert_int_equal(fake_end(&c), 550);
	intake_free(&i);
	fake_reset();
}

static const struct {
	const char *why;
	uint64_t size;
	enum spool_result room;
	unsigned code;
	const char *enhanced;
} mails[] = {
	{ "no size given", 0, SPOOL_DONE, 250, "2.1.0" },
	{ "as big as may be", 64 << 20, SPOOL_DONE, 250, "2.1.0" },
	{ "one byte more", (64 << 20) + 1, SPOOL_DONE, 552, "5.3.4" },
	{ "more than any", UINT64_MAX, SPOOL_DONE, 552, "5.3.4" },
	{ "the disk is full", 1, SPOOL_FULL, 452, "4.3.1" },
	{ "the spool is broken", 1, SPOOL_FAILED, 451, "4.3.0" },
};

static void
room_is_asked_for_at_mail(void **state)
{
	struct intake *i = fake_intake(&fake_rules);

	(void)state;
	for (size_t n = 0; n < sizeof mails / sizeof mails[0]; n++) {
		struct fake_client c;

		fake.room = mails[n].room;
		if (fake_mail(i, &c, "a@b", mails[n].size) != mails[n].code)
			fail_msg("%s: %u", mails[n].why, c.reply.code);
		assert_string_equal(c.reply.enhanced, mails[n].enhanced);
		intake_abort(&c.m);
	}
	intake_free(&i);
	fake_reset();
}

static void
words_without_end_are_refused(void **state)
{
	struct intake_settings rules = fake_rules;
	char helo[20000], address[12000];
	struct intake_from from = {
		.client = "a", .listener = "b", .protocol = "SMTP", .helo = helo
	};
	struct smtp_mail mail = { 0 };
	struct smtp_reply reply = { 0 };
	struct fake_client c;
	struct intake *i;

	(void)state;
	rules.recipients_max = 1;
	i = fake_intake(&rules);
	memset(helo, 'x', sizeof helo - 1);
	helo[sizeof helo - 1] = '\0';
	assert_null(intake_begin(i, &from, &mail, NULL, NULL, &reply));
	assert_int_equal(reply.code, 501);
	memset(address, 'x', sizeof address - 1);
	address[sizeof address - 1] = '\0';
	helo[100] = '\0';
	assert_int_equal(fake_mail(i, &c, address, 0), 250);
	assert_int_equal(fake_rcpt(&c, address), 452);
	intake_abort(&c.m);
	intake_free(&i);
	fake_reset();
}

static const struct {
	enum spool_result result;
	unsigned code;
	const char *enhanced;
} answers[] = {
	{ SPOOL_DONE, 250, "2.0.0" },
	{ SPOOL_FULL, 452, "4.3.1" },
	{ SPOOL_FAILED, 451, "4.3.0" },
	{ SPOOL_GONE, 451, "4.3.0" },
};

static void
what_the_spool_says_is_answered(void **state)
{
	struct intake *i = fake_intake(&fake_rules);

	(void)state;
	for (size_t n = 0; n < sizeof answers / sizeof answers[0]; n++) {
		struct fake_client c;

		fake_begin(i, &c);
		send(&c, "x\r\n");
		assert_int_equal(fake_end(&c), 0);
		assert_true(fake_answer(answers[n].result));
		assert_true(c.is_answered);
		assert_int_equal(c.reply.code, answers[n].code);
		assert_string_equal(c.reply.enhanced, answers[n].enhanced);
	}
	assert_int_equal(fake.naccepted, 1);
	intake_free(&i);
	fake_reset();
}

/* --- flags
 * --------------------------------------------------------------------
 */

static const struct {
	const char *why;
	struct smtp_mail mail;
	const char *text;
	uint32_t flags;
} marks[] = {
	{ "plain", { .size = 1 }, "a: b\r\n\r\nc\r\n", 0 },
	{ "BODY=8BITMIME", { .eight_bit = true }, "", ENVELOPE_8BITMIME },
	{ "SMTPUTF8", { .smtputf8 = true }, "", ENVELOPE_SMTPUTF8 },
	{ "RET=FULL", { .ret_full = true }, "", ENVELOPE_RET_FULL },
	{ "RET=HDRS", { .ret_hdrs = true }, "", ENVELOPE_RET_HDRS },
	{ "a high byte in the body", { .size = 1 }, "a: b\r\n\r\n\xe4\r\n",
	    ENVELOPE_BODY_8BIT },
	{ "in the header", { .size = 1 }, "a: \xe4\r\n\r\nb\r\n",
	    ENVELOPE_HEADER_8BIT },
	{ "in both", { .eight_bit = true }, "a: \xe4\r\n\r\n\xe4\r\n",
	    ENVELOPE_8BITMIME | ENVELOPE_HEADER_8BIT | ENVELOPE_BODY_8BIT },
};

static void
the_envelope_keeps_what_a_provider_must_be_able_to(void **state)
{
	static const struct intake_hooks none;
	struct intake *i = fake_intake(&fake_rules);
	const struct intake_from from = {
		.client = "local", .listener = "local", .protocol = "ESMTP"
	};
	const struct smtp_rcpt rcpt = { .address = str_of("a@b"),
		.notify = SMTP_SUCCESS | SMTP_DELAY,
		.orcpt = str_of("rfc822;x+2Bc@d") };

	(void)state;
	for (size_t n = 0; n < sizeof marks / sizeof marks[0]; n++) {
		struct smtp_mail mail = marks[n].mail;
		const struct envelope *e;
		struct intake_message *m;
		struct smtp_reply r = { 0 };

		mail.envid = str_of("QQ+3D1");
		m = intake_begin(i, &from, &mail, &none, NULL, &r);
		intake_rcpt(m, &rcpt, &r);
		intake_data(m, &r);
		intake_body(m, marks[n].text, strlen(marks[n].text));
		assert_int_equal(intake_end(m, &r), SMTP_LATER);
		intake_forget(m); /* it is ours all the same */
		fake_answer_all(SPOOL_DONE);
		e = fake.accepted[n].env;
		if (e->flags != marks[n].flags)
			fail_msg("%s: %x", marks[n].why, e->flags);
		assert_string_equal(e->envid, "QQ+3D1");
		assert_string_equal(e->rcpts[0].orcpt, "rfc822;x+2Bc@d");
		assert_int_equal(e->rcpts[0].notify,
		    ENVELOPE_NOTIFY_SUCCESS | ENVELOPE_NOTIFY_DELAY);
		assert_null(e->helo);
		assert_null(e->message_id);
	}
	intake_free(&i);
	fake_reset();
}

static void
count(void *arg)
{
	++*(int *)arg;
}

static void
a_message_keeps_the_settings_it_began_with(void **state)
{
	struct intake_settings rules = fake_rules;
	struct intake *i = fake_intake(&fake_rules);
	struct fake_client c, d;
	int gone = 0;

	(void)state;
	assert_int_equal(fake_mail(i, &c, "", 0), 250);
	rules.hostname = "other.example.com";
	rules.size_max = 10;
	intake_change(i, &rules, count, &gone);
	assert_int_equal(fake_rcpt(&c, "a@b"), 250);
	assert_int_equal(fake_data(&c), 354);
	fake_begin(i, &d);
	intake_change(i, &fake_rules, NULL, NULL);
	send(&c, "more than ten bytes\r\n");
	send(&d, "more than ten bytes\r\n");
	assert_int_equal(gone, 0); /* they are in use */
	assert_int_equal(fake_end(&c), 0);
	assert_int_equal(fake_end(&d), 552);
	assert_int_equal(gone, 1);
	fake_answer_all(SPOOL_DONE);
	assert_non_null(
	    strstr(buf_str(&fake.accepted[0].content).p, "by mx.example.com"));
	intake_free(&i);
	fake_reset();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_is_accepted_as_it_came),
		cmocka_unit_test(several_recipients_are_not_told_in_received),
		cmocka_unit_test(a_recipient_twice_is_one),
		cmocka_unit_test(one_recipient_too_many_gets_452),
		cmocka_unit_test(recipients_take_of_the_budget),
		cmocka_unit_test(no_recipient_no_content),
		cmocka_unit_test(bad_content_is_refused_at_its_end),
		cmocka_unit_test(a_nul_is_refused),
		cmocka_unit_test(room_is_asked_for_at_mail),
		cmocka_unit_test(words_without_end_are_refused),
		cmocka_unit_test(what_the_spool_says_is_answered),
		cmocka_unit_test(
		    the_envelope_keeps_what_a_provider_must_be_able_to),
		cmocka_unit_test(a_message_keeps_the_settings_it_began_with),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
