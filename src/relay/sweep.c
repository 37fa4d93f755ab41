/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ids are in the order of arrival, so each walk goes from where the last one
 * ended to the id of that age.  What was in hand then is looked at again: that
 * walk starts over.  How far warnings went is kept in the spool.  Routes that
 * give up, or warn, after the same time share a walk.
 *
 * Where the daemon was away (not running, or the machine slept, or the clock
 * was set), mail may have become too old with nobody there to try it: what is
 * due is spared for a while, so that it gets its turn first.
 */
#include "relay/sweep.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/clock.h"
#include "postern/base/id.h"
#include "postern/base/mem.h"
#include "postern/io/loop.h"
#include "postern/relay/relay.h"
#include "postern/spool/envelope.h"
#include "postern/spool/spool.h"

#include "relay/agenda.h"
#include "relay/delivery.h"
#include "relay/dispatch.h"
#include "relay/fetch.h"
#include "relay/keyset.h"
#include "relay/notices.h"
#include "relay/relay_core.h"
#include "relay/settle.h"
#include "relay/way.h"

#define PAGE 64
#define INTERVAL_MAX_MS 60000
#define INTERVAL_MIN_MS 1000
#define BUSY_MS 20       /* between two pages of a walk */
#define SWEPT_MAX 64     /* keys in hand: then wait */
#define AFRESH 60        /* walks: then from the start, whatever was seen */
#define AWAY_MS 600000   /* more than this between two looks */
#define SPARE_PART 8     /* of the time to give up: so long it is spared, ... */
#define SPARE_MS 3600000 /* ... but not longer */
#define WARNED "@warned" /* no provider's name has an @ */

struct walk {
	enum delivery_purpose why;
	uint64_t age_ms;
	uint64_t done; /* all ids up to here are dealt with */
	bool skipped;  /* something was in hand: the next one starts over */
	unsigned walks;
	int64_t held_ms; /* the first release of those it left out; 0: none */
};

struct sweep {
	struct relay *relay;
	struct timer *timer;
	size_t nwalks;
	struct walk *walks;
	uint64_t since_ms; /* it has been there without a gap */
	int64_t looked_ms; /* wall clock */
};

static void on_timer(void *arg);

struct sweep *
sweep_new(struct relay *r)
{
	struct sweep *s = mem_new(sizeof *s);

	s->relay = r;
	s->timer = timer_new(r->loop, on_timer, s);
	s->since_ms = relay_now_ms(r);
	s->looked_ms = clock_wall_ms();
	return s;
}

void
sweep_free(struct sweep **s)
{
	if (!*s)
		return;
	timer_free(&(*s)->timer);
	free((*s)->walks);
	free(*s);
	*s = NULL;
}

/* --- the walks -------------------------------------------------------------
 */

static uint64_t
age_of(const struct relay_route *route, enum delivery_purpose why)
{
	return why == DELIVERY_WARN ? route->retry.warn_after_ms
	                            : route->retry.give_up_ms;
}

static void
name_of(const struct walk *w, char name[64])
{
	snprintf(name, 64, WARNED "-%llu", (unsigned long long)w->age_ms);
}

static void
remember(struct relay *r, const struct walk *w)
{
	char name[64];

	name_of(w, name);
	spool_health_put(r->spool, name, &w->done, sizeof w->done);
}

static void
recall(struct relay *r, struct walk *w)
{
	char name[64];
	size_t n = 0;

	name_of(w, name);
	if (spool_health_get(r->reader, name, &w->done, sizeof w->done, &n) <
	        0 ||
	    n != sizeof w->done)
		w->done = 0;
}

static struct walk *
find(struct walk *walks, size_t n, enum delivery_purpose why, uint64_t age_ms)
{
	for (size_t i = 0; i < n; i++) {
		if (walks[i].why == why && walks[i].age_ms == age_ms)
			return &walks[i];
	}
	return NULL;
}

/* A walk that there was already goes on from where it is. */
static void
want(struct sweep *s, struct walk *old, size_t nold, const struct walk *new)
{
	struct walk *w;

	if (new->age_ms == 0 ||
	    find(s->walks, s->nwalks, new->why, new->age_ms))
		return;
	w = find(old, nold, new->why, new->age_ms);
	s->walks[s->nwalks] = w ? *w : *new;
	if (!w && new->why == DELIVERY_WARN)
		recall(s->relay, &s->walks[s->nwalks]);
	s->nwalks++;
}

void
sweep_change(struct sweep *s)
{
	static const enum delivery_purpose whys[] = { DELIVERY_EXPIRE,
		DELIVERY_WARN };
	const struct relay_settings *set = s->relay->set;
	struct walk *old = s->walks;
	size_t nold = s->nwalks;

	s->walks = mem_array(2 * set->nroutes, sizeof *s->walks);
	s->nwalks = 0;
	for (size_t i = 0; i < 2 * set->nroutes; i++) {
		struct walk w = { .why = whys[i % 2] };

		w.age_ms = age_of(&set->routes[i / 2], w.why);
		want(s, old, nold, &w);
	}
	free(old);
}

static void
take(struct relay *r, const struct spool_key *key, enum delivery_purpose why)
{
	fetch_load(delivery_new(r, key, why));
}

/* Its turn comes, and it has not had it since the daemon was away. */
static bool
is_spared(
    const struct sweep *s, const struct walk *w, const struct spool_key *key)
{
	uint64_t spare_ms = w->age_ms / SPARE_PART;

	if (spare_ms > SPARE_MS)
		spare_ms = SPARE_MS;
	return w->why == DELIVERY_EXPIRE && key->due_ms <= clock_wall_ms() &&
	       relay_now_ms(s->relay) - s->since_ms < spare_ms;
}

