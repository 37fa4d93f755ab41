/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A round: a delivery is offered to at most three providers, one after the
 * other.  Trouble of providers alone costs nothing but time: short waits in
 * memory, then the key goes back to the schedule as it was, and stays there
 * while no provider can be used.
 */
#include "relay/dispatch.h"

#include <assert.h>

#include "postern/base/clock.h"
#include "postern/base/id.h"
#include "postern/base/rand.h"
#include "postern/io/loop.h"
#include "postern/relay/relay.h"
#include "postern/smtp/outcome.h"
#include "postern/smtp/smtp_client.h"
#include "postern/spool/envelope.h"

#include "relay/backoff.h"
#include "relay/balance.h"
#include "relay/cache.h"
#include "relay/delivery.h"
#include "relay/fetch.h"
#include "relay/identity.h"
#include "relay/overdue.h"
#include "relay/park.h"
#include "relay/provider.h"
#include "relay/relay_core.h"
#include "relay/relay_log.h"
#include "relay/relay_session.h"
#include "relay/review.h"
#include "relay/scheduler.h"
#include "relay/settle.h"
#include "relay/suspect.h"
#include "relay/sweep.h"
#include "relay/verdict.h"

#define PER_SESSION 4     /* keys in hand, sent or not */
#define SETTLING_MAX 4096 /* unanswered: the writer is behind */
#define HELD_MAX 256      /* waiting for whatever */
#define NEXT_TRIES 4      /* keys looked at for a session that asks */
#define WAKE_MAX_MS 60000 /* the wall clock may have been set */
#define STUCK_MS 1000

/* --- places ----------------------------------------------------------------
 */

static void
wait_at(struct provider *p, struct delivery *d, bool first)
{
	delivery_set_phase(d, DELIVERY_WAITING);
	d->provider = p;
	if (first)
		list_insert(&p->waiting, &d->node);
	else
		list_push(&p->waiting, &d->node);
	p->nwaiting++;
	relay_kick(p->relay);
}

void
dispatch_put_back(struct delivery *d)
{
	wait_at(d->provider, d, true);
}

static struct delivery *
pop(struct provider *p)
{
	struct list *node = list_pop(&p->waiting);

	if (!node)
		return NULL;
	p->nwaiting--;
	return LIST_OF(node, struct delivery, node);
}

bool
dispatch_withdraw(struct delivery *d)
{
	if (d->phase == DELIVERY_WAITING) {
		list_remove(&d->node);
		d->provider->nwaiting--;
	} else if (d->phase == DELIVERY_QUICK) {
		heap_del(&d->relay->quick, &d->wake);
	} else {
		return false;
	}
	delivery_set_phase(d, DELIVERY_TAKEN);
	return true;
}

void
dispatch_return(struct delivery *d)
{
	struct relay *r = d->relay;
	struct spool_key key = d->key;

	if (d->nsettles > 0 || delivery_count(d, DELIVERY_TODO) < d->nrcpts) {
		settle_final(d);
		return;
	}
	delivery_free(&d);
	scheduler_put(r->sched, &key);
}

/* --- the end of a round ----------------------------------------------------
 */

static void
later(struct delivery *d)
{
	d->later = true;
	delivery_set_todo(d, DELIVERY_LATER, &d->reply);
	settle_final(d);
}

/* Nobody there can or will ever take it. */
static void
fail_unfit(struct delivery *d, enum spool_hold lacks)
{
	struct delivery_reply *reply = &d->reply;

	if (lacks == SPOOL_HOLD_SMTPUTF8)
		delivery_reply_set(reply, 553, "5.6.7",
		    "no provider takes non-ASCII addresses or headers");
	else if (lacks == SPOOL_HOLD_8BIT)
		delivery_reply_set(
		    reply, 554, "5.6.3", "no provider takes 8-bit content");
	else if (lacks == SPOOL_HOLD_BINARY)
		delivery_reply_set(
		    reply, 554, "5.6.3", "no provider takes binary content");
	else if (lacks == SPOOL_HOLD_REQUIRETLS)
		delivery_reply_set(reply, 550, "5.7.30",
		    "no provider supports REQUIRETLS, which the message "
		    "demands");
	else if (lacks == SPOOL_HOLD_DELIVERBY)
		delivery_reply_set(reply, 554, "5.4.7",
		    "no provider supports DELIVERBY, which the message "
		    "demands, or none is so fast");
	else if (lacks == SPOOL_HOLD_SIZE)
		delivery_reply_set(reply, 552, "5.3.4",
		    "the message is larger than any provider takes");
	else if (reply->code == 0)
		delivery_reply_set(reply, 554, "5.6.0",
		    reply->text ? reply->text : "the message cannot be sent");
	d->cause = lacks == SPOOL_HOLD_NONE ? "refused" : "unfit";
	delivery_set_todo(d, DELIVERY_DEAD, reply);
	settle_final(d);
}

