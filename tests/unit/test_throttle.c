/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A provider is played: sessions send as soon as the throttle lets them, the
 * provider counts each transaction at some time between its start and its
 * reply, and the worst stretch of a window's length is looked for in what it
 * counted.  Seeds are fixed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/mem.h"
#include "postern/mail/rate.h"

#include "relay/throttle.h"

#define START 10000000000u /* ms; longer than any window */
#define SESSIONS_MAX 64
#define COUNTED_MAX 200000

struct play {
	const char *why;
	struct rate rates[3];
	size_t nrates;
	uint32_t sessions, base_ms, spread_ms; /* of a reply */
	uint64_t turns_ms; /* so long like that, so long at once; 0: always */
	uint32_t outlier;  /* one in so many takes ten seconds; 0: none */
	uint32_t rcpts_max;
	uint64_t for_ms;
	double use;        /* of the first rate at least */
	uint32_t over;     /* so many too much are let */
	uint64_t fades_ms; /* the spread shrinks for so long, then is there
	                    * again; 0: it stays */
};

#define MSG(n, ms)                                                             \
	{                                                                      \
		.of = RATE_MESSAGES, .count = (n), .period_ms = (ms)           \
	}
#define RCPT(n, ms)                                                            \
	{                                                                      \
		.of = RATE_RECIPIENTS, .count = (n), .period_ms = (ms)         \
	}

/* clang-format off */
static const struct play plays[] = {
{ "14/s, 20 ms", { MSG(14, 1000) }, 1, 8, 20, 5, 0, 0, 1, 300000, 0.975 },
{ "14/s, 200 ms", { MSG(14, 1000) }, 1, 12, 200, 80, 0, 0, 1, 300000, 0.90 },
{ "14/s, some very late", { MSG(14, 1000) }, 1, 40, 20, 5, 0, 50, 1, 300000, 0.60 },
{ "1/s", { MSG(1, 1000) }, 1, 4, 20, 5, 0, 0, 1, 300000, 0.975 },
{ "200/s, 3 ms", { MSG(200, 1000) }, 1, 16, 3, 2, 0, 0, 1, 60000, 0.975 },
{ "30/min", { MSG(30, 60000) }, 1, 3, 200, 40, 0, 0, 1, 3600000, 0.99 },
{ "1000/h", { MSG(1000, 3600000) }, 1, 10, 20, 5, 0, 0, 1, 36000000, 0.99 },
{ "replies last longer than the window", { MSG(14, 1000) }, 1, 64, 3000, 100, 0, 0, 1, 120000, 0.87 },
{ "two windows", { MSG(100, 60000), MSG(5, 1000) }, 2, 8, 20, 5, 0, 0, 1, 1200000, 0.98 },
{ "three", { MSG(600, 3600000), MSG(20, 60000), MSG(2, 1000) }, 3, 8, 50, 20, 0, 0, 1, 7200000, 0.98 },
{ "recipients", { RCPT(100, 60000) }, 1, 8, 20, 5, 0, 0, 7, 1200000, 0.90 },
{ "recipients, all at once", { RCPT(100, 60000) }, 1, 8, 20, 5, 0, 0, 100, 1200000, 0.50 },
{ "both", { RCPT(50, 10000), MSG(30, 10000) }, 2, 8, 20, 5, 0, 0, 3, 600000, 0.80 },
{ "at once, after a long time of 45 ms", { MSG(50, 10000) }, 1, 8, 45, 2, 300000, 0, 1, 3600000, 0.98 },
{ "at once, after a long time of 9 ms", { MSG(50, 1000) }, 1, 8, 9, 1, 60000, 0, 1, 600000, 0.97 },
{ "at once, after a long time of 200 ms", { MSG(14, 1000) }, 1, 8, 200, 10, 60000, 0, 1, 600000, 0.92, 4 },
{ "the same, more", { MSG(400, 1000) }, 1, 64, 200, 10, 60000, 0, 1, 300000, 0.5, 100 },
{ "less and less spread", { MSG(500, 10000) }, 1, 60, 20, 1900, 0, 0, 1, 3600000, 0.80, 0, 60000 },
};
/* clang-format on */

struct session {
	struct throttle_slot *slot;
	uint64_t until_ms; /* the reply; or the throttle is asked again */
	uint32_t rcpts;    /* of what waits */
};

