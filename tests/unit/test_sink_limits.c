/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/mem.h"
#include "tools/sink_limits.h"

#define S UINT64_C(1000000)

static int
put(struct sink_limits *l, struct sink_limit x, const char *rate)
{
	struct err err;

	if (rate != NULL)
		assert_int_equal(
		    rate_parse_quota(&x.rate, str_of(rate), &err), 0);
	x.text = mem_str(rate != NULL ? rate : "n");
	return sink_limits_put(l, &x, &err);
}

/* One more at this time: is it let through, and counted? */
static bool
one(struct sink_limits *l, enum sink_stage stage, uint64_t us, uint32_t n)
{
	const struct sink_load load = {
		.stage = stage, .us = us, .wall_us = us, .recipients = n
	};

	if (sink_limits_over(l, &load) != NULL)
		return false;
	sink_limits_count(l, &load);
	return true;
}

static const struct {
	const char *why;
	uint64_t us;
	bool is_let;
} sliding[] = {
	{ "the first", 0, true },
	{ "the second", 900000, true },
	{ "the third", 950000, true },
	{ "a fourth in the window", 999999, false },
	{ "the first has left, just now", 1000000, true },
	{ "the second has not", 1899999, false },
	{ "now it has", 1900000, true },
	{ "and the third has not", 1949999, false },
	{ "much later there is room for three", 9000000, true },
	{ "two", 9000000, true },
	{ "three", 9000000, true },
	{ "and not four", 9000000, false },
};

static void
a_sliding_window_never_holds_more(void **state)
{
	struct sink_limits l = { 0 };

	(void)state;
	assert_int_equal(
	    put(&l, (struct sink_limit){ .at = SINK_DOT }, "3 msg/s"), 0);
	for (size_t i = 0; i < sizeof sliding / sizeof sliding[0]; i++) {
		if (one(&l, SINK_DOT, sliding[i].us, 1) != sliding[i].is_let)
			fail_msg("%s", sliding[i].why);
	}
	sink_limits_done(&l);
}

static void
a_fixed_window_lets_twice_as_many_through_at_its_edge(void **state)
{
	struct sink_limits l = { 0 };
	struct sink_limit x = { .at = SINK_DOT, .is_fixed = true };

	(void)state;
	assert_int_equal(put(&l, x, "2 msg/min"), 0);
	assert_true(one(&l, SINK_DOT, 59 * S, 1));
	assert_true(one(&l, SINK_DOT, 59 * S, 1));
	assert_false(one(&l, SINK_DOT, 59 * S, 1));
	assert_true(one(&l, SINK_DOT, 60 * S, 1));
	assert_true(one(&l, SINK_DOT, 61 * S, 1));
	assert_false(one(&l, SINK_DOT, 119 * S, 1));
	assert_true(one(&l, SINK_DOT, 120 * S, 1));
	sink_limits_done(&l);
}

static void
a_fixed_reset_has_its_hour(void **state)
{
	const uint64_t day = 86400 * S, six = 6 * 3600 * S;
	struct sink_limits l = { 0 };

	(void)state;
	assert_int_equal(
	    put(&l, (struct sink_limit){ .at = SINK_DOT }, "1 msg/day@06:00Z"),
	    0);
	assert_true(one(&l, SINK_DOT, day + six - 1, 1));
	assert_true(one(&l, SINK_DOT, day + six, 1));
	assert_false(one(&l, SINK_DOT, 2 * day + six - 1, 1));
	assert_true(one(&l, SINK_DOT, 2 * day + six, 1));
	sink_limits_done(&l);
}

static void
recipients_count_each(void **state)
{
	struct sink_limits l = { 0 };

	(void)state;
	assert_int_equal(
	    put(&l, (struct sink_limit){ .at = SINK_DOT }, "5 rcpt/s"), 0);
	assert_true(one(&l, SINK_DOT, 0, 3));
	assert_false(one(&l, SINK_DOT, 1, 3));
	assert_true(one(&l, SINK_DOT, 2, 2));
	assert_false(one(&l, SINK_DOT, S - 1, 1));
	assert_true(one(&l, SINK_DOT, S, 3));
	assert_false(one(&l, SINK_DOT, 9 * S, 6)); /* never at once */
	sink_limits_done(&l);
}

