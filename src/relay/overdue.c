/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/overdue.h"

#include <stdio.h>
#include <stdlib.h>

#include "postern/base/clock.h"
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

#define LOOK_MS 1000
#define BUSY_MS 20     /* between two looks of which the first was not all */
#define PAGE 64        /* of deadlines */
#define SWEPT_MAX 64   /* taken and not yet settled: then wait */
#define PAGES_MAX 1024 /* of a look: the rest is in hand, or of later */

struct overdue {
	struct relay *relay;
	struct timer *timer;
};

static void on_timer(void *arg);

struct overdue *
overdue_new(struct relay *r)
{
	struct overdue *o = mem_new(sizeof *o);

	o->relay = r;
	o->timer = timer_new(r->loop, on_timer, o);
	return o;
}

void
overdue_free(struct overdue **o)
{
	if (!*o)
		return;
	timer_free(&(*o)->timer);
	free(*o);
	*o = NULL;
}

void
overdue_start(struct overdue *o)
{
	timer_set(o->timer, LOOK_MS);
}

/* --- what becomes of it -----------------------------------------------------
 */

static bool
is_return(const struct delivery *d)
{
	return (d->env->flags & ENVELOPE_BY_RETURN) != 0;
}

bool
overdue_is(const struct delivery *d)
{
	return is_return(d) && delivery_by_s(d) <= 0;
}

void
overdue_fail(struct delivery *d)
{
	char text[600];

	for (uint32_t i = 0; i < d->nrcpts; i++) {
		struct delivery_rcpt *rcpt = &d->rcpts[i];
		const char *last = d->env->rcpts[rcpt->index].text;

		if (rcpt->state != DELIVERY_TODO)
			continue;
		snprintf(text, sizeof text,
		    "it could not be handed on in the time that its sender "
		    "gave it%s%s",
		    last ? "; last reply: " : "", last ? last : "");
		rcpt->state = DELIVERY_DEAD;
		delivery_reply_set(&rcpt->reply, 0, "5.4.7", text);
	}
	d->cause = "deadline";
	settle_final(d);
}

static void
act(struct delivery *d)
{
	if (is_return(d))
		overdue_fail(d);
	else
		settle_notice(d, notices_delay(d));
}

void
overdue_loaded(struct delivery *d)
{
	act(d);
}

/* --- the look ---------------------------------------------------------------
 */

/* Not now where some of it is under way: what comes of that is another's to
 * say, and this deadline is found again. */
static void
take_in_hand(struct delivery *d, int64_t by_ms)
{
	if (d->purpose != DELIVERY_SEND || d->nsettles > 0 ||
	    delivery_count(d, DELIVERY_TODO) < d->nrcpts ||
	    !dispatch_withdraw(d))
		return;
	d->by_ms = by_ms;
	act(d);
}

static void
take(struct relay *r, const struct spool_deadline *at)
{
	struct keyset_node *node = keyset_find(r->inhand, at->mid, at->n);
	struct spool_key key = { .route = r->set->route, /* until it is read */
		.mid = at->mid,
		.n = at->n };
	struct delivery *d;

	if (node) {
		take_in_hand(LIST_OF(node, struct delivery, inhand), at->by_ms);
		return;
	}
	d = delivery_new(r, &key, DELIVERY_OVERDUE);
	d->by_ms = at->by_ms;
	fetch_load(d);
}

/* true: there may be more. */
static bool
look(struct relay *r)
{
	struct spool_deadline page[PAGE], after;
	int64_t now_ms = clock_wall_ms();
	bool first = true;

	for (int i = 0; i < PAGES_MAX; i++) {
		int n = spool_deadlines(
		    r->reader, first ? NULL : &after, now_ms, page, PAGE);

		for (int k = 0; k < n; k++) {
			if (r->nswept >= SWEPT_MAX)
				return true;
			take(r, &page[k]);
		}
		if (n < PAGE)
			return false;
		after = page[n - 1];
		first = false;
	}
	return false;
}

static void
on_timer(void *arg)
{
	struct overdue *o = arg;
	struct relay *r = o->relay;
	bool more;

	if (r->draining)
		return;
	more = !spool_is_stuck(r->spool) && look(r);
	timer_set(o->timer, more ? BUSY_MS : LOOK_MS);
}
