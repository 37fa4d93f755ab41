/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/waiting.h"

#include <assert.h>

#include "postern/base/list.h"
#include "postern/relay/relay.h"

#include "relay/agenda.h"
#include "relay/delivery.h"
#include "relay/pool.h"
#include "relay/provider.h"
#include "relay/shares.h"
#include "relay/way.h"

#define PER_SESSION 4

void
waiting_init(struct provider *p)
{
	for (int c = 0; c < SPOOL_PRIORITIES; c++)
		list_init(&p->waiting[c]);
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
	return PER_SESSION * (pool_live(&p->pool) + 1);
}
