/* SPDX-License-Identifier: Apache-2.0 */
/* Priority (RFC 6710), release (RFC 4865) and deadline (RFC 2852): what is
 * granted, and what the spool is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/clock.h"
#include "postern/base/str.h"
#include "postern/intake/policy.h"

#include "intake/wishes.h"

#include "fake_spool.h"

static struct smtp_reply last;

static void
on_answer(void *arg, const struct smtp_reply *reply)
{
	(void)arg;
	last = *reply;
}

/* Sends one message; what the spool was given. */
static const struct fake_accepted *
deliver(struct intake *i, const struct intake_from *from,
    const struct smtp_mail *mail)
{
	static const struct intake_hooks hooks = { .answer = on_answer };
	const struct smtp_rcpt rcpt = { .address = str_of("a@b") };
	struct smtp_reply r = { 0 };
	struct intake_message *m =
	    intake_begin(i, from, mail, &hooks, NULL, &r);

	assert_non_null(m);
	intake_rcpt(m, &rcpt, &r);
	intake_data(m, &r);
	intake_body(m, "X: y\r\n\r\n", 8);
	assert_int_equal(intake_end(m, &r), SMTP_LATER);
	fake_answer_all(SPOOL_DONE);
	return &fake.accepted[fake.naccepted - 1];
}

static bool
has(const struct fake_accepted *a, const char *text)
{
	return str_has_case(buf_str(&a->content), str_of(text));
}

static const struct {
	const char *why;
	bool may_raise;
	int8_t asked, granted;
	int usual;
	uint8_t queue;
	const char *enhanced, *text, *received;
} priorities[] = {
	{ "nothing asked", false, 0, 0, SPOOL_NORMAL, SPOOL_NORMAL, "2.0.0",
	    "queued as ", NULL },
	{ "more, by one who may", true, 4, 4, SPOOL_NORMAL, SPOOL_HIGH, "2.0.0",
	    "queued as ", "PRIORITY 4" },
	{ "more, by one who may not", false, 4, 0, SPOOL_NORMAL, SPOOL_NORMAL,
	    "2.3.6", "0 is the new priority; queued as ", NULL },
	{ "the least more", false, 1, 0, SPOOL_NORMAL, SPOOL_NORMAL, "2.3.6",
	    "0 is the new priority; queued as ", NULL },
	{ "less, by anybody", false, -1, -1, SPOOL_NORMAL, SPOOL_LOW, "2.0.0",
	    "queued as ", "PRIORITY -1" },
	{ "nothing asked where all is low", true, 0, 0, SPOOL_LOW, SPOOL_LOW,
	    "2.0.0", "queued as ", NULL },
	{ "refused where all is low", false, 9, 0, SPOOL_LOW, SPOOL_LOW,
	    "2.3.6", "0 is the new priority; queued as ", NULL },
};

static void
a_priority_is_granted_to_those_who_may(void **state)
{
	struct intake *i = fake_intake(&fake_rules);

	(void)state;
	for (size_t n = 0; n < sizeof priorities / sizeof priorities[0]; n++) {
		struct policy p = POLICY_OPEN;
		struct intake_from from = { .client = "192.0.2.1",
			.listener = "local",
			.protocol = "ESMTP",
			.may_raise = priorities[n].may_raise,
			.policy = &p };
		struct smtp_mail mail = { .priority = priorities[n].asked };
		const struct fake_accepted *a;

		p.priority = priorities[n].usual;
		a = deliver(i, &from, &mail);
		if (a->env->mt_priority != priorities[n].granted ||
		    a->delivery.priority != priorities[n].queue)
			fail_msg("%s: %d, %u", priorities[n].why,
			    a->env->mt_priority, a->delivery.priority);
		assert_int_equal(last.code, 250);
		assert_string_equal(last.enhanced, priorities[n].enhanced);
		assert_memory_equal(
		    last.text, priorities[n].text, strlen(priorities[n].text));
		if (priorities[n].received != NULL)
			assert_true(has(a, priorities[n].received));
		else
			assert_false(has(a, "PRIORITY"));
	}
	intake_free(&i);
	fake_reset();
}

