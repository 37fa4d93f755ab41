/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/pool.h"

#include <assert.h>

#include "postern/io/loop.h"
#include "postern/relay/relay.h"
#include "postern/smtp/outcome.h"
#include "postern/smtp/smtp_client.h"

#include "relay/delivery.h"
#include "relay/provider.h"
#include "relay/relay_core.h"
#include "relay/relay_session.h"
#include "relay/tally_book.h"
#include "relay/turns.h"
#include "relay/waiting.h"

#define PER_SESSION 4 /* as much waiting is worth one more session */
#define SPARE 1.3
#define MANY 100000.0 /* more than may be configured */

/* Those that have been idle for their time; the least recently used is last. */
static void
on_keeper(void *arg)
{
	struct provider *p = arg;
	struct list *idle = &p->pool.in[POOL_IDLE];
	uint64_t now_ms = relay_now_ms(p->relay);

	while (!list_empty(idle)) {
		struct relay_session *s =
		    LIST_OF(idle->prev, struct relay_session, node);
		uint64_t end_ms = s->idle_ms + p->set->idle_timeout_ms;

		if (end_ms > now_ms) {
			timer_set(p->pool.keeper, end_ms - now_ms);
			return;
		}
		relay_session_idled(s);
	}
}

void
pool_watch_idle(struct provider *p)
{
	if (p->set->warm > 0 && p->set->idle_timeout_ms > 0 &&
	    !timer_is_set(p->pool.keeper))
		timer_set(p->pool.keeper, p->set->idle_timeout_ms);
}

void
pool_done(struct pool *pool)
{
	timer_free(&pool->keeper);
}

void
pool_init(struct pool *pool, struct provider *p)
{
	for (int i = 0; i < POOL_PHASES; i++)
		list_init(&pool->in[i]);
	pool->ramp = 1;
	pool->keeper = timer_new(p->relay->loop, on_keeper, p);
}

const char *
pool_word(enum pool_phase phase)
{
	static const char *const word[POOL_PHASES] = { "connecting", "idle",
		"busy", "draining", "expired" };

	return word[phase];
}

void
pool_distrust(struct pool *pool)
{
	pool->ramp = pool->most = 1;
	pool->good = 0;
}

void
pool_trust(struct pool *pool, uint32_t max)
{
	if (pool->most == 0 || ++pool->good < pool->most)
		return;
	pool->good = 0;
	pool->most = pool->most < max / 2 ? pool->most * 2 : 0;
}

size_t
pool_live(const struct pool *pool)
{
	return pool->n[POOL_CONNECTING] + pool->n[POOL_IDLE] +
	       pool->n[POOL_BUSY];
}

size_t
pool_open(const struct pool *pool)
{
	size_t n = 0;

	for (int i = 0; i < POOL_PHASES; i++)
		n += pool->n[i];
	return n;
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
	flow_opened(s->provider, 1);
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
		[POOL_EXPIRED] = 1 << POOL_CONNECTING | 1 << POOL_IDLE |
		                 1 << POOL_BUSY | 1 << POOL_DRAINING,
	};

	assert(from[to] & 1 << s->phase);
	pool_set_stalled(s, false);
	if (s->phase == POOL_CONNECTING && to == POOL_IDLE)
		s->provider->pool.ramp++;
	take_out(s);
	put(s, to);
}

void
pool_set_stalled(struct relay_session *s, bool is_stalled)
{
	struct pool *pool = &s->provider->pool;

	if (s->phase == POOL_BUSY && s->is_stalled != is_stalled)
		pool->nstalled += is_stalled ? 1 : (size_t)-1;
	s->is_stalled = is_stalled;
}

void
pool_leave(struct relay_session *s)
{
	take_out(s);
	flow_closed(s->provider, 1);
	s->relay->nsessions--;
}

