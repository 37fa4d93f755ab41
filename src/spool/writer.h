/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool/writer - the thread that writes: takes what was submitted, applies it
 * in one transaction, commits, answers.  No timer decides about a commit, but
 * for what only says "delivered": that rides along, for at most 20 ms.
 */
#ifndef SPOOL_WRITER_H
#define SPOOL_WRITER_H

#include <stdbool.h>
#include <stdint.h>

struct health;
struct spool;
struct spool_op;
struct writer;

struct writer *writer_new(struct spool *sp);
void writer_free(struct writer **w);
void writer_start(struct writer *w);
void writer_stop(struct writer *w); /* commits what was submitted, joins */
void writer_submit(struct writer *w, struct spool_op *op); /* any thread */
bool writer_is_running(const struct writer *w);
/* What the last commits took, and the one under way; us.  Any thread. */
void writer_pace(struct writer *w, uint64_t *recent_us, uint64_t *under_way_us);
bool writer_is_busy(const struct writer *w);  /* any thread */
bool writer_is_stuck(const struct writer *w); /* any thread */
struct health *writer_health(struct writer *w);
/* Any thread: a commit soon, though nothing may have been submitted. */
void writer_keep(struct writer *w);

#endif
