/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ids are in the order of arrival, so each walk goes from where the last one
 * ended to the id of that age.  What was in hand then is looked at again: that
 * walk starts over.  How far warnings went is kept in the spool.
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

#include "relay/delivery.h"
#include "relay/dispatch.h"
#include "relay/fetch.h"
#include "relay/keyset.h"
#include "relay/notices.h"
#include "relay/relay_core.h"
#include "relay/settle.h"

#define PAGE 64
#define INTERVAL_MAX_MS 60000
#define INTERVAL_MIN_MS 1000
#define BUSY_MS 20       /* between two pages of a walk */
#define SWEPT_MAX 64     /* keys in hand: then wait */
#define AFRESH 60        /* walks: then from the start, whatever was seen */
#define WARNED "@warned" /* no provider's name has an @ */

struct walk {
	uint64_t done; /* all ids up to here are dealt with */
	bool skipped;  /* something was in hand: the next one starts over */
	unsigned walks;
	int64_t held_ms; /* the first release of those it left out; 0: none */
};

struct sweep {
	struct relay *relay;
	struct timer *timer;
	struct walk expire, warn;
};

static void on_timer(void *arg);

struct sweep *
sweep_new(struct relay *r)
{
	struct sweep *s = mem_new(sizeof *s);

	s->relay = r;
	s->timer = timer_new(r->loop, on_timer, s);
	return s;
}

void
sweep_free(struct sweep **s)
{
	if (!*s)
		return;
	timer_free(&(*s)->timer);
	free(*s);
	*s = NULL;
}

static void
take(struct relay *r, const struct spool_key *key, enum delivery_purpose why)
{
	struct delivery *d = delivery_new(r, key);

	d->purpose = why;
	r->nswept++;
	fetch_load(d);
}

/* The message's deliveries; false: one of them is in hand. */
static bool
take_all(struct relay *r, uint64_t mid, enum delivery_purpose why)
{
	struct spool_key keys[PAGE];
	int n = spool_deliveries(r->reader, mid, keys, PAGE);
	bool all = n < PAGE;

	for (int i = 0; i < n; i++) {
		if (keyset_has(r->inhand, mid, keys[i].n))
			all = false;
		else
			take(r, &keys[i], why);
	}
	return all;
}

/* One page of those that came before a time; true: there may be more.  One
 * that was held counts from its release.  Nobody is warned of it: a delay is
 * what its sender asked for. */
static bool
page(struct relay *r, struct walk *w, int64_t before, enum delivery_purpose why)
{
	struct spool_sweep s = { .after = w->done,
		.until = id_first(before),
		.released_ms = why == DELIVERY_WARN ? 0 : before };
	uint64_t mids[PAGE];
	int n;

	if (r->nswept >= SWEPT_MAX)
		return true;
	n = spool_sweep(r->reader, &s, mids, PAGE);
	for (int i = 0; i < n; i++) {
		if (!take_all(r, mids[i], why))
			w->skipped = true;
	}
	if (n < 0 || (n == 0 && s.seen <= w->done))
		return false;
	w->done = s.seen;
	if (s.held_ms > 0 && (w->held_ms == 0 || s.held_ms < w->held_ms))
		w->held_ms = s.held_ms;
	return true;
}

static bool
walk(
    struct relay *r, struct walk *w, uint64_t age_ms, enum delivery_purpose why)
{
	int64_t before = clock_wall_ms() - (int64_t)age_ms;

	if (before <= 0)
		return false;
	if (why == DELIVERY_EXPIRE && w->held_ms > 0 && w->held_ms <= before)
		*w = (struct walk){ 0 }; /* its time has come: from the start */
	return page(r, w, before, why);
}

static void
over(struct walk *w)
{
	if (!w->skipped && ++w->walks < AFRESH)
		return;
	*w = (struct walk){ 0 };
}

static bool
expire(struct sweep *s)
{
	if (walk(s->relay, &s->expire, s->relay->set->retry.give_up_ms,
	        DELIVERY_EXPIRE))
		return true;
	over(&s->expire);
	return false;
}

/* A second warning would be worse than none: what was in hand just now is not
 * looked at again. */
static bool
warn(struct sweep *s)
{
	struct relay *r = s->relay;
	uint64_t done = s->warn.done;
	bool more;

	if (r->set->retry.warn_after_ms == 0)
		return false;
	more = walk(r, &s->warn, r->set->retry.warn_after_ms, DELIVERY_WARN);
	if (s->warn.done != done)
		spool_health_put(
		    r->spool, WARNED, &s->warn.done, sizeof s->warn.done);
	return more;
}

static uint64_t
interval(const struct relay_retry *retry)
{
	uint64_t ms = retry->give_up_ms;

	if (retry->warn_after_ms > 0 && retry->warn_after_ms < ms)
		ms = retry->warn_after_ms;
	ms /= 10;
	if (ms < INTERVAL_MIN_MS)
		return INTERVAL_MIN_MS;
	return ms < INTERVAL_MAX_MS ? ms : INTERVAL_MAX_MS;
}

static void
on_timer(void *arg)
{
	struct sweep *s = arg;
	bool more;

	if (s->relay->draining)
		return;
	more = !spool_is_stuck(s->relay->spool) && (expire(s) || warn(s));
	timer_set(s->timer, more ? BUSY_MS : interval(&s->relay->set->retry));
}

void
sweep_start(struct sweep *s)
{
	size_t n = 0;

	if (spool_health_get(s->relay->reader, WARNED, &s->warn.done,
	        sizeof s->warn.done, &n) < 0 ||
	    n != sizeof s->warn.done)
		s->warn.done = 0;
	timer_set(s->timer, INTERVAL_MIN_MS);
}

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