/* All that the provider may see, also of older generations. */
static size_t
open_at(const struct provider *p)
{
	const struct list *retired = &p->relay->retired;
	size_t n = pool_open(&p->pool);

	for (struct list *l = retired->next; l != retired; l = l->next) {
		const struct provider *old = LIST_OF(l, struct provider, node);

		n += provider_is_same(p, old) ? pool_open(&old->pool) : 0;
	}
	return n;
}

bool
pool_has_room(struct provider *p)
{
	return open_at(p) < provider_conns(p, relay_now_ms(p->relay));
}

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
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
	size_t live = pool_live(pool) - pool->nstalled;

	if (p->set->user)
		ramp = least(ramp, provider_logins(p, now_ms));
	if (taken >= max || pool->n[POOL_CONNECTING] >= ramp)
		return 0;
	max = least(max - taken, ramp - pool->n[POOL_CONNECTING]);
	max = least(max, flow_conns_left(p));
	if (pool->most == 0)
		return max;
	return pool->most > live ? least(max, pool->most - live) : 0;
}

/* Little: more sessions than rate x time of a transaction are never in use at
 * once; a little more, because neither is even.  While no time is known one
 * session finds out. */
static size_t
enough(const struct provider *p)
{
	double busy = p->flow.per_s * (double)provider_txn_us(p) / 1e6 * SPARE;

	if (p->flow.per_s <= 0)
		return SIZE_MAX; /* what waits decides */
	return (size_t)(busy < MANY ? busy : MANY) + 1;
}

static void
open_more(struct provider *p)
{
	size_t useful = (p->nwaiting + PER_SESSION - 1) / PER_SESSION;

	while (useful > p->pool.n[POOL_CONNECTING] &&
	       pool_live(&p->pool) < enough(p) && room(p) > 0 &&
	       turns_may_open(p) &&
	       provider_is_usable(p, relay_now_ms(p->relay)))
		relay_session_open(p, false);
	turns_ask(p);
}

/* Where all that may be open wait in vain for a reply to their final dot, one
 * more asks: else a provider that is back would stay unknown until their time
 * is over, minutes later. */
static bool
all_are_stalled(const struct provider *p)
{
	size_t open = open_at(p);

	return open > 0 && open == p->pool.nstalled;
}

bool
pool_wants_probe(struct provider *p)
{
	return provider_wants_probe(p, relay_now_ms(p->relay)) &&
	       p->pool.n[POOL_CONNECTING] == 0 &&
	       (all_are_stalled(p) || pool_has_room(p));
}

static void
open_probe(struct provider *p)
{
	p->probe_ms = relay_now_ms(p->relay);
	stat_add(&p->tally->breaker[TALLY_HALF_OPEN], 1);
	relay_session_open(p, true);
}

/* Sessions without a message to wait for them: one to tell whether the provider
 * is back, or those that are to be warm. */
static void
open_spare(struct provider *p)
{
	if (pool_wants_probe(p)) {
		if (all_are_stalled(p) || flow_conns_left(p) > 0)
			open_probe(p);
		else
			turns_ask(p);
		return;
	}
	while (pool_live(&p->pool) < p->set->warm && room(p) > 0 &&
	       provider_is_usable(p, relay_now_ms(p->relay)))
		relay_session_open(p, false);
}

/* The provider allows fewer by now. */
static bool
is_surplus(const struct relay_session *s)
{
	struct provider *p = s->provider;
	size_t live = pool_live(&p->pool) - p->pool.nstalled;

	return live > provider_conns(p, relay_now_ms(s->relay));
}

const char *
pool_ripe(const struct relay_session *s)
{
	uint64_t max = provider_messages(s->provider);

	if (!halt_is_over(&s->provider->halt, relay_now_ms(s->relay)))
		return "paused";
	if (max > 0 && s->started >= max)
		return "messages";
	max = s->provider->set->max_age_ms;
	if (max > 0 && relay_now_ms(s->relay) - s->opened_ms >= max)
		return "age";
	if (is_surplus(s))
		return "surplus";
	return turns_is_over(s) ? "shared" : NULL;
}

