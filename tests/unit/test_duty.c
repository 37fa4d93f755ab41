/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "admin/duty.h"

#define LONG_AGO 1000000 /* a clock that has gone for a while */
#define LOOK_US 200

/* A look when its rest is over, as the walker does it; how long it rested. */
static uint64_t
look_of(struct duty *d, uint64_t *now_us, uint64_t took_us, unsigned rests,
    uint64_t commits)
{
	uint64_t next = duty_next_us(d);
	uint64_t rested = next > *now_us ? next - *now_us : 0;
	struct duty_look l = {
		.begin_us = *now_us + rested,
		.worked_us = took_us,
		.rests = rests,
		.commits = commits,
	};

	*now_us = l.end_us = l.begin_us + took_us;
	duty_took(d, &l);
	return rested;
}

static uint64_t
look(struct duty *d, uint64_t *now_us, uint64_t took_us, uint64_t commits)
{
	return look_of(d, now_us, took_us, DUTY_RESTS, commits);
}

static void
the_first_look_begins_at_once(void **state)
{
	struct duty d = { 0 };
	uint64_t now = LONG_AGO;

	(void)state;
	assert_int_equal(look(&d, &now, LOOK_US, 7), 0);
	/* whether mail moves the second one will tell */
	assert_int_equal(look(&d, &now, LOOK_US, 7), 0);
}

static void
while_mail_moves_it_rests_as_many_times_as_long(void **state)
{
	struct duty d = { 0 };
	uint64_t now = LONG_AGO, worked = 0, rested = 0;

	(void)state;
	(void)look(&d, &now, LOOK_US, 0);
	(void)look(&d, &now, LOOK_US, 1);
	for (uint64_t i = 0; i < 1000; i++) {
		uint64_t took = LOOK_US + i;

		/* not each look sees a new one */
		rested += look(&d, &now, took, i / 50);
		worked += i > 0 ? took : 0; /* what the next rest is for */
	}
	rested += duty_next_us(&d) - now;
	assert_int_equal(rested, (worked + 2 * LOOK_US) * DUTY_RESTS);
}

static void
while_no_mail_moves_it_does_not_rest(void **state)
{
	struct duty d = { 0 };
	uint64_t now = LONG_AGO;

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(look(&d, &now, LOOK_US, 42), 0);
	/* and as soon as it does */
	(void)look(&d, &now, LOOK_US, 43);
	assert_int_equal(look(&d, &now, LOOK_US, 43), LOOK_US * DUTY_RESTS);
	/* until it has not for a while */
	while (now < d.moved_us + DUTY_QUIET_US)
		assert_int_equal(
		    look(&d, &now, LOOK_US, 43), LOOK_US * DUTY_RESTS);
	assert_int_equal(look(&d, &now, LOOK_US, 43), 0);
}

static void
what_moved_before_somebody_looked_is_no_reason(void **state)
{
	struct duty d = { 0 };
	uint64_t now = LONG_AGO;

	(void)state;
	(void)look(&d, &now, LOOK_US, 1);
	now += DUTY_QUIET_US;
	assert_int_equal(look(&d, &now, LOOK_US, 500), 0);
	assert_int_equal(look(&d, &now, LOOK_US, 500), 0);
}

static void
who_comes_late_has_rested(void **state)
{
	struct duty d = { 0 };
	uint64_t now = LONG_AGO;

	(void)state;
	(void)look(&d, &now, LOOK_US, 1);
	(void)look_of(&d, &now, LOOK_US, DUTY_RESTS_TOLD, 2);
	now += LOOK_US;
	assert_int_equal(
	    look(&d, &now, LOOK_US, 3), LOOK_US * (DUTY_RESTS_TOLD - 1));
	now += LOOK_US * DUTY_RESTS;
	assert_int_equal(look(&d, &now, LOOK_US, 4), 0);
}

static void
who_is_told_rows_has_time_to_work_on_them(void **state)
{
	struct duty d = { 0 };
	uint64_t now = LONG_AGO;

	(void)state;
	(void)look(&d, &now, LOOK_US, 1);
	(void)look_of(&d, &now, LOOK_US, DUTY_RESTS_TOLD, 2);
	assert_int_equal(look(&d, &now, LOOK_US, 3), LOOK_US * DUTY_RESTS_TOLD);
	assert_int_equal(look(&d, &now, LOOK_US, 4), LOOK_US * DUTY_RESTS);
}

static void
a_rest_has_a_bound(void **state)
{
	struct duty d = { 0 };
	uint64_t now = LONG_AGO;

	(void)state;
	(void)look(&d, &now, LOOK_US, 1);
	(void)look(&d, &now, DUTY_REST_MAX_US / DUTY_RESTS + 1, 2);
	assert_int_equal(look(&d, &now, LOOK_US, 3), DUTY_REST_MAX_US);
}

/* Others keep all processors busy. */
static void
who_starves_is_merely_nice_for_a_while(void **state)
{
	struct duty d = { 0 };
	uint64_t now = LONG_AGO;
	struct duty_look l = { .begin_us = now, .rests = 1 };

	(void)state;
	assert_false(duty_may_idle(&d, now)); /* it takes a lock */
	l.worked_us = DUTY_STARVED_US;        /* it merely took long */
	now = l.end_us = l.begin_us + l.worked_us + DUTY_STARVED_US;
	duty_took(&d, &l);
	assert_true(duty_may_idle(&d, now));
	l.worked_us--;
	duty_took(&d, &l);
	assert_false(duty_may_idle(&d, now));
	assert_false(duty_may_idle(&d, now + DUTY_FED_US - 1));
	/* and for longer, where it still does */
	l.begin_us = now + DUTY_FED_US - 3 * DUTY_STARVED_US;
	l.end_us = now + DUTY_FED_US - 1;
	duty_took(&d, &l);
	assert_false(duty_may_idle(&d, now + DUTY_FED_US));
	assert_true(duty_may_idle(&d, l.end_us + DUTY_FED_US));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_look_begins_at_once),
		cmocka_unit_test(
		    while_mail_moves_it_rests_as_many_times_as_long),
		cmocka_unit_test(while_no_mail_moves_it_does_not_rest),
		cmocka_unit_test(
		    what_moved_before_somebody_looked_is_no_reason),
		cmocka_unit_test(who_comes_late_has_rested),
		cmocka_unit_test(who_is_told_rows_has_time_to_work_on_them),
		cmocka_unit_test(a_rest_has_a_bound),
		cmocka_unit_test(who_starves_is_merely_nice_for_a_while),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
