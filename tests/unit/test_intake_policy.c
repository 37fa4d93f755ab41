/* SPDX-License-Identifier: Apache-2.0 */
/* What intake does with the policies that a message is handed in with. */
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
#include "postern/mail/address_pattern.h"
#include "postern/intake/policy.h"

#include "fake_spool.h"

static struct address_patterns *
list_of(const char *pattern)
{
	struct address_patterns *l = address_pattern_list();
	struct err err = { 0 };

	if (address_pattern_list_add(l, str_of(pattern), &err) == -1)
		fail_msg("%s", err.text);
	return l;
}

/* A message to one, accepted; how it was handed to the spool. */
static const struct fake_accepted *
accepted(struct intake *i, const char *sender)
{
	struct fake_client c;

	assert_int_equal(fake_mail(i, &c, sender, 0), 250);
	assert_int_equal(fake_rcpt(&c, "rcpt@example.org"), 250);
	assert_int_equal(fake_data(&c), 354);
	fake_body(&c, "\r\n", 2);
	assert_int_equal(fake_end(&c), 0);
	fake_answer_all(SPOOL_DONE);
	assert_int_equal(c.reply.code, 250);
	return &fake.accepted[fake.naccepted - 1];
}

static void
a_sender_that_is_not_allowed_gets_553(void **state)
{
	struct intake *i = fake_intake(&fake_rules);
	struct address_patterns *l = list_of("*@example.com");
	struct address_patterns *u = list_of("app@example.org");
	struct policy listener = POLICY_OPEN, user = POLICY_USER;
	struct fake_client c;

	(void)state;
	listener.senders = l;
	fake_from.policy = &listener;
	(void)accepted(i, "ann@example.com");
	assert_int_equal(fake_mail(i, &c, "ann@example.net", 0), 553);
	assert_string_equal(c.reply.enhanced, "5.7.1");
	assert_string_equal(c.reply.text, "This sender may not send here");
	assert_int_equal(fake_mail(i, &c, "", 0), 553);
	fake_from.user = "app";
	user.senders = u;
	fake_from.user_policy = &user;
	(void)accepted(i, "app@example.org");
	assert_int_equal(fake_mail(i, &c, "ann@example.com", 0), 553);
	assert_string_equal(c.reply.text, "You may not send as this address");
	assert_int_equal(fake.naccepted, 2);
	address_pattern_list_free(&l);
	address_pattern_list_free(&u);
	intake_free(&i);
	fake_reset();
}

static void
a_recipient_that_is_not_allowed_gets_550(void **state)
{
	struct intake *i = fake_intake(&fake_rules);
	struct address_patterns *l = list_of("example.net");
	struct policy listener = POLICY_OPEN;
	struct fake_client c;

	(void)state;
	listener.recipients = l;
	fake_from.policy = &listener;
	assert_int_equal(fake_mail(i, &c, "ann@example.com", 0), 250);
	assert_int_equal(fake_rcpt(&c, "bob@example.org"), 550);
	assert_string_equal(c.reply.enhanced, "5.7.1");
	assert_int_equal(fake_data(&c), 554);
	assert_int_equal(fake_rcpt(&c, "bob@example.net"), 250);
	assert_int_equal(fake_rcpt(&c, "Postmaster"), 250);
	assert_int_equal(fake_data(&c), 354);
	assert_int_equal(fake_end(&c), 0);
	fake_answer_all(SPOOL_DONE);
	assert_int_equal(fake.accepted[0].env->nrcpts, 2);
	address_pattern_list_free(&l);
	intake_free(&i);
	fake_reset();
}

static void
priority_lane_and_hold_go_with_the_message(void **state)
{
	struct intake *i = fake_intake(&fake_rules);
	struct policy listener = POLICY_OPEN, user = POLICY_USER;
	const struct fake_accepted *a = accepted(i, "ann@example.com");
	uint8_t lane;

	(void)state;
	assert_int_equal(a->delivery.priority, SPOOL_NORMAL);
	assert_int_equal(a->delivery.lane, 0);
	assert_int_equal(a->delivery.hold, SPOOL_HOLD_NONE);
	listener.priority = SPOOL_LOW;
	listener.lane = "sender-domain";
	listener.hold = true;
	fake_from.policy = &listener;
	a = accepted(i, "ann@example.com");
	lane = a->delivery.lane;
	assert_int_not_equal(lane, 0);
	assert_int_equal(a->delivery.priority, SPOOL_LOW);
	assert_int_equal(a->delivery.hold, SPOOL_HOLD_OPERATOR);
	a = accepted(i, "bob@EXAMPLE.com");
	assert_int_equal(a->delivery.lane, lane);
	user.priority = SPOOL_HIGH;
	fake_from.user_policy = &user;
	a = accepted(i, "bob@example.com");
	assert_int_equal(a->delivery.priority, SPOOL_HIGH);
	intake_free(&i);
	fake_reset();
}

