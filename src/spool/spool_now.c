/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool/spool_now - messages into a spool whose writer does not run.
 */
#include "postern/spool/spool.h"

#include "spool/batch.h"
#include "spool/engine.h"
#include "spool/op.h"

static int
apply(struct batch *b, struct spool_op *op)
{
	int rc;

	op->kind = OP_ACCEPT;
	op->result = SPOOL_DONE;
	rc = op_apply(b, op);
	arena_reset(&b->arena);
	return rc;
}

/* The one that is at fault says why, or the store does. */
static int
fail(const struct batch *b, const struct spool_op *op, struct err *err)
{
	if (op && op->err.kind != ERR_NONE)
		err_set(err, op->err.kind, "%s", op->err.text);
	else
		err_set(err,
		    store_fault(&b->x) == STORE_NO_SPACE ? ERR_FULL : ERR_STORE,
		    "%s: %s", b->sp->directory, store_fault_text(&b->x));
	return -1;
}

int
spool_accept_now(struct spool *sp, struct spool_accept *const *all, size_t n,
    struct err *err)
{
	struct spool_op *bad = NULL;
	struct batch b;
	int rc;

	batch_init(&b, sp);
	rc = batch_begin(&b);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		rc = apply(&b, &all[i]->op);
		bad = rc ? &all[i]->op : NULL;
	}
	if (rc == 0)
		rc = batch_commit(&b);
	else
		batch_abort(&b);
	if (rc)
		fail(&b, bad, err);
	for (size_t i = 0; i < n; i++)
		op_release(&all[i]->op);
	batch_done(&b);
	return rc;
}
