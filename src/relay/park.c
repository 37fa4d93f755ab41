/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/park.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

#include "postern/base/mem.h"
#include "postern/relay/relay.h"
#include "postern/spool/spool.h"

#include "relay/keyset.h"
#include "relay/relay_core.h"

#define PAGE 64
#define AGAIN_MS 30000 /* capabilities may come and go */

static const enum spool_hold kinds[] = { SPOOL_HOLD_SMTPUTF8, SPOOL_HOLD_SIZE,
	SPOOL_HOLD_8BIT, SPOOL_HOLD_REQUIRETLS, SPOOL_HOLD_BINARY,
	SPOOL_HOLD_DELIVERBY, SPOOL_HOLD_IDENTITY };
#define KINDS (sizeof kinds / sizeof kinds[0])

struct park {
	struct relay *relay;
	bool wanted; /* a walk, as soon as it is time */
	bool probe;  /* only the first of each kind */
	bool walking;
	size_t kind;
	struct spool_key after;
	bool has_after;
	size_t unanswered; /* moves of the page */
	uint64_t last_ms;
	bool ever;
};

struct park *
park_new(struct relay *r)
{
	struct park *p = mem_new(sizeof *p);

	p->relay = r;
	p->wanted = true; /* what an earlier run has left */
	return p;
}

void
park_free(struct park **p)
{
	free(*p);
	*p = NULL;
}

static void walk(struct park *p);

static void
on_moved(struct spool_op *op, void *owner)
{
	struct park *p = ((struct relay *)owner)->park;

	free(op);
	assert(p->unanswered > 0);
	if (--p->unanswered == 0 && p->walking)
		walk(p);
}

static void
release(struct park *p, const struct spool_key *key)
{
	struct spool_move *m;

	if (keyset_has(p->relay->inhand, key->mid, key->n))
		return; /* an operator's act is under way */
	m = mem_new(sizeof *m);
	m->op.reply_to = p->relay->box;
	m->op.done = on_moved;
	m->mid = key->mid;
	m->n = key->n;
	m->to = (struct spool_delivery){ .route = key->route,
		.priority = key->priority,
		.lane = key->lane,
		.due_ms = key->due_ms };
	p->unanswered++;
	spool_move(p->relay->spool, m);
}

static void
next_kind(struct park *p)
{
	p->has_after = false;
	if (++p->kind < KINDS)
		return;
	p->walking = false;
	p->kind = 0;
}

/* A page, or the next kind's; goes on when the page's moves are answered. */
static void
walk(struct park *p)
{
	struct spool_key keys[PAGE];

	while (p->walking && p->unanswered == 0) {
		int n = spool_parked(p->relay->reader, kinds[p->kind],
		    p->has_after ? &p->after : NULL, keys, p->probe ? 1 : PAGE);

		for (int i = 0; i < n; i++)
			release(p, &keys[i]);
		if (n > 0) {
			p->after = keys[n - 1];
			p->has_after = true;
		}
		if (n <= 0 || p->probe)
			next_kind(p);
	}
}

static void
start(struct park *p, bool probe)
{
	p->walking = true;
	p->probe = probe;
	p->kind = 0;
	p->has_after = false;
	walk(p);
}

void
park_look(struct relay *r)
{
	r->park->wanted = true;
}

void
park_probe(struct relay *r)
{
	if (r->park && !r->park->walking && !r->draining)
		start(r->park, true);
}

void
park_tick(struct relay *r)
{
	struct park *p = r->park;
	uint64_t now_ms = relay_now_ms(r);

	if (!p->wanted || p->walking || p->unanswered > 0 || r->draining)
		return;
	if (p->ever && now_ms - p->last_ms < AGAIN_MS)
		return;
	p->wanted = false;
	p->ever = true;
	p->last_ms = now_ms;
	start(p, false);
}
