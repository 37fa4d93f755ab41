/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/content - a message's bytes on their way in: up to stage_above of
 * them in memory, more are staged in the spool in slices while they arrive,
 * of which at most CONTENT_SLICES wait for their answer.
 *
 * Memory: what a content holds beyond CONTENT_FREE is taken from the spool's
 * budget.  Bytes that have been read are always kept, so a content may be in
 * debt by what one call brought; then it pauses until the debt is paid.  When
 * the budget is refused, what is held is staged early where it is worth an
 * operation: were it kept until it makes a slice, many clients with a part of
 * one each would hold all memory and go on one by one.  Else the content waits
 * for memory.  Waiters are looked at after each answer
 * of the spool; when no answer is to come, the first one stages what it holds,
 * however little: so somebody always moves and no timer is needed.
 */
#ifndef INTAKE_CONTENT_H
#define INTAKE_CONTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/list.h"
#include "postern/spool/spool.h"

#define CONTENT_FREE (4u << 10)
#define CONTENT_SLICE (128u << 10)
#define CONTENT_SLICES 2u
#define CONTENT_EARLY (16u << 10) /* staged already where memory is short */

struct body;
struct mailbox;

/* What the contents of one thread share. */
struct content_pool {
	struct spool *sp;
	struct mailbox *mb;
	struct list waiting; /* contents, the longest waiter first */
	size_t unanswered;   /* operations of this thread, also accepts */
	void (*on_idle)(void *arg); /* none is unanswered any more; or NULL */
	void *arg;
};

enum content_event {
	CONTENT_RESUME,  /* bytes are welcome again */
	CONTENT_SETTLED, /* after end or drop: no slice is unanswered */
};

struct content;
typedef void content_fn(struct content *c, enum content_event ev);

struct content {
	struct content_pool *pool;
	struct list in_waiting;
	content_fn *fn;
	uint64_t mid;
	size_t stage_above;
	struct body *body;         /* until it is staged; owned */
	struct spool_stage *slice; /* being filled; owned */
	size_t slice_room;
	size_t held, taken;  /* bytes: in memory, of the budget */
	unsigned unanswered; /* slices */
	bool is_staged, is_paused, is_over; /* over: ended or dropped */
	enum spool_result result;           /* of the first slice that failed */
};

void content_pool_init(
    struct content_pool *p, struct spool *sp, struct mailbox *mb);
/* An operation that is not a slice is on its way, was answered: waiters may go
 * on. */
void content_pool_asked(struct content_pool *p);
void content_pool_answered(struct content_pool *p);

void content_init(struct content *c, struct content_pool *pool, uint64_t mid,
    size_t stage_above, content_fn *fn);
/* true: enough for now, CONTENT_RESUME follows.  After a slice has failed the
 * bytes are let go. */
bool content_add(struct content *c, const char *p, size_t n);
/* No more bytes; what is left is staged if any was.  true: settled already;
 * else CONTENT_SETTLED follows. */
bool content_end(struct content *c);
/* Lets all go, also what was staged.  Returns as content_end(); c must stay
 * until it is settled. */
bool content_drop(struct content *c);
/* After content_end(), where nothing was staged: the whole content.  The
 * reference is yours, and what it took of the budget goes with it. */
struct body *content_body(struct content *c);
/* What is in memory goes back to the budget: c is free to go. */
void content_done(struct content *c);

#endif
