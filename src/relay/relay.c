/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "postern/relay/relay.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/clock.h"
#include "postern/base/log.h"
#include "postern/base/mem.h"
#include "postern/base/thread.h"
#include "postern/io/dns.h"
#include "postern/io/loop.h"
#include "postern/io/mailbox.h"
#include "postern/spool/envelope.h"
#include "postern/spool/spool.h"

#include "relay/agenda.h"
#include "relay/allowance.h"
#include "relay/balance.h"
#include "relay/cache.h"
#include "relay/delivery.h"
#include "relay/dispatch.h"
#include "relay/fetch.h"
#include "relay/identity.h"
#include "relay/keyset.h"
#include "relay/overdue.h"
#include "relay/park.h"
#include "relay/prober.h"
#include "relay/provider.h"
#include "relay/relay_core.h"
#include "relay/relay_session.h"
#include "relay/remember.h"
#include "relay/setback.h"
#include "relay/settle.h"
#include "relay/suspect.h"
#include "relay/sign.h"
#include "relay/sweep.h"
#include "relay/tally_book.h"
#include "relay/tokens.h"
#include "relay/waiting.h"
#include "relay/way.h"

#define CACHE_BYTES (8u << 20)
#define CACHE_MS 60000
#define TICK_MS 1000

struct relay_thread { /* the owner's handle; the rest is the thread's */
	struct relay core;
	pthread_t thread;
	bool started;
};

static struct relay_thread *
handle(struct relay *r)
{
	return (struct relay_thread *)r; /* its first member */
}

/* --- generations -----------------------------------------------------------
 */

struct relay_generation *
relay_generation_ref(struct relay_generation *g)
{
	g->refs++;
	return g;
}

void
relay_generation_free(struct relay_generation **gp)
{
	struct relay_generation *g = *gp;

	*gp = NULL;
	if (!g || --g->refs > 0)
		return;
	if (g->on_old)
		g->on_old(g->arg);
	free(g->bounce_from);
	free(g);
}

static struct relay_generation *
generation_new(const struct relay_settings *s)
{
	struct relay_generation *g = mem_new(sizeof *g);

	g->refs = 1;
	g->set = s;
	g->bounce_from = s->bounce_from
	                     ? mem_str(s->bounce_from)
	                     : mem_printf("postmaster@%s", s->hostname);
	return g;
}

/* --- turns -----------------------------------------------------------------
 */

uint64_t
relay_now_ms(struct relay *r)
{
	return loop_now_ms(r->loop);
}

static void
drop_retired(struct relay *r)
{
	struct list *node = r->retired.next;

	while (node != &r->retired) {
		struct provider *p = LIST_OF(node, struct provider, node);

		node = node->next;
		if (p->nwaiting == 0 && !waiting_is_expected(p) &&
		    pool_live(&p->pool) == 0 && p->pool.n[POOL_DRAINING] == 0 &&
		    p->pool.n[POOL_EXPIRED] == 0)
			provider_free(&p);
	}
}

static void
check_drained(struct relay *r)
{
	void (*done)(void *arg) = r->drained;

	if (!done || r->nheld + r->nsending + r->nsettling > 0)
		return;
	r->drained = NULL;
	timer_stop(r->grace);
	done(r->drained_arg);
}

static void
on_turn(void *arg)
{
	struct relay *r = arg;

	r->pump_due = false;
	relay_session_free_ended(r);
	drop_retired(r);
	if (r->draining)
		check_drained(r);
	else
		dispatch_pump(r);
}

void
relay_kick(struct relay *r)
{
	if (r->pump_due)
		return;
	r->pump_due = true;
	loop_later(r->loop, on_turn, r);
}

static void
on_wake(void *arg)
{
	relay_kick(arg);
}