static void
all_limits_agree_and_only_then_count(void **state)
{
	struct sink_limits l = { 0 };

	(void)state;
	assert_int_equal(
	    put(&l, (struct sink_limit){ .at = SINK_DOT }, "2 msg/s"), 0);
	assert_int_equal(
	    put(&l, (struct sink_limit){ .at = SINK_DOT }, "3 msg/min"), 0);
	assert_int_equal(
	    put(&l, (struct sink_limit){ .at = SINK_MAIL }, "1 msg/d"), 0);
	for (uint64_t i = 0; i < 3; i++)
		assert_true(one(&l, SINK_DOT, i * S, 1));
	for (uint64_t i = 3; i < 60; i++) /* refused ones count nowhere */
		assert_false(one(&l, SINK_DOT, i * S, 1));
	assert_true(one(&l, SINK_DOT, 60 * S, 1));
	assert_true(one(&l, SINK_MAIL, 60 * S, 1));
	assert_false(one(&l, SINK_MAIL, 61 * S, 1));
	sink_limits_done(&l);
}

static void
sessions_and_their_messages_are_bounded(void **state)
{
	struct sink_limits l = { 0 };
	struct sink_load load = { .stage = SINK_BANNER };

	(void)state;
	assert_int_equal(put(&l,
	                     (struct sink_limit){ .of = SINK_LIMIT_SESSIONS,
	                         .at = SINK_BANNER,
	                         .most = 3,
	                         .span = { 10, 20 } },
	                     NULL),
	    0);
	assert_int_equal(
	    put(&l,
	        (struct sink_limit){
	            .of = SINK_LIMIT_MAILS, .at = SINK_MAIL, .most = 2 },
	        NULL),
	    0);
	load.older = 3;
	assert_null(sink_limits_over(&l, &load)); /* not yet */
	load.us = 10;
	assert_ptr_equal(sink_limits_over(&l, &load), &l.limit[0]);
	load.older = 2;
	assert_null(sink_limits_over(&l, &load));
	load.stage = SINK_MAIL;
	load.mails = 1;
	assert_null(sink_limits_over(&l, &load));
	load.mails = 2;
	assert_ptr_equal(sink_limits_over(&l, &load), &l.limit[1]);
	assert_false(sink_limits_count(&l, &load));
	sink_limits_done(&l);
}

static const struct {
	const char *why, *rate;
	enum sink_stage at;
} wrong[] = {
	{ "a message is not known at the banner", "1 msg/s", SINK_BANNER },
	{ "nor ends at rcpt", "1 msg/s", SINK_RCPT },
	{ "recipients are not known at mail", "1 rcpt/s", SINK_MAIL },
	{ "more than can be remembered", "1000001 msg/s", SINK_DOT },
};

static void
what_cannot_be_counted_is_refused(void **state)
{
	struct sink_limits l = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		if (put(&l, (struct sink_limit){ .at = wrong[i].at },
		        wrong[i].rate) != -1)
			fail_msg("%s", wrong[i].why);
	}
	for (int i = 0; i < 64; i++)
		assert_int_equal(
		    put(&l, (struct sink_limit){ .at = SINK_DOT }, "1 msg/s"),
		    0);
	assert_int_equal(
	    put(&l, (struct sink_limit){ .at = SINK_DOT }, "1 msg/s"), -1);
	sink_limits_done(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sliding_window_never_holds_more),
		cmocka_unit_test(
		    a_fixed_window_lets_twice_as_many_through_at_its_edge),
		cmocka_unit_test(a_fixed_reset_has_its_hour),
		cmocka_unit_test(recipients_count_each),
		cmocka_unit_test(all_limits_agree_and_only_then_count),
		cmocka_unit_test(sessions_and_their_messages_are_bounded),
		cmocka_unit_test(what_cannot_be_counted_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
