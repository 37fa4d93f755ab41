/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A round: a delivery is offered to at most three providers, one after the
 * other.  Trouble of providers alone costs nothing but time: short waits in
 * memory, then the key goes back to the schedule as it was, and stays there
 * while no provider can be used.
 */
#include "relay/dispatch.h"

#include <assert.h>
#include <stdio.h>

#include "postern/base/clock.h"
#include "postern/base/id.h"
#include "postern/base/rand.h"
#include "postern/io/loop.h"
#include "postern/relay/relay.h"
#include "postern/smtp/outcome.h"
#include "postern/smtp/smtp_client.h"
#include "postern/spool/envelope.h"

#include "relay/agenda.h"
#include "relay/backoff.h"
#include "relay/balance.h"
#include "relay/delivery.h"
#include "relay/doubt.h"
#include "relay/dress.h"
#include "relay/failover.h"
#include "relay/identity.h"
#include "relay/overdue.h"
#include "relay/park.h"
#include "relay/provider.h"
#include "relay/relay_core.h"
#include "relay/relay_log.h"
#include "relay/relay_session.h"
#include "relay/reread.h"
#include "relay/review.h"
#include "relay/settle.h"
#include "relay/sign.h"
#include "relay/staging.h"
#include "relay/stray.h"
#include "relay/supply.h"
#include "relay/suspect.h"
#include "relay/sweep.h"
#include "relay/tally_book.h"
#include "relay/turns.h"
#include "relay/verdict.h"
#include "relay/waiting.h"
#include "relay/way.h"

#define WAKE_MAX_MS 60000 /* the wall clock may have been set */
#define STUCK_MS 1000

/* --- places ----------------------------------------------------------------
 */

static void
wait_at(struct provider *p, struct delivery *d)
{
	delivery_set_phase(d, DELIVERY_WAITING);
	d->provider = d->aim = p;
	relay_kick(p->relay);
}

void
dispatch_put_back(struct delivery *d)
{
	wait_at(d->provider, d);
	waiting_put_back(d->provider, d);
}

static void
wait_first(struct provider *p, struct delivery *d)
{
	wait_at(p, d);
	waiting_insert(p, d);
}

static void
wait_last(struct provider *p, struct delivery *d)
{
	wait_at(p, d);
	waiting_push(p, d);
}

