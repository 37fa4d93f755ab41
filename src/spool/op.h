/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool/op - the operations applied inside a transaction.
 *
 * op_apply(): 0 applied, or refused with nothing written: op->result says
 * which.  -1: the transaction must be aborted; STORE_DAMAGED means that this
 * operation alone is at fault (op->err may say more), anything else that the
 * store is.
 */
#ifndef SPOOL_OP_H
#define SPOOL_OP_H

#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/err.h"
#include "postern/spool/spool.h"

struct batch;

enum op_kind {
	OP_ACCEPT,
	OP_STAGE,
	OP_ABORT,
	OP_SETTLE,
	OP_MOVE,
	OP_RESERVE,
	OP_ROUTE,
	OP_DOUBT
};

struct op_abort {
	struct spool_op op;
	uint64_t mid;
};

struct op_route { /* lies on the stack of the one who waits */
	struct spool_op op;
	const char *name;
	uint32_t id;
	sem_t ready;
};

MUST_CHECK int op_apply(struct batch *b, struct spool_op *op);
/* What it handed over is dropped; the object stays. */
void op_release(struct spool_op *op);
/* Bytes that it holds in memory, and about what it writes. */
size_t op_cost(const struct spool_op *op);
bool op_is_lazy(const struct spool_op *op);
bool op_comes_in(const struct spool_op *op); /* adds to the store */
/* The message whose slices it must not overtake: true and *mid. */
bool op_is_staged(const struct spool_op *op, uint64_t *mid);

MUST_CHECK int op_accept(struct batch *b, struct spool_op *op);
struct op_new {               /* a message that becomes part of the store */
	struct envelope *env; /* borrowed */
	uint16_t ndeliveries;
	const struct spool_delivery *first, *more;
	const struct spool_past *past; /* ndeliveries, or NULL */
	struct err *err;
};
MUST_CHECK int op_accept_new(struct batch *b, const struct op_new *new);
MUST_CHECK int op_stage(struct batch *b, struct spool_op *op);
MUST_CHECK int op_abort(struct batch *b, struct spool_op *op);
/* What was staged for it, if anything, goes to gc. */
MUST_CHECK int op_abort_mid(struct batch *b, uint64_t mid);
MUST_CHECK int op_settle(struct batch *b, struct spool_op *op);
/* A settling whose message cannot be read: its key is parked as damaged. */
MUST_CHECK int op_settle_damaged(struct batch *b, struct spool_op *op);
MUST_CHECK int op_move(struct batch *b, struct spool_op *op);
MUST_CHECK int op_reserve(struct batch *b, struct spool_op *op);
MUST_CHECK int op_route(struct batch *b, struct spool_op *op);
MUST_CHECK int op_doubt(struct batch *b, struct spool_op *op);
/* It is known again what became of it. */
MUST_CHECK int op_doubt_end(struct batch *b, uint64_t mid, uint16_t n);
/* What a crash has left in doubt is parked as such; *found counts them. */
MUST_CHECK int op_doubt_left(struct batch *b, uint64_t *found);
/* Deletes at most max chunks of content that is on its way out; 1: more is
 * left, 0: none. */
MUST_CHECK int op_gc(struct batch *b, unsigned max);

#endif
