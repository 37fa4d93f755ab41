/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include <cmocka.h>

#include "intake/rates.h"

uint64_t __wrap_clock_mono_ms(void);

static _Atomic uint64_t now_ms = 1000000;

uint64_t
__wrap_clock_mono_ms(void)
{
	return now_ms;
}

static struct rates_answer
take(const char *name, const struct rate *r, bool slow)
{
	struct rates_ask ask = { "local", name, r, 1 };
	struct rates_answer a;

	rates_take(&a, &ask, 1, r->of, slow);
	return a;
}

static void
over_the_rate_is_refused_with_the_time_to_wait(void **state)
{
	const struct rate r = { RATE_MESSAGES, 2, 1000 };
	struct rates_answer a;

	(void)state;
	assert_int_equal(take("refused", &r, false).verdict, RATES_OK);
	assert_int_equal(take("refused", &r, false).verdict, RATES_OK);
	a = take("refused", &r, false);
	assert_int_equal(a.verdict, RATES_OVER);
	assert_int_equal(a.wait_ms, 500);
	assert_true(a.is_news);
	a = take("refused", &r, false); /* asking costs nothing */
	assert_int_equal(a.wait_ms, 500);
	assert_false(a.is_news);
	assert_int_equal(take("another", &r, false).verdict, RATES_OK);
	now_ms += 500;
	assert_int_equal(take("refused", &r, false).verdict, RATES_OK);
	assert_int_equal(take("refused", &r, false).verdict, RATES_OVER);
	now_ms += 61000;
	(void)take("refused", &r, false);
	(void)take("refused", &r, false);
	assert_true(take("refused", &r, false).is_news);
}

/* The times at which one message after the other goes on. */
static void
who_is_slowed_goes_on_at_half_of_the_rate(void **state)
{
	const struct rate r = { RATE_MESSAGES, 10, 1000 };
	uint64_t began, slowed = 0;

	(void)state;
	for (int i = 0; i < 10; i++)
		assert_int_equal(take("slow", &r, true).verdict, RATES_OK);
	began = now_ms;
	for (int i = 0; i < 50; i++) {
		struct rates_answer a = take("slow", &r, true);

		assert_int_not_equal(a.verdict, RATES_OVER);
		slowed += a.verdict == RATES_SLOW;
		now_ms += a.wait_ms;
	}
	assert_int_equal(now_ms - began, 50 * 200);
	assert_int_equal(slowed, 50);
	now_ms += 1000; /* slower for a while: all is well again */
	assert_int_equal(take("slow", &r, true).verdict, RATES_OK);
}

static void
many_at_once_share_the_half_rate(void **state)
{
	const struct rate r = { RATE_MESSAGES, 10, 1000 };
	struct rates_answer a = { .verdict = RATES_OK };
	uint64_t n = 0;

	(void)state;
	for (int i = 0; i < 10; i++)
		(void)take("many", &r, true);
	for (a = take("many", &r, true); a.verdict == RATES_SLOW;
	     a = take("many", &r, true)) {
		n++;
		assert_int_equal(a.wait_ms, n * 200);
		assert_in_range(n, 1, 1000);
	}
	/* The longest wait is the bound; then it is refused, and not counted.
	 */
	assert_int_equal(n, RATES_WAIT_MAX_MS / 200);
	assert_int_equal(a.verdict, RATES_OVER);
	now_ms += 200;
	assert_int_equal(take("many", &r, true).verdict, RATES_SLOW);
	assert_int_equal(take("many", &r, true).verdict, RATES_OVER);
}

static void
messages_and_recipients_count_by_themselves(void **state)
{
	const struct rate both[] = { { RATE_MESSAGES, 1, 1000 },
		{ RATE_RECIPIENTS, 2, 1000 } };
	struct rates_ask ask = { "local", "both", both, 2 };
	struct rates_answer a;

	(void)state;
	rates_take(&a, &ask, 1, RATE_MESSAGES, false);
	assert_int_equal(a.verdict, RATES_OK);
	rates_take(&a, &ask, 1, RATE_RECIPIENTS, false);
	rates_take(&a, &ask, 1, RATE_RECIPIENTS, false);
	assert_int_equal(a.verdict, RATES_OK);
	rates_take(&a, &ask, 1, RATE_RECIPIENTS, false);
	assert_int_equal(a.verdict, RATES_OVER);
	rates_take(&a, &ask, 1, RATE_MESSAGES, false);
	assert_int_equal(a.verdict, RATES_OVER);
}