struct counted {
	uint64_t at;
	uint32_t rcpts;
};

static uint64_t seed;

static uint64_t
rnd(uint64_t n) /* 0 .. n - 1 */
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return n > 0 ? (seed >> 33) % n : 0;
}

static int
compare(const void *a, const void *b)
{
	uint64_t x = ((const struct counted *)a)->at;
	uint64_t y = ((const struct counted *)b)->at;

	return (x > y) - (x < y);
}

static uint64_t
weight(const struct rate *r, const struct counted *c)
{
	return r->of == RATE_MESSAGES ? 1 : c->rcpts;
}

/* The most that was counted in any [at, at + period). */
static uint64_t
worst(struct counted *c, size_t n, const struct rate *r)
{
	uint64_t sum = 0, most = 0;
	size_t from = 0;

	qsort(c, n, sizeof *c, compare);
	for (size_t i = 0; i < n; i++) {
		sum += weight(r, &c[i]);
		while (c[from].at + r->period_ms <= c[i].at)
			sum -= weight(r, &c[from++]);
		if (sum > most)
			most = sum;
	}
	return most;
}

/* Counted on the way there, or when it answers, or anywhere between. */
static uint64_t
reply_after(const struct play *p, uint64_t now, uint64_t *counted)
{
	uint64_t fade = p->fades_ms ? (now - START) % p->fades_ms : 0;
	uint64_t spread = p->spread_ms;
	uint64_t more;

	if (fade > 0)
		spread -= spread * fade / p->fades_ms;
	more = rnd(spread + 1);
	if (p->turns_ms > 0 && (now - START) / p->turns_ms % 2 == 1)
		return *counted = 0;
	if (p->outlier > 0 && rnd(p->outlier) == 0)
		more = 10000;
	*counted = p->base_ms / 2 + (more == 10000 ? more : rnd(more + 1));
	return p->base_ms + more;
}

/* Is something sent? */
static bool
step(const struct play *p, struct throttle *t, struct session *s, uint64_t now,
    struct counted *out)
{
	uint64_t counted;

	if (s->slot && now >= s->until_ms)
		throttle_replied(&s->slot, now);
	if (s->slot)
		return false;
	if (s->rcpts == 0)
		s->rcpts = 1 + (uint32_t)rnd(p->rcpts_max);
	s->until_ms = throttle_when(t, now, s->rcpts);
	if (s->until_ms > 0)
		return false;
	s->slot = throttle_take(t, now, s->rcpts);
	s->until_ms = now + reply_after(p, now, &counted);
	*out = (struct counted){ .at = now + counted, .rcpts = s->rcpts };
	s->rcpts = 0;
	return true;
}

static uint64_t
next_of(const struct play *p, const struct session *s)
{
	uint64_t next = UINT64_MAX;

	for (uint32_t i = 0; i < p->sessions; i++) {
		if (s[i].until_ms < next)
			next = s[i].until_ms;
	}
	return next;
}

static void
check(const struct play *p, struct counted *c, size_t n)
{
	const struct rate *first = &p->rates[0];
	double sum = 0, allowed;

	for (size_t i = 0; i < p->nrates; i++) {
		uint64_t most = worst(c, n, &p->rates[i]);

		if (most > p->rates[i].count + p->over)
			fail_msg("%s: %lu in window %zu", p->why,
			    (unsigned long)most, i);
	}
	for (size_t i = 0; i < n; i++)
		sum += (double)weight(first, &c[i]);
	allowed =
	    (double)first->count * (double)p->for_ms / (double)first->period_ms;
	if (sum < allowed * p->use)
		fail_msg("%s: uses %.3f", p->why, sum / allowed);
}

static void
play(const struct play *p)
{
	struct throttle *t = throttle_new(p->rates, p->nrates, START);
	struct counted *c = mem_array(COUNTED_MAX, sizeof *c);
	struct session s[SESSIONS_MAX] = { 0 };
	size_t n = 0;

	for (uint64_t now = START; now < START + p->for_ms;
	     now = next_of(p, s)) {
		for (uint32_t i = 0; i < p->sessions; i++) {
			assert_in_range(n, 0, COUNTED_MAX - 1);
			n += step(p, t, &s[i], now, &c[n]);
		}
	}
	check(p, c, n);
	throttle_free(&t);
	free(c);
}