static void
on_tick(void *arg)
{
	struct relay *r = arg;
	uint64_t now = relay_now_ms(r);

	timer_set(r->tick, TICK_MS);
	settle_again(r);
	if (now > CACHE_MS)
		cache_expire(r->cache, now - CACHE_MS);
	park_tick(r);
	stat_set(&r->counters.beat_ms, clock_mono_ms());
}

/* The schedule may have shown it before the news of its commit came.  What it
 * is by now is in the store: an envelope kept from here on would send it again
 * to recipients that have it already. */
static bool
is_soon(struct relay *r, const struct spool_key *key)
{
	return !r->draining && !keyset_has(r->inhand, key->mid, key->n) &&
	       balance_is_open(agenda_line(r->agenda, key->route)->way);
}

static void
on_ready(void *owner, const struct spool_ready *ready, size_t n)
{
	struct relay *r = owner;

	assert(r->magic == RELAY_MAGIC);
	for (size_t i = 0; i < n; i++) {
		const struct spool_key *key = &ready[i].key;
		struct envelope *env = ready[i].env;

		agenda_put(r->agenda, key);
		if (env && is_soon(r, key))
			cache_put(r->cache, env, relay_now_ms(r));
		else
			envelope_free(&env);
	}
	relay_kick(r);
}

/* --- settings --------------------------------------------------------------
 */

static void
retire(struct relay *r, struct provider *p)
{
	p->retired = true;
	list_push(&r->retired, &p->node);
	prober_end_all(p, "a reload came between; ask again");
	pool_retire(p);
}

/* The one of that name; NULL: there was none. */
static struct provider *
find_old(struct provider **old, size_t nold, const char *name)
{
	for (size_t i = 0; i < nold; i++) {
		if (strcmp(old[i]->set->name, name) == 0)
			return old[i];
	}
	return NULL;
}

/* It goes on itself, where its sessions notice nothing of the change. */
static struct provider *
next_of(struct relay *r, struct provider *old, const struct relay_provider *set)
{
	struct provider *p;

	if (old && provider_renew(old, r->gen, set))
		return old;
	p = provider_new(r, r->gen, set);
	if (old)
		provider_inherit(p, old);
	return p;
}

static void
set_generation(struct relay *r, struct relay_generation *g)
{
	struct provider **old = r->providers;
	struct ways *old_ways = r->ways;
	size_t nold = r->nproviders;

	r->gen = g;
	r->set = g->set;
	r->nproviders = g->set->nproviders;
	r->providers = mem_array(r->nproviders, sizeof *r->providers);
	for (size_t i = 0; i < r->nproviders; i++) {
		const struct relay_provider *set = &g->set->providers[i];

		r->providers[i] =
		    next_of(r, find_old(old, nold, set->name), set);
		if (!old)
			remember_get(r->providers[i]);
	}
	r->ways = way_all(g->set, r->providers);
	agenda_change(r->agenda, r->ways);
	sweep_change(r->sweep);
	way_free(&old_ways);
	for (size_t i = 0; i < nold; i++) {
		if (old[i]->gen != g)
			retire(r, old[i]);
	}
	for (size_t i = 0; i < nold; i++) /* by the new routes */
		dispatch_evict(old[i]);
	free(old);
}

struct change {
	struct mailbox_item item;
	struct relay_generation *gen;
	void (*on_old)(void *arg);
	void *arg;
};

static void
deliver_change(struct mailbox_item *item, void *owner)
{
	struct change *c = (struct change *)item;
	struct relay *r = owner;
	struct relay_generation *old = r->gen;

	assert(r->magic == RELAY_MAGIC);
	old->on_old = c->on_old;
	old->arg = c->arg;
	set_generation(r, c->gen);
	relay_generation_free(&old);
	park_look(r);
	free(c);
	relay_kick(r);
}

void
relay_change(struct relay *r, const struct relay_settings *s,
    void (*on_old)(void *arg), void *arg)
{
	struct change *c = mem_new(sizeof *c);

	c->item.deliver = deliver_change;
	c->gen = generation_new(s);
	c->on_old = on_old;
	c->arg = arg;
	mailbox_put(r->box, &c->item);
}

