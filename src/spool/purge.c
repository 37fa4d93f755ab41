/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/purge.h"

#include "spool/batch.h"
#include "spool/counts.h"
#include "spool/engine.h"
#include "spool/keys.h"

struct oldest {
	int64_t at_ms;
	uint64_t mid;
	uint16_t n;
};

/* 0 found, 1 none, -1 */
static int
find(struct batch *b, struct oldest *o)
{
	struct store_cursor c;
	int rc;

	if (store_cursor(&c, &b->x, STORE_DEAD))
		return -1;
	rc = store_seek(&c, STR("\0"));
	if (rc == 0 && keys_read_dead(c.k, &o->at_ms, &o->mid, &o->n))
		rc = store_damaged(&b->x);
	store_cursor_done(&c);
	return rc;
}

static bool
is_due(struct batch *b, const struct oldest *o, uint64_t purged_bytes)
{
	struct spool *sp = b->sp;
	uint64_t keep = engine_limit(&sp->limits.dead_keep_ms);
	uint64_t max = engine_limit(&sp->limits.dead_size_max);
	uint64_t bytes = counts_bytes(&sp->counts, COUNTS_DEAD);

	if (b->now_ms > o->at_ms && (uint64_t)(b->now_ms - o->at_ms) > keep)
		return true;
	return max && bytes > purged_bytes && bytes - purged_bytes > max;
}

static int
drop(struct batch *b, const struct oldest *o, uint64_t *purged_bytes)
{
	struct spool_event ev = {
		.kind = SPOOL_EVENT_PURGED, .mid = o->mid, .n = o->n
	};
	struct record_delivery d;
	struct letter l;
	struct keys k;

	letter_init(&l, &b->x, &b->arena, o->mid);
	keys_dead(&k, o->at_ms, o->mid, o->n);
	/* A record without its letter, or of one that cannot be read. */
	if (!letter_try(&l, o->n, &d) || d.place != RECORD_DEAD)
		return store_del(&b->x, STORE_DEAD, keys_str(&k)) < 0 ? -1 : 0;
	batch_event(b, &ev);
	*purged_bytes += l.msg.size;
	if (batch_unplace(b, &l, o->n, &d))
		return -1;
	return batch_finish(b, &l, o->n, &d) < 0 ? -1 : 0;
}

int
purge_some(struct batch *b)
{
	uint64_t bytes = 0;
	struct oldest o;
	int n, rc;

	for (n = 0; n < PURGE_PAGE; n++) {
		rc = find(b, &o);
		if (rc < 0)
			return -1;
		if (rc || !is_due(b, &o, bytes))
			break;
		if (drop(b, &o, &bytes))
			return -1;
		arena_reset(&b->arena);
	}
	return n;
}
