/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/pool.h"

#include <assert.h>

#include "postern/relay/relay.h"

#include "relay/delivery.h"
#include "relay/provider.h"
#include "relay/relay_core.h"
#include "relay/relay_session.h"

#define PER_SESSION 4 /* as much waiting is worth one more session */

void
pool_init(struct pool *pool)
{
	for (int i = 0; i < POOL_PHASES; i++)
		list_init(&pool->in[i]);
	pool->ramp = 1;
}

size_t
pool_live(const struct pool *pool)
{
	return pool->n[POOL_CONNECTING] + pool->n[POOL_IDLE] +
	       pool->n[POOL_BUSY];
}

static void
put(struct relay_session *s, enum pool_phase phase)
{
	struct pool *pool = &s->provider->pool;

	s->phase = phase;
	pool->n[phase]++;
	if (phase == POOL_IDLE)
		list_insert(&pool->in[phase], &s->node); /* at the front */
	else
		list_push(&pool->in[phase], &s->node);
}

static void
take_out(struct relay_session *s)
{
	list_remove(&s->node);
	s->provider->pool.n[s->phase]--;
}

void
pool_enter(struct relay_session *s)
{
	put(s, POOL_CONNECTING);
	s->relay->nsessions++;
}

void
pool_move(struct relay_session *s, enum pool_phase to)
{
	static const uint8_t from[POOL_PHASES] = {
		[POOL_CONNECTING] = 0,
		[POOL_IDLE] = 1 << POOL_CONNECTING | 1 << POOL_BUSY,
		[POOL_BUSY] = 1 << POOL_IDLE,
		[POOL_DRAINING] = 1 << POOL_BUSY,
		[POOL_LEAVING] = 1 << POOL_CONNECTING | 1 << POOL_IDLE |
		                 1 << POOL_BUSY | 1 << POOL_DRAINING,
	};

	assert(from[to] & 1 << s->phase);
	if (s->phase == POOL_CONNECTING && to == POOL_IDLE)
		s->provider->pool.ramp++;
	take_out(s);
	put(s, to);
}

void
pool_leave(struct relay_session *s)
{
	take_out(s);
	s->relay->nsessions--;
}

/* All that the provider may see, also of older generations. */
static size_t
open_at(const struct provider *p)
{
	const struct list *retired = &p->relay->retired;
	size_t n = 0;

	for (int i = 0; i < POOL_PHASES; i++)
		n += p->pool.n[i];
	for (struct list *l = retired->next; l != retired; l = l->next) {
		const struct provider *old = LIST_OF(l, struct provider, node);

		for (int i = 0; provider_is_same(p, old) && i < POOL_PHASES;
		     i++)
			n += old->pool.n[i];
	}
	return n;
}

/* How many more may connect now. */
static size_t
room(struct provider *p)
{
	struct pool *pool = &p->pool;
	uint64_t now_ms = relay_now_ms(p->relay);
	size_t max = provider_conns(p, now_ms);
	size_t ramp = pool->ramp;
	size_t taken = open_at(p);

	if (p->health.state == BREAKER_HALF_OPEN) {
		if (pool_live(pool) > 0)
			return 0;
		ramp = 1;
	}
	if (p->set->user && provider_logins(p, now_ms) < ramp)
		ramp = provider_logins(p, now_ms);
	if (taken >= max || pool->n[POOL_CONNECTING] >= ramp)
		return 0;
	max -= taken;
	ramp -= pool->n[POOL_CONNECTING];
	return max < ramp ? max : ramp;
}

static void
open_more(struct provider *p)
{
	size_t useful = (p->nwaiting + PER_SESSION - 1) / PER_SESSION;

	while (useful > p->pool.n[POOL_CONNECTING] && room(p) > 0 &&
	       provider_is_usable(p, relay_now_ms(p->relay)))
		relay_session_open(p);
}

/* The next one that waits, if the session's server takes its recipients. */
static bool
may_take_next(struct relay_session *s)
{
	struct list *waiting = &s->provider->waiting;

	return relay_session_may_take(s) &&
	       (list_empty(waiting) ||
	           delivery_fits(LIST_OF(waiting->next, struct delivery, node),
	               &s->domains));
}

struct relay_session *
pool_lease(struct provider *p)
{
	struct list *idle = &p->pool.in[POOL_IDLE];

	while (!list_empty(idle)) {
		struct relay_session *s =
		    LIST_OF(idle->next, struct relay_session, node);

		if (may_take_next(s))
			return s;
		if (!provider_is_usable(p, relay_now_ms(p->relay)))
			return NULL;
		relay_session_quit(s);
	}
	open_more(p);
	return NULL;
}

void
pool_serve(struct provider *p)
{
	while (p->nwaiting > 0 && !p->relay->draining) {
		struct relay_session *s = pool_lease(p);
		struct delivery *d;

		if (!s || list_empty(&p->waiting))
			return;
		d = LIST_OF(list_pop(&p->waiting), struct delivery, node);
		p->nwaiting--;
		relay_session_send(s, d);
	}
}

static void
end_all(struct provider *p, enum pool_phase phase)
{
	struct list *in = &p->pool.in[phase];

	while (!list_empty(in)) {
		struct relay_session *s =
		    LIST_OF(in->next, struct relay_session, node);

		if (phase == POOL_IDLE)
			relay_session_quit(s);
		else
			relay_session_abort(s, "given up");
	}
}

void
pool_abort_connecting(struct provider *p)
{
	end_all(p, POOL_CONNECTING);
}

void
pool_quit_idle(struct provider *p)
{
	end_all(p, POOL_IDLE);
}

void
pool_retire(struct provider *p)
{
	end_all(p, POOL_CONNECTING);
	end_all(p, POOL_IDLE);
	while (!list_empty(&p->pool.in[POOL_BUSY]))
		pool_move(LIST_OF(p->pool.in[POOL_BUSY].next,
		              struct relay_session, node),
		    POOL_DRAINING);
}