/* attempts > 0: each round counts, whoever's trouble it was. */
static void
count_round(struct delivery *d)
{
	const struct relay_retry *retry = &d->relay->set->retry;
	uint32_t tries = d->attempts + 1;
	uint64_t wait = backoff_quick(retry, d->attempts, rand_u64());

	if (tries >= retry->attempts) {
		d->cause = "attempts";
		for (uint32_t i = 0; i < d->nrcpts; i++)
			d->rcpts[i].quiet = d->rcpts[i].state == DELIVERY_TODO;
		delivery_set_todo(d, DELIVERY_DEAD, &d->reply);
		settle_final(d);
		return;
	}
	if (wait == 0)
		wait = backoff_next(
		    retry, d->attempts - (uint32_t)retry->nquick, rand_u64());
	delivery_set_todo(d, DELIVERY_LATER, &d->reply);
	settle_until(d, clock_wall_ms() + (int64_t)wait);
}

static bool
wait_quick(struct delivery *d)
{
	struct relay *r = d->relay;
	uint64_t wait = backoff_quick(&r->set->retry, d->nquick, rand_u64());

	if (wait == 0)
		return false;
	d->nquick++;
	d->provider = NULL;
	delivery_set_phase(d, DELIVERY_QUICK);
	heap_put(&r->quick, &d->wake, relay_now_ms(r) + wait);
	return true;
}

/* The quick waits are used up and somebody seems usable all the same.  Where
 * others got through meanwhile it is this message; else it is the provider. */
static void
give_back(struct delivery *d)
{
	struct relay *r = d->relay;

	for (size_t i = 0; i < r->nproviders; i++) {
		struct provider *p = r->providers[i];

		if (p->id != d->why_provider)
			continue;
		if (p->delivered != d->why_delivered) {
			later(d);
			return;
		}
		provider_give_up(p, d->why);
		dispatch_return(d);
		dispatch_evict(p);
		return;
	}
	dispatch_return(d);
}

/* It costs the provider's sessions round after round.  As the first of the
 * queue it would be what each recovery is tried with, and nothing else would
 * ever leave. */
static bool
is_poison(struct delivery *d)
{
	return d->cost_session && suspect_note(d->relay->suspect, d->key.mid,
	                              d->key.n) >= SUSPECT_ROUNDS;
}

static void
round_over(struct delivery *d)
{
	struct relay *r = d->relay;
	struct balance_view v = balance_look(r, d);
	bool trouble = verdict_row(d->why)->is_trouble;

	if (v.able == 0 && r->nproviders > 0)
		fail_unfit(d, v.lacks);
	else if (d->later)
		later(d);
	else if (trouble && r->set->retry.attempts > 0)
		count_round(d);
	else if (trouble && v.able_usable > 0 && wait_quick(d))
		return;
	else if (is_poison(d))
		later(d);
	else if (v.usable == 0)
		dispatch_return(d);
	else if (v.able_usable > 0)
		give_back(d);
	else if (v.lacks != SPOOL_HOLD_NONE)
		settle_park(d, v.lacks);
	else
		later(d);
}

void
dispatch_place(struct delivery *d)
{
	struct provider *p = NULL;

	if (!d->relay->draining && overdue_is(d)) {
		overdue_fail(d);
		return;
	}
	if (!d->relay->draining)
		p = balance_pick(d->relay, d);
	if (p)
		wait_at(p, d, false);
	else if (d->relay->draining)
		dispatch_return(d);
	else
		round_over(d);
}

/* --- after a try -----------------------------------------------------------
 */

static void
note_trouble(
    struct delivery *d, const struct provider *p, enum verdict_class why)
{
	d->why = why;
	if (d->why_provider == p->id)
		return;
	d->why_provider = p->id;
	d->why_delivered = p->delivered;
}

static void
again_at(struct provider *p, struct delivery *d)
{
	uint64_t now_ms = relay_now_ms(p->relay);

	if (!p->relay->draining && provider_is_usable(p, now_ms))
		wait_at(p, d, true);
	else
		dispatch_place(d);
}

/* Said about a recipient: so many are taken as were before it.  Said about the
 * whole: nobody knows how many are. */
static void
split(struct provider *p, const struct delivery *d, uint32_t nrcpts)
{
	provider_learn_rcpts(
	    p, d->txn_why == VERDICT_SPLIT ? d->naccepted : nrcpts / 2);
}

static void
same(struct delivery *d, struct provider *p, enum verdict_class class)
{
	if (class == VERDICT_UNSURE) {
		d->prefer = p->id;
		note_trouble(d, p, class);
		if (p->relay->draining)
			dispatch_return(d);
		else
			round_over(d);
		return;
	}
	if (class == VERDICT_STALE)
		pool_quit_idle(p, "stale");
	again_at(p, d);
}

