/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "relay/suspect.h"

static void
the_third_session_is_its_doing_where_others_get_through(void **state)
{
	struct suspect *s = suspect_new();

	(void)state;
	assert_false(suspect_lost(s, 7, 0, 1000, 900));
	assert_false(suspect_lost(s, 7, 0, 2000, 1500));
	assert_true(suspect_lost(s, 7, 0, 3000, 1500));
	/* then it is counted anew */
	assert_false(suspect_lost(s, 7, 0, 4000, 3500));
	assert_false(suspect_lost(s, 7, 0, 5000, 3500));
	assert_false(suspect_lost(s, 7, 0, 6000, 3500)); /* since 4000 none */
	assert_true(suspect_lost(s, 7, 0, 7000, 6500));
	suspect_free(&s);
}

static void
where_nothing_gets_through_it_is_the_providers(void **state)
{
	struct suspect *s = suspect_new();

	(void)state;
	for (uint64_t i = 0; i < 100; i++)
		assert_false(suspect_lost(s, 7, 0, 1000 + i, 0));
	suspect_free(&s);
}

static void
each_delivery_counts_for_itself(void **state)
{
	struct suspect *s = suspect_new();

	(void)state;
	for (uint16_t n = 0; n < 3; n++) {
		assert_false(suspect_lost(s, 7, n, 1000, 2000));
		assert_false(suspect_lost(s, 8, n, 1000, 2000));
	}
	assert_int_equal(suspect_blame(s, 7, 0), 1);
	assert_int_equal(suspect_blame(s, 7, 0), 2);
	assert_int_equal(suspect_blame(s, 7, 1), 1);
	assert_int_equal(suspect_note(s, 7, 0), 1);
	assert_int_equal(suspect_blame(s, 7, 0), 3);
	suspect_free(&s);
}

static void
the_oldest_is_forgotten(void **state)
{
	struct suspect *s = suspect_new();

	(void)state;
	assert_int_equal(suspect_blame(s, 1, 0), 1);
	for (uint64_t mid = 2; mid <= 64; mid++)
		assert_int_equal(suspect_blame(s, mid, 0), 1);
	assert_int_equal(suspect_blame(s, 1, 0), 2); /* 64 are remembered */
	assert_int_equal(suspect_blame(s, 65, 0), 1);
	assert_int_equal(suspect_blame(s, 1, 0), 1); /* not so the 65th */
	suspect_free(&s);
}

static void
one_that_is_let_go_again_has_done_nothing_yet(void **state)
{
	struct suspect *s = suspect_new();

	(void)state;
	for (uint64_t mid = 1; mid <= 64; mid++)
		(void)suspect_blame(s, mid, 0);
	suspect_forget(s, 64, 0);
	suspect_forget(s, 65, 0); /* nobody is forgotten for a stranger */
	assert_int_equal(suspect_blame(s, 1, 0), 2);
	assert_int_equal(suspect_blame(s, 64, 0), 1);
	suspect_free(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    the_third_session_is_its_doing_where_others_get_through),
		cmocka_unit_test(
		    where_nothing_gets_through_it_is_the_providers),
		cmocka_unit_test(each_delivery_counts_for_itself),
		cmocka_unit_test(the_oldest_is_forgotten),
		cmocka_unit_test(one_that_is_let_go_again_has_done_nothing_yet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