/* The message's deliveries, of the walk's routes; false: one is in hand, or is
 * spared. */
static bool
take_all(struct sweep *s, uint64_t mid, const struct walk *w)
{
	struct relay *r = s->relay;
	struct spool_key keys[PAGE];
	int n = spool_deliveries(r->reader, mid, keys, PAGE);
	bool all = n < PAGE;

	for (int i = 0; i < n; i++) {
		const struct way *way =
		    agenda_line(r->agenda, keys[i].route)->way;

		if (age_of(way->set, w->why) != w->age_ms)
			continue;
		if (keyset_has(r->inhand, mid, keys[i].n) ||
		    is_spared(s, w, &keys[i]))
			all = false;
		else
			take(r, &keys[i], w->why);
	}
	return all;
}

/* One page of those that came before a time; true: there may be more.  One
 * that was held counts from its release.  Nobody is warned of it: a delay is
 * what its sender asked for. */
static bool
page(struct sweep *sw, struct walk *w, int64_t before)
{
	struct relay *r = sw->relay;
	struct spool_sweep s = { .after = w->done,
		.until = id_first(before),
		.released_ms = w->why == DELIVERY_WARN ? 0 : before };
	uint64_t mids[PAGE];
	int n;

	if (r->nswept >= SWEPT_MAX)
		return true;
	n = spool_sweep(r->reader, &s, mids, PAGE);
	for (int i = 0; i < n; i++) {
		if (!take_all(sw, mids[i], w))
			w->skipped = true;
	}
	if (n < 0 || (n == 0 && s.seen <= w->done))
		return false;
	w->done = s.seen;
	if (s.held_ms > 0 && (w->held_ms == 0 || s.held_ms < w->held_ms))
		w->held_ms = s.held_ms;
	return true;
}

static void
start_over(struct walk *w)
{
	*w = (struct walk){ .why = w->why, .age_ms = w->age_ms };
}

static bool
walk(struct sweep *s, struct walk *w)
{
	int64_t before = clock_wall_ms() - (int64_t)w->age_ms;

	if (before <= 0)
		return false;
	if (w->why == DELIVERY_EXPIRE && w->held_ms > 0 && w->held_ms <= before)
		start_over(w); /* its time has come */
	return page(s, w, before);
}

static bool
expire(struct sweep *s, struct walk *w)
{
	if (walk(s, w))
		return true;
	if (w->skipped || ++w->walks >= AFRESH)
		start_over(w);
	return false;
}

/* A second warning would be worse than none: what was in hand just now is not
 * looked at again. */
static bool
warn(struct sweep *s, struct walk *w)
{
	uint64_t done = w->done;
	bool more = walk(s, w);

	if (w->done != done)
		remember(s->relay, w);
	return more;
}

static bool
walk_all(struct sweep *s)
{
	bool more = false;

	for (size_t i = 0; !more && i < s->nwalks; i++) {
		struct walk *w = &s->walks[i];

		more = w->why == DELIVERY_WARN ? warn(s, w) : expire(s, w);
	}
	return more;
}

static uint64_t
interval(const struct sweep *s)
{
	uint64_t ms = INTERVAL_MAX_MS;

	for (size_t i = 0; i < s->nwalks; i++) {
		if (s->walks[i].age_ms / 10 < ms)
			ms = s->walks[i].age_ms / 10;
	}
	return ms > INTERVAL_MIN_MS ? ms : INTERVAL_MIN_MS;
}

static void
note_gap(struct sweep *s)
{
	int64_t now_ms = clock_wall_ms();

	if (now_ms - s->looked_ms > AWAY_MS)
		s->since_ms = relay_now_ms(s->relay);
	s->looked_ms = now_ms;
}

static void
on_timer(void *arg)
{
	struct sweep *s = arg;
	bool more;

	if (s->relay->draining)
		return;
	note_gap(s);
	more = !spool_is_stuck(s->relay->spool) && walk_all(s);
	timer_set(s->timer, more ? BUSY_MS : interval(s));
}

void
sweep_start(struct sweep *s)
{
	timer_set(s->timer, INTERVAL_MIN_MS);
}

/* --- what is found ---------------------------------------------------------
 */

static void
give_up(struct delivery *d)
{
	struct delivery_reply why = { .enhanced = "4.4.7" };
	char text[600];

	for (uint32_t i = 0; i < d->nrcpts; i++) {
		struct delivery_rcpt *rcpt = &d->rcpts[i];
		const struct envelope_rcpt *of = &d->env->rcpts[rcpt->index];

		snprintf(text, sizeof text, "given up after %lld seconds%s%s",
		    (long long)(clock_wall_ms() - delivery_since_ms(d)) / 1000,
		    of->text ? "; last reply: " : "", of->text ? of->text : "");
		rcpt->state = DELIVERY_DEAD;
		delivery_reply_set(&rcpt->reply, of->code, why.enhanced, text);
	}
	d->cause = "expired";
	settle_final(d);
}

void
sweep_loaded(struct delivery *d)
{
	struct envelope *notice;

	if (d->purpose == DELIVERY_EXPIRE) {
		give_up(d);
		return;
	}
	notice = notices_delay(d);
	if (notice)
		settle_notice(d, notice);
	else
		dispatch_return(d);
}
