/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/batch.h"

#include <stdlib.h>
#include <string.h>

#include "postern/base/clock.h"
#include "postern/base/mem.h"
#include "postern/spool/body.h"

#include "spool/counts.h"
#include "spool/deadline.h"
#include "spool/engine.h"
#include "spool/journal.h"
#include "spool/keys.h"

#define READY_SOON_MS 1000 /* content is kept for what is due by then */

void
batch_init(struct batch *b, struct spool *sp)
{
	*b = (struct batch){ .sp = sp };
}

static void
drop_ready(struct batch *b)
{
	while (b->nready > b->nsure)
		envelope_free(&b->ready[--b->nready].env);
}

void
batch_done(struct batch *b)
{
	b->nsure = 0;
	drop_ready(b);
	free(b->ready);
	arena_done(&b->arena);
}

int
batch_begin(struct batch *b)
{
	b->now_ms = clock_wall_ms();
	b->gc = false;
	return store_begin(b->sp->store, &b->x);
}

/* The time, and not below any id drawn so far: so the last event tells them at
 * the next start, also where the clock has stepped back and all the messages
 * are gone. */
static uint64_t
journal_key(const struct batch *b)
{
	uint64_t now = b->now_ms > 0 ? (uint64_t)b->now_ms << 20 : 0;
	uint64_t mid = engine_limit(&b->sp->last_mid);

	return now > mid ? now : mid;
}

int
batch_commit(struct batch *b)
{
	struct spool *sp = b->sp;
	uint64_t pages =
	    engine_limit(&sp->limits.journal_max) / store_page_size(sp->store);

	if (journal_flush(&sp->journal, &b->x, journal_key(b), pages) ||
	    counts_flush(&sp->counts, &b->x) || store_commit(&b->x)) {
		batch_abort(b);
		return -1;
	}
	journal_commit(&sp->journal);
	counts_commit(&sp->counts);
	b->nsure = b->nready;
	if (b->gc)
		sp->gc_left = true;
	return 0;
}

void
batch_abort(struct batch *b)
{
	store_abort(&b->x);
	journal_abort(&b->sp->journal);
	counts_abort(&b->sp->counts);
	drop_ready(b);
	arena_reset(&b->arena);
}

/* Content is kept only while reception has a quarter of the memory left. */
static bool
may_keep(struct batch *b, const struct spool_key *key, struct envelope *env)
{
	if (!env || !env->body || !b->sp->ready_fn ||
	    key->due_ms > b->now_ms + READY_SOON_MS)
		return false;
	return engine_memory_keep(b->sp, env);
}

void
batch_ready(struct batch *b, const struct spool_key *key, struct envelope *env)
{
	if (!b->sp->ready_fn)
		return;
	if (b->nready == b->cap) {
		b->cap = b->cap ? 2 * b->cap : 64;
		b->ready = mem_resize(b->ready, b->cap * sizeof *b->ready);
	}
	b->ready[b->nready++] = (struct spool_ready){ .key = *key,
		.env = may_keep(b, key, env) ? envelope_ref(env) : NULL };
}

void
batch_event(struct batch *b, const struct spool_event *e)
{
	journal_add(&b->sp->journal, b->now_ms, e);
}

/* --- places --- */

struct spool_key
batch_key(const struct letter *l, uint16_t n, const struct record_delivery *d)
{
	return (struct spool_key){ .route = d->route,
		.priority = d->priority,
		.lane = d->lane,
		.due_ms = d->due_ms > 0 ? d->due_ms : 0,
		.mid = l->mid,
		.n = n };
}

static struct counts_of
class_of(const struct record_delivery *d)
{
	static const enum counts_class classes[RECORD_PLACES] = {
		[RECORD_SCHEDULED] = COUNTS_QUEUED,
		[RECORD_PARKED] = COUNTS_HELD,
		[RECORD_DEAD] = COUNTS_DEAD,
	};

	enum counts_class class = classes[d->place];

	if (d->place == RECORD_PARKED && d->hold == SPOOL_HOLD_DOUBT)
		class = COUNTS_DOUBT;
	return (struct counts_of){ d->route, d->priority, class };
}

static enum store_table
key_of(struct keys *k, const struct letter *l, uint16_t n,
    const struct record_delivery *d)
{
	struct spool_key key = batch_key(l, n, d);

	switch (d->place) {
	case RECORD_SCHEDULED:
		keys_sched(k, &key);
		return STORE_SCHED;
	case RECORD_PARKED:
		keys_park(k, d->hold, &key);
		return STORE_PARK;
	case RECORD_DEAD:
		keys_dead(k, d->due_ms, l->mid, n);
		return STORE_DEAD;
	default:
		return STORE_TABLES;
	}
}

int
batch_place(struct batch *b, struct letter *l, uint16_t n,
    const struct record_delivery *d)
{
	struct keys k;
	enum store_table t = key_of(&k, l, n, d);

	if (t == STORE_TABLES)
		return store_damaged(&b->x);
	counts_add(&b->sp->counts, class_of(d), l->msg.size);
	return store_put(&b->x, t, keys_str(&k), STR(""));
}

int
batch_unplace(struct batch *b, struct letter *l, uint16_t n,
    const struct record_delivery *d)
{
	struct keys k;
	enum store_table t = key_of(&k, l, n, d);

	if (t == STORE_TABLES)
		return store_damaged(&b->x);
	counts_sub(&b->sp->counts, class_of(d), l->msg.size);
	return store_del(&b->x, t, keys_str(&k)) < 0 ? -1 : 0;
}

int
batch_doubt(
    struct batch *b, struct letter *l, uint16_t n, struct record_delivery *d)
{
	if (batch_unplace(b, l, n, d) ||
	    deadline_drop(b, l->msg.by_ms, l->mid, n))
		return -1;
	d->place = RECORD_PARKED;
	d->hold = SPOOL_HOLD_DOUBT;
	d->due_ms = b->now_ms; /* since when */
	return batch_place(b, l, n, d);
}

int
batch_bury(struct batch *b, struct letter *l, uint16_t n,
    const struct record_delivery *d, const struct record_dead *why)
{
	struct record_out o;
	struct keys k;

	keys_dead(&k, d->due_ms, l->mid, n);
	record_begin(&o, arena_get(&b->arena, l->value_max), l->value_max);
	record_put_dead(&o, why);
	if (o.full)
		return store_damaged(&b->x);
	if (deadline_drop(b, l->msg.by_ms, l->mid, n))
		return -1;
	counts_add(&b->sp->counts, class_of(d), l->msg.size);
	return store_put(
	    &b->x, STORE_DEAD, keys_str(&k), (struct str){ (char *)o.p, o.n });
}

int
batch_finish(
    struct batch *b, struct letter *l, uint16_t n, struct record_delivery *d)
{
	if (d->place == RECORD_DEAD)
		l->msg.dead--;
	else
		l->msg.queued--;
	if (deadline_drop(b, l->msg.by_ms, l->mid, n))
		return -1;
	if (l->msg.queued == 0 && l->msg.dead == 0)
		return letter_delete(l, &b->gc) ? -1 : 1;
	d->place = RECORD_GONE;
	if (letter_set_delivery(l, n, d))
		return -1;
	return letter_save(l);
}
