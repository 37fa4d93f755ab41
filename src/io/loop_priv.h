/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io/loop_priv - what the modules of io share: the inside of a turn.
 *
 * A turn: poll; the tasks put off to this turn (loop_task_next); the events'
 * callbacks; then, before the loop sleeps, what loop_later() asked for and the
 * tasks of the turn's end (loop_task_later: connections send their output),
 * until there are no more; last, what loop_discard() was given is freed.
 */
#ifndef IO_LOOP_PRIV_H
#define IO_LOOP_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ev.h>

#include "postern/base/buf.h"
#include "postern/base/list.h"
#include "postern/io/loop.h"

#define LOOP_SCRATCH_BYTES ((size_t)64 * 1024)

struct loop_task {
	struct list node; /* in one list of the loop, or in none */
	loop_fn *fn;
	void *arg;
};

void loop_task_init(struct loop_task *t, loop_fn *fn, void *arg);
void loop_task_later(struct loop *l, struct loop_task *t); /* twice is once */
void loop_task_next(struct loop *l, struct loop_task *t);
void loop_task_cancel(struct loop_task *t);
/* Run by loop_free(), for what lives on without an owner. */
void loop_task_at_end(struct loop *l, struct loop_task *t);

/* For a step that takes a millisecond or ten: may it be done in this turn, or
 * have the others waited long enough?  The first one of a turn always may. */
bool loop_has_time(struct loop *l);

struct ev_loop *loop_ev(struct loop *l);
char *loop_scratch(struct loop *l); /* valid until the callback returns */
void loop_discard(struct loop *l, void *p); /* free(p) at the turn's end */

/* Memory for a buffer that is empty and has none; and back. */
void loop_buf_get(struct loop *l, struct buf *b);
void loop_buf_put(struct loop *l, struct buf *b);

/* The timer, to be embedded.  The libev timer is moved only when it would fire
 * too late; one that fires too early goes on for the rest. */
struct timer {
	ev_timer ev;
	struct loop *loop;
	loop_fn *fn;
	void *arg;
	uint64_t at_ms;    /* 0: not set */
	uint64_t armed_ms; /* when the libev timer fires, 0: not active */
};

void timer_init(struct timer *t, struct loop *l, loop_fn *fn, void *arg);
void timer_set_at(struct timer *t, uint64_t at_ms); /* loop_now_ms() based */
void timer_done(struct timer *t);

#endif
