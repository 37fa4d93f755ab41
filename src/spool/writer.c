/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/writer.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "postern/base/mem.h"
#include "postern/base/thread.h"
#include "postern/io/mailbox.h"
#include "postern/spool/spool.h"

#include "spool/batch.h"
#include "spool/cfg.h"
#include "spool/counts.h"
#include "spool/engine.h"
#include "spool/health.h"
#include "spool/op.h"
#include "spool/pace.h"
#include "spool/post.h"
#include "spool/purge.h"
#include "spool/queue.h"
#include "spool/space.h"

#define LAZY_US 20000u       /* how long a mere "delivered" may wait */
#define TICK_US 1000000u     /* space, purge */
#define RETRY_US 1000000u    /* after what had to be written was not */
#define READERS_US 60000000u /* slots of readers that died */
#define GC_CHUNKS 256u       /* a transaction */
#define BUSY_OPS 8192u       /* queued: inlets stop reading */
#define BUSY_BYTES (64u << 20)
#define LAST_TRIES 3 /* of settlings at a stop */

struct writer {
	struct spool *sp;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	/* under the lock */
	struct spool_op *in, **in_last; /* submitted, in order */
	bool urgent;                    /* one of them does not wait */
	bool keep;              /* what rides with a commit is to ride now */
	uint64_t lazy_since_us; /* the first that does; 0: none */
	bool sleeping, stop;
	/* any thread */
	_Atomic size_t queued_ops, queued_bytes;
	_Atomic bool running, stuck, broken;
	struct health *health;
	struct pace *pace;
	/* the thread's */
	struct queue queue;
	struct batch b;
	struct post post;
	uint64_t tick_us, readers_us, gc_us; /* when next */
	uint64_t retry_us; /* of settlings that could not be kept; 0: none */
	unsigned tries;
	bool purge_left; /* dead letters beyond the page */
	bool stopping, keeping;
};

/* The condition waits by this clock, which no test makes faster. */
static uint64_t
real_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* --- life --- */

struct writer *
writer_new(struct spool *sp)
{
	struct writer *w = mem_new(sizeof *w);
	pthread_condattr_t attr;

	w->sp = sp;
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->wake, &attr);
	pthread_condattr_destroy(&attr);
	w->in_last = &w->in;
	w->health = health_new();
	w->pace = pace_new();
	queue_init(&w->queue);
	batch_init(&w->b, sp);
	post_init(&w->post, sp);
	return w;
}

void
writer_free(struct writer **w)
{
	if (!*w)
		return;
	assert(!(*w)->running && !(*w)->in);
	queue_done(&(*w)->queue);
	batch_done(&(*w)->b);
	post_done(&(*w)->post);
	health_free(&(*w)->health);
	pace_free(&(*w)->pace);
	pthread_cond_destroy(&(*w)->wake);
	pthread_mutex_destroy(&(*w)->lock);
	free(*w);
	*w = NULL;
}

bool
writer_is_running(const struct writer *w)
{
	return w->running;
}

bool
writer_is_busy(const struct writer *w)
{
	struct writer *x = (struct writer *)(uintptr_t)w;

	return atomic_load_explicit(&x->queued_ops, memory_order_relaxed) >
	           BUSY_OPS ||
	       atomic_load_explicit(&x->queued_bytes, memory_order_relaxed) >
	           BUSY_BYTES;
}

bool
writer_is_stuck(const struct writer *w)
{
	return w->stuck || w->broken;
}

void
writer_pace(struct writer *w, uint64_t *recent_us, uint64_t *under_way_us)
{
	uint64_t now = real_us();

	*recent_us = pace_p99(w->pace, now);
	*under_way_us = pace_under_way(w->pace, now);
}

struct health *
writer_health(struct writer *w)
{
	return w->health;
}

/* --- submitting --- */

