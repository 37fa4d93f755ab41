/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool/spool - opening and closing, ids, room, memory; the door through which
 * operations go to the writer.
 */
#include "postern/spool/spool.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "postern/base/clock.h"
#include "postern/base/mem.h"
#include "postern/spool/body.h"

#include "spool/batch.h"
#include "spool/cfg.h"
#include "spool/directory.h"
#include "spool/engine.h"
#include "spool/flight.h"
#include "spool/health.h"
#include "spool/keys.h"
#include "spool/op.h"
#include "spool/poison.h"
#include "spool/recount.h"
#include "spool/writer.h"

#define JOURNAL_DEFAULT (UINT64_C(64) << 20)
#define INLINE_MAX 1400u /* of 4,096; bigger pages have the same share */
#define DEAD_KEEP_MS (UINT64_C(14) * 24 * 3600 * 1000)
#define SHARE_OF_ROOM 2 /* one message may take so much of what is left */

static void
set(_Atomic uint64_t *v, uint64_t to)
{
	atomic_store_explicit(v, to, memory_order_relaxed);
}

void
spool_change(struct spool *sp, const struct spool_settings *s)
{
	set(&sp->limits.memory_max, s->memory_max);
	set(&sp->limits.journal_max,
	    s->journal_max ? s->journal_max : JOURNAL_DEFAULT);
	set(&sp->limits.size_max, s->size_max);
	set(&sp->limits.min_free, s->min_free);
	set(&sp->limits.ballast, s->ballast);
	set(&sp->limits.dead_keep_ms,
	    s->dead_keep_ms ? s->dead_keep_ms : DEAD_KEEP_MS);
	set(&sp->limits.dead_size_max, s->dead_size_max);
}

/* --- opening --- */

/* Half received messages of the last life go to gc. */
static int
sweep_stage(struct batch *b)
{
	struct store_cursor c;
	uint64_t mid = 0;
	int rc;

	for (;;) {
		if (store_cursor(&c, &b->x, STORE_STAGE))
			return -1;
		rc = store_seek(&c, STR("\0"));
		if (rc == 0 && keys_read_mid(c.k, &mid))
			rc = store_damaged(&b->x);
		store_cursor_done(&c);
		if (rc)
			return rc < 0 ? -1 : 0;
		if (op_abort_mid(b, mid))
			return -1;
	}
}

static int
last_of(struct batch *b, enum store_table t, uint64_t *mid)
{
	struct store_cursor c;
	uint64_t last = 0;
	int rc;

	if (store_cursor(&c, &b->x, t))
		return -1;
	rc = store_last(&c);
	if (rc == 0 && keys_read_mid(c.k, &last))
		rc = store_damaged(&b->x);
	store_cursor_done(&c);
	if (*mid < last)
		*mid = last;
	return rc < 0 ? -1 : 0;
}

/* No id below what was ever used: the last one drawn before a clean stop, the
 * highest stored, the last event's, which is not below those before it. */
static int
last_mid(struct batch *b, uint64_t stopped_at)
{
	struct spool *sp = b->sp;
	uint64_t mid = stopped_at;

	if (mid < sp->journal.last)
		mid = sp->journal.last;
	if (last_of(b, STORE_MSG, &mid) || last_of(b, STORE_STAGE, &mid) ||
	    last_of(b, STORE_GC, &mid))
		return -1;
	set(&sp->last_mid, mid);
	return 0;
}

static int
load_counts(struct batch *b)
{
	int rc = counts_load(&b->sp->counts, &b->x);

	return rc > 0 ? recount(b) : rc;
}

static int
first_batch(struct batch *b, struct poison_check *c)
{
	struct spool *sp = b->sp;
	uint64_t stopped_at;

	if (cfg_get_stop(&b->x, &c->clean, &stopped_at) ||
	    cfg_get_drop(&b->x, sp->drop) ||
	    cfg_own_secret(&b->x, sp->secret) || load_counts(b) ||
	    journal_load(&sp->journal, &b->x) || last_mid(b, stopped_at) ||
	    sweep_stage(b) || op_doubt_left(b, &sp->doubted) ||
	    poison_check(b, c))
		return -1;
	sp->gc_left = true; /* the first tick looks */
	return cfg_put_stop(&b->x, false, sp->last_mid);
}

