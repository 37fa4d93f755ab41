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

/* Throttles want a clock that is far from 0. */
static uint64_t
soft_clock(const struct provider *p)
{
	return relay_now_ms(p->relay) + 2 * RATE_PERIOD_MAX_MS;
}

static double
slow_pace(const struct provider *p)
{
	const struct rate *soft = p->set->soft_rate;
	double base = p->flow.per_s;
	double pace = p->set->slow_factor;

	pace *=
	    base > 0 ? base : soft->count * 1000.0 / (double)soft->period_ms;
	return pace > PACE_MIN ? pace : PACE_MIN;
}

/* --- use -------------------------------------------------------------------
 */

uint64_t
tempo_when(struct provider *p)
{
	struct tempo *t = &p->tempo;
	uint64_t now_ms = relay_now_ms(p->relay);
	uint64_t at = adapt_when(&t->adapt, p->flow.per_s, now_ms);
	uint64_t soft = (uint64_t)t->next_ms + 1;

	if (t->soft_until_ms > now_ms && t->next_ms > (double)now_ms &&
	    soft > at)
		at = soft;
	return at;
}

uint64_t
tempo_full_until(struct provider *p)
{
	return guess_full_until(&p->tempo.adapt.guess, relay_now_ms(p->relay));
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
	bool shut;

	p->tempo.said_until_ms = now_ms + QUIET_MS;
	shut = adapt_refused(&p->tempo.adapt, now_ms) == ADAPT_SHUT;
	if (guess_is_news(&p->tempo.adapt.guess, now_ms))
		relay_log_provider_window(p);
	return shut;
}

uint64_t
tempo_pause_ms(const struct provider *p)
{
	return guess_pause_ms(&p->tempo.adapt.guess, relay_now_ms(p->relay));
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
tempo_renew(struct provider *p)
{
	struct throttle *soft = p->tempo.soft;

	if (!soft)
		tempo_init(p);
	else if (p->set->soft_rate)
		throttle_change(soft, p->set->soft_rate, 1, soft_clock(p));
	else
		tempo_done(p);
	if (!p->set->soft_rate)
		p->tempo.soft_until_ms = 0;
}

void
tempo_inherit(struct provider *p, struct provider *old)
{
	tempo_done(p);
	p->tempo = old->tempo;
	old->tempo.soft = NULL;
	tempo_renew(p);
}