/* --- the end ---------------------------------------------------------------
 */

static void
end_sessions(struct provider *p, enum pool_phase phase, bool also_after_dot)
{
	struct list *node = p->pool.in[phase].next;

	while (node != &p->pool.in[phase]) {
		struct relay_session *s =
		    LIST_OF(node, struct relay_session, node);

		node = node->next;
		if (also_after_dot || !relay_session_after_dot(s))
			relay_session_abort(s, "stop");
	}
}

static void
end_provider(struct provider *p, bool also_after_dot)
{
	dispatch_evict(p);
	prober_end_all(p, "the daemon is being stopped");
	pool_quit_idle(p, "stop");
	end_sessions(p, POOL_CONNECTING, true);
	end_sessions(p, POOL_BUSY, also_after_dot);
	end_sessions(p, POOL_DRAINING, also_after_dot);
}

static void
end_all(struct relay *r, bool also_after_dot)
{
	struct heap_node *node;

	r->draining = true;
	while ((node = heap_min(&r->quick)) != NULL) {
		struct delivery *d = LIST_OF(node, struct delivery, wake);

		heap_del(&r->quick, node);
		delivery_set_phase(d, DELIVERY_TAKEN);
		dispatch_return(d);
	}
	for (size_t i = 0; i < r->nproviders; i++)
		end_provider(r->providers[i], also_after_dot);
	for (struct list *l = r->retired.next; l != &r->retired; l = l->next)
		end_provider(LIST_OF(l, struct provider, node), also_after_dot);
	relay_kick(r);
}

static void
on_grace(void *arg)
{
	struct relay *r = arg;
	void (*done)(void *arg) = r->drained;

	end_all(r, true);
	r->drained = NULL;
	if (done)
		done(r->drained_arg);
}

struct drain {
	struct mailbox_item item;
	uint64_t grace_ms;
	void (*done)(void *arg);
	void *arg;
};

static void
deliver_drain(struct mailbox_item *item, void *owner)
{
	struct drain *d = (struct drain *)item;
	struct relay *r = owner;

	assert(r->magic == RELAY_MAGIC);
	r->drained = d->done;
	r->drained_arg = d->arg;
	timer_set(r->grace, d->grace_ms);
	end_all(r, false);
	free(d);
}

void
relay_drain(
    struct relay *r, uint64_t grace_ms, void (*done)(void *arg), void *arg)
{
	struct drain *d = mem_new(sizeof *d);

	d->item.deliver = deliver_drain;
	d->grace_ms = grace_ms;
	d->done = done;
	d->arg = arg;
	mailbox_put(r->box, &d->item);
}

static void
stop(void *arg)
{
	struct relay *r = arg;

	end_all(r, true);
	allowance_book_close(r->book);
	loop_stop(r->loop);
}

void
relay_stop(struct relay *r)
{
	if (!handle(r)->started)
		return;
	mailbox_call(r->box, stop, r, 0);
	pthread_join(handle(r)->thread, NULL);
	handle(r)->started = false;
	r->ended = true;
}

/* --- life ------------------------------------------------------------------
 */

static void
begin(void *arg)
{
	struct relay *r = arg;

	timer_set(r->tick, TICK_MS);
	sweep_start(r->sweep);
	overdue_start(r->overdue);
	setback_start(r->setback);
	park_tick(r);
	relay_kick(r);
}

static void *
run(void *arg)
{
	struct relay *r = arg;

	log_thread("relay");
	begin(r);
	loop_run(r->loop);
	return NULL;
}

void
relay_start(struct relay *r)
{
	int rc = thread_start(&handle(r)->thread, "relay", run, r);

	assert(rc == 0); /* as out of memory */
	handle(r)->started = true;
}

