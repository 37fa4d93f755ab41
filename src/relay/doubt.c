/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/doubt.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "postern/base/mem.h"
#include "postern/smtp/outcome.h"
#include "postern/smtp/smtp_client.h"
#include "postern/spool/spool.h"

#include "relay/delivery.h"
#include "relay/relay_core.h"
#include "relay/relay_session.h"

/* The operation under way.  The spool has op; what is behind it is ours. */
struct doubt {
	struct spool_doubt op;
	struct delivery *d; /* NULL: its transaction is over */
	struct relay_session *s;
};

static void
on_written(struct spool_op *op, void *owner)
{
	struct doubt *w = (struct doubt *)op;
	struct delivery *d = w->d;
	struct relay_session *s = w->s;
	bool written = op->result == SPOOL_DONE;

	(void)owner;
	free(w);
	if (!d)
		return;
	assert(d->magic == DELIVERY_MAGIC && s->magic == RELAY_SESSION_MAGIC);
	d->doubt = NULL;
	if (!written) {
		relay_session_abort(s, "not written");
		return;
	}
	smtp_client_release(s->client);
	relay_session_after(s);
}

/* The transaction's recipients are in the order of the message's. */
static void
fill(struct spool_doubt *op, const struct delivery *d)
{
	op->key = d->key;
	op->first = d->rcpts[d->slot[0]].index;
	op->last = d->rcpts[d->slot[d->txn.nrcpts - 1]].index;
	snprintf(op->provider, sizeof op->provider, "%s", d->via);
}

void
doubt_begin(void *session, struct smtp_txn *t)
{
	struct relay_session *s = session;
	struct delivery *d = t->arg;
	struct doubt *w = mem_new(sizeof *w);

	assert(s->magic == RELAY_SESSION_MAGIC && d->magic == DELIVERY_MAGIC);
	assert(!d->doubt);
	w->d = d;
	w->s = s;
	fill(&w->op, d);
	w->op.op.reply_to = d->relay->box;
	w->op.op.done = on_written;
	d->doubt = w;
	d->doubted = true;
	spool_doubt(d->relay->spool, &w->op);
}

void
doubt_forget(struct delivery *d)
{
	if (d->doubt)
		d->doubt->d = NULL;
	d->doubt = NULL;
}

bool
doubt_is(const struct delivery *d, const struct outcome *o)
{
	return d->txn.hold_end && o->dot_sent && o->io != OUTCOME_REPLY;
}

void
doubt_over(struct delivery *d)
{
	struct spool_doubt *op;

	if (!d->doubted)
		return;
	d->doubted = false;
	op = mem_new(sizeof *op);
	op->key = d->key;
	op->over = true;
	spool_doubt(d->relay->spool, op);
}
