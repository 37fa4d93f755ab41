/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "relay/breaker.h"
#include "relay/pause.h"

static const struct breaker_settings set = {
	.failures = 3, .open_ms = 5000, .open_max_ms = 60000
};
static const uint64_t middle_5s = 1000; /* random bits: no variation of 5 s */

enum step { OK, FAIL, TRIP, ASK };

static const struct {
	const char *why;
	uint64_t now;
	enum step step;
	bool allows; /* afterwards */
} steps[] = {
	{ "a new one lets through", 0, ASK, true },
	{ "the first failure is not enough", 10, FAIL, true },
	{ "nor the second", 20, FAIL, true },
	{ "success starts the count anew", 30, OK, true },
	{ "one", 40, FAIL, true },
	{ "two", 50, FAIL, true },
	{ "three in a row open it", 60, FAIL, false },
	{ "failures of older sessions change nothing", 70, FAIL, false },
	{ "5 s are not over", 5059, ASK, false },
	{ "now they are: half-open", 5060, ASK, true },
	{ "a failure there opens at once", 5061, FAIL, false },
	{ "for twice as long", 14000, ASK, false },
	{ "and not longer", 16061, ASK, true },
	{ "success closes", 16062, OK, true },
	{ "one failure is allowed again", 16063, FAIL, true },
	{ "a trip opens at once", 16064, TRIP, false },
	{ "for the short time again", 21100, ASK, true },
};

static void
it_opens_and_closes(void **state)
{
	struct breaker b;

	(void)state;
	breaker_init(&b);
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		if (steps[i].step == OK)
			breaker_ok(&b, steps[i].now);
		else if (steps[i].step == FAIL)
			breaker_fail(&b, &set, steps[i].now, middle_5s);
		else if (steps[i].step == TRIP)
			breaker_trip(&b, &set, steps[i].now, middle_5s);
		if (breaker_allows(&b, steps[i].now) != steps[i].allows)
			fail_msg("%s", steps[i].why);
	}
}

static void
it_never_stays_open_longer_than_the_maximum(void **state)
{
	struct breaker b;
	uint64_t now = 0;

	(void)state;
	breaker_init(&b);
	for (int i = 0; i < 20; i++) {
		breaker_trip(&b, &set, now, UINT64_MAX);
		assert_true(b.until_ms - now <= 72000);
		assert_true(b.until_ms - now >= 4000);
		now = b.until_ms;
		assert_true(breaker_allows(&b, now));
		assert_int_equal(b.state, BREAKER_HALF_OPEN);
	}
	assert_int_equal(b.length_ms, 60000);
}

static void
more_than_half_of_twenty_open_it(void **state)
{
	struct breaker b;
	bool opened = false;

	(void)state;
	breaker_init(&b);
	for (int i = 0; i < 20 && !opened; i++) {
		if (i % 3 == 0)
			breaker_ok(&b, 100);
		else
			opened = breaker_fail(&b, &set, 100, 0);
	}
	assert_true(opened);
	breaker_init(&b);
	for (int i = 0; i < 40; i++) { /* the same, but slowly */
		if (i % 3 == 0)
			breaker_ok(&b, (uint64_t)i * 2000);
		else
			assert_false(
			    breaker_fail(&b, &set, (uint64_t)i * 2000, 0));
	}
}

static void
a_pause_grows_and_is_forgotten(void **state)
{
	static const struct pause_settings s = {
		.first_ms = 1000, .max_ms = 4000, .forget_ms = 10000
	};
	struct pause p = { 0 };

	(void)state;
	assert_true(pause_is_over(&p, 0));
	pause_begin(&p, &s, 100, 0);
	assert_false(pause_is_over(&p, 1099));
	assert_true(pause_is_over(&p, 1100));
	pause_begin(&p, &s, 1200, 0); /* again soon: twice as long */
	assert_int_equal(p.until_ms, 3200);
	pause_begin(&p, &s, 1300, 0); /* while it lasts: no longer */
	assert_int_equal(p.until_ms, 3200);
	pause_begin(&p, &s, 3200, 0);
	pause_begin(&p, &s, 7200, 0); /* at most max_ms */
	assert_int_equal(p.until_ms, 11200);
	pause_begin(&p, &s, 30000, 0); /* long after: anew */
	assert_int_equal(p.until_ms, 31000);
	pause_begin(&p, &s, 30500, 92000); /* what the reply says holds */
	assert_int_equal(p.until_ms, 122500);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_opens_and_closes),
		cmocka_unit_test(it_never_stays_open_longer_than_the_maximum),
		cmocka_unit_test(more_than_half_of_twenty_open_it),
		cmocka_unit_test(a_pause_grows_and_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