int
relay_new(struct relay **rp, struct spool *sp, const struct relay_settings *s,
    struct err *err)
{
	struct relay_thread *t = mem_new(sizeof *t);
	struct relay *r = &t->core;

	r->magic = RELAY_MAGIC;
	list_init(&r->retired);
	list_init(&r->turns);
	list_init(&r->sessions);
	list_init(&r->unsettled);
	heap_init(&r->quick);
	r->spool = sp;
	r->tally = tally_book_new();
	stat_set(&r->counters.beat_ms, clock_mono_ms());
	if (loop_new(&r->loop, err) < 0 || dns_new(&r->dns, r->loop, err) < 0 ||
	    tokens_new(&r->tokens, r->loop, err) < 0) {
		relay_free(&r);
		return -1;
	}
	r->counters.dns = dns_counted(r->dns);
	r->counters.turns_us = loop_turns_us(r->loop);
	r->box = mailbox_new(r->loop, r);
	r->reader = spool_reader_new(sp);
	r->inhand = keyset_new();
	r->cache = cache_new(CACHE_BYTES);
	r->identity = identity_new();
	r->suspect = suspect_new();
	r->agenda = agenda_new(r->reader, r->inhand);
	r->fetch = fetch_new(r);
	r->park = park_new(r);
	r->book = allowance_book_new(r);
	r->sweep = sweep_new(r);
	r->overdue = overdue_new(r);
	r->setback = setback_new(r);
	r->wake = timer_new(r->loop, on_wake, r);
	r->tick = timer_new(r->loop, on_tick, r);
	r->grace = timer_new(r->loop, on_grace, r);
	set_generation(r, generation_new(s));
	spool_on_ready(sp, r->box, on_ready);
	*rp = r;
	return 0;
}

static void
free_providers(struct relay *r)
{
	for (size_t i = 0; i < r->nproviders; i++) {
		relay_session_forget(r->providers[i]);
		provider_free(&r->providers[i]);
	}
	free(r->providers);
	for (struct list *l = r->retired.next; l != &r->retired; l = l->next)
		relay_session_forget(LIST_OF(l, struct provider, node));
	relay_session_free_ended(r);
	drop_retired(r);
	relay_generation_free(&r->gen);
}

/* The spool has answered all that was submitted before it stopped; keys whose
 * settling failed are simply due again at the next start. */
static void
free_deliveries(struct relay *r)
{
	struct keyset_node *node;

	settle_drop(r);
	while ((node = keyset_any(r->inhand)) != NULL) {
		struct delivery *d = LIST_OF(node, struct delivery, inhand);

		d->nsettles = 0;
		delivery_free(&d);
	}
}

void
relay_free(struct relay **rp)
{
	struct relay *r = *rp;

	*rp = NULL;
	if (!r)
		return;
	assert(!handle(r)->started);
	if (r->box) {
		r->draining = true;
		fetch_stop(r->fetch);
		sign_stop(r->signer);
		mailbox_free(&r->box);
		relay_session_free_ended(r);
		free_deliveries(r);
		free_providers(r);
		fetch_free(&r->fetch);
		sign_free(&r->signer);
		sweep_free(&r->sweep);
		overdue_free(&r->overdue);
		setback_free(&r->setback);
		park_free(&r->park);
		allowance_book_free(&r->book);
		timer_free(&r->wake);
		timer_free(&r->tick);
		timer_free(&r->grace);
		agenda_free(&r->agenda);
		way_free(&r->ways);
		identity_free(&r->identity);
		suspect_free(&r->suspect);
		cache_free(&r->cache);
		keyset_free(&r->inhand);
		spool_reader_free(&r->reader);
	}
	tally_book_free(&r->tally);
	heap_done(&r->quick);
	tokens_free(&r->tokens);
	dns_free(&r->dns);
	loop_free(&r->loop);
	r->magic = 0;
	free(handle(r));
}