static int
check_format(struct spool *sp, struct err *err)
{
	struct store_txn x;
	int rc;

	if (store_read_begin(sp->store, &x) || store_read_renew(&x)) {
		rc = err_set(err, ERR_STORE, "%s: %s", sp->directory,
		    store_fault_text(&x));
	} else {
		rc = cfg_check(&x, sp->directory, err);
	}
	store_read_end(&x);
	return rc;
}

static int
try_begin_life(struct batch *b, bool fresh, struct poison_check *c)
{
	int rc = batch_begin(b);

	c->parked = 0;
	if (rc == 0 && fresh)
		rc = cfg_make(&b->x, b->now_ms);
	if (rc == 0)
		rc = first_batch(b, c);
	if (rc == 0)
		return batch_commit(b);
	batch_abort(b);
	return -1;
}

/* On a full disk it takes the ballast's room: what is queued wants out. */
static int
begin_life(
    struct spool *sp, bool fresh, struct poison_check *c, struct err *err)
{
	struct batch b;
	int rc;

	batch_init(&b, sp);
	rc = try_begin_life(&b, fresh, c);
	if (rc &&
	    (store_fault(&b.x) == STORE_NO_SPACE ||
	        store_fault(&b.x) == STORE_IO) &&
	    space_is_full(sp, store_fault(&b.x) == STORE_NO_SPACE))
		rc = try_begin_life(&b, fresh, c);
	if (rc)
		err_set(err, ERR_STORE, "%s: %s", sp->directory,
		    store_fault_text(&b.x));
	batch_done(&b);
	if (rc == 0 && fresh)
		rc = directory_sync(sp->directory, err);
	return rc;
}

static int
take_flight(struct spool *sp, bool fresh, struct err *err)
{
	uint64_t *ids = mem_array(FLIGHT_SLOTS, sizeof *ids);
	struct poison_check c = { .ids = ids };
	int rc = flight_open(&sp->flight, sp->directory, ids, &c.n, err);

	if (rc == 0)
		rc = begin_life(sp, fresh, &c, err);
	if (rc == 0)
		flight_forget(sp->flight); /* its stop is counted */
	sp->poisoned = c.parked;
	free(ids);
	return rc;
}

static int
open_all(struct spool *sp, const struct spool_settings *s, struct err *err)
{
	bool fresh;

	if (directory_take(&sp->lock_fd, sp->directory, err) ||
	    store_open(&sp->store, sp->directory, s->map_max, &fresh, err) ||
	    (!fresh && check_format(sp, err)))
		return -1;
	sp->inline_max =
	    (unsigned)(store_page_size(sp->store) * INLINE_MAX / 4096);
	journal_init(&sp->journal, store_value_max(sp->store));
	space_find(sp);
	if (directory_flush_us(sp->directory, &sp->flush_us, err))
		return -1;
	return take_flight(sp, fresh, err);
}

int
spool_open(struct spool **sp, const struct spool_settings *s, struct err *err)
{
	struct spool *x = mem_new(sizeof *x);

	x->lock_fd = -1;
	reader_all_init(&x->readers);
	x->directory = mem_str(s->directory);
	spool_change(x, s);
	if (open_all(x, s, err)) {
		spool_close(&x);
		return -1;
	}
	x->writer = writer_new(x);
	space_tick(x);
	*sp = x;
	return 0;
}

void
spool_close(struct spool **sp)
{
	struct spool *x = *sp;

	*sp = NULL;
	if (!x)
		return;
	writer_free(&x->writer);
	flight_close(&x->flight);
	store_close(&x->store);
	counts_done(&x->counts);
	journal_done(&x->journal);
	reader_all_done(&x->readers);
	if (x->lock_fd >= 0)
		close(x->lock_fd);
	free(x->directory);
	free(x);
}

void
spool_start(struct spool *sp)
{
	writer_start(sp->writer);
}

void
spool_stop(struct spool *sp)
{
	writer_stop(sp->writer);
}

void
spool_on_fatal(
    struct spool *sp, void (*fn)(void *arg, const struct err *err), void *arg)
{
	sp->fatal_fn = fn;
	sp->fatal_arg = arg;
}

