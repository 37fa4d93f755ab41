/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/op.h"

#include <assert.h>
#include <stdlib.h>

#include "spool/batch.h"

#define COST_SMALL 512

int
op_apply(struct batch *b, struct spool_op *op)
{
	static int (*const apply[])(struct batch *, struct spool_op *) = {
		[OP_ACCEPT] = op_accept,
		[OP_STAGE] = op_stage,
		[OP_ABORT] = op_abort,
		[OP_SETTLE] = op_settle,
		[OP_MOVE] = op_move,
		[OP_RESERVE] = op_reserve,
		[OP_ROUTE] = op_route,
		[OP_DOUBT] = op_doubt,
	};
	int rc;

	op->result = SPOOL_DONE;
	op->err.kind = ERR_NONE;
	op->err.text[0] = 0;
	rc = apply[op->kind](b, op);
	arena_reset(&b->arena);
	return rc;
}

void
op_release(struct spool_op *op)
{
	struct spool_accept *a;
	struct spool_move *m;

	if (op->kind == OP_ACCEPT) {
		a = (struct spool_accept *)op;
		envelope_free(&a->env);
		free(a->more);
		free(a->past);
		a->more = NULL;
		a->past = NULL;
	} else if (op->kind == OP_SETTLE) {
		envelope_free(&((struct spool_settle *)op)->child);
	} else if (op->kind == OP_MOVE) {
		m = (struct spool_move *)op;
		free(m->parts);
		free(m->part_of);
		m->parts = NULL;
		m->part_of = NULL;
	}
}

static size_t
settle_cost(const struct spool_settle *s)
{
	return s->nresults * sizeof s->results[0] +
	       (s->child ? envelope_memory(s->child) : 0);
}

size_t
op_cost(const struct spool_op *op)
{
	if (op->kind == OP_STAGE)
		return ((const struct spool_stage *)op)->len;
	if (op->kind == OP_ACCEPT)
		return COST_SMALL +
		       envelope_memory(((const struct spool_accept *)op)->env);
	if (op->kind == OP_SETTLE)
		return COST_SMALL +
		       settle_cost((const struct spool_settle *)op);
	if (op->kind == OP_MOVE)
		return COST_SMALL + ((const struct spool_move *)op)->nrcpts *
		                        sizeof(uint16_t);
	return COST_SMALL;
}

bool
op_is_lazy(const struct spool_op *op)
{
	const struct spool_settle *s = (const struct spool_settle *)op;

	if (op->kind == OP_DOUBT)
		return ((const struct spool_doubt *)op)->over;
	if (op->kind != OP_SETTLE || s->child || s->nresults == 0)
		return false;
	for (uint32_t i = 0; i < s->nresults; i++)
		if (s->results[i].state != ENVELOPE_DELIVERED)
			return false;
	return true;
}

bool
op_comes_in(const struct spool_op *op)
{
	return op->kind == OP_ACCEPT || op->kind == OP_STAGE;
}

bool
op_is_staged(const struct spool_op *op, uint64_t *mid)
{
	const struct spool_accept *a = (const struct spool_accept *)op;

	if (op->kind == OP_STAGE)
		*mid = ((const struct spool_stage *)op)->mid;
	else if (op->kind == OP_ABORT)
		*mid = ((const struct op_abort *)op)->mid;
	else if (op->kind == OP_ACCEPT && !a->env->body)
		*mid = a->env->mid;
	else
		return false;
	return true;
}
