/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/post.h"

#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"
#include "postern/io/mailbox.h"
#include "postern/spool/spool.h"

#include "spool/batch.h"
#include "spool/engine.h"
#include "spool/op.h"

struct notice {
	struct mailbox_item item;
	spool_ready_fn *fn;
	size_t n;
	struct spool_ready ready[];
};

void
post_init(struct post *p, struct spool *sp)
{
	*p = (struct post){ .sp = sp };
}

void
post_done(struct post *p)
{
	free(p->chain);
	post_init(p, NULL);
}

static void
put(struct post *p, struct mailbox *to, struct mailbox_item *item)
{
	size_t i = 0;

	while (i < p->n && p->chain[i].to != to)
		i++;
	item->next = NULL;
	if (i < p->n) {
		p->chain[i].last->next = item;
		p->chain[i].last = item;
		return;
	}
	if (p->n == p->cap) {
		p->cap = p->cap ? 2 * p->cap : 8;
		p->chain = mem_resize(p->chain, p->cap * sizeof *p->chain);
	}
	p->chain[p->n++] = (struct post_chain){ to, item, item };
}

static void
deliver_answer(struct mailbox_item *item, void *owner)
{
	struct spool_op *op = (struct spool_op *)(void *)item;

	op->done(op, owner);
}

void
post_answer(struct post *p, struct spool_op *op)
{
	if (op->kind == OP_ROUTE) {
		sem_post(&((struct op_route *)(void *)op)->ready);
	} else if (!op->reply_to) {
		free(op);
	} else {
		op->item.deliver = deliver_answer;
		put(p, op->reply_to, &op->item);
	}
}

static void
deliver_notice(struct mailbox_item *item, void *owner)
{
	struct notice *n = (struct notice *)(void *)item;

	n->fn(owner, n->ready, n->n);
	free(n);
}

static void
put_notice(struct post *p, struct batch *b)
{
	struct notice *n = mem_new(sizeof *n + b->nready * sizeof *n->ready);

	n->item.deliver = deliver_notice;
	n->fn = p->sp->ready_fn;
	n->n = b->nready;
	memcpy(n->ready, b->ready, b->nready * sizeof *n->ready);
	b->nready = b->nsure = 0; /* the references went along */
	put(p, p->sp->ready_to, &n->item);
}

void
post_flush(struct post *p)
{
	for (size_t i = 0; i < p->n; i++)
		mailbox_put_chain(
		    p->chain[i].to, p->chain[i].first, p->chain[i].last);
	p->n = 0;
}

void
post_send(struct post *p, struct batch *b)
{
	if (b->nready)
		put_notice(p, b);
	post_flush(p);
}