void
spool_on_ready(struct spool *sp, struct mailbox *to, spool_ready_fn *fn)
{
	sp->ready_to = to;
	sp->ready_fn = fn;
}

const unsigned char *
spool_secret(const struct spool *sp)
{
	return sp->secret;
}

const char *
spool_last_drop(const struct spool *sp)
{
	return sp->drop;
}

uint64_t
spool_flush_us(const struct spool *sp)
{
	return sp->flush_us;
}

/* --- ids, room, memory --- */

uint64_t
spool_mid(struct spool *sp)
{
	uint64_t now = (uint64_t)clock_wall_ms() << 20, last, next;

	last = atomic_load_explicit(&sp->last_mid, memory_order_relaxed);
	do
		next = now > last ? now : last + 1;
	while (!atomic_compare_exchange_weak_explicit(&sp->last_mid, &last,
	    next, memory_order_relaxed, memory_order_relaxed));
	return next;
}

enum spool_result
spool_room(struct spool *sp, uint64_t size)
{
	uint64_t usable =
	    atomic_load_explicit(&sp->space.usable, memory_order_relaxed);

	if (writer_is_stuck(sp->writer) ||
	    atomic_load_explicit(&sp->space.full, memory_order_relaxed))
		return SPOOL_FULL;
	return size > usable / SHARE_OF_ROOM ? SPOOL_FULL : SPOOL_DONE;
}

bool
spool_memory_take(struct spool *sp, size_t n)
{
	size_t max = (size_t)engine_limit(&sp->limits.memory_max);
	size_t used = atomic_load_explicit(&sp->memory, memory_order_relaxed);

	do {
		if (used >= max || n > max - used)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(&sp->memory, &used,
	    used + n, memory_order_relaxed, memory_order_relaxed));
	return true;
}

void
spool_memory_give(struct spool *sp, size_t n)
{
	atomic_fetch_sub_explicit(&sp->memory, n, memory_order_relaxed);
}

static void
give_back(void *arg, size_t n)
{
	spool_memory_give(arg, n);
}

void
spool_memory_own(struct spool *sp, struct body *b, size_t n)
{
	body_charge(b, give_back, sp, n);
}

bool
spool_is_busy(struct spool *sp)
{
	return writer_is_busy(sp->writer);
}

bool
spool_is_stuck(struct spool *sp)
{
	return writer_is_stuck(sp->writer);
}

uint64_t
spool_commits(struct spool *sp)
{
	return stat_get(&sp->commits);
}

void
spool_stats(struct spool *sp, struct spool_stats *st)
{
	struct store_use use;

	store_use(sp->store, &use);
	*st = (struct spool_stats){
		.queued = counts_total(&sp->counts, COUNTS_QUEUED),
		.queued_bytes = counts_bytes(&sp->counts, COUNTS_QUEUED),
		.held = counts_total(&sp->counts, COUNTS_HELD),
		.dead = counts_total(&sp->counts, COUNTS_DEAD),
		.doubt = counts_total(&sp->counts, COUNTS_DOUBT),
		.size_max = engine_limit(&sp->limits.size_max),
		.commits = stat_get(&sp->commits),
		.operations = stat_get(&sp->operations),
		.commit_us_p50 = stat_quantile(&sp->commit_us, 0.5),
		.commit_us_p99 = stat_quantile(&sp->commit_us, 0.99),
		.map_used = atomic_load(&sp->space.map_used),
		.disk_free = atomic_load(&sp->space.disk_free),
		.readers = use.readers,
		.memory = atomic_load(&sp->memory),
		.poisoned = sp->poisoned,
		.doubted = sp->doubted,
		.full = atomic_load(&sp->space.full),
	};
	counts_each(&sp->counts, COUNTS_QUEUED, st->queued_of);
	counts_each(&sp->counts, COUNTS_HELD, st->held_of);
	counts_each(&sp->counts, COUNTS_DEAD, st->dead_of);
	counts_each(&sp->counts, COUNTS_DOUBT, st->doubt_of);
	writer_pace(
	    sp->writer, &st->commit_us_recent, &st->commit_us_under_way);
}

uint64_t
spool_reader_ms(struct spool *sp)
{
	return reader_oldest_ms(&sp->readers);
}

const struct stat_histogram *
spool_commit_us(const struct spool *sp)
{
	return &sp->commit_us;
}

