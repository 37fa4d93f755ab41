/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/balance.h"

#include "postern/base/rand.h"
#include "postern/relay/relay.h"
#include "postern/smtp/smtp_client.h"
#include "postern/spool/envelope.h"

#include "relay/agenda.h"
#include "relay/balancers.h"
#include "relay/delivery.h"
#include "relay/dress.h"
#include "relay/identity.h"
#include "relay/provider.h"
#include "relay/relay_core.h"
#include "relay/waiting.h"
#include "relay/way.h"

/* A deadline: does it know of such, and is that soon enough for it? */
static bool
meets(const struct delivery *d, const struct provider *p, uint32_t caps)
{
	return (caps & SMTP_CAP_DELIVERBY) != 0 &&
	       delivery_by_s(d) >= (int64_t)p->said.by_s;
}

static enum spool_hold
lacks(const struct delivery *d, const struct provider *p, uint32_t caps,
    uint64_t size_max)
{
	uint64_t size = d->env->size;

	caps &= ~p->set->disable;
	if (!dress_may(d, p))
		return SPOOL_HOLD_IDENTITY;
	if (p->set->max_size > 0 && size > p->set->max_size)
		return SPOOL_HOLD_SIZE;
	if ((d->needs & DELIVERY_NEEDS_TLS) && p->set->tls != RELAY_TLS_VERIFY)
		return SPOOL_HOLD_REQUIRETLS;
	if (!p->seen.is_known)
		return SPOOL_HOLD_NONE;
	if ((d->needs & DELIVERY_NEEDS_TLS) && !(caps & SMTP_CAP_REQUIRETLS))
		return SPOOL_HOLD_REQUIRETLS;
	if ((d->needs & DELIVERY_NEEDS_BY) && !meets(d, p, caps))
		return SPOOL_HOLD_DELIVERBY;
	if (size_max > 0 && size > size_max)
		return SPOOL_HOLD_SIZE;
	if ((d->needs & DELIVERY_NEEDS_UTF8) && !(caps & SMTP_CAP_SMTPUTF8))
		return SPOOL_HOLD_SMTPUTF8;
	if ((d->needs & DELIVERY_NEEDS_BINARY) &&
	    (caps & SMTP_CAPS_BINARY) != SMTP_CAPS_BINARY)
		return SPOOL_HOLD_BINARY;
	if ((d->needs & DELIVERY_NEEDS_8BIT) && !(caps & SMTP_CAP_8BITMIME) &&
	    !p->set->eight_bit_pass)
		return SPOOL_HOLD_8BIT;
	return SPOOL_HOLD_NONE;
}

enum spool_hold
balance_lacks(const struct delivery *d, const struct provider *p)
{
	return lacks(d, p, p->seen.caps, p->seen.size_max);
}

/* Its last session could not, but one shortly before could. */
static bool
was_able(const struct delivery *d, const struct provider *p)
{
	return p->seen.had_until_ms > 0 && !delivery_was_refused(d, p) &&
	       lacks(d, p, p->seen.had_caps, p->seen.had_size_max) ==
	           SPOOL_HOLD_NONE;
}

static bool
is_able(const struct delivery *d, const struct provider *p)
{
	return balance_lacks(d, p) == SPOOL_HOLD_NONE &&
	       !delivery_was_refused(d, p);
}

/* --- the choice ------------------------------------------------------------
 */

enum {
	NOT_REFUSED = 1, /* one that refused this sender lately comes last */
	NOT_FULL = 2
};

static bool
is_usable(struct provider *p)
{
	return provider_is_usable(p, relay_now_ms(p->relay));
}

/* At its caps: more would only wait there. */
static bool
is_full(struct provider *p, int priority)
{
	uint64_t now_ms = relay_now_ms(p->relay);

	if (flow_wake_ms(p) > now_ms)
		return true;
	return p->nwaiting_of[priority] >= waiting_room(p) &&
	       pool_live(&p->pool) >= provider_conns(p, now_ms);
}

static bool
is_candidate(const struct delivery *d, struct provider *p, unsigned without)
{
	if (!is_usable(p) || delivery_has_tried(d, p) || !is_able(d, p))
		return false;
	if ((without & NOT_FULL) && is_full(p, d->key.priority))
		return false;
	return !(without & NOT_REFUSED) ||
	       !identity_is_refused(d->relay->identity, p->id, d->env->sender,
	           relay_now_ms(d->relay));
}

static void
fill(struct balancers_member *m, const struct provider *p, bool may)
{
	m->may = may;
	if (!may)
		return;
	m->in_flight = p->nwaiting + p->nsending;
	m->txn_us = provider_txn_us(p);
}

static struct provider *
pick_member(
    const struct delivery *d, const struct way_group *g, unsigned without)
{
	struct balancers_ask ask = { .sender = d->env->sender,
		.rnd = rand_u64() };
	size_t i;

	for (i = 0; i < g->n; i++)
		fill(&g->members[i], g->providers[i],
		    is_candidate(d, g->providers[i], without));
	i = g->balancer->pick(g->members, g->n, &ask);
	return i < g->n ? g->providers[i] : NULL;
}

static struct provider *
pick_entry(
    const struct delivery *d, const struct way_group *g, unsigned without)
{
	struct provider *p = NULL;

	if (g->n == 1)
		return is_candidate(d, g->providers[0], without)
		           ? g->providers[0]
		           : NULL;
	if (!g->balancer->keeps)
		p = pick_member(d, g, without | NOT_FULL);
	return p ? p : pick_member(d, g, without);
}