static void
over_the_rate_gets_450_and_the_seconds(void **state)
{
	static const struct rate rates[] = { { RATE_MESSAGES, 2, 86400000 },
		{ RATE_RECIPIENTS, 3, 86400000 } };
	struct intake *i = fake_intake(&fake_rules);
	struct policy listener = POLICY_OPEN;
	struct fake_client c, d;

	(void)state;
	listener.client_rates = rates;
	listener.nclient_rates = 2;
	listener.refuse_over = true;
	fake_from.policy = &listener;
	fake_from.rate_client = "over";
	assert_int_equal(fake_mail(i, &c, "", 0), 250);
	assert_int_equal(fake_mail(i, &d, "", 0), 250);
	intake_abort(&d.m);
	assert_int_equal(fake_mail(i, &d, "", 0), 450);
	assert_string_equal(d.reply.enhanced, "4.7.1");
	assert_string_equal(
	    d.reply.text, "Too many messages from over; try again in 43200 s");
	assert_int_equal(fake_rcpt(&c, "a@example.org"), 250);
	assert_int_equal(fake_rcpt(&c, "b@example.org"), 250);
	assert_int_equal(fake_rcpt(&c, "b@example.org"), 250); /* the same */
	assert_int_equal(fake_rcpt(&c, "c@example.org"), 250);
	assert_int_equal(fake_rcpt(&c, "d@example.org"), 450);
	assert_string_equal(c.reply.text,
	    "Too many recipients from over; try again in 28800 s");
	assert_int_equal(fake_rcpt(&c, "a@example.org"), 250);
	intake_abort(&c.m);
	fake_from.rate_client = "another";
	assert_int_equal(fake_mail(i, &c, "", 0), 250);
	intake_abort(&c.m);
	fake_from.rate_client = NULL; /* nobody is counted */
	assert_int_equal(fake_mail(i, &c, "", 0), 250);
	intake_abort(&c.m);
	intake_free(&i);
	fake_reset();
}

static void
a_users_own_rate_counts_instead_of_the_listeners(void **state)
{
	static const struct rate one = { RATE_MESSAGES, 1, 86400000 };
	static const struct rate two = { RATE_MESSAGES, 2, 86400000 };
	struct intake *i = fake_intake(&fake_rules);
	struct policy listener = POLICY_OPEN, user = POLICY_USER;
	struct fake_client c;

	(void)state;
	listener.user_rates = &one;
	listener.nuser_rates = 1;
	listener.refuse_over = true;
	fake_from.policy = &listener;
	fake_from.user = "plain";
	for (int n = 0; n < 2; n++) {
		assert_int_equal(fake_mail(i, &c, "", 0), n < 1 ? 250 : 450);
		intake_abort(&c.m);
	}
	user.user_rates = &two;
	user.nuser_rates = 1;
	fake_from.user_policy = &user;
	fake_from.user = "busy";
	for (int n = 0; n < 3; n++) {
		assert_int_equal(fake_mail(i, &c, "", 0), n < 2 ? 250 : 450);
		intake_abort(&c.m);
	}
	intake_free(&i);
	fake_reset();
}

static void
who_is_slowed_is_told_to_wait(void **state)
{
	static const struct rate rates[] = { { RATE_MESSAGES, 1, 10000 },
		{ RATE_RECIPIENTS, 1, 10000 } };
	struct intake *i = fake_intake(&fake_rules);
	struct policy listener = POLICY_OPEN;
	struct fake_client c;

	(void)state;
	listener.client_rates = rates;
	listener.nclient_rates = 2;
	fake_from.policy = &listener;
	fake_from.rate_client = "slow";
	assert_int_equal(fake_mail(i, &c, "", 0), 250);
	assert_int_equal(intake_wait_ms(c.m), 0);
	intake_abort(&c.m);
	assert_int_equal(fake_mail(i, &c, "", 0), 250);
	assert_in_range(intake_wait_ms(c.m), 15000, 20000);
	assert_int_equal(fake_rcpt(&c, "a@example.org"), 250);
	assert_int_equal(intake_wait_ms(c.m), 0);
	assert_int_equal(fake_rcpt(&c, "b@example.org"), 250);
	assert_in_range(intake_wait_ms(c.m), 15000, 20000);
	assert_int_equal(fake_rcpt(&c, "b@example.org"), 250);
	assert_int_equal(intake_wait_ms(c.m), 0);
	intake_abort(&c.m);
	intake_free(&i);
	fake_reset();
}

