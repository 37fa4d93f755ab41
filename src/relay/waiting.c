/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/waiting.h"

#include <assert.h>

#include "postern/base/list.h"
#include "postern/mail/rate.h"
#include "postern/relay/relay.h"

#include "relay/agenda.h"
#include "relay/delivery.h"
#include "relay/pool.h"
#include "relay/provider.h"
#include "relay/shares.h"
#include "relay/way.h"

#define PER_SESSION 4
#define ROOM_MIN 2
#define ROOM_MAX 4096
#define PACE_MS 60000 /* longer windows let much through at once */

/* What leaves in half a second by a window that sets the pace; who waits longer
 * is in the way of those of another lane. */
static size_t
half_second(const struct rate *rate)
{
	uint64_t n = (uint64_t)rate->count * 500 / rate->period_ms;

	if (rate->period_ms > PACE_MS || n >= ROOM_MAX)
		return ROOM_MAX;
	return n > ROOM_MIN ? (size_t)n : ROOM_MIN;
}

void
waiting_renew(struct provider *p)
{
	p->room_max = ROOM_MAX;
	for (size_t i = 0; i < p->set->nrates; i++) {
		size_t n = half_second(&p->set->rates[i]);

		if (n < p->room_max)
			p->room_max = n;
	}
}

void
waiting_init(struct provider *p)
{
	for (int c = 0; c < SPOOL_PRIORITIES; c++)
		list_init(&p->waiting[c]);
	waiting_renew(p);
}

bool
waiting_is_expected(const struct provider *p)
{
	size_t n = 0;

	for (int c = 0; c < SPOOL_PRIORITIES; c++)
		n += p->nloose_of[c];
	return n > 0;
}

static uint32_t
share_of(const struct delivery *d)
{
	return delivery_route(d)->shares[d->key.priority];
}

static void
put(struct provider *p, struct delivery *d, struct list *after)
{
	assert(d->key.priority < SPOOL_PRIORITIES);
	list_insert(after, &d->node);
	p->nwaiting_of[d->key.priority]++;
	p->nwaiting++;
}

void
waiting_push(struct provider *p, struct delivery *d)
{
	put(p, d, p->waiting[d->key.priority].prev);
}

void
waiting_insert(struct provider *p, struct delivery *d)
{
	put(p, d, &p->waiting[d->key.priority]);
}

void
waiting_put_back(struct provider *p, struct delivery *d)
{
	waiting_insert(p, d);
	shares_give_back(&p->shares, d->key.priority, share_of(d));
}

struct delivery *
waiting_first(struct provider *p)
{
	int class = shares_next(&p->shares, p->nwaiting_of);

	if (class < 0)
		return NULL;
	return LIST_OF(p->waiting[class].next, struct delivery, node);
}

void
waiting_take(struct provider *p, struct delivery *d)
{
	list_remove(&d->node);
	p->nwaiting_of[d->key.priority]--;
	p->nwaiting--;
}

struct delivery *
waiting_pop(struct provider *p)
{
	struct delivery *d = waiting_first(p);

	if (!d)
		return NULL;
	waiting_take(p, d);
	shares_take(&p->shares, d->key.priority, share_of(d));
	return d;
}

void
waiting_take_all(struct provider *p, struct list *all)
{
	list_init(all);
	for (int c = 0; c < SPOOL_PRIORITIES; c++) {
		while (!list_empty(&p->waiting[c])) {
			struct delivery *d =
			    LIST_OF(p->waiting[c].next, struct delivery, node);

			waiting_take(p, d);
			list_push(all, &d->node);
		}
	}
}

size_t
waiting_room(const struct provider *p)
{
	size_t n = PER_SESSION * (pool_live(&p->pool) + 1);

	return n < p->room_max ? n : p->room_max;
}
