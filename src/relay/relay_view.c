/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/relay/relay_view.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"
#include "postern/io/mailbox.h"
#include "postern/mail/rate.h"
#include "postern/relay/relay.h"

#include "relay/allowance.h"
#include "relay/breaker.h"
#include "relay/credential.h"
#include "relay/level.h"
#include "relay/provider.h"
#include "relay/relay_core.h"
#include "relay/relay_log.h"
#include "relay/tally_book.h"
#include "relay/verdict.h"
#include "relay/way.h"

static_assert(RELAY_VIEW_PHASES == (int)POOL_PHASES, "each is shown");

const char *
relay_view_phase(size_t i)
{
	return pool_word((enum pool_phase)i);
}

static const char *const ends[RELAY_VIEW_ENDS] = { "idle", "messages", "age",
	"recipients", "surplus", "shared", "closed", "failed", "stalled",
	"paused", "reload", "stop", "other" };

const char *
relay_view_end_word(size_t i)
{
	return ends[i];
}

void
relay_view_count_end(struct relay_view_counters *c, const char *why)
{
	size_t i = 0;

	while (i < RELAY_VIEW_ENDS - 1 && strcmp(ends[i], why) != 0)
		i++;
	stat_add(&c->ended[i], 1);
}

struct ask {
	struct mailbox_item item;
	struct mailbox *back;
	relay_view_fn *fn;
	void *arg;
	struct relay_view view;
	struct tally_book *tallies; /* a reference: the relay may go first */
};

static enum tally_breaker
breaker_of(const struct breaker *b)
{
	if (b->state == BREAKER_CLOSED)
		return TALLY_CLOSED;
	return b->state == BREAKER_OPEN ? TALLY_OPEN : TALLY_HALF_OPEN;
}

/* The slower of what is set and what was found out. */
static double
pace_of(const struct provider *p)
{
	double set = p->flow.per_s;
	const struct adapt *found = &p->tempo.adapt;

	if (found->is_on && (set == 0 || found->rate < set))
		return found->rate;
	return set;
}

/* NULL: nobody has to do anything. */
static const char *
mend(const struct provider *p)
{
	if (credential_is_dead(p))
		return "the OAuth2 login has ended: see postern token status, "
		       "and log in with postern token login";
	if (!breaker_allows(&p->health) && verdict_row(p->why)->is_alert)
		return relay_log_advice(p->why);
	return NULL;
}

static void
look_at_flow(struct relay_view_provider *v, struct provider *p, uint64_t now_ms)
{
	const struct flow *f = &p->flow;
	uint64_t at_ms = flow_wake_ms(p);

	v->slot_ms = p->nwaiting > 0 && at_ms > now_ms ? at_ms - now_ms : 0;
	v->owners = mem_array(f->n, sizeof *v->owners);
	for (; v->nowners < f->n; v->nowners++)
		v->owners[v->nowners] =
		    mem_str(allowance_owner(f->allowance[v->nowners]));
}

static void
look(struct relay_view_provider *v, struct provider *p, uint64_t now_ms)
{
	const struct tempo *t = &p->tempo;

	v->name = mem_str(p->set->name);
	v->host = mem_str(p->set->host);
	v->port = p->set->port;
	v->state = provider_state(p, now_ms);
	if (!breaker_allows(&p->health))
		v->why = verdict_row(p->why)->name;
	v->for_ms = provider_wait_ms(p, now_ms);
	if (!halt_is_over(&p->halt, now_ms)) {
		v->paused_uid = p->halt.uid;
		v->paused_since_ms = p->halt.since_ms;
	}
	v->level = level_word(t->level.state);
	v->level_why = t->level.why;
	v->mend = mend(p);
	v->trouble = p->seen.trouble;
	for (size_t i = 0; i < RELAY_VIEW_PHASES; i++)
		v->sessions[i] = p->pool.n[i];
	for (size_t i = 0; i < SPOOL_PRIORITIES; i++)
		v->waiting[i] = p->nwaiting_of[i];
	v->sending = p->nsending;
	v->delivered = p->delivered;
	v->per_minute = t->adapt.is_on ? t->adapt.rate * 60 : 0;
	v->conns_max = p->conns_max;
	v->rcpts_max = p->seen.rcpts_max;
	v->messages_max = p->seen.messages_max;
	v->is_usable = provider_is_usable(p, now_ms);
	v->level_at = t->level.state;
	v->breaker = breaker_of(&p->health);
	v->sessions_max = provider_conns(p, now_ms);
	v->per_second = pace_of(p);
	v->tally = p->tally;
	look_at_flow(v, p, now_ms);
}

static size_t
place_of(const struct relay *r, const struct provider *p)
{
	size_t i = 0;

	while (r->providers[i] != p)
		i++;
	return i;
}

static size_t
first_of(const struct relay_view *v, const struct relay *r, const struct way *y)
{
	for (size_t i = 0; i < y->nproviders; i++) {
		size_t at = place_of(r, y->providers[i]);

		if (v->providers[at].is_usable)
			return at;
	}
	return y->nproviders > 0 ? place_of(r, y->providers[0]) : v->n;
}

