/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io/helper - a pool of threads for what would block a loop (cold reads,
 * password hashes), with a bounded queue.
 */
#ifndef IO_HELPER_H
#define IO_HELPER_H

#include <stddef.h>
#include <stdint.h>

#include "postern/base/err.h"
#include "postern/io/mailbox.h"

struct helper;

/* item.deliver runs in the loop of reply_to after run() has returned. */
struct helper_job {
	struct mailbox_item item;
	struct mailbox *reply_to;
	void (*run)(struct helper_job *job); /* on a helper thread */
};

struct helper *helper_new(const char *name, unsigned threads, size_t queue_max);
/* -1: the queue is full; the job stays the caller's.  Any thread. */
MUST_CHECK int helper_submit(struct helper *h, struct helper_job *job);
/* So many more wait in front of it, in an order of their owner's. */
void helper_before(struct helper *h, size_t n);
/* Of each there is, how many wait.  Any thread; fn may call none of these. */
typedef void helper_each_fn(void *arg, const char *name, uint64_t waiting);
void helper_each(helper_each_fn *fn, void *arg);
void helper_free(struct helper **h); /* runs what is queued, joins */

#endif
