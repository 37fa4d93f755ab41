/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/tempo.h"

#include <stddef.h>

#include "postern/mail/rate.h"
#include "postern/relay/relay.h"

#include "relay/flow.h"
#include "relay/provider.h"
#include "relay/relay_core.h"
#include "relay/relay_log.h"
#include "relay/tally_book.h"
#include "relay/throttle.h"
#include "relay/verdict.h"

#define QUIET_MS 60000 /* without another "slower": normal again */
#define PACE_MIN 0.1   /* messages a second */
#define PACE_WINDOW_MS 60000

/* Throttles want a clock that is far from 0. */
static uint64_t
soft_clock(const struct provider *p)
{
	return relay_now_ms(p->relay) + 2 * RATE_PERIOD_MAX_MS;
}

static double
a_second(const struct rate *r)
{
	return (double)r->count * 1000 / (double)r->period_ms;
}

/* The slowest of its rates; 0: none is set.  What a longer window allows may
 * go at once, it says nothing of the pace. */
static double
rate_max(const struct provider *p)
{
	double max = 0;

	for (size_t i = 0; i < p->set->nrates; i++) {
		const struct rate *r = &p->set->rates[i];
		double one = a_second(r);

		if (r->of == RATE_MESSAGES && r->period_ms <= PACE_WINDOW_MS &&
		    (max == 0 || one < max))
			max = one;
	}
	return max;
}

static double
slow_pace(const struct provider *p)
{
	double base = rate_max(p);
	double pace = p->set->slow_factor *
	              (base > 0 ? base : a_second(p->set->soft_rate));

	return pace > PACE_MIN ? pace : PACE_MIN;
}

/* --- use -------------------------------------------------------------------
 */

uint64_t
tempo_when(struct provider *p)
{
	struct tempo *t = &p->tempo;
	uint64_t now_ms = relay_now_ms(p->relay);
	uint64_t at = adapt_when(&t->adapt, rate_max(p), now_ms);
	uint64_t soft = (uint64_t)t->next_ms + 1;

	if (t->soft_until_ms > now_ms && t->next_ms > (double)now_ms &&
	    soft > at)
		at = soft;
	return at;
}

static uint64_t
quiet_ms(const struct rate *soft)
{
	return soft->period_ms > QUIET_MS ? soft->period_ms : QUIET_MS;
}

static void
count_soft(struct provider *p, uint32_t nrcpts)
{
	struct tempo *t = &p->tempo;
	uint64_t now_ms = relay_now_ms(p->relay), clock = soft_clock(p);
	struct throttle_slot *slot = throttle_take(t->soft, clock, nrcpts);

	throttle_ended(&slot, clock);
	if (throttle_used(t->soft, 0, clock) > p->set->soft_rate->count)
		t->soft_until_ms = now_ms + quiet_ms(p->set->soft_rate);
	if (t->soft_until_ms > now_ms)
		t->next_ms = (double)now_ms + 1000 / slow_pace(p);
}

void
tempo_sent(struct provider *p, uint32_t nrcpts)
{
	adapt_sent(&p->tempo.adapt, relay_now_ms(p->relay));
	if (p->tempo.soft)
		count_soft(p, nrcpts);
}

void
tempo_took(struct provider *p)
{
	adapt_took(&p->tempo.adapt, relay_now_ms(p->relay));
}

bool
tempo_refused(struct provider *p)
{
	uint64_t now_ms = relay_now_ms(p->relay);

	p->tempo.said_until_ms = now_ms + QUIET_MS;
	return adapt_refused(&p->tempo.adapt, now_ms) == ADAPT_SHUT;
}

/* --- the level -------------------------------------------------------------
 */

static const char *
why_switched(const struct provider *p, uint64_t now_ms)
{
	if (!pause_is_over(&p->quota, now_ms))
		return "quota";
	if (flow_is_spent(p, now_ms))
		return "window";
	if (p->health.state != BREAKER_CLOSED && p->why == VERDICT_SUSPENDED)
		return "suspended";
	return NULL;
}

static const char *
why_slowed(const struct tempo *t, uint64_t now_ms)
{
	if (t->said_until_ms > now_ms)
		return "rate";
	return t->soft_until_ms > now_ms ? "soft-rate" : NULL;
}

void
tempo_look(struct provider *p)
{
	uint64_t now_ms = relay_now_ms(p->relay);
	struct level_facts f = { .switched = why_switched(p, now_ms),
		.paused = pause_is_over(&p->rate, now_ms) ? NULL : "rate",
		.slowed = why_slowed(&p->tempo, now_ms) };
	enum level_state before = p->tempo.level.state;

	if (!level_set(&p->tempo.level, &f))
		return;
	stat_add(&p->tally->level[p->tempo.level.state], 1);
	relay_log_provider_level(p, before);
}

/* --- life ------------------------------------------------------------------
 */

void
tempo_init(struct provider *p)
{
	if (p->set->soft_rate)
		p->tempo.soft =
		    throttle_new(p->set->soft_rate, 1, soft_clock(p));
}

void
tempo_done(struct provider *p)
{
	throttle_free(&p->tempo.soft);
}

void
tempo_inherit(struct provider *p, struct provider *old)
{
	struct throttle *own = p->tempo.soft;

	p->tempo = old->tempo;
	p->tempo.soft = own;
	if (!own || !old->tempo.soft)
		return;
	p->tempo.soft = old->tempo.soft;
	old->tempo.soft = NULL;
	throttle_free(&own);
	throttle_change(p->tempo.soft, p->set->soft_rate, 1, soft_clock(p));
}