static void
put_routes(struct relay_view *v, const struct relay *r)
{
	const struct relay_settings *set = r->set;

	v->route = set->route;
	v->nroutes = set->nroutes;
	v->routes = mem_array(v->nroutes, sizeof *v->routes);
	for (size_t i = 0; i < v->nroutes; i++) {
		uint32_t id = set->routes[i].id;

		v->routes[i] = (struct relay_view_route){ id,
			first_of(v, r, way_of(r->ways, id)) };
	}
}

/* --- windows ---------------------------------------------------------------
 */

static void
period_text(uint64_t ms, char *out, size_t max)
{
	static const struct {
		uint64_t ms;
		char unit;
	} units[] = { { RATE_DAY_MS, 'd' }, { 3600000, 'h' }, { 60000, 'm' },
		{ 1000, 's' } };

	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		if (ms % units[i].ms != 0)
			continue;
		(void)snprintf(out, max, "%llu%c",
		    (unsigned long long)(ms / units[i].ms), units[i].unit);
		return;
	}
	(void)snprintf(out, max, "%llums", (unsigned long long)ms);
}

/* A window that starts anew at a time of the day is not the one of the same
 * count and length that does not. */
static void
window_text(const struct rate *r, char *out, size_t max)
{
	uint32_t minutes = r->reset_ms / 60000;
	char period[24], reset[16] = "";

	period_text(r->period_ms, period, sizeof period);
	if (r->is_fixed)
		(void)snprintf(reset, sizeof reset, "@%02u:%02uZ",
		    minutes / 60 % 24, minutes % 60);
	(void)snprintf(out, max, "%u %s/%s%s", r->count,
	    r->of == RATE_MESSAGES ? "msg" : "rcpt", period, reset);
}

/* The last one is there before: a rate may be written twice.  Those of an
 * owner come one behind the other. */
static bool
is_twice(const struct relay_view *v)
{
	const struct relay_view_window *last = &v->windows[v->nwindows - 1];

	for (const struct relay_view_window *w = last;
	     w-- > v->windows && strcmp(w->owner, last->owner) == 0;) {
		if (strcmp(w->window, last->window) == 0)
			return true;
	}
	return false;
}

static void
put_window(void *arg, const struct allowance_window *w)
{
	struct relay_view *v = arg;
	struct relay_view_window *out;

	v->windows =
	    mem_resize(v->windows, (v->nwindows + 1) * sizeof *v->windows);
	out = &v->windows[v->nwindows++];
	(void)snprintf(out->owner, sizeof out->owner, "%s", w->owner);
	window_text(w->rate, out->window, sizeof out->window);
	out->period_ms = w->rate->period_ms;
	out->used = w->used;
	out->max = w->rate->count;
	if (is_twice(v))
		v->nwindows--;
}

/* --- the way there and back --------------------------------------------------
 */

static void
forget(struct relay_view_provider *v)
{
	for (size_t i = 0; i < v->nowners; i++)
		free(v->owners[i]);
	free(v->owners);
	free(v->name);
	free(v->host);
}

/* The asker's thread. */
static void
deliver_answer(struct mailbox_item *item, void *owner)
{
	struct ask *a = (struct ask *)item;

	(void)owner;
	a->fn(a->arg, &a->view);
	for (size_t i = 0; i < a->view.n; i++)
		forget(&a->view.providers[i]);
	free(a->view.providers);
	free(a->view.routes);
	free(a->view.windows);
	tally_book_free(&a->tallies);
	free(a);
}

/* The relay's. */
static void
deliver_ask(struct mailbox_item *item, void *owner)
{
	struct ask *a = (struct ask *)item;
	struct relay *r = owner;
	uint64_t now_ms = relay_now_ms(r);

	assert(r->magic == RELAY_MAGIC);
	a->view.n = r->nproviders;
	a->view.providers = mem_array(r->nproviders, sizeof *a->view.providers);
	for (size_t i = 0; i < r->nproviders; i++)
		look(&a->view.providers[i], r->providers[i], now_ms);
	put_routes(&a->view, r);
	allowance_each(r->book, put_window, &a->view);
	a->view.inhand = r->nheld + r->nsending + r->nsettling;
	a->tallies = tally_book_ref(r->tally);
	a->view.nobody = tally_book_of(r->tally, NULL);
	a->view.others = tally_book_others(r->tally);
	a->view.tallies = tally_book_all(r->tally, &a->view.ntallies);
	a->view.failovers = tally_book_failovers(r->tally, &a->view.nfailovers);
	a->item.deliver = deliver_answer;
	mailbox_put(a->back, &a->item);
}

void
relay_view_ask(
    struct relay *r, struct mailbox *back, relay_view_fn *fn, void *arg)
{
	struct ask *a = mem_new(sizeof *a);

	a->item.deliver = deliver_ask;
	a->back = back;
	a->fn = fn;
	a->arg = arg;
	mailbox_put(r->box, &a->item);
}

const struct relay_view_counters *
relay_view_counters(const struct relay *r)
{
	return &r->counters;
}
