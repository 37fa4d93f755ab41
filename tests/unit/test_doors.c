/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/mem.h"
#include "postern/inlet/doors.h"

static struct doors *
filled(size_t n)
{
	struct doors *d = mem_new(sizeof *d);
	char name[24];

	for (size_t i = 0; i < n; i++) {
		(void)snprintf(name, sizeof name, "l%zu", i);
		stat_add(&doors_find(d, name)->messages, i);
	}
	return d;
}

static void
a_name_has_its_counts_for_good(void **state)
{
	struct doors *d = filled(0);

	(void)state;
	assert_int_equal(doors_count(d), 0);
	stat_add(&doors_find(d, "local")->messages, 2);
	stat_add(&doors_find(d, "sendmail")->messages, 1);
	stat_add(&doors_find(d, "local")->messages, 3);
	assert_int_equal(doors_count(d), 2);
	assert_string_equal(d->of[0].name, "local");
	assert_int_equal(stat_get(&d->of[0].messages), 5);
	assert_int_equal(stat_get(&d->of[1].messages), 1);
	free(d);
}

static void
names_beyond_the_bound_share_one(void **state)
{
	struct doors *d = filled(DOORS_MAX);

	(void)state;
	assert_int_equal(doors_count(d), DOORS_MAX);
	assert_string_equal(d->of[DOORS_MAX - 1].name, "l63");
	stat_add(&doors_find(d, "one more")->messages, 7);
	stat_add(&doors_find(d, "and another")->messages, 8);
	assert_int_equal(doors_count(d), DOORS_MAX + 1);
	assert_string_equal(d->of[DOORS_MAX].name, "other");
	assert_int_equal(stat_get(&d->of[DOORS_MAX].messages), 15);
	assert_ptr_equal(doors_find(d, "l5"), &d->of[5]);
	free(d);
}

static void
several_threads_counts_are_one(void **state)
{
	struct doors *a = filled(DOORS_MAX), *b = filled(3), *sum = filled(0);

	(void)state;
	stat_add(&doors_find(b, "b's own")->turned_away, 9);
	stat_add(&doors_find(b, "l1")->sessions, 4);
	stat_add(&doors_find(b, "l1")->open[DOORS_STARTTLS], 2);
	stat_add(&doors_find(b, "l1")->ended[DOORS_IMPLICIT], 3);
	stat_add(&doors_find(b, "l1")->temporary, 5);
	stat_add(&doors_find(b, "l1")->permanent, 6);
	doors_merge(sum, a);
	doors_merge(sum, b);
	assert_int_equal(doors_count(sum), DOORS_MAX + 1);
	assert_int_equal(stat_get(&sum->of[2].messages), 4);
	assert_int_equal(stat_get(&sum->of[63].messages), 63);
	assert_int_equal(stat_get(&sum->of[1].sessions), 4);
	assert_int_equal(stat_get(&sum->of[1].open[DOORS_STARTTLS]), 2);
	assert_int_equal(stat_get(&sum->of[1].ended[DOORS_IMPLICIT]), 3);
	assert_int_equal(stat_get(&sum->of[1].temporary), 5);
	assert_int_equal(stat_get(&sum->of[1].permanent), 6);
	assert_int_equal(stat_get(&sum->of[DOORS_MAX].turned_away), 9);
	free(a);
	free(b);
	free(sum);
}

static void
the_rest_is_put_together(void **state)
{
	struct doors *d = filled(10);

	(void)state;
	stat_add(&d->of[8].open[DOORS_CLEAR], 3);
	stat_add(&d->of[9].open[DOORS_CLEAR], 4);
	doors_cut(d, 10); /* they fit */
	assert_int_equal(doors_count(d), 10);
	assert_string_equal(d->of[9].name, "l9");
	doors_cut(d, 7);
	assert_int_equal(doors_count(d), 8);
	assert_string_equal(d->of[6].name, "l6");
	assert_int_equal(stat_get(&d->of[6].messages), 6);
	assert_string_equal(d->of[7].name, "other");
	assert_int_equal(stat_get(&d->of[7].messages), 7 + 8 + 9);
	assert_int_equal(stat_get(&d->of[7].open[DOORS_CLEAR]), 7);
	free(d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_has_its_counts_for_good),
		cmocka_unit_test(names_beyond_the_bound_share_one),
		cmocka_unit_test(several_threads_counts_are_one),
		cmocka_unit_test(the_rest_is_put_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
