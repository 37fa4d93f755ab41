/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io/mailbox - hands objects to another thread: a list under one mutex and one
 * ev_async (which coalesces, so the list is always drained whole).
 */
#ifndef IO_MAILBOX_H
#define IO_MAILBOX_H

#include <stddef.h>

#include "postern/io/loop.h"

/* Lies first in the object that is handed over; the object belongs to the
 * receiver from mailbox_put() on. */
struct mailbox_item {
	struct mailbox_item *next;
	/* Run in the receiver's loop, in the order of the puts. */
	void (*deliver)(struct mailbox_item *item, void *owner);
};

struct mailbox;

/* owner is handed to each deliver(). */
struct mailbox *mailbox_new(struct loop *l, void *owner);
/* Receiver's thread, when no sender is left; undelivered items are delivered
 * first. */
void mailbox_free(struct mailbox **m);
void mailbox_put(struct mailbox *m, struct mailbox_item *item); /* any thread */
/* A chain (linked by next, NULL at the end) with one wake-up. */
void mailbox_put_chain(
    struct mailbox *m, struct mailbox_item *first, struct mailbox_item *last);

/* Runs fn(arg) in the receiver's loop; waits until it has run if wait.  Not
 * from the receiver's own thread when waiting. */
void mailbox_call(struct mailbox *m, loop_fn *fn, void *arg, int wait);

#endif
