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
#define FOR_MS 600000  /* at least, ... */
#define FOR_WINDOWS 40 /* ... or so many */
#define LOG 4096

struct provider {
	const char *why;
	uint32_t allows; /* in window_ms, ... */
	uint32_t window_ms;
	bool is_fixed;   /* ... that begins by the clock, or anywhere */
	double rate_max; /* what is configured; 0: nothing */
	uint32_t reply_ms;
	uint32_t sessions;
};

static const struct provider providers[] = {
	{ "9/s where 14/s is configured", 9, 1000, false, 14, 20, 4 },
	{ "9/s, nothing is configured", 9, 1000, false, 0, 20, 4 },
	{ "50/s", 50, 1000, false, 0, 20, 10 },
	{ "200/s", 200, 1000, false, 0, 10, 20 },
	{ "200/s in 10 s", 2000, 10000, false, 0, 10, 20 },
	{ "60 in 5 s", 60, 5000, false, 0, 20, 8 },
	{ "150 in 15 s, 20 ms", 150, 15000, false, 0, 20, 8 },
	{ "30/min", 30, 60000, false, 0, 20, 8 },
	{ "30/min where 14/s is configured", 30, 60000, false, 14, 20, 8 },
	{ "30 in each minute of the clock", 30, 60000, true, 0, 20, 8 },
	{ "100 in 5 min", 100, 300000, false, 0, 200, 10 },
	{ "300 in 10 min", 300, 600000, false, 0, 50, 10 },
	{ "1000/h", 1000, 3600000, false, 0, 20, 10 },
	{ "1000 in each hour of the clock", 1000, 3600000, true, 0, 20, 10 },
	{ "200/h, slow", 200, 3600000, false, 2, 500, 4 },
};

struct session {
	uint64_t until_ms; /* the reply; or it is asked again */
	bool busy, taken;
};

struct play {
	uint64_t taken[LOG]; /* times, the last LOG */
	struct session session[64];
	uint64_t ntaken, nrefused;
	struct pause pause;
	struct adapt a;
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
		if (p->is_fixed ? at / p->window_ms == now / p->window_ms
		                : at + p->window_ms > now)
			return false;
	}
	w->taken[w->ntaken++ % LOG] = now;
	return true;
}

static void
answer(struct play *w, struct session *s, uint64_t now)
{
	s->busy = false;
	if (s->taken) {
		adapt_took(&w->a, now);
		return;
	}
	w->nrefused++;
	if (adapt_refused(&w->a, now) == ADAPT_SHUT)
		pause_begin(
		    &w->pause, &pause, now, guess_pause_ms(&w->a.guess, now));
}

static void
send_one(
    struct play *w, const struct provider *p, uint64_t now, struct session *s)
{
	uint64_t at = adapt_when(&w->a, p->rate_max, now);

	if (at < w->pause.until_ms)
		at = w->pause.until_ms;
	if (at > now) {
		s->until_ms = at;
		return;
	}
	adapt_sent(&w->a, now);
	*s = (struct session){ now + p->reply_ms, true, takes(w, p, now) };
}

/* The next time at which anything happens; a reply wakes those that wait. */
static uint64_t
turn(struct play *w, const struct provider *p, uint64_t now)
{
	uint64_t next = UINT64_MAX;

	for (uint32_t i = 0; i < p->sessions; i++) {
		if (w->session[i].busy && w->session[i].until_ms <= now)
			answer(w, &w->session[i], now);
	}
	for (uint32_t i = 0; i < p->sessions; i++) {
		if (!w->session[i].busy)
			send_one(w, p, now, &w->session[i]);
		if (w->session[i].until_ms < next)
			next = w->session[i].until_ms;
	}
	return next;
}

