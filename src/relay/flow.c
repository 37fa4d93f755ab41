/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/flow.h"

#include <string.h>

#include "postern/base/clock.h"
#include "postern/mail/rate.h"
#include "postern/relay/relay.h"
#include "postern/smtp/outcome.h"

#include "relay/allowance.h"
#include "relay/delivery.h"
#include "relay/dispatch.h"
#include "relay/provider.h"
#include "relay/relay_core.h"
#include "relay/throttle.h"
#include "relay/turns.h"

#define SHORT_MS 60000 /* a window that says how fast, not how much */
#define SPENT_MS 10000 /* mail waits for a slot so long, not longer */

/* --- the settings ----------------------------------------------------------
 */

const struct relay_limit *
flow_limit(const struct relay_settings *s, const char *name)
{
	for (size_t i = 0; i < s->nlimits; i++) {
		if (strcmp(s->limits[i].name, name) == 0)
			return &s->limits[i];
	}
	return NULL;
}

static void
note_pace(struct flow *f, const struct rate *rate)
{
	double per_s = rate->count * 1000.0 / (double)rate->period_ms;

	if (rate->period_ms <= SHORT_MS && (f->per_s == 0 || per_s < f->per_s))
		f->per_s = per_s;
}

static void
add(struct provider *p, const struct allowance_settings *s)
{
	struct flow *f = &p->flow;

	for (size_t i = 0; i < s->nrates; i++)
		note_pace(f, &s->rates[i]);
	if (f->n < 1 + RELAY_LIMITS_MAX)
		f->allowance[f->n++] = allowance_of(p->relay->book, s);
}

/* --- the ramp --- */

static int64_t
day_of(const struct relay_ramp *ramp)
{
	int64_t since = clock_wall_ms() - ramp->start_ms;

	return since < 0 ? 0 : since / (int64_t)RATE_DAY_MS;
}

/* What may be sent on that day. */
static struct rate
rate_of(const struct relay_ramp *ramp, int64_t day)
{
	double count = ramp->first->count;
	struct rate r = *ramp->first;

	for (int64_t i = 0; i < day && count < RATE_COUNT_MAX; i++)
		count *= ramp->factor;
	r.count = count < RATE_COUNT_MAX ? (uint32_t)count : RATE_COUNT_MAX;
	return r;
}

/* The same allowance each day, with another window. */
static struct allowance *
allow_ramp(struct provider *p)
{
	const struct relay_ramp *ramp = &p->set->ramp;
	int64_t day = day_of(ramp);
	struct rate r = rate_of(ramp, day);
	struct allowance_settings s = { .kind = "ramp",
		.name = p->set->name,
		.rates = &r,
		.nrates = day < ramp->days ? 1 : 0 };

	p->flow.ramp_day = day;
	return allowance_of(p->relay->book, &s);
}

void
flow_look(struct provider *p)
{
	const struct relay_ramp *ramp = &p->set->ramp;

	if (!ramp->first || day_of(ramp) == p->flow.ramp_day)
		return;
	(void)allow_ramp(p);
	p->flow.spent_ms = p->flow.block_ms = 0;
}

void
flow_init(struct provider *p)
{
	const struct relay_provider *set = p->set;
	struct allowance_settings own = { .kind = "provider",
		.name = set->name,
		.rates = set->rates,
		.nrates = set->nrates };

	add(p, &own);
	for (size_t i = 0; i < set->nlimits; i++) {
		const struct relay_limit *l =
		    flow_limit(p->gen->set, set->limits[i]);
		struct allowance_settings shared = { .kind = "limit",
			.name = set->limits[i] };

		if (!l)
			continue;
		shared.rates = l->rates;
		shared.nrates = l->nrates;
		shared.conns_max = l->max_connections;
		add(p, &shared);
	}
	if (set->ramp.first)
		p->flow.allowance[p->flow.n++] = allow_ramp(p);
}

void
flow_renew(struct provider *p)
{
	size_t open = pool_open(&p->pool);

	flow_closed(p, open);
	p->flow = (struct flow){ 0 };
	flow_init(p);
	flow_opened(p, open);
}

/* --- slots -----------------------------------------------------------------
 */

static void
note_full(struct flow *f, uint64_t full_ms, uint64_t now_ms)
{
	if (full_ms > now_ms + SPENT_MS && full_ms > f->spent_ms)
		f->spent_ms = full_ms;
}

/* 0: it may start now. */
static uint64_t
when(struct provider *p, uint32_t nrcpts)
{
	struct flow *f = &p->flow;
	uint64_t now_ms = relay_now_ms(p->relay);
	uint64_t at = tempo_when(p);

	note_full(f, tempo_full_until(p), now_ms);
	for (size_t i = 0; i < f->n; i++) {
		uint64_t one = allowance_when(f->allowance[i], nrcpts);

		if (one > 0)
			note_full(f,
			    allowance_full_until(f->allowance[i], nrcpts),
			    now_ms);
		at = one > at ? one : at;
	}
	f->wake_ms = at;
	return at;
}

