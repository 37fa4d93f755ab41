/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/rand.h"
#include "postern/base/stat.h"

static void
counters_count(void **state)
{
	struct stat_counter c = { 0 };

	(void)state;
	stat_add(&c, 5);
	stat_sub(&c, 2);
	assert_int_equal(stat_get(&c), 3);
}

static struct stat_histogram h;

static void
a_quantile_is_off_by_1_6_percent_at_most(void **state)
{
	(void)state;
	for (int i = 0; i < 20000; i++) {
		uint64_t v = rand_u64() >> (28 + rand_below(36)), q;

		memset(&h, 0, sizeof h);
		stat_observe(&h, v);
		q = stat_quantile(&h, 0.5);
		assert_true((q > v ? q - v : v - q) * 1000 <= v * 16);
	}
}

static void
ranks_are_found(void **state)
{
	(void)state;
	memset(&h, 0, sizeof h);
	assert_int_equal(stat_quantile(&h, 0.5), 0);
	for (uint64_t v = 1; v <= 60; v++)
		stat_observe(&h, v);
	assert_int_equal(stat_quantile(&h, 0), 1);
	assert_int_equal(stat_quantile(&h, 0.5), 30);
	assert_int_equal(stat_quantile(&h, 1), 60);
	assert_int_equal(stat_quantile(&h, 2), 60);
	assert_int_equal(stat_get(&h.count), 60);
	assert_int_equal(stat_get(&h.sum), 1830);
	stat_observe(&h, UINT64_MAX); /* the last bucket takes it */
	assert_true(stat_quantile(&h, 1) > (uint64_t)60 << 30);
}

static void
one_adds_what_another_has(void **state)
{
	static struct stat_histogram other;

	(void)state;
	memset(&h, 0, sizeof h);
	stat_observe(&h, 5);
	stat_observe(&other, 7);
	stat_observe(&other, 9);
	stat_merge(&h, &other);
	assert_int_equal(stat_get(&h.count), 3);
	assert_int_equal(stat_get(&h.sum), 21);
	assert_int_equal(stat_quantile(&h, 0.5), 7);
	assert_int_equal(stat_get(&other.count), 2);
}

static void
bounds_are_cumulated(void **state)
{
	static const uint64_t bounds[] = { 10, 1000, 100000 };
	uint64_t n[3];

	(void)state;
	memset(&h, 0, sizeof h);
	assert_int_equal(stat_cumulate(&h, bounds, n, 3), 0);
	for (uint64_t v = 1; v <= 10; v++)
		stat_observe(&h, v);
	stat_observe(&h, 500);
	stat_observe(&h, 1200);
	stat_observe(&h, 1000000);
	assert_int_equal(stat_cumulate(&h, bounds, n, 3), 13);
	assert_int_equal(n[0], 10);
	assert_int_equal(n[1], 11);
	assert_int_equal(n[2], 12);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counters_count),
		cmocka_unit_test(a_quantile_is_off_by_1_6_percent_at_most),
		cmocka_unit_test(ranks_are_found),
		cmocka_unit_test(one_adds_what_another_has),
		cmocka_unit_test(bounds_are_cumulated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