/* The writer has ended: whoever comes so late hears that it was not written. */
static void
too_late(struct writer *w, struct spool_op *op)
{
	struct post post;

	post_init(&post, w->sp);
	op->result = SPOOL_FAILED;
	err_set(&op->err, ERR_STORE, "the spool has been stopped");
	op_release(op);
	post_answer(&post, op);
	post_flush(&post);
	post_done(&post);
}

/* Is the writer to be woken?  Under the lock. */
static bool
note_hurry(struct writer *w, bool lazy)
{
	bool wake = !w->urgent;

	if (!lazy)
		w->urgent = true;
	else if (w->lazy_since_us)
		wake = false;
	else
		w->lazy_since_us = real_us();
	return wake && w->sleeping;
}

void
writer_submit(struct writer *w, struct spool_op *op)
{
	size_t cost = op_cost(op);
	bool lazy = op_is_lazy(op), wake, stopped;

	op->next = NULL;
	atomic_fetch_add_explicit(&w->queued_ops, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&w->queued_bytes, cost, memory_order_relaxed);
	pthread_mutex_lock(&w->lock);
	stopped = w->stop;
	wake = !stopped && note_hurry(w, lazy);
	if (!stopped) {
		*w->in_last = op;
		w->in_last = &op->next;
	}
	pthread_mutex_unlock(&w->lock);
	if (wake)
		pthread_cond_signal(&w->wake);
	if (stopped)
		too_late(w, op);
}

void
writer_keep(struct writer *w)
{
	pthread_mutex_lock(&w->lock);
	w->keep = w->urgent = true;
	if (w->sleeping)
		pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
}

/* --- waiting --- */

static bool
has_work(const struct writer *w, uint64_t now)
{
	return w->purge_left || (w->sp->gc_left && now >= w->gc_us) ||
	       !queue_is_empty(&w->queue, now < w->retry_us);
}

/* When to look again; 0: at once.  Under the lock. */
static uint64_t
wait_until(const struct writer *w, uint64_t now)
{
	uint64_t until = w->tick_us;

	if (w->stop || w->urgent || has_work(w, now))
		return 0;
	if (w->in && w->lazy_since_us + LAZY_US < until)
		until = w->lazy_since_us + LAZY_US;
	if (w->retry_us && w->retry_us < until)
		until = w->retry_us;
	return until > now ? until : 0;
}

/* Sleeps while there is nothing to do, then sorts what was submitted. */
static void
gather(struct writer *w)
{
	struct spool_op *op, *next;
	struct timespec ts;
	uint64_t until;

	pthread_mutex_lock(&w->lock);
	while ((until = wait_until(w, real_us())) > 0) {
		ts.tv_sec = (time_t)(until / 1000000);
		ts.tv_nsec = (long)(until % 1000000) * 1000;
		w->sleeping = true;
		(void)pthread_cond_timedwait(&w->wake, &w->lock, &ts);
		w->sleeping = false;
	}
	op = w->in;
	w->in = NULL;
	w->in_last = &w->in;
	w->urgent = false;
	w->keeping = w->keep;
	w->keep = false;
	w->lazy_since_us = 0;
	w->stopping = w->stop;
	pthread_mutex_unlock(&w->lock);
	for (; op; op = next) {
		next = op->next;
		queue_put(&w->queue, op);
	}
}

/* --- failures --- */

static void
fatal(struct writer *w, const char *what)
{
	struct err err;

	if (w->broken)
		return;
	w->broken = true;
	err_set(&err, ERR_STORE,
	    "%s: the store cannot be written: %s; nothing more is accepted or "
	    "delivered",
	    w->sp->directory, what);
	if (w->sp->fatal_fn)
		w->sp->fatal_fn(w->sp->fatal_arg, &err);
}

/* What a failed transaction means for the whole. */
static void
judge(struct writer *w, enum store_fault fault)
{
	const char *text = store_fault_text(&w->b.x);

	if (fault == STORE_PANIC)
		fatal(w, text);
	else if (fault == STORE_NO_SPACE)
		(void)space_is_full(w->sp, true);
	else if (fault == STORE_IO && !space_is_full(w->sp, false))
		fatal(w, text);
	else if (fault == STORE_MAP_FULL)
		space_map_full(w->sp);
}