static void
of_a_client_and_a_user_both_have_to_be_within(void **state)
{
	const struct rate client = { RATE_MESSAGES, 1, 1000 };
	const struct rate user = { RATE_MESSAGES, 3, 1000 };
	struct rates_ask asks[] = { { "local", "c", &client, 1 },
		{ "", "u", &user, 1 } };
	struct rates_answer a;

	(void)state;
	rates_take(&a, asks, 2, RATE_MESSAGES, false);
	assert_int_equal(a.verdict, RATES_OK);
	rates_take(&a, asks, 2, RATE_MESSAGES, false);
	assert_int_equal(a.verdict, RATES_OVER);
	assert_int_equal(a.which, 0);
	assert_int_equal(a.wait_ms, 1000);
	/* What was refused took nothing of the user's. */
	rates_take(&a, &asks[1], 1, RATE_MESSAGES, false);
	rates_take(&a, &asks[1], 1, RATE_MESSAGES, false);
	assert_int_equal(a.verdict, RATES_OK);
	rates_take(&a, &asks[1], 1, RATE_MESSAGES, false);
	assert_int_equal(a.verdict, RATES_OVER);
}

static void
a_rate_that_changes_starts_anew_the_others_do_not(void **state)
{
	const struct rate old[] = { { RATE_MESSAGES, 1, 1000 },
		{ RATE_MESSAGES, 5, 60000 } };
	const struct rate new[] = { { RATE_MESSAGES, 2, 1000 },
		{ RATE_MESSAGES, 5, 60000 } };
	struct rates_ask ask = { "local", "changed", old, 2 };
	struct rates_answer a;

	(void)state;
	for (int i = 0; i < 4; i++) {
		rates_take(&a, &ask, 1, RATE_MESSAGES, false);
		assert_int_equal(a.verdict, RATES_OK);
		now_ms += 1000;
	}
	ask.rates = new;
	rates_take(&a, &ask, 1, RATE_MESSAGES, false);
	assert_int_equal(a.verdict, RATES_OK);
	rates_take(&a, &ask, 1, RATE_MESSAGES, false);
	assert_int_equal(a.verdict, RATES_OVER);
	assert_in_range(a.wait_ms, 2000, 12000); /* of the slow one */
}

static void
the_idle_are_forgotten_and_the_table_has_an_end(void **state)
{
	const struct rate r = { RATE_MESSAGES, 1, 1000 };
	const struct rate lasting = { RATE_MESSAGES, 2, 86400000 };
	char name[32];

	(void)state;
	(void)take("lasting", &lasting, false);
	for (int i = 0; i < 70000; i++) {
		snprintf(name, sizeof name, "n%d", i);
		(void)take(name, &r, false);
	}
	assert_in_range(rates_kept(), RATES_KEPT - 1, RATES_KEPT + 2);
	now_ms += 1000;
	for (int i = 0; i < 70000; i++)
		(void)take("one", &r, false);
	assert_in_range(rates_kept(), 1, 4);
}

static void *
hammer(void *arg)
{
	const struct rate r = { RATE_MESSAGES, 1000, 86400000 };
	_Atomic int *taken = arg;

	for (int i = 0; i < 2000; i++)
		*taken += take("hammered", &r, false).verdict == RATES_OK;
	return NULL;
}

static void
a_rate_holds_over_all_threads(void **state)
{
	pthread_t t[4];
	_Atomic int taken = 0;

	(void)state;
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, hammer, &taken);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(taken, 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    over_the_rate_is_refused_with_the_time_to_wait),
		cmocka_unit_test(who_is_slowed_goes_on_at_half_of_the_rate),
		cmocka_unit_test(many_at_once_share_the_half_rate),
		cmocka_unit_test(messages_and_recipients_count_by_themselves),
		cmocka_unit_test(of_a_client_and_a_user_both_have_to_be_within),
		cmocka_unit_test(
		    a_rate_that_changes_starts_anew_the_others_do_not),
		cmocka_unit_test(
		    the_idle_are_forgotten_and_the_table_has_an_end),
		cmocka_unit_test(a_rate_holds_over_all_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
