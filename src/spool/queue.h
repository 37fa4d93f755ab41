/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool/queue - what waits for the writer, sorted: what settles, what comes
 * in, and for each message that is still arriving its slices in order, with
 * the operation that ends it behind them.  Pure; one thread.
 */
#ifndef SPOOL_QUEUE_H
#define SPOOL_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#include "postern/base/list.h"

struct map;
struct spool_op;

#define QUEUE_BATCH 1024        /* operations of a transaction */
#define QUEUE_BYTES (4u << 20)  /* its bytes */
#define QUEUE_SLICES (1u << 20) /* of these, of slices */
#define QUEUE_SETTLES_SHARE 768 /* of a batch, while others wait */
#define QUEUE_SLICES_SHARE 64   /* kept for slices, while there are any */

struct queue_fifo {
	struct spool_op *first, **last;
};

struct queue {
	struct queue_fifo settles, comers;
	struct map *streams;               /* by message id */
	struct list round_robin;           /* of the streams */
	struct spool_op *ops[QUEUE_BATCH]; /* the batch chosen */
	size_t n, bytes;                   /* operations of it, their cost */
};

void queue_init(struct queue *q);
void queue_done(struct queue *q);
void queue_put(struct queue *q, struct spool_op *op);
void queue_put_back(struct queue *q, struct spool_op *op); /* first again */
bool queue_is_empty(const struct queue *q, bool without_settles);
/* Fills ops, in the order in which they are to be applied. */
void queue_choose(struct queue *q, bool without_settles);

#endif