static void
answer(struct writer *w, struct spool_op *op)
{
	atomic_fetch_sub_explicit(&w->queued_ops, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(
	    &w->queued_bytes, op_cost(op), memory_order_relaxed);
	op_release(op);
	post_answer(&w->post, op);
}

static void
refuse(struct writer *w, struct spool_op *op, enum store_fault fault)
{
	bool room = fault == STORE_OTHER || fault == STORE_DAMAGED || w->broken;

	op->result = room ? SPOOL_FAILED : SPOOL_FULL;
	if (op->err.kind == ERR_NONE)
		err_set(&op->err, room ? ERR_STORE : ERR_FULL, "%s",
		    store_fault_text(&w->b.x));
	answer(w, op);
}

static bool
must_be_kept(const struct writer *w, const struct spool_op *op)
{
	return (op->kind == OP_SETTLE || op->kind == OP_ABORT) && !w->broken &&
	       (!w->stopping || w->tries < LAST_TRIES);
}

/* --- transactions --- */

static int
commit(struct writer *w, uint64_t began)
{
	int rc = health_flush(w->health, &w->b.x);
	uint64_t now;

	pace_begin(w->pace, began);
	if (rc == 0)
		rc = batch_commit(&w->b);
	else
		batch_abort(&w->b);
	health_end(w->health, rc == 0);
	if (rc) {
		pace_cancel(w->pace);
		return -1;
	}
	now = real_us();
	pace_end(w->pace, now);
	stat_add(&w->sp->commits, 1);
	stat_observe(&w->sp->commit_us, now - began);
	return 0;
}

static int
gc(struct writer *w)
{
	int rc;

	if (!w->sp->gc_left)
		return 0;
	rc = op_gc(&w->b, GC_CHUNKS);
	w->sp->gc_left = rc > 0;
	return rc < 0 ? -1 : 0;
}

/* All of them in one, or nothing (-1). */
static int
together(struct writer *w)
{
	uint64_t began = real_us();
	bool left = w->sp->gc_left;
	int rc = batch_begin(&w->b);

	for (size_t i = 0; rc == 0 && i < w->queue.n; i++)
		rc = op_apply(&w->b, w->queue.ops[i]);
	if (rc == 0)
		rc = gc(w);
	if (rc)
		batch_abort(&w->b);
	else
		rc = commit(w, began);
	if (rc) {
		w->sp->gc_left = left;
		return -1;
	}
	for (size_t i = 0; i < w->queue.n; i++)
		answer(w, w->queue.ops[i]);
	stat_add(&w->sp->operations, w->queue.n);
	stat_observe(&w->sp->batch, w->queue.n);
	return 0;
}

/* The message cannot be read: out of the way with it, in a transaction of its
 * own. */
static void
set_aside(struct writer *w, struct spool_op *op)
{
	if (op->kind != OP_SETTLE)
		return;
	if (batch_begin(&w->b) == 0 && op_settle_damaged(&w->b, op) == 0)
		(void)commit(w, real_us()); /* else: the next time */
	else
		batch_abort(&w->b);
}

/* False: it has to be kept, and could not be applied. */
static bool
alone(struct writer *w, struct spool_op *op)
{
	uint64_t began = real_us();
	enum store_fault fault;
	int rc = batch_begin(&w->b);

	if (rc == 0)
		rc = op_apply(&w->b, op);
	if (rc == 0)
		rc = commit(w, began);
	else
		batch_abort(&w->b);
	if (rc == 0) {
		stat_add(&w->sp->operations, 1);
		answer(w, op);
		return true;
	}
	fault = store_fault(&w->b.x);
	judge(w, fault);
	if (fault != STORE_DAMAGED && must_be_kept(w, op))
		return false;
	if (fault == STORE_DAMAGED)
		set_aside(w, op);
	refuse(w, op, fault);
	return true;
}

/* One by one, so that one of them cannot fail the others.  What has to be kept
 * goes back in the order it came; how many. */
static size_t
apart(struct writer *w)
{
	struct spool_op *kept[QUEUE_BATCH], *op;
	size_t n = 0;

	for (size_t i = 0; i < w->queue.n; i++) {
		op = w->queue.ops[i];
		if (w->broken)
			refuse(w, op, STORE_PANIC);
		else if (n && must_be_kept(w, op))
			kept[n++] = op; /* not before the one that waits */
		else if (n && op->kind == OP_DOUBT)
			refuse(w, op, STORE_NO_SPACE); /* nor this one */
		else if (w->sp->space.hit && op_comes_in(op))
			refuse(w, op, STORE_NO_SPACE);
		else if (!alone(w, op))
			kept[n++] = op;
	}
	for (size_t i = n; i-- > 0;)
		queue_put_back(&w->queue, kept[i]);
	return n;
}

/* The room that the ballast left is for deliveries. */
static void
refuse_comers(struct writer *w)
{
	size_t n = 0;

	for (size_t i = 0; i < w->queue.n; i++)
		if (op_comes_in(w->queue.ops[i]))
			refuse(w, w->queue.ops[i], STORE_NO_SPACE);
		else
			w->queue.ops[n++] = w->queue.ops[i];
	w->queue.n = n;
}

static bool
has_cause(const struct writer *w)
{
	return w->queue.n || w->sp->gc_left || w->keeping;
}

static void
work(struct writer *w)
{
	bool without = real_us() < w->retry_us && !w->stopping;
	size_t kept = 0;

	queue_choose(&w->queue, without);
	if (w->sp->space.hit)
		refuse_comers(w);
	if (w->broken || (has_cause(w) && together(w))) {
		judge(w, store_fault(&w->b.x));
		w->gc_us = real_us() + RETRY_US;
		kept = apart(w);
	}
	if (!without) {
		w->stuck = kept > 0;
		w->tries = kept ? w->tries + 1 : 0;
		w->retry_us = kept ? real_us() + RETRY_US : 0;
	}
	post_send(&w->post, &w->b);
}

/* --- the thread --- */

static void
purge(struct writer *w)
{
	uint64_t began = real_us();
	int n = 0;

	w->purge_left = false;
	if (w->broken || counts_total(&w->sp->counts, COUNTS_DEAD) == 0)
		return;
	if (batch_begin(&w->b) == 0)
		n = purge_some(&w->b);
	if (n <= 0)
		batch_abort(&w->b);
	else if (commit(w, began) == 0) /* else: at the next tick */
		w->purge_left = n == PURGE_PAGE;
}

static void
tick(struct writer *w)
{
	uint64_t now = real_us();

	if (now < w->tick_us) {
		if (w->purge_left)
			purge(w);
		return;
	}
	w->tick_us = now + TICK_US;
	space_tick(w->sp);
	purge(w);
	if (now >= w->readers_us) {
		w->readers_us = now + READERS_US;
		store_reader_check(w->sp->store);
	}
}

/* The last transaction says that nothing was left undone. */
static void
farewell(struct writer *w)
{
	if (w->broken)
		return;
	if (batch_begin(&w->b) == 0 &&
	    cfg_put_stop(&w->b.x, true, w->sp->last_mid) == 0)
		(void)commit(w, real_us()); /* else it counts as unclean */
	else
		batch_abort(&w->b);
}

static void *
run(void *arg)
{
	struct writer *w = arg;

	do {
		gather(w);
		work(w);
		tick(w);
	} while (!w->stopping || !queue_is_empty(&w->queue, false));
	farewell(w);
	return NULL;
}

void
writer_start(struct writer *w)
{
	w->readers_us = real_us() + READERS_US;
	if (thread_start(&w->thread, "spool", run, w) != 0)
		abort(); /* no thread, no spool: nothing was promised yet */
	w->running = true;
}

void
writer_stop(struct writer *w)
{
	if (!w->running)
		return;
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	w->running = false;
}