/* One at a time. */
static bool
is_free_for_trial(const struct relay_session *s)
{
	const struct pool *pool = &s->provider->pool;

	return pool->n[POOL_BUSY] - pool->nstalled == (s->phase == POOL_BUSY);
}

bool
pool_may_take(struct relay_session *s)
{
	struct provider *p = s->provider;

	if (s->over || s->judged || s->relay->draining || s->is_stalled ||
	    pool_ripe(s))
		return false;
	if (s->phase != POOL_IDLE && s->phase != POOL_BUSY)
		return false;
	if (!provider_is_usable(p, relay_now_ms(s->relay)))
		return false;
	if (p->health.state != BREAKER_TRIAL)
		return true;
	return s->nin_hand == 0 && is_free_for_trial(s);
}

/* The next one that waits, if the session's server takes its recipients. */
static bool
may_take_next(struct relay_session *s)
{
	const struct delivery *d = waiting_first(s->provider);

	return pool_may_take(s) && (!d || delivery_fits(d, &s->domains));
}

struct relay_session *
pool_lease(struct provider *p)
{
	struct list *idle = &p->pool.in[POOL_IDLE];

	while (!list_empty(idle)) {
		struct relay_session *s =
		    LIST_OF(idle->next, struct relay_session, node);
		const char *why;

		if (may_take_next(s))
			return s;
		if (!provider_is_usable(p, relay_now_ms(p->relay)) ||
		    (p->health.state == BREAKER_TRIAL && !is_free_for_trial(s)))
			return NULL;
		why = pool_ripe(s);
		relay_session_quit(s, why ? why : "recipients");
	}
	open_more(p);
	return NULL;
}

void
pool_serve(struct provider *p)
{
	if (!p->relay->draining)
		open_spare(p);
	while (p->nwaiting > 0 && !p->relay->draining) {
		struct relay_session *s = pool_lease(p);
		struct delivery *d = s ? flow_next(p) : NULL;

		if (!d)
			return;
		relay_session_send(s, d);
	}
}

static void
end_all(struct provider *p, enum pool_phase phase, const char *why)
{
	struct list *in = &p->pool.in[phase];

	while (!list_empty(in)) {
		struct relay_session *s =
		    LIST_OF(in->next, struct relay_session, node);

		if (phase == POOL_IDLE)
			relay_session_quit(s, why);
		else
			relay_session_abort(s, why);
	}
}

void
pool_abort_connecting(struct provider *p)
{
	struct list *in = &p->pool.in[POOL_CONNECTING];
	struct list *node = in->next;

	while (node != in) {
		struct relay_session *s =
		    LIST_OF(node, struct relay_session, node);

		node = node->next;
		if (!s->is_probe)
			relay_session_abort(s, "given-up");
	}
}

void
pool_halt(struct provider *p)
{
	end_all(p, POOL_CONNECTING, "paused");
	end_all(p, POOL_IDLE, "paused");
}

void
pool_quit_idle(struct provider *p, const char *why)
{
	end_all(p, POOL_IDLE, why);
}

size_t
pool_logging_in(const struct pool *pool)
{
	const struct list *in = &pool->in[POOL_CONNECTING];
	size_t n = 0;

	for (struct list *node = in->next; node != in; node = node->next) {
		const struct relay_session *s =
		    LIST_OF(node, struct relay_session, node);

		n += s->client != NULL &&
		     smtp_client_awaits(s->client, NULL) == OUTCOME_AUTH;
	}
	return n;
}

void
pool_retire(struct provider *p)
{
	end_all(p, POOL_CONNECTING, "reload");
	end_all(p, POOL_IDLE, "reload");
	while (!list_empty(&p->pool.in[POOL_BUSY]))
		pool_move(LIST_OF(p->pool.in[POOL_BUSY].next,
		              struct relay_session, node),
		    POOL_DRAINING);
}