static void
what_is_held_is_due_at_its_release(void **state)
{
	struct intake *i = fake_intake(&fake_rules);
	const struct intake_from from = {
		.client = "192.0.2.1", .listener = "local", .protocol = "ESMTP"
	};
	int64_t now = clock_wall_ms();
	struct smtp_mail mail = { .release_ms = now + 3600000 };
	const struct fake_accepted *a;

	(void)state;
	a = deliver(i, &from, &mail);
	assert_true(a->delivery.due_ms == now + 3600000);
	assert_true(a->env->release_ms == now + 3600000);
	assert_true(a->env->arrival_ms < now + 3600000);
	mail.release_ms = now - 1; /* it is past: at once */
	a = deliver(i, &from, &mail);
	assert_in_range(a->delivery.due_ms, now, now + 3500000);
	assert_true(a->env->release_ms == 0);
	intake_free(&i);
	fake_reset();
}

static const struct {
	const char *why;
	struct smtp_mail mail;
	int64_t after_ms; /* now */
	uint32_t flags;
	const char *told;
} deadlines[] = {
	{ "to be returned", { .by_mode = 'R', .by_s = 90 }, 90000,
	    ENVELOPE_BY_RETURN, ";R" },
	{ "to be told of, traced",
	    { .by_mode = 'N', .by_s = 90, .by_trace = true }, 90000,
	    ENVELOPE_BY_TRACE, ";NT" },
	{ "past", { .by_mode = 'N', .by_s = -30 }, -30000, 0, ";N" },
};

static void
a_deadline_counts_from_now(void **state)
{
	const struct intake_from from = { .may_raise = true };

	(void)state;
	for (size_t n = 0; n < sizeof deadlines / sizeof deadlines[0]; n++) {
		struct wishes w;
		char text[48];

		wishes_take(&w, &deadlines[n].mail, &from, 1764000000000);
		if (w.by_ms != 1764000000000 + deadlines[n].after_ms ||
		    w.by_flags != deadlines[n].flags)
			fail_msg("%s: %lld %x", deadlines[n].why,
			    (long long)w.by_ms, w.by_flags);
		wishes_by_text(&w, text);
		if (strcmp(strchr(text, ';'), deadlines[n].told) != 0)
			fail_msg("%s: %s", deadlines[n].why, text);
	}
}

static void
a_deadline_is_kept_with_the_message(void **state)
{
	struct intake *i = fake_intake(&fake_rules);
	const struct intake_from from = {
		.client = "192.0.2.1", .listener = "local", .protocol = "ESMTP"
	};
	struct smtp_mail mail = { .by_mode = 'R', .by_s = 60 };
	int64_t now = clock_wall_ms();
	const struct fake_accepted *a = deliver(i, &from, &mail);

	(void)state;
	assert_in_range(a->env->by_ms, now + 60000, now + 120000);
	assert_int_equal(a->env->flags, ENVELOPE_BY_RETURN);
	a = deliver(i, &from, &(struct smtp_mail){ .by_mode = 0 });
	assert_true(a->env->by_ms == 0);
	intake_free(&i);
	fake_reset();
}

static void
the_envelope_keeps_what_was_demanded(void **state)
{
	struct intake *i = fake_intake(&fake_rules);
	const struct intake_from from = {
		.client = "192.0.2.1", .listener = "local", .protocol = "ESMTP"
	};
	const struct smtp_mail tls = { .require_tls = true },
	                       auth = { .auth = str_of("a@b") };

	(void)state;
	assert_int_equal(
	    deliver(i, &from, &tls)->env->flags, ENVELOPE_REQUIRETLS);
	assert_int_equal(deliver(i, &from, &auth)->env->flags, ENVELOPE_AUTH);
	intake_free(&i);
	fake_reset();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_priority_is_granted_to_those_who_may),
		cmocka_unit_test(what_is_held_is_due_at_its_release),
		cmocka_unit_test(a_deadline_counts_from_now),
		cmocka_unit_test(a_deadline_is_kept_with_the_message),
		cmocka_unit_test(the_envelope_keeps_what_was_demanded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
