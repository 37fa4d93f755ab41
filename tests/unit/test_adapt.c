/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A provider is played that takes so many messages in any second and refuses
 * the others; it says nowhere how many.  There is always more to send.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "relay/adapt.h"
#include "relay/pause.h"

#define START 100000000u
#define FOR_MS 600000
#define LOG 4096

struct provider {
	const char *why;
	uint32_t allows; /* in window_ms, however it begins */
	uint32_t window_ms;
	double rate_max; /* what is configured; 0: nothing */
	uint32_t reply_ms;
	uint32_t sessions;
};

static const struct provider providers[] = {
	{ "9/s where 14/s is configured", 9, 1000, 14, 20, 4 },
	{ "9/s, nothing is configured", 9, 1000, 0, 20, 4 },
	{ "50/s", 50, 1000, 0, 20, 10 },
	{ "200/s", 200, 1000, 0, 10, 20 },
	{ "200/s in 10 s", 2000, 10000, 0, 10, 20 },
};

struct play {
	uint64_t taken[LOG]; /* times, the last LOG */
	uint64_t busy_ms[64];
	uint64_t ntaken, nrefused;
	struct pause pause;
};

/* As where it says "slower" and a slower rate does not help. */
static const struct pause_settings pause = {
	.first_ms = 1000, .max_ms = 60000, .forget_ms = 60000
};

static bool
takes(struct play *w, const struct provider *p, uint64_t now)
{
	uint64_t at;

	if (w->ntaken >= p->allows) {
		at = w->taken[(w->ntaken - p->allows) % LOG];
		if (at + p->window_ms > now)
			return false;
	}
	w->taken[w->ntaken++ % LOG] = now;
	return true;
}

static void
send_one(struct play *w, struct adapt *a, const struct provider *p,
    uint64_t now, uint32_t session)
{
	if (w->busy_ms[session] > now || adapt_when(a, p->rate_max, now) > 0)
		return;
	adapt_sent(a, now);
	w->busy_ms[session] = now + p->reply_ms;
	if (takes(w, p, now)) {
		adapt_took(a, now);
		return;
	}
	w->nrefused++;
	if (adapt_refused(a, now) == ADAPT_SHUT)
		pause_begin(&w->pause, &pause, now, 0);
}

static void
what_a_provider_takes_is_found_and_kept_to(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof providers / sizeof providers[0]; i++) {
		const struct provider *p = &providers[i];
		static struct play w;
		struct adapt a = { 0 };
		double allowed = (double)p->allows * FOR_MS / p->window_ms;

		w = (struct play){ 0 };
		for (uint64_t now = START; now < START + FOR_MS; now++) {
			for (uint32_t s = 0; s < p->sessions; s++)
				send_one(&w, &a, p, now, s);
		}
		if ((double)w.ntaken < 0.9 * allowed ||
		    (double)w.nrefused > 0.05 * (double)w.ntaken)
			fail_msg("%s: %.3f used, %.3f refused", p->why,
			    (double)w.ntaken / allowed,
			    (double)w.nrefused / (double)w.ntaken);
	}
}

static void
without_a_refusal_there_is_no_bound(void **state)
{
	struct adapt a = { 0 };

	(void)state;
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(adapt_when(&a, 0, START), 0);
		adapt_sent(&a, START);
		adapt_took(&a, START);
	}
}

static void
refusals_of_one_second_are_one(void **state)
{
	struct adapt a = { 0 };
	double rate;

	(void)state;
	for (int i = 0; i < 30; i++)
		adapt_took(&a, START + (uint64_t)i * 100);
	assert_int_equal(adapt_refused(&a, START + 3000), ADAPT_SLOWER);
	rate = a.rate;
	assert_true(rate > 8.2 && rate < 8.8); /* 0.85 x 30 in 3 s */
	adapt_took(&a, START + 3400);
	assert_int_equal(adapt_refused(&a, START + 3500), ADAPT_AGAIN);
	assert_true(a.rate == rate);
	assert_int_equal(adapt_refused(&a, START + 4000), ADAPT_SLOWER);
	assert_true(a.rate < rate);
}

static void
where_nothing_is_taken_a_slower_rate_does_not_help(void **state)
{
	struct adapt a = { 0 };
	double rate;

	(void)state;
	adapt_took(&a, START);
	assert_int_equal(adapt_refused(&a, START + 1), ADAPT_SLOWER);
	rate = a.rate;
	assert_int_equal(adapt_refused(&a, START + 1500), ADAPT_SHUT);
	assert_int_equal(adapt_refused(&a, START + 3000), ADAPT_SHUT);
	assert_true(a.rate == rate);
	adapt_took(&a, START + 4000);
	assert_int_equal(adapt_refused(&a, START + 5000), ADAPT_SLOWER);
}

static void
after_ten_quiet_minutes_the_bound_is_forgotten(void **state)
{
	struct adapt a = { 0 };

	(void)state;
	assert_int_equal(adapt_refused(&a, START), ADAPT_SHUT);
	assert_int_equal(adapt_when(&a, 0, START), 0); /* it took nothing yet */
	adapt_took(&a, START);
	assert_int_equal(adapt_refused(&a, START), ADAPT_SLOWER);
	assert_true(adapt_when(&a, 0, START + 1) > START + 1000);
	assert_int_equal(adapt_when(&a, 0, START + 600000), 0);
	assert_false(a.is_on);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_provider_takes_is_found_and_kept_to),
		cmocka_unit_test(without_a_refusal_there_is_no_bound),
		cmocka_unit_test(refusals_of_one_second_are_one),
		cmocka_unit_test(
		    where_nothing_is_taken_a_slower_rate_does_not_help),
		cmocka_unit_test(
		    after_ten_quiet_minutes_the_bound_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