static void
what_a_provider_takes_is_found_and_kept_to(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof providers / sizeof providers[0]; i++) {
		const struct provider *p = &providers[i];
		static struct play w;
		uint64_t for_ms = FOR_WINDOWS * (uint64_t)p->window_ms;
		double allowed;

		for_ms = for_ms > FOR_MS ? for_ms : FOR_MS;
		allowed = (double)p->allows * (double)for_ms / p->window_ms;
		w = (struct play){ 0 };
		for (uint64_t now = START; now < START + for_ms;)
			now = turn(&w, p, now);
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

/* So many at once; then it refuses all, until so many ms after the first. */
static void
burst(struct adapt *a, uint64_t at, int n, uint64_t refuses_ms)
{
	for (int i = 0; i < n; i++) {
		adapt_sent(a, at);
		adapt_took(a, at);
	}
	for (uint64_t ms = 100; ms < refuses_ms; ms *= 2) {
		adapt_sent(a, at + ms);
		(void)adapt_refused(a, at + ms);
	}
	adapt_sent(a, at + refuses_ms);
	adapt_took(a, at + refuses_ms);
}

static void
take(struct guess *g, uint64_t at, int n)
{
	while (n-- > 0) {
		assert_int_equal(guess_when(g, at), 0);
		guess_sent(g, at);
		assert_false(guess_took(g, at));
	}
}

static void
a_window_is_proven_and_kept_to(void **state)
{
	struct adapt a = { 0 };
	struct guess *g = &a.guess;
	uint64_t end = START + 65000, next = end + 63000;
	uint64_t later = next + 3600000;

	(void)state;
	burst(&a, START, 40, 65000);
	assert_int_equal(g->window_s, 60);
	assert_int_equal(g->count, 40);
	take(g, end, 39);
	/* One too many, alone, has to be refused. */
	assert_int_equal(guess_full_until(g, end), 0);
	assert_int_equal(guess_when(g, end), 0);
	guess_sent(g, end);
	assert_int_not_equal(guess_when(g, end), 0);
	assert_int_equal(adapt_refused(&a, end), ADAPT_AGAIN);
	assert_true(guess_is_news(g, end));
	assert_in_range(guess_full_until(g, end), end + 60000, next);
	take(g, next, 40);
	assert_true(guess_full_until(g, next) > next + 60000);
	/* An hour later it takes more. */
	take(g, later, 40);
	guess_sent(g, later);
	assert_false(guess_took(g, later));
	assert_int_equal(g->window_s, 0);
	take(g, later, 40);
}

/* Nothing that was sent leaves a window when it takes mail again. */
static void
a_provider_that_is_busy_for_a_while_has_no_window(void **state)
{
	struct adapt a = { 0 };

	(void)state;
	for (uint64_t s = 0; s < 3600; s++) {
		adapt_sent(&a, START + s * 1000);
		adapt_took(&a, START + s * 1000);
	}
	burst(&a, START + 3600000, 1, 65000);
	assert_int_equal(a.guess.window_s, 0);
	assert_int_equal(adapt_when(&a, 0, START + 3700000), 0);
}

static void
while_all_are_refused_one_asks_at_a_time(void **state)
{
	struct adapt a = { 0 };

	(void)state;
	adapt_sent(&a, START);
	assert_int_equal(adapt_refused(&a, START + 1), ADAPT_SHUT);
	assert_int_equal(adapt_when(&a, 0, START + 1000), 0);
	adapt_sent(&a, START + 1000);
	assert_true(adapt_when(&a, 0, START + 2000) > START + 2000);
	(void)adapt_refused(&a, START + 2500);
	assert_int_equal(adapt_when(&a, 0, START + 2500), 0);
	/* After an hour a quarter of one is soon enough. */
	assert_int_equal(guess_pause_ms(&a.guess, START + 60000), 0);
	assert_int_equal(guess_pause_ms(&a.guess, START + 1 + 3600000), 900000);
	adapt_sent(&a, START + 3000);
	adapt_took(&a, START + 3100);
	assert_int_equal(adapt_when(&a, 0, START + 3100), 0);
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
		cmocka_unit_test(a_window_is_proven_and_kept_to),
		cmocka_unit_test(
		    a_provider_that_is_busy_for_a_while_has_no_window),
		cmocka_unit_test(while_all_are_refused_one_asks_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