static void
next(struct delivery *d, struct provider *p, enum verdict_class class)
{
	note_trouble(d, p, class);
	if (class == VERDICT_CONNS && pool_live(&p->pool) > 0) {
		again_at(p, d);
		return;
	}
	delivery_mark_tried(d, p);
	dispatch_place(d);
}

static void
other(struct delivery *d, struct provider *p, enum verdict_class class)
{
	struct relay *r = d->relay;

	d->why = class;
	if (class == VERDICT_IDENTITY)
		identity_refused(
		    r->identity, p->id, d->env->sender, relay_now_ms(r));
	delivery_mark_refused(d, p);
	dispatch_place(d);
}

/* Others get through where it costs the session: nobody else is bothered with
 * it now. */
static void
suspected(struct delivery *d)
{
	if (suspect_blame(d->relay->suspect, d->key.mid, d->key.n) >=
	    SUSPECT_ROUNDS)
		settle_park(d, SPOOL_HOLD_POISON);
	else
		later(d);
}

static void
go_on(struct delivery *d, struct provider *p, enum verdict_class class)
{
	switch (verdict_row(class)->message) {
	case VERDICT_TO_SAME:
		same(d, p, class);
		return;
	case VERDICT_TO_NEXT:
		next(d, p, class);
		return;
	case VERDICT_TO_OTHER:
		other(d, p, class);
		return;
	case VERDICT_TO_LATER:
		d->later = true;
		delivery_mark_tried(d, p);
		dispatch_place(d);
		return;
	case VERDICT_TO_SUSPECT:
		suspected(d);
		return;
	case VERDICT_TO_DONE:
	case VERDICT_TO_REST:
	case VERDICT_TO_WAIT:
	case VERDICT_TO_FAIL:
	case VERDICT_TO_DEAD:
		again_at(p, d); /* the recipients that are left */
		return;
	}
}

/* Its last try may have delivered it all the same. */
static bool
is_unsure(const struct verdict *v, const struct outcome *o)
{
	return v->class == VERDICT_UNSURE ||
	       (v->class == VERDICT_POISON && o->io != OUTCOME_REPLY &&
	           o->dot_sent);
}

void
dispatch_done(struct delivery *d, struct relay_session *s,
    const struct verdict *v, const struct outcome *o)
{
	struct provider *p = s->provider;
	struct relay *r = d->relay;

	if (is_unsure(v, o)) {
		d->unsure = true;
		relay_log_unsure(d, o);
	}
	if (v->class == VERDICT_SPLIT)
		split(p, d, d->txn.nrcpts);
	d->cost_session |= review_is_loss(v, o);
	delivery_set_phase(d, DELIVERY_TAKEN);
	if (delivery_count(d, DELIVERY_TODO) == 0) {
		settle_final(d);
	} else {
		settle_interim(d);
		go_on(d, p, v->class);
	}
	if (p->nwaiting > 0 && !provider_is_usable(p, relay_now_ms(r)))
		dispatch_evict(p);
	relay_kick(r);
}

static void
take_all(struct provider *p, struct list *all)
{
	struct delivery *d;

	list_init(all);
	while ((d = pop(p)) != NULL)
		list_push(all, &d->node);
}

/* What came to wait before it was known what the provider takes. */
static void
refit(struct provider *p)
{
	struct list all;
	struct list *node;

	take_all(p, &all);
	while ((node = list_pop(&all)) != NULL) {
		struct delivery *d = LIST_OF(node, struct delivery, node);

		if (balance_lacks(d, p) == SPOOL_HOLD_NONE)
			wait_at(p, d, false);
		else
			dispatch_place(d);
	}
}

void
dispatch_connected(struct provider *p, const struct smtp_client *c)
{
	p->said = smtp_client_limits(c);
	if (provider_learn(
	        p, smtp_client_capabilities(c), smtp_client_size_max(c)))
		park_look(p->relay);
	refit(p);
	relay_kick(p->relay);
}

void
dispatch_evict(struct provider *p)
{
	struct list all;
	struct list *node;

	take_all(p, &all);
	while ((node = list_pop(&all)) != NULL)
		dispatch_place(LIST_OF(node, struct delivery, node));
}

void
dispatch_not_connected(
    struct provider *p, const struct verdict *v, const struct outcome *o)
{
	struct list all;
	struct list *node;

	if (v->class == VERDICT_AUTH)
		pool_abort_connecting(p);
	if (p->retired || !provider_is_usable(p, relay_now_ms(p->relay))) {
		pool_abort_connecting(p);
	} else if (pool_live(&p->pool) > 0) {
		return; /* others are there, or may get there */
	}
	take_all(p, &all);
	while ((node = list_pop(&all)) != NULL) {
		struct delivery *d = LIST_OF(node, struct delivery, node);

		note_trouble(d, p, v->class);
		delivery_reply_set(&d->reply, o->code, o->enhanced, o->text);
		delivery_mark_tried(d, p);
		dispatch_place(d);
	}
	relay_kick(p->relay);
}

