/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "relay/shares.h"

static const uint32_t usual[SPOOL_PRIORITIES] = { 8, 4, 1 };

/* n turns, with whom waits; how many each got. */
static void
serve(struct shares *s, unsigned n, const size_t waiting[SPOOL_PRIORITIES],
    unsigned got[SPOOL_PRIORITIES])
{
	while (n-- > 0) {
		int c = shares_next(s, waiting);

		assert_in_range(c, 0, SPOOL_PRIORITIES - 1);
		assert_true(waiting[c] > 0);
		shares_take(s, c, usual[c]);
		got[c]++;
	}
}

static const struct {
	const char *why;
	size_t waiting[SPOOL_PRIORITIES];
	unsigned got[SPOOL_PRIORITIES]; /* of 1,300 turns */
} rows[] = {
	{ "all wait: by their shares", { 9, 9, 9 }, { 800, 400, 100 } },
	{ "high and low: 8 to 1", { 9, 0, 9 }, { 1156, 0, 144 } },
	{ "normal and low: 4 to 1", { 0, 9, 9 }, { 0, 1040, 260 } },
	{ "who is alone gets all", { 0, 0, 9 }, { 0, 0, 1300 } },
};

static void
turns_go_by_the_shares_of_those_that_wait(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct shares s = { 0 };
		unsigned got[SPOOL_PRIORITIES] = { 0 };

		serve(&s, 1300, rows[i].waiting, got);
		for (int c = 0; c < SPOOL_PRIORITIES; c++) {
			if (got[c] > rows[i].got[c] + 1 ||
			    got[c] + 1 < rows[i].got[c])
				fail_msg("%s: class %d got %u", rows[i].why, c,
				    got[c]);
		}
	}
}

static void
nobody_waits(void **state)
{
	static const size_t none[SPOOL_PRIORITIES] = { 0 };
	struct shares s = { 0 };

	(void)state;
	assert_int_equal(shares_next(&s, none), -1);
}

/* Else a class that was idle for long would then have everything. */
static void
who_had_nothing_has_saved_nothing_up(void **state)
{
	static const size_t low[SPOOL_PRIORITIES] = { 0, 0, 9 };
	static const size_t both[SPOOL_PRIORITIES] = { 0, 9, 9 };
	unsigned got[SPOOL_PRIORITIES] = { 0 };
	struct shares s = { 0 };

	(void)state;
	serve(&s, 1000, low, got);
	got[SPOOL_LOW] = 0;
	serve(&s, 50, both, got);
	assert_in_range(got[SPOOL_LOW], 9, 11);
}

/* The first turn after it came is its own. */
static void
a_high_one_that_comes_is_next(void **state)
{
	static const size_t lower[SPOOL_PRIORITIES] = { 0, 9, 9 };
	static const size_t all[SPOOL_PRIORITIES] = { 1, 9, 9 };
	struct shares s = { 0 };

	(void)state;
	for (unsigned n = 1; n < 40; n++) {
		unsigned got[SPOOL_PRIORITIES] = { 0 };

		serve(&s, n, lower, got);
		serve(&s, 1, all, got);
		assert_int_equal(got[SPOOL_HIGH], 1);
	}
}

static void
a_turn_given_back_comes_again(void **state)
{
	static const size_t all[SPOOL_PRIORITIES] = { 9, 9, 9 };
	unsigned got[SPOOL_PRIORITIES] = { 0 };
	struct shares s = { 0 };

	(void)state;
	for (int i = 0; i < 1300; i++) {
		int c = shares_next(&s, all);

		shares_take(&s, c, usual[c]);
		shares_give_back(&s, c, usual[c]);
		assert_int_equal(shares_next(&s, all), c);
		serve(&s, 1, all, got);
	}
	assert_in_range(got[SPOOL_HIGH], 799, 801);
	assert_in_range(got[SPOOL_LOW], 99, 101);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(turns_go_by_the_shares_of_those_that_wait),
		cmocka_unit_test(nobody_waits),
		cmocka_unit_test(who_had_nothing_has_saved_nothing_up),
		cmocka_unit_test(a_high_one_that_comes_is_next),
		cmocka_unit_test(a_turn_given_back_comes_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
