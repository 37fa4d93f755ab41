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

static const struct breaker_settings hard = {
	.open_ms = 5000, .open_max_ms = 60000, .is_hard = true
};

/* PROBED: a session without a message got through, where one is wanted. */
enum step { OK, FAIL, TRIP, ASK, PROBED };

static const struct {
	const char *why;
	uint64_t now;
	enum step step;
	enum breaker_state state; /* afterwards */
} steps[] = {
	{ "a new one lets through", 0, ASK, BREAKER_CLOSED },
	{ "the first failure is not enough", 10, FAIL, BREAKER_CLOSED },
	{ "nor the second", 20, FAIL, BREAKER_CLOSED },
	{ "success starts the count anew", 30, OK, BREAKER_CLOSED },
	{ "one", 40, FAIL, BREAKER_CLOSED },
	{ "two", 50, FAIL, BREAKER_CLOSED },
	{ "three in a row open it", 60, FAIL, BREAKER_OPEN },
	{ "failures of older sessions change nothing", 70, FAIL, BREAKER_OPEN },
	{ "5 s are not over", 5059, ASK, BREAKER_OPEN },
	{ "now they are: a probe is wanted", 5060, ASK, BREAKER_HALF_OPEN },
	{ "a failure there opens at once", 5061, FAIL, BREAKER_OPEN },
	{ "for twice as long", 14000, ASK, BREAKER_OPEN },
	{ "and not longer", 16061, ASK, BREAKER_HALF_OPEN },
	{ "the probe got through: on trial", 16062, PROBED, BREAKER_TRIAL },
	{ "asking changes nothing", 16063, ASK, BREAKER_TRIAL },
	{ "its first message failed", 16064, FAIL, BREAKER_OPEN },
	{ "for four times as long", 30000, ASK, BREAKER_OPEN },
	{ "until then", 40064, ASK, BREAKER_HALF_OPEN },
	{ "again", 40065, PROBED, BREAKER_TRIAL },
	{ "its first message went well", 40066, OK, BREAKER_CLOSED },
	{ "one failure is allowed again", 40067, FAIL, BREAKER_CLOSED },
	{ "a trip opens at once", 40068, TRIP, BREAKER_OPEN },
	{ "no session from before closes it", 40069, OK, BREAKER_OPEN },
	{ "nor gets one through", 40070, PROBED, BREAKER_OPEN },
	{ "for the short time again", 45068, ASK, BREAKER_HALF_OPEN },
	{ "nor does it then", 45069, OK, BREAKER_HALF_OPEN },
	{ "but the probe does", 45070, PROBED, BREAKER_TRIAL },
	{ "and its message", 45071, OK, BREAKER_CLOSED },
	{ "again one", 45072, FAIL, BREAKER_CLOSED },
	{ "two", 45073, FAIL, BREAKER_CLOSED },
	{ "three", 45074, FAIL, BREAKER_OPEN },
	{ "a session from before that still works closes it", 45075, OK,
	    BREAKER_CLOSED },
};

static void
make(struct breaker *b, enum step step, uint64_t now)
{
	if (step == OK)
		(void)breaker_ok(b, now);
	else if (step == FAIL)
		(void)breaker_fail(b, &set, now, middle_5s);
	else if (step == TRIP)
		breaker_trip(b, &hard, now, middle_5s);
	else if (step == PROBED)
		breaker_probed(b);
	else
		(void)breaker_wants_probe(b, now);
}

static void
it_opens_and_closes(void **state)
{
	struct breaker b;

	(void)state;
	breaker_init(&b);
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		make(&b, steps[i].step, steps[i].now);
		if (b.state != steps[i].state)
			fail_msg("%s: %s", steps[i].why, breaker_word(&b));
		assert_int_equal(breaker_allows(&b),
		    b.state == BREAKER_CLOSED || b.state == BREAKER_TRIAL);
	}
}

/* Its time runs from where the attempt began that failed, so that a probe that
 * hangs does not make the next one later. */
static void
it_is_open_from_the_attempts_begin(void **state)
{
	struct breaker b;

	(void)state;
	breaker_init(&b);
	breaker_trip(&b, &set, 1000, middle_5s);
	assert_int_equal(b.until_ms, 6000);
	assert_true(breaker_wants_probe(&b, 6000));
	breaker_trip(&b, &set, 6000, 2 * middle_5s); /* known at 26000 */
	assert_int_equal(b.until_ms, 16000);
	assert_true(breaker_wants_probe(&b, 26000));
}

/* What its probes take of others may make it longer, never shorter. */
static void
it_is_deferred_for_others(void **state)
{
	struct breaker b;

	(void)state;
	breaker_init(&b);
	breaker_defer(&b, 9000);
	assert_int_equal(b.state, BREAKER_CLOSED);
	breaker_trip(&b, &set, 1000, middle_5s);
	breaker_defer(&b, 5999);
	assert_int_equal(b.until_ms, 6000);
	breaker_defer(&b, 9000);
	assert_false(breaker_wants_probe(&b, 8999));
	assert_true(breaker_wants_probe(&b, 9000));
	breaker_defer(&b, 12000);
	assert_true(breaker_wants_probe(&b, 9000));
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
		assert_true(breaker_wants_probe(&b, now));
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
		cmocka_unit_test(it_is_open_from_the_attempts_begin),
		cmocka_unit_test(it_is_deferred_for_others),
		cmocka_unit_test(it_never_stays_open_longer_than_the_maximum),
		cmocka_unit_test(more_than_half_of_twenty_open_it),
		cmocka_unit_test(a_pause_grows_and_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