bool
dispatch_withdraw(struct delivery *d)
{
	if (d->phase == DELIVERY_WAITING) {
		waiting_take(d->provider, d);
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
	struct agenda *agenda = d->relay->agenda;
	struct spool_key key = d->key;

	if (d->nsettles > 0 || delivery_count(d, DELIVERY_TODO) < d->nrcpts) {
		settle_final(d);
		return;
	}
	delivery_free(&d);
	agenda_put(agenda, &key);
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
	else if (lacks == SPOOL_HOLD_IDENTITY)
		delivery_reply_set(reply, 550, "5.7.1",
		    "no provider may send as this sender (identities)");
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
	const struct relay_retry *retry = &delivery_route(d)->retry;
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
	uint64_t wait =
	    backoff_quick(&delivery_route(d)->retry, d->nquick, rand_u64());

	if (wait == 0)
		return false;
	d->nquick++;
	d->provider = NULL;
	delivery_set_phase(d, DELIVERY_QUICK);
	heap_put(&r->quick, &d->wake, relay_now_ms(r) + wait);
	return true;
}

/* NULL: the settings have it no more. */
static struct provider *
provider_of(const struct relay *r, uint64_t id)
{
	for (size_t i = 0; i < r->nproviders; i++) {
		if (r->providers[i]->id == id)
			return r->providers[i];
	}
	return NULL;
}

/* The quick waits are used up and somebody seems usable all the same.  Where
 * others got through meanwhile it is this message; else it is the provider. */
static void
give_back(struct delivery *d)
{
	struct provider *p = provider_of(d->relay, d->why_provider);

	if (p && p->delivered != d->why_delivered) {
		later(d);
		return;
	}
	if (p)
		provider_give_up(p, d->why);
	dispatch_return(d);
	if (p)
		dispatch_evict(p);
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
	struct balance_view v = balance_look(d);
	bool trouble = verdict_row(d->why)->is_trouble || v.is_broken;

	if (v.able == 0 && d->line->way->nproviders > 0)
		fail_unfit(d, v.lacks);
	else if (d->later)
		later(d);
	else if (trouble && delivery_route(d)->retry.attempts > 0)
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

/* The first that can be given it as it wants it. */
static struct provider *
choose(struct delivery *d)
{
	struct provider *p;

	while ((p = balance_pick(d)) != NULL) {
		if (dress_learn(d, p))
			continue; /* now it may be another one */
		if (dress_make(d, p))
			break;
		delivery_mark_refused(d, p);
	}
	return p;
}

/* false: there is nobody to give it to. */
static bool
offer(struct delivery *d)
{
	struct provider *p = choose(d);

	if (!p)
		return false;
	failover_chosen(d, p);
	delivery_aim(d, p);
	if (!sign_start(d, p))
		wait_last(p, d);
	return true;
}

/* In words for the sender where it can never be signed. */
static void
stays_unsigned(struct delivery *d, struct provider *p, const struct err *why)
{
	char text[300];

	snprintf(text, sizeof text, "it cannot be signed: %s", why->text);
	if (why->kind != ERR_LIMIT || !p) {
		delivery_reply_set(&d->reply, 451, "4.3.0", text);
		later(d);
		return;
	}
	delivery_reply_set(&d->reply, 554, "5.6.0", text);
	delivery_mark_refused(d, p);
	dispatch_place(d);
}

void
dispatch_signed(struct delivery *d, uint64_t provider, const struct err *why)
{
	struct relay *r = d->relay;
	struct provider *p = provider_of(r, provider);

	if (why)
		stays_unsigned(d, p, why);
	else if (!r->draining && p && provider_is_usable(p, relay_now_ms(r)))
		wait_last(p, d);
	else
		dispatch_place(d);
}

void
dispatch_place(struct delivery *d)
{
	if (!d->relay->draining && overdue_is(d)) {
		overdue_fail(d);
		return;
	}
	if (staging_capture(d)) {
		settle_final(d);
		return;
	}
	if (d->relay->draining) {
		dispatch_return(d);
		return;
	}
	if (stray_settle(d))
		return;
	if (stray_keep(d))
		settle_final(d);
	else if (!offer(d))
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

/* Where the settings have changed meanwhile it is chosen, and dressed, anew. */
static void
again_at(struct provider *p, struct delivery *d)
{
	uint64_t now_ms = relay_now_ms(p->relay);

	if (!p->relay->draining && d->begun == p->id &&
	    provider_is_usable(p, now_ms))
		wait_first(p, d);
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
	if (class == VERDICT_UNSURE && !d->txn.hold_end) {
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
	if ((class == VERDICT_CONNS && pool_live(&p->pool) > 0) ||
	    (class == VERDICT_RATE &&
	        provider_is_usable(p, relay_now_ms(p->relay)))) {
		again_at(p, d);
		return;
	}
	failover_left(d, p, class);
	delivery_mark_tried(d, p);
	dispatch_place(d);
}

static void
other(struct delivery *d, struct provider *p, enum verdict_class class)
{
	struct relay *r = d->relay;

	if (class == VERDICT_IDENTITY)
		identity_refused(
		    r->identity, p->id, d->env->sender, relay_now_ms(r));
	failover_left(d, p, class);
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
		failover_left(d, p, class);
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

/* The end of its content was answered. */
static void
took(struct delivery *d, struct provider *p, bool delivered)
{
	uint64_t us = clock_mono_us() - d->leased_us;
	int64_t all = clock_wall_ms() - delivery_since_ms(d);
	int64_t wait = all - (int64_t)(us / 1000);

	provider_took(p, us);
	if (!delivered)
		return;
	failover_took(d, p);
	stat_observe(&p->tally->delivery_ms, all > 0 ? (uint64_t)all : 0);
	stat_observe(&p->tally->wait_ms, wait > 0 ? (uint64_t)wait : 0);
	stat_observe(&d->relay->counters.wait_ms[d->key.priority],
	    wait > 0 ? (uint64_t)wait : 0);
}

void
dispatch_done(struct delivery *d, struct relay_session *s,
    const struct verdict *v, const struct outcome *o)
{
	struct provider *p = s->provider;
	struct relay *r = d->relay;

	if (is_unsure(v, o) && !doubt_is(d, o)) {
		d->unsure = true;
		stat_add(&p->tally->unsure, 1);
		relay_log_unsure(d, o);
	}
	if (v->class == VERDICT_SPLIT)
		split(p, d, d->txn.nrcpts);
	if (o->stage == OUTCOME_DOT)
		took(d, p, v->class == VERDICT_OK);
	d->cost_session |= review_is_loss(v, o);
	delivery_set_phase(d, DELIVERY_TAKEN);
	if (delivery_count(d, DELIVERY_TODO) == 0) {
		settle_final(d);
	} else {
		settle_interim(d);
		doubt_over(d);
		go_on(d, p, v->class);
	}
	if (p->nwaiting > 0 && !provider_is_usable(p, relay_now_ms(r)))
		dispatch_evict(p);
	relay_kick(r);
}

/* What came to wait before it was known what the provider takes. */
static void
refit(struct provider *p)
{
	struct list all;
	struct list *node;

	waiting_take_all(p, &all);
	while ((node = list_pop(&all)) != NULL) {
		struct delivery *d = LIST_OF(node, struct delivery, node);

		if (balance_lacks(d, p) == SPOOL_HOLD_NONE) {
			wait_last(p, d);
			continue;
		}
		failover_evicted(d, p);
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

	waiting_take_all(p, &all);
	while ((node = list_pop(&all)) != NULL) {
		struct delivery *d = LIST_OF(node, struct delivery, node);

		failover_evicted(d, p);
		dispatch_place(d);
	}
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
	waiting_take_all(p, &all);
	while ((node = list_pop(&all)) != NULL) {
		struct delivery *d = LIST_OF(node, struct delivery, node);

		note_trouble(d, p, v->class);
		failover_left(d, p, v->class);
		delivery_reply_set(&d->reply, o->code, o->enhanced, o->text);
		delivery_mark_tried(d, p);
		dispatch_place(d);
	}
	relay_kick(p->relay);
}

/* --- work from the schedule ------------------------------------------------
 */

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

struct delivery *
dispatch_next(struct provider *p)
{
	struct delivery *d;

	if (p->nwaiting == 0)
		supply_some(p);
	while ((d = waiting_pop(p)) != NULL && overdue_is(d))
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
		if (offer(d))
			continue;
		d->ntried = 0;
		dispatch_place(d);
	}
}

static uint64_t
sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
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
		at = turns_wake_ms(r->providers[i]);
		if (at > now_ms)
			wait = sooner(wait, at - now_ms);
		at = reread_wake_ms(r->providers[i], now_ms);
		if (at > now_ms)
			wait = sooner(wait, at - now_ms);
	}
	if (spool_is_stuck(r->spool))
		wait = sooner(wait, STUCK_MS);
	wait = sooner(wait, supply_wait_ms(r));
	timer_set(r->wake, wait);
}

/* Those whose time out is over say so, even when nothing is for them yet. */
static void
look_at_providers(struct relay *r)
{
	uint64_t now_ms = relay_now_ms(r);

	for (size_t i = 0; i < r->nproviders; i++) {
		flow_look(r->providers[i]);
		tempo_look(r->providers[i]);
		reread_look(r->providers[i], now_ms);
		if (r->providers[i]->told_down)
			(void)provider_is_usable(r->providers[i], now_ms);
		if (provider_forgets(r->providers[i], now_ms))
			park_look(r);
	}
}

/* Each once, in their turns; who is served becomes the last. */
static void
serve_all(struct relay *r)
{
	struct list *last = r->turns.prev, *node = r->turns.next, *next;
	bool more = !list_empty(&r->turns);

	for (; more; node = next) {
		struct provider *p = LIST_OF(node, struct provider, turn);

		next = node->next;
		more = node != last && next != &r->turns;
		if (p->retired)
			continue;
		pool_serve(p);
		if (!flow_is_spent(p, relay_now_ms(r)))
			continue;
		dispatch_evict(p);
		tempo_look(p);
	}
}

void
dispatch_pump(struct relay *r)
{
	look_at_providers(r);
	end_quick(r);
	supply_pull(r);
	serve_all(r);
	set_wake(r);
}