const struct stat_histogram *
spool_batches(const struct spool *sp)
{
	return &sp->batch;
}

/* --- operations --- */

static void
submit(struct spool *sp, struct spool_op *op, enum op_kind kind)
{
	op->kind = (int)kind;
	writer_submit(sp->writer, op);
}

void
spool_accept(struct spool *sp, struct spool_accept *a)
{
	submit(sp, &a->op, OP_ACCEPT);
}

void
spool_stage(struct spool *sp, struct spool_stage *s)
{
	submit(sp, &s->op, OP_STAGE);
}

void
spool_abort_staged(struct spool *sp, uint64_t mid)
{
	struct op_abort *a = mem_new(sizeof *a);

	a->mid = mid;
	submit(sp, &a->op, OP_ABORT);
}

void
spool_settle(struct spool *sp, struct spool_settle *s)
{
	submit(sp, &s->op, OP_SETTLE);
}

void
spool_move(struct spool *sp, struct spool_move *m)
{
	submit(sp, &m->op, OP_MOVE);
}

void
spool_doubt(struct spool *sp, struct spool_doubt *d)
{
	submit(sp, &d->op, OP_DOUBT);
}

void
spool_reserve(struct spool *sp, struct spool_reserve *r)
{
	submit(sp, &r->op, OP_RESERVE);
}

void
spool_health_put(
    struct spool *sp, const char *provider, const void *p, size_t n)
{
	health_put(writer_health(sp->writer), provider, p, n);
}

void
spool_health_keep(
    struct spool *sp, const char *provider, const void *p, size_t n)
{
	health_put(writer_health(sp->writer), provider, p, n);
	writer_keep(sp->writer);
}

void
spool_flight_add(struct spool *sp, uint64_t mid)
{
	flight_add(sp->flight, mid);
}

void
spool_flight_del(struct spool *sp, uint64_t mid)
{
	flight_del(sp->flight, mid);
}

/* --- routes --- */

static void
route_here(struct spool *sp, struct op_route *r)
{
	struct batch b;
	int rc;

	batch_init(&b, sp);
	rc = batch_begin(&b);
	if (rc == 0)
		rc = op_apply(&b, &r->op);
	if (rc == 0)
		rc = batch_commit(&b);
	else
		batch_abort(&b);
	if (rc) {
		r->op.result = SPOOL_FAILED;
		if (r->op.err.kind == ERR_NONE)
			err_set(&r->op.err, ERR_STORE, "%s",
			    store_fault_text(&b.x));
	}
	batch_done(&b);
}

int
spool_route(struct spool *sp, const char *name, uint32_t *id, struct err *err)
{
	struct op_route r = { .name = name };

	r.op.kind = OP_ROUTE;
	if (writer_is_running(sp->writer)) {
		sem_init(&r.ready, 0, 0);
		writer_submit(sp->writer, &r.op);
		while (sem_wait(&r.ready))
			continue; /* a signal */
		sem_destroy(&r.ready);
	} else {
		route_here(sp, &r);
	}
	if (r.op.result != SPOOL_DONE)
		return err_set(err, r.op.err.kind,
		    "the route \"%.64s\" cannot be stored: %s", name,
		    r.op.err.text);
	*id = r.id;
	return 0;
}

const char *
spool_hold_word(enum spool_hold hold)
{
	static const char *const holds[] = {
		[SPOOL_HOLD_NONE] = "none",
		[SPOOL_HOLD_OPERATOR] = "operator",
		[SPOOL_HOLD_POISON] = "poison",
		[SPOOL_HOLD_SMTPUTF8] = "smtputf8",
		[SPOOL_HOLD_REQUIRETLS] = "requiretls",
		[SPOOL_HOLD_SIZE] = "size",
		[SPOOL_HOLD_IDENTITY] = "identity",
		[SPOOL_HOLD_8BIT] = "8bit",
		[SPOOL_HOLD_DAMAGED] = "damaged",
		[SPOOL_HOLD_BINARY] = "binary",
		[SPOOL_HOLD_DELIVERBY] = "deliverby",
		[SPOOL_HOLD_DOUBT] = "doubt",
	};

	return (size_t)hold < sizeof holds / sizeof holds[0] ? holds[hold]
	                                                     : "unknown";
}
