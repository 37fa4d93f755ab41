/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool/post - the answers and notices of a commit, one chain and so one
 * wake-up a mailbox.  The writer's.
 */
#ifndef SPOOL_POST_H
#define SPOOL_POST_H

#include <stddef.h>

struct batch;
struct mailbox;
struct mailbox_item;
struct spool;
struct spool_op;

struct post_chain {
	struct mailbox *to;
	struct mailbox_item *first, *last;
};

struct post {
	struct spool *sp;
	struct post_chain *chain; /* owned */
	size_t n, cap;
};

void post_init(struct post *p, struct spool *sp);
void post_done(struct post *p);
/* The operation is not ours any more. */
void post_answer(struct post *p, struct spool_op *op);
void post_flush(struct post *p); /* the answers leave */
/* They leave, and the keys made by the batch with them. */
void post_send(struct post *p, struct batch *b);

#endif