static void
no_window_is_ever_exceeded(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof plays / sizeof plays[0]; i++) {
		for (seed = 1; seed <= 3; seed++) {
			uint64_t kept = seed;

			play(&plays[i]);
			seed = kept;
		}
	}
}

/* --- one thing at a time --- */

static void
answer(struct throttle *t, uint64_t *now, int times)
{
	while (times-- > 0) {
		uint64_t at = throttle_when(t, *now, 1);
		struct throttle_slot *s;

		if (at > *now)
			*now = at;
		s = throttle_take(t, *now, 1);
		*now += 1;
		throttle_replied(&s, *now);
	}
}

static void
the_time_to_ask_again_is_exact(void **state)
{
	static const struct rate r = MSG(3, 60000);
	struct throttle *t = throttle_new(&r, 1, START);
	uint64_t now = START, at;

	(void)state;
	answer(t, &now, 3);
	at = throttle_when(t, now, 1);
	assert_in_range(at, START + 60000 + 250, START + 60000 + 250 + 30);
	assert_int_not_equal(throttle_when(t, at - 1, 1), 0);
	assert_int_equal(throttle_when(t, at, 1), 0);
	throttle_free(&t);
	throttle_free(&t); /* twice is harmless */
}

/* One is counted late, and by the time that matters the guard is small. */
static void
a_smaller_guard_does_not_forget_slow_replies(void **state)
{
	static const struct rate r = MSG(26, 3000);
	struct throttle *t = throttle_new(&r, 1, START);
	struct throttle_slot *slow = throttle_take(t, START, 1);
	uint64_t now = START + 220;

	(void)state;
	throttle_replied(&slow, now);
	for (int i = 0; i < 25; i++) {
		struct throttle_slot *s = throttle_take(t, now++, 1);

		throttle_replied(&s, now + 1);
	}
	assert_int_equal(throttle_guard_ms(t), 5);
	assert_true(throttle_when(t, now, 1) >= START + 220 + 3000 - 2);
	throttle_change(t, &r, 1, now);
	assert_true(throttle_when(t, now, 1) >= START + 220 + 3000 - 2);
	throttle_free(&t);
}

static void
what_is_given_back_may_be_used_again(void **state)
{
	static const struct rate r = MSG(1, 1000);
	struct throttle *t = throttle_new(&r, 1, START);
	struct throttle_slot *s = throttle_take(t, START, 1);

	(void)state;
	assert_int_not_equal(throttle_when(t, START, 1), 0);
	throttle_give_back(&s);
	assert_null(s);
	assert_int_equal(throttle_when(t, START, 1), 0);
	throttle_free(&t);
}

static void
one_that_is_not_answered_counts_until_it_is(void **state)
{
	static const struct rate r = MSG(1, 1000);
	struct throttle *t = throttle_new(&r, 1, START);
	struct throttle_slot *s = throttle_take(t, START, 1);
	uint64_t now = START + 50000, at;

	(void)state;
	assert_int_not_equal(throttle_when(t, now, 1), 0);
	throttle_replied(&s, now);
	at = throttle_when(t, now, 1);
	assert_in_range(at, now + 900, now + 1250);
	throttle_free(&t);
}

static void
a_full_window_is_not_fired_at_once(void **state)
{
	static const struct rate r = MSG(100, 1000);
	struct throttle *t = throttle_new(&r, 1, START);
	uint32_t n = 0;

	(void)state;
	while (throttle_when(t, START, 1) == 0) {
		(void)throttle_take(t, START, 1);
		n++;
	}
	assert_int_equal(n, 25);
	assert_int_equal(throttle_when(t, START + 251, 1), 0);
	throttle_free(&t);
}

static void
more_recipients_than_a_quarter_go_alone(void **state)
{
	static const struct rate r = RCPT(100, 60000);
	struct throttle *t = throttle_new(&r, 1, START);

	(void)state;
	assert_int_equal(throttle_rcpts(t), 100);
	assert_int_equal(throttle_when(t, START, 100), 0);
	(void)throttle_take(t, START, 90);
	assert_int_not_equal(throttle_when(t, START + 30000, 11), 0);
	assert_int_equal(throttle_when(t, START + 30000, 10), 0);
	throttle_free(&t);
}