/* What was accepted of these pieces, without our Received; the caller's. */
static char *
accepted_of(struct intake *i, const char *const *pieces)
{
	const struct fake_accepted *a;
	struct fake_client c;
	char *all, *rest;

	assert_int_equal(fake_mail(i, &c, "ann@example.com", 0), 250);
	assert_int_equal(fake_rcpt(&c, "rcpt@example.org"), 250);
	assert_int_equal(fake_data(&c), 354);
	for (; *pieces != NULL; pieces++)
		fake_body(&c, *pieces, strlen(*pieces));
	assert_int_equal(fake_end(&c), 0);
	fake_answer_all(SPOOL_DONE);
	a = &fake.accepted[fake.naccepted - 1];
	assert_int_equal(a->env->size, a->content.len);
	assert_int_equal(
	    a->env->crc32c, crc32c(0, buf_str(&a->content).p, a->content.len));
	all = strndup(buf_str(&a->content).p, a->content.len);
	rest = strstr(all, " +0");
	assert_non_null(rest);
	rest = strdup(strstr(rest, "\r\n") + 2);
	free(all);
	return rest;
}

static void
what_is_stored_is_what_repair_has_made(void **state)
{
	static const char *const pieces[] = { "Su", "bject: x\r\nTo: root\r",
		"\nBcc: b@x\r\n", "\r\nbo", "dy\r\n", NULL };
	static const char *const no_end[] = { "Bcc: x\r\nTo: root", NULL };
	struct intake *i = fake_intake(&fake_rules);
	struct policy listener = POLICY_OPEN;
	char *got, id[ID_TEXT], line[80];

	(void)state;
	fake_from.policy = &listener;
	got = accepted_of(i, pieces);
	assert_string_equal(
	    got, "Subject: x\r\nTo: root\r\nBcc: b@x\r\n\r\nbody\r\n");
	free(got);
	listener.remove_bcc = true;
	got = accepted_of(i, pieces);
	assert_string_equal(got, "Subject: x\r\nTo: root\r\n\r\nbody\r\n");
	free(got);
	listener.repair_headers = true;
	got = accepted_of(i, pieces);
	id_text(fake.accepted[2].env->mid, id);
	snprintf(line, sizeof line, "<%s@mx.example.com>", id);
	assert_string_equal(fake.accepted[2].env->message_id, line);
	assert_non_null(
	    strstr(got, "Subject: x\r\nTo: root@example.com\r\nDate: "));
	assert_non_null(strstr(got, line));
	assert_non_null(
	    strstr(got, "\r\nFrom: ann@example.com\r\n\r\nbody\r\n"));
	free(got);
	got = accepted_of(i, no_end);
	assert_non_null(strstr(got, "To: root@example.com\r\nDate: "));
	free(got);
	intake_free(&i);
	fake_reset();
}

/* The limit is that of what the client sent, and no more is taken of it. */
static void
a_repair_and_the_limit_of_size(void **state)
{
	struct intake_settings rules = fake_rules;
	struct policy listener = POLICY_OPEN;
	struct intake *i;
	struct fake_client c;

	(void)state;
	rules.size_max = 10;
	listener.repair_headers = true;
	i = fake_intake(&rules);
	fake_from.policy = &listener;
	fake_begin(i, &c);
	fake_body(&c, "0123456789", 10);
	assert_int_equal(fake_end(&c), 0);
	fake_answer_all(SPOOL_DONE);
	assert_int_equal(c.reply.code, 250);
	fake_begin(i, &c);
	fake_body(&c, "To: x", 5);
	fake_body(&c, "012345", 6);
	fake_body(&c, "more", 4);
	assert_int_equal(fake_end(&c), 552);
	fake_begin(i, &c);
	fake_body(&c, "To: x", 5);
	intake_abort(&c.m); /* what was held goes */
	intake_free(&i);
	fake_reset();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sender_that_is_not_allowed_gets_553),
		cmocka_unit_test(a_recipient_that_is_not_allowed_gets_550),
		cmocka_unit_test(priority_lane_and_hold_go_with_the_message),
		cmocka_unit_test(over_the_rate_gets_450_and_the_seconds),
		cmocka_unit_test(
		    a_users_own_rate_counts_instead_of_the_listeners),
		cmocka_unit_test(who_is_slowed_is_told_to_wait),
		cmocka_unit_test(what_is_stored_is_what_repair_has_made),
		cmocka_unit_test(a_repair_and_the_limit_of_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
