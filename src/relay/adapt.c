/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/adapt.h"

#define MEASURED_S 3     /* what was taken in so long */
#define CUT_MS 1000      /* refusals after one another are one */
#define CUT 0.85         /* of what was taken */
#define RATE_MIN 0.1     /* a second */
#define WINDOW_S 30      /* a shorter one is a matter of the pace */
#define PACE 0.95        /* of what it takes in it */
#define QUIET_MS 2000    /* before it grows again */
#define FORGET_MS 600000 /* so long quiet, and the ceiling is no more */
#define NEAR_BELOW 0.97  /* of the ceiling: from here on carefully */
#define NEAR_ABOVE 1.1   /* up to here */
#define GROW_BELOW 0.01  /* of the ceiling, a second */
#define GROW_NEAR 0.002
#define GROW_ABOVE 0.02 /* of the cap, a second */
#define STEP_MS 100     /* growth is reckoned in such steps */
#define LAG_MS 20       /* a timer that fires late costs nothing */

static double
at_least(double a, double b)
{
	return a > b ? a : b;
}

/* --- what it takes --- */

static void
to_second(struct adapt *a, uint64_t s)
{
	if (s - a->took_s >= ADAPT_SECONDS)
		a->took_s = s - ADAPT_SECONDS;
	while (a->took_s < s)
		a->took[++a->took_s % ADAPT_SECONDS] = 0;
}

/* A short window is kept to by the pace, a longer one is a quota. */
static void
found(struct adapt *a, uint64_t now_ms)
{
	struct guess *g = &a->guess;

	if (g->window_s >= WINDOW_S)
		return;
	a->ceiling = at_least((double)g->count / g->window_s, RATE_MIN);
	a->rate = at_least(PACE * a->ceiling, RATE_MIN);
	a->cap = at_least(a->cap, a->ceiling);
	a->cut_ms = a->grown_ms = now_ms;
	a->is_on = true;
	g->window_s = 0;
}

void
adapt_took(struct adapt *a, uint64_t now_ms)
{
	if (guess_took(&a->guess, now_ms))
		found(a, now_ms);
	if (now_ms / 1000 - a->took_s >= MEASURED_S)
		a->since_ms = now_ms;
	a->took_since = true;
	to_second(a, now_ms / 1000);
	a->took[now_ms / 1000 % ADAPT_SECONDS]++;
}

/* In the last three seconds (this one, and those before it), or since it
 * began. */
static double
measure(struct adapt *a, uint64_t now_ms)
{
	uint64_t s = now_ms / 1000, into_ms = now_ms % 1000;
	double lasted = (double)(now_ms - a->since_ms) / 1000;
	double n = 0;

	to_second(a, s);
	for (uint64_t i = 0; i < MEASURED_S; i++)
		n += a->took[(s - i) % ADAPT_SECONDS];
	n += a->took[(s - MEASURED_S) % ADAPT_SECONDS] *
	     (double)(1000 - into_ms) / 1000;
	return n / (lasted < 1 ? 1 : lasted < MEASURED_S ? lasted : MEASURED_S);
}

/* --- the rate --- */

static double
step_of(const struct adapt *a)
{
	double seconds = STEP_MS / 1000.0;

	if (a->rate < NEAR_BELOW * a->ceiling)
		return GROW_BELOW * a->ceiling * seconds;
	if (a->rate <= NEAR_ABOVE * a->ceiling)
		return GROW_NEAR * a->ceiling * seconds;
	return GROW_ABOVE * a->cap * seconds;
}

static void
grow(struct adapt *a, double rate_max, uint64_t now_ms)
{
	if (now_ms >= a->cut_ms + FORGET_MS) {
		a->is_on = false;
		return;
	}
	if (a->grown_ms < a->cut_ms + QUIET_MS)
		a->grown_ms = a->cut_ms + QUIET_MS;
	for (; a->grown_ms + STEP_MS <= now_ms; a->grown_ms += STEP_MS)
		a->rate += step_of(a);
	if (rate_max > 0 && a->rate > rate_max)
		a->rate = rate_max;
}

enum adapt_result
adapt_refused(struct adapt *a, uint64_t now_ms)
{
	double m = measure(a, now_ms), from;

	if (guess_refused(&a->guess, now_ms))
		return ADAPT_AGAIN;
	if (a->is_on && now_ms < a->cut_ms + CUT_MS) {
		a->next_ms = at_least(a->next_ms, (double)a->cut_ms + CUT_MS);
		return ADAPT_AGAIN;
	}
	if (!a->took_since || m == 0) {
		a->cut_ms = now_ms;
		return ADAPT_SHUT;
	}
	from = a->is_on && a->rate < m ? a->rate : m;
	a->ceiling = at_least(m, RATE_MIN);
	a->cap = at_least(a->cap, a->ceiling);
	a->rate = at_least(CUT * from, RATE_MIN);
	a->is_on = true;
	a->took_since = false;
	a->cut_ms = a->grown_ms = now_ms;
	a->next_ms = (double)now_ms + 1000 / a->rate;
	return ADAPT_SLOWER;
}

/* --- use --- */

uint64_t
adapt_when(struct adapt *a, double rate_max, uint64_t now_ms)
{
	uint64_t at = guess_when(&a->guess, now_ms), next;

	if (a->is_on)
		grow(a, rate_max, now_ms);
	if (!a->is_on || (double)now_ms >= a->next_ms)
		return at;
	next = (uint64_t)a->next_ms + 1;
	return next > at ? next : at;
}

void
adapt_sent(struct adapt *a, uint64_t now_ms)
{
	double from = (double)now_ms - LAG_MS;

	guess_sent(&a->guess, now_ms);
	if (!a->is_on)
		return;
	if (a->next_ms > from)
		from = a->next_ms;
	a->next_ms = from + 1000 / a->rate;
}