bool
flow_has_slot(struct provider *p)
{
	const struct flow *f = &p->flow;
	uint64_t now_ms = relay_now_ms(p->relay);

	if (f->block_ms > now_ms || f->wake_ms > now_ms)
		return false;
	if (when(p, 1) == 0)
		return true;
	if (flow_is_spent(p, now_ms))
		relay_kick(p->relay); /* what waits goes elsewhere */
	return false;
}

/* As many recipients as its next transaction may have. */
static uint32_t
rcpts_of(const struct delivery *d, struct provider *p)
{
	uint32_t n = delivery_count(d, DELIVERY_TODO);
	uint32_t max = provider_rcpts(p);

	return max > 0 && max < n ? max : n;
}

struct delivery *
flow_next(struct provider *p)
{
	struct flow *f = &p->flow;
	struct delivery *d;

	if (f->block_ms > relay_now_ms(p->relay) || when(p, 1) > 0)
		return NULL;
	d = dispatch_next(p);
	f->block_ms = d ? when(p, rcpts_of(d, p)) : 0;
	if (f->block_ms == 0)
		return d;
	dispatch_put_back(d);
	return NULL;
}

void
flow_begin(struct delivery *d, struct provider *p)
{
	struct flow *f = &p->flow;
	struct flow_lease *l = &d->lease;

	l->n = f->n;
	for (size_t i = 0; i < f->n; i++)
		l->slot[i] = allowance_take(f->allowance[i], d->txn.nrcpts);
	tempo_sent(p, d->txn.nrcpts);
	turns_served(p);
	f->wake_ms = 0;
}

/* Nothing of it can have been counted: not all of its content had left. */
static bool
is_uncounted(const struct outcome *o)
{
	return o->io != OUTCOME_REPLY && o->stage < OUTCOME_DATA &&
	       !o->dot_sent;
}

void
flow_end(struct delivery *d, const struct outcome *o)
{
	struct flow_lease *l = &d->lease;
	uint64_t now_ms = allowance_clock_ms(d->provider->flow.allowance[0]);
	bool replied = o->io == OUTCOME_REPLY && o->stage == OUTCOME_DOT;

	for (size_t i = 0; i < l->n; i++) {
		if (is_uncounted(o))
			throttle_give_back(&l->slot[i]);
		else if (replied)
			throttle_replied(&l->slot[i], now_ms);
		else
			throttle_ended(&l->slot[i], now_ms);
	}
	l->n = 0;
	d->provider->flow.block_ms = 0;
}

/* --- what the provider is asked --------------------------------------------
 */

bool
flow_is_spent(const struct provider *p, uint64_t now_ms)
{
	return p->flow.spent_ms > now_ms;
}

uint64_t
flow_wake_ms(const struct provider *p)
{
	const struct flow *f = &p->flow;

	return f->wake_ms > f->spent_ms ? f->wake_ms : f->spent_ms;
}

uint32_t
flow_rcpts(const struct provider *p)
{
	uint32_t max = 0;

	for (size_t i = 0; i < p->flow.n; i++) {
		uint32_t one = allowance_rcpts(p->flow.allowance[i]);

		if (one > 0 && (max == 0 || one < max))
			max = one;
	}
	return max;
}

void
flow_opened(struct provider *p, size_t n)
{
	for (size_t i = 0; i < p->flow.n; i++)
		allowance_opened(p->flow.allowance[i], n);
}

void
flow_closed(struct provider *p, size_t n)
{
	for (size_t i = 0; i < p->flow.n; i++)
		allowance_closed(p->flow.allowance[i], n);
}

size_t
flow_conns_left(const struct provider *p)
{
	size_t left = SIZE_MAX;

	for (size_t i = 0; i < p->flow.n; i++) {
		size_t one = allowance_conns_left(p->flow.allowance[i]);

		left = one < left ? one : left;
	}
	return left;
}

static bool
shares(const struct provider *p, const struct allowance *a)
{
	for (size_t i = 0; i < p->flow.n; i++) {
		if (p->flow.allowance[i] == a)
			return true;
	}
	return false;
}

uint32_t
flow_contended(const struct provider *p, const struct provider *q)
{
	uint32_t least = 0;

	for (size_t i = 0; i < p->flow.n; i++) {
		const struct allowance *a = p->flow.allowance[i];
		uint32_t max = allowance_conns(a);

		if (allowance_conns_left(a) == 0 && shares(q, a) &&
		    (least == 0 || max < least))
			least = max;
	}
	return least;
}
