/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/queue.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "postern/base/map.h"
#include "postern/base/mem.h"
#include "postern/spool/spool.h"

#include "spool/op.h"

struct stream { /* a message that is still arriving */
	struct list node;
	uint64_t mid;
	struct queue_fifo fifo;
};

static void
fifo_init(struct queue_fifo *f)
{
	f->first = NULL;
	f->last = &f->first;
}

static void
fifo_put(struct queue_fifo *f, struct spool_op *op)
{
	op->next = NULL;
	*f->last = op;
	f->last = &op->next;
}

static struct spool_op *
fifo_take(struct queue_fifo *f)
{
	struct spool_op *op = f->first;

	f->first = op->next;
	if (!f->first)
		f->last = &f->first;
	op->next = NULL;
	return op;
}

void
queue_init(struct queue *q)
{
	q->n = 0;
	fifo_init(&q->settles);
	fifo_init(&q->comers);
	q->streams = map_new();
	list_init(&q->round_robin);
}

void
queue_done(struct queue *q)
{
	assert(queue_is_empty(q, false));
	map_free(&q->streams);
}

static struct stream *
stream_new(struct queue *q, uint64_t mid)
{
	struct stream *s = mem_new(sizeof *s);

	s->mid = mid;
	fifo_init(&s->fifo);
	list_push(&q->round_robin, &s->node);
	map_put(q->streams, mid, s);
	return s;
}

void
queue_put(struct queue *q, struct spool_op *op)
{
	struct stream *s = NULL;
	uint64_t mid;

	if (op_is_staged(op, &mid)) {
		s = map_get(q->streams, mid);
		if (!s && op->kind == OP_STAGE)
			s = stream_new(q, mid);
	}
	if (s)
		fifo_put(&s->fifo, op);
	else
		fifo_put(op_comes_in(op) ? &q->comers : &q->settles, op);
}

void
queue_put_back(struct queue *q, struct spool_op *op)
{
	op->next = q->settles.first;
	if (!op->next)
		q->settles.last = &op->next;
	q->settles.first = op;
}

bool
queue_is_empty(const struct queue *q, bool without_settles)
{
	return (without_settles || !q->settles.first) && !q->comers.first &&
	       list_empty(&q->round_robin);
}

/* --- choosing --- */

/* What one kind may fill of the batch; one of each kind always goes. */
struct share {
	size_t ops, bytes; /* of the whole batch, so far */
	bool any;          /* one of this kind has gone */
};

static bool
fits(const struct queue *q, const struct spool_op *op, const struct share *s)
{
	if (!s->any)
		return q->n < QUEUE_BATCH;
	return q->n < s->ops && q->bytes + op_cost(op) <= s->bytes;
}

static void
take(struct queue *q, struct queue_fifo *f, struct share *s)
{
	s->any = true;
	q->bytes += op_cost(f->first);
	q->ops[q->n++] = fifo_take(f);
}

static void
take_all(struct queue *q, struct queue_fifo *f, struct share s)
{
	while (f->first && fits(q, f->first, &s))
		take(q, f, &s);
}

/* One slice of each in turn, until nothing fits. */
static void
take_slices(struct queue *q, struct share share)
{
	struct list *node;
	struct stream *s;

	while (!list_empty(&q->round_robin)) {
		node = q->round_robin.next;
		s = LIST_OF(node, struct stream, node);
		if (!fits(q, s->fifo.first, &share))
			return;
		take(q, &s->fifo, &share);
		list_remove(node);
		if (s->fifo.first) {
			list_push(&q->round_robin, node);
			continue;
		}
		map_del(q->streams, s->mid);
		free(s);
	}
}

/* However much there is of one kind, the next batch takes of the others too. */
void
queue_choose(struct queue *q, bool without_settles)
{
	bool slices = !list_empty(&q->round_robin);
	bool others = q->comers.first || slices;
	struct share share = { QUEUE_BATCH, QUEUE_BYTES, false };

	q->n = q->bytes = 0;
	if (others)
		share = (struct share){ QUEUE_SETTLES_SHARE, QUEUE_BYTES / 2,
			false };
	if (!without_settles)
		take_all(q, &q->settles, share);
	share = (struct share){ QUEUE_BATCH, QUEUE_BYTES, false };
	if (slices) {
		share.ops -= QUEUE_SLICES_SHARE;
		share.bytes -= QUEUE_SLICES;
	}
	take_all(q, &q->comers, share);
	share.ops = QUEUE_BATCH;
	share.bytes = q->bytes + QUEUE_SLICES < QUEUE_BYTES
	                  ? q->bytes + QUEUE_SLICES
	                  : QUEUE_BYTES;
	take_slices(q, share);
}