/* --- work from the schedule ------------------------------------------------
 */

/* What is held but not for p: at others, or by the sweeper. */
static size_t
held_for_others(struct relay *r, const struct provider *p)
{
	size_t n = r->nswept;

	for (size_t i = 0; i < r->nproviders; i++) {
		if (r->providers[i] != p)
			n += r->providers[i]->nwaiting;
	}
	return n < r->nheld ? n : r->nheld;
}

/* No more than can be sent soon, so that memory does not depend on the queue.
 * Those held for other providers do not stop the first one's, up to a bound. */
static bool
may_take(struct relay *r)
{
	struct provider *p;
	size_t room = PER_SESSION;

	if (r->draining || r->nsettling >= SETTLING_MAX ||
	    spool_is_stuck(r->spool))
		return false;
	p = balance_first(r);
	if (!p)
		return false;
	room += PER_SESSION * pool_live(&p->pool);
	return r->nheld - held_for_others(r, p) < room &&
	       r->nheld < HELD_MAX + room;
}

void
dispatch_loaded(struct delivery *d, bool gone)
{
	if (gone)
		delivery_free(&d);
	else if (d->purpose == DELIVERY_OVERDUE)
		overdue_loaded(d);
	else if (d->purpose != DELIVERY_SEND)
		sweep_loaded(d);
	else if (d->corrupt)
		settle_final(d);
	else
		dispatch_place(d);
}

static bool
take_one(struct relay *r)
{
	struct delivery *d = delivery_due(r);
	struct envelope *env;

	if (!d)
		return false;
	env = cache_take(r->cache, d->key.mid);
	if (!env) {
		fetch_load(d);
		return true;
	}
	if (delivery_open(d, env))
		dispatch_place(d);
	else
		settle_final(d);
	return true;
}

struct delivery *
dispatch_next(struct provider *p)
{
	struct delivery *d;

	for (int i = 0; i < NEXT_TRIES && p->nwaiting == 0; i++) {
		if (!may_take(p->relay) || !take_one(p->relay))
			break;
	}
	while ((d = pop(p)) != NULL && overdue_is(d))
		overdue_fail(d);
	return d;
}

/* Those whose short wait is over: again, first with somebody new. */
static void
end_quick(struct relay *r)
{
	struct heap_node *node;

	while ((node = heap_min(&r->quick)) != NULL &&
	       node->key <= relay_now_ms(r)) {
		struct delivery *d = LIST_OF(node, struct delivery, wake);

		heap_del(&r->quick, node);
		delivery_set_phase(d, DELIVERY_TAKEN);
		d->nround = 0;
		if (!balance_pick(r, d))
			d->ntried = 0;
		dispatch_place(d);
	}
}

static uint64_t
sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t
wait_for_schedule(struct relay *r)
{
	int64_t due = scheduler_next_ms(r->sched);
	int64_t now = clock_wall_ms();

	if (due <= now)
		return 0;
	return due == INT64_MAX ? WAKE_MAX_MS : (uint64_t)(due - now);
}

static void
set_wake(struct relay *r)
{
	uint64_t now_ms = relay_now_ms(r);
	struct heap_node *node = heap_min(&r->quick);
	uint64_t wait = WAKE_MAX_MS;

	if (node)
		wait =
		    sooner(wait, node->key > now_ms ? node->key - now_ms : 0);
	for (size_t i = 0; i < r->nproviders; i++) {
		uint64_t at = provider_wake_ms(r->providers[i], now_ms);

		if (at > now_ms)
			wait = sooner(wait, at - now_ms);
	}
	if (spool_is_stuck(r->spool))
		wait = sooner(wait, STUCK_MS);
	else if (may_take(r))
		wait = sooner(wait, wait_for_schedule(r));
	timer_set(r->wake, wait);
}

/* Those whose time out is over say so, even when nothing is for them yet. */
static void
look_at_providers(struct relay *r)
{
	uint64_t now_ms = relay_now_ms(r);

	for (size_t i = 0; i < r->nproviders; i++) {
		if (r->providers[i]->told_down)
			(void)provider_is_usable(r->providers[i], now_ms);
		if (provider_forgets(r->providers[i], now_ms))
			park_look(r);
	}
}

void
dispatch_pump(struct relay *r)
{
	look_at_providers(r);
	end_quick(r);
	while (may_take(r) && take_one(r))
		;
	for (size_t i = 0; i < r->nproviders; i++)
		pool_serve(r->providers[i]);
	set_wake(r);
}