static void
another_window_knows_what_was_sent(void **state)
{
	static const struct rate old[] = { MSG(30, 60000), MSG(9, 1000) };
	static const struct rate new[] = { MSG(20, 30000), MSG(30, 60000) };
	struct throttle *t = throttle_new(old, 2, START);
	uint64_t now = START, at;
	struct throttle_slot *s;

	(void)state;
	answer(t, &now, 29);
	s = throttle_take(t, now, 1);
	throttle_change(t, new, 2, now);
	assert_int_equal(throttle_used(t, 1, now), 30);
	at = throttle_when(t, now, 1);
	assert_in_range(at, START + 60000, START + 61000);
	throttle_replied(&s, now + 5);
	throttle_change(t, NULL, 0, now + 5);
	assert_int_equal(throttle_when(t, now + 5, 1), 0);
	throttle_free(&t);
}

static void
a_slot_that_is_late_outlives_its_windows(void **state)
{
	static const struct rate old = MSG(1, 1000), new = MSG(2, 60000);
	struct throttle *t = throttle_new(&old, 1, START);
	struct throttle_slot *s = throttle_take(t, START, 1);
	uint64_t now = START + 10000;

	(void)state;
	assert_int_not_equal(throttle_when(t, now, 1), 0);
	throttle_change(t, &new, 1, now);
	assert_int_equal(throttle_used(t, 0, now), 1);
	throttle_give_back(&s);
	assert_int_equal(throttle_used(t, 0, now), 0);
	throttle_free(&t);
}

#define DAY UINT64_C(86400000)

static void
a_fixed_reset_gives_all_back_at_its_time(void **state)
{
	static const struct rate r = { .of = RATE_MESSAGES,
		.count = 10,
		.period_ms = DAY,
		.is_fixed = true,
		.reset_ms = 3600000 };
	struct throttle *t = throttle_new(&r, 1, 100 * DAY);
	uint64_t now = 100 * DAY + 1800000; /* half past midnight */
	uint64_t reset = 100 * DAY + 3600000;
	uint64_t at;

	(void)state;
	throttle_change(t, &r, 1, now);
	for (int i = 0; i < 10; i++) {
		struct throttle_slot *s = throttle_take(t, now, 1);

		throttle_replied(&s, now + 1);
	}
	at = throttle_when(t, now + 2, 1);
	assert_in_range(at, reset, reset + 10000);
	assert_int_equal(throttle_when(t, at, 1), 0);
	assert_int_equal(throttle_used(t, 0, at), 0);
	/* The wall clock is set back by a day: nothing is earned. */
	throttle_set_wall(t, -(int64_t)DAY);
	assert_int_equal(throttle_used(t, 0, at), 0);
	throttle_set_wall(t, -7200000);
	assert_int_equal(throttle_used(t, 0, at), 10);
	throttle_free(&t);
}

static void
what_was_known_before_counts(void **state)
{
	static const struct rate r = RCPT(100, 3600000);
	struct throttle *t = throttle_new(&r, 1, START);

	(void)state;
	throttle_add(t, 0, START - 3000000, 60);
	throttle_add(t, 0, START - 5000000, 30); /* over */
	assert_int_equal(throttle_used(t, 0, START), 60);
	assert_int_equal(throttle_when(t, START, 40), 0);
	assert_in_range(
	    throttle_when(t, START, 41), START + 600000, START + 600000 + 5000);
	assert_int_equal(throttle_used(t, 0, START + 700000), 0);
	throttle_free(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_window_is_ever_exceeded),
		cmocka_unit_test(the_time_to_ask_again_is_exact),
		cmocka_unit_test(a_smaller_guard_does_not_forget_slow_replies),
		cmocka_unit_test(what_is_given_back_may_be_used_again),
		cmocka_unit_test(one_that_is_not_answered_counts_until_it_is),
		cmocka_unit_test(a_full_window_is_not_fired_at_once),
		cmocka_unit_test(more_recipients_than_a_quarter_go_alone),
		cmocka_unit_test(another_window_knows_what_was_sent),
		cmocka_unit_test(a_slot_that_is_late_outlives_its_windows),
		cmocka_unit_test(a_fixed_reset_gives_all_back_at_its_time),
		cmocka_unit_test(what_was_known_before_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