static struct balance_choice
pick_in_order(const struct delivery *d, unsigned without)
{
	const struct way *y = d->line->way;
	struct balance_choice c = { NULL, NULL };

	for (size_t i = 0; !c.provider && i < y->nuse; i++) {
		c.entry = y->use[i];
		c.provider = pick_entry(d, c.entry, without);
	}
	return c;
}

static struct balance_choice
pick(const struct delivery *d, unsigned without)
{
	struct balance_choice c = { NULL, NULL };

	if (d->line->way->set->spill)
		c = pick_in_order(d, without | NOT_FULL);
	return c.provider ? c : pick_in_order(d, without);
}

static struct provider *
preferred(const struct delivery *d)
{
	const struct way *y = d->line->way;

	for (size_t i = 0; d->prefer && i < y->nproviders; i++) {
		struct provider *p = y->providers[i];

		if (p->id == d->prefer && is_candidate(d, p, 0))
			return p;
	}
	return NULL;
}

struct balance_choice
balance_foresee(const struct delivery *d)
{
	struct balance_choice c = { preferred(d), NULL };

	if (!c.provider && d->nround < DELIVERY_ROUND)
		c = pick(d, NOT_REFUSED);
	if (!c.provider && d->nround < DELIVERY_ROUND)
		c = pick(d, 0);
	return c;
}

/* What the pick was among is still in the group's members. */
static void
note(const struct way_group *g, const struct provider *p)
{
	size_t i = 0;

	if (g->n == 1 || !g->balancer->note)
		return;
	while (g->providers[i] != p)
		i++;
	g->balancer->note(g->members, g->n, i);
}

struct provider *
balance_pick(const struct delivery *d)
{
	struct balance_choice c = balance_foresee(d);

	if (c.provider && c.entry)
		note(c.entry, c.provider);
	return c.provider;
}

/* --- room ------------------------------------------------------------------
 */

static bool
has_room(const struct provider *p, int priority)
{
	return p->nwaiting_of[priority] + p->nloose_of[priority] <
	       waiting_room(p);
}

/* Whose turn it is, whatever the message; NULL: that depends on it. */
static struct provider *
in_turn(const struct way_group *g)
{
	struct balancers_ask ask = { .sender = NULL };
	size_t i;

	if (!g->balancer->keeps)
		return NULL;
	for (i = 0; i < g->n; i++)
		fill(&g->members[i], g->providers[i],
		    is_usable(g->providers[i]));
	i = g->balancer->pick(g->members, g->n, &ask);
	return i < g->n ? g->providers[i] : NULL;
}

static struct provider *
room_in(const struct way_group *g, int priority)
{
	struct provider *p = in_turn(g);

	if (p)
		return has_room(p, priority) ? p : NULL;
	for (size_t i = 0; i < g->n; i++) {
		p = g->providers[i];
		if (is_usable(p) && has_room(p, priority))
			return p;
	}
	return NULL;
}

/* The first entry that takes mail now. */
static const struct way_group *
first_entry(const struct way *y, int priority, bool not_full)
{
	for (size_t i = 0; i < y->nuse; i++) {
		const struct way_group *g = y->use[i];

		for (size_t k = 0; k < g->n; k++) {
			if (is_usable(g->providers[k]) &&
			    !(not_full && is_full(g->providers[k], priority)))
				return g;
		}
	}
	return NULL;
}

/* What an operator has paused is in no trouble. */
static bool
is_broken(const struct way *y)
{
	bool broken = false;

	for (size_t i = 0; i < y->nproviders; i++) {
		const struct provider *p = y->providers[i];

		if (!halt_is_over(&p->halt, relay_now_ms(p->relay)))
			continue;
		if (breaker_allows(&p->health))
			return false;
		broken = true;
	}
	return broken;
}

/* Where the operator bounds the tries, one that cannot be made is one. */
bool
balance_has_room(struct agenda_line *l, enum spool_priority priority)
{
	const struct way *y = l->way;
	const struct way_group *g = NULL;

	l->aim = NULL;
	if (y->set->spill)
		g = first_entry(y, (int)priority, true);
	if (!g)
		g = first_entry(y, (int)priority, false);
	if (!g)
		return y->set->retry.attempts > 0 && is_broken(y);
	l->aim = room_in(g, (int)priority);
	return l->aim != NULL;
}

bool
balance_is_open(const struct way *y)
{
	return first_entry(y, SPOOL_HIGH, false) != NULL;
}

/* --- how things stand ------------------------------------------------------
 */

struct balance_view
balance_look(const struct delivery *d)
{
	const struct way *y = d->line->way;
	struct balance_view v = { 0 };

	for (size_t i = 0; i < y->nproviders; i++) {
		struct provider *p = y->providers[i];
		bool usable = is_usable(p);
		enum spool_hold hold = balance_lacks(d, p);

		v.usable += usable;
		if (hold != SPOOL_HOLD_NONE) {
			v.lacks = hold;
			v.able += was_able(d, p);
		} else if (!delivery_was_refused(d, p)) {
			v.able++;
			v.able_usable += usable;
		}
	}
	v.is_broken = v.usable == 0 && is_broken(y);
	return v;
}
