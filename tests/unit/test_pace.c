/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "spool/pace.h"

#define S UINT64_C(1000000)

static uint64_t now = 1000 * S;

static void
commit(struct pace *p, uint64_t us)
{
	pace_begin(p, now);
	now += us;
	pace_end(p, now);
}

/* Within the 1.6 % of the histogram. */
static void
assert_about(uint64_t got, uint64_t want)
{
	assert_in_range(got, want - want / 50, want + want / 50);
}

static void
one_slow_commit_says_nothing(void **state)
{
	struct pace *p = pace_new();

	(void)state;
	assert_int_equal(pace_p99(p, now), 0);
	commit(p, 2 * S);
	assert_int_equal(pace_p99(p, now), 0);
	for (int i = 0; i < 10; i++)
		commit(p, 1000);
	assert_about(pace_p99(p, now), 1000);
	commit(p, 1 * S);
	assert_about(pace_p99(p, now), 1 * S);
	pace_free(&p);
	assert_null(p);
}

static void
one_in_a_hundred_is_left_out(void **state)
{
	struct pace *p = pace_new();

	(void)state;
	for (int i = 0; i < 297; i++)
		commit(p, 1000);
	for (int i = 0; i < 3; i++)
		commit(p, 500000);
	assert_about(pace_p99(p, now), 1000);
	commit(p, 500000);
	assert_about(pace_p99(p, now), 500000);
	pace_free(&p);
}

static void
what_is_long_ago_is_forgotten_also_without_a_commit(void **state)
{
	struct pace *p = pace_new();

	(void)state;
	commit(p, 1000);
	for (int i = 0; i < 3; i++)
		commit(p, 300000);
	assert_about(pace_p99(p, now), 300000);
	assert_about(pace_p99(p, now + 5 * S), 300000);
	assert_int_equal(pace_p99(p, now + 10 * S), 0);
	now += 60 * S;
	commit(p, 1000);
	commit(p, 1000);
	assert_about(pace_p99(p, now), 1000);
	pace_free(&p);
}

static void
the_one_under_way_is_seen(void **state)
{
	struct pace *p = pace_new();

	(void)state;
	assert_int_equal(pace_under_way(p, now), 0);
	pace_begin(p, now);
	assert_int_equal(pace_under_way(p, now + 7), 7);
	pace_cancel(p);
	assert_int_equal(pace_under_way(p, now + 9), 0);
	assert_int_equal(pace_p99(p, now + 9), 0);
	pace_begin(p, now);
	pace_end(p, now + 9);
	assert_int_equal(pace_under_way(p, now + 10), 0);
	pace_free(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_slow_commit_says_nothing),
		cmocka_unit_test(one_in_a_hundred_is_left_out),
		cmocka_unit_test(
		    what_is_long_ago_is_forgotten_also_without_a_commit),
		cmocka_unit_test(the_one_under_way_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
