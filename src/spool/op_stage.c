/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool/op_stage - content that is still arriving, and content on its way out.
 */
#include "spool/op.h"

#include <string.h>

#include "spool/batch.h"
#include "spool/engine.h"
#include "spool/keys.h"

/* Slices need not end where a chunk does: the last chunk is filled up. */
static int
put_slice(struct batch *b, uint64_t mid, uint64_t offset, struct str s)
{
	size_t max = store_value_max(b->sp->store), had, n;
	char *mem = arena_get(&b->arena, max);
	struct str v;
	struct keys k;

	for (; s.len; offset += n, s.p += n, s.len -= n) {
		had = (size_t)(offset % max);
		n = s.len < max - had ? s.len : max - had;
		keys_body(&k, mid, (uint32_t)(offset / max));
		v = (struct str){ s.p, n };
		if (had) {
			if (store_get(&b->x, STORE_BODY, keys_str(&k), &v) ||
			    v.len != had)
				return store_damaged(&b->x);
			memcpy(mem, v.p, had);
			memcpy(mem + had, s.p, n);
			v = (struct str){ mem, had + n };
		}
		if (store_put(&b->x, STORE_BODY, keys_str(&k), v))
			return -1;
	}
	return 0;
}

int
op_stage(struct batch *b, struct spool_op *op)
{
	struct spool_stage *s = (struct spool_stage *)op;
	uint64_t bytes = 0, begun = (uint64_t)b->now_ms;
	unsigned char mem[32];
	struct record_out o;
	struct keys k;
	struct str v;
	int rc;

	keys_mid(&k, s->mid);
	rc = store_get(&b->x, STORE_STAGE, keys_str(&k), &v);
	if (rc < 0)
		return -1;
	if (rc == 0 && record_read_pair(v, &bytes, &begun))
		return store_damaged(&b->x);
	if (put_slice(b, s->mid, bytes, (struct str){ s->data, s->len }))
		return -1;
	record_begin(&o, mem, sizeof mem);
	record_put_pair(&o, bytes + s->len, begun);
	return store_put(
	    &b->x, STORE_STAGE, keys_str(&k), (struct str){ (char *)mem, o.n });
}

int
op_abort(struct batch *b, struct spool_op *op)
{
	return op_abort_mid(b, ((struct op_abort *)op)->mid);
}

int
op_abort_mid(struct batch *b, uint64_t mid)
{
	size_t max = store_value_max(b->sp->store);
	uint64_t bytes, begun;
	unsigned char mem[32];
	struct record_out o;
	struct keys k;
	struct str v;
	int rc;

	keys_mid(&k, mid);
	rc = store_get(&b->x, STORE_STAGE, keys_str(&k), &v);
	if (rc)
		return rc < 0 ? -1 : 0;
	if (record_read_pair(v, &bytes, &begun))
		bytes = 0; /* gc goes by what is there */
	record_begin(&o, mem, sizeof mem);
	record_put_pair(&o, 0, (bytes + max - 1) / max);
	if (store_del(&b->x, STORE_STAGE, keys_str(&k)) < 0)
		return -1;
	b->gc = true;
	return store_put(
	    &b->x, STORE_GC, keys_str(&k), (struct str){ (char *)mem, o.n });
}

/* --- the gc tick --- */

/* One message's content from chunk *at on, whatever was said of its length;
 * moves *at.  1: more is left, 0: none. */
static int
gc_chunks(struct batch *b, uint64_t mid, uint64_t *at, unsigned *left)
{
	struct store_cursor c;
	uint32_t chunk;
	struct keys k;
	uint64_t of;
	int rc, more = 0;

	if (store_cursor(&c, &b->x, STORE_BODY))
		return -1;
	keys_body(&k, mid, (uint32_t)*at);
	rc = store_seek(&c, keys_str(&k));
	while (rc == 0) {
		more = keys_read_body(c.k, &of, &chunk) == 0 && of == mid;
		if (!more || *left == 0)
			break;
		rc = store_del_next(&c);
		*at = (uint64_t)chunk + 1;
		(*left)--;
		more = 0;
	}
	store_cursor_done(&c);
	return rc < 0 ? -1 : more;
}

/* The first message in gc; 0: none is there. */
static int
gc_first(struct batch *b, uint64_t *mid, uint64_t *at, uint64_t *end)
{
	struct store_cursor c;
	int rc;

	if (store_cursor(&c, &b->x, STORE_GC))
		return -1;
	rc = store_seek(&c, STR("\0"));
	if (rc == 0 && keys_read_mid(c.k, mid))
		rc = store_damaged(&b->x);
	if (rc == 0 && record_read_pair(c.v, at, end))
		*at = *end = 0;
	store_cursor_done(&c);
	return rc < 0 ? -1 : rc == 0;
}

static int
gc_mark(struct batch *b, uint64_t mid, uint64_t at, uint64_t end)
{
	unsigned char mem[32];
	struct record_out o;
	struct keys k;

	keys_mid(&k, mid);
	record_begin(&o, mem, sizeof mem);
	record_put_pair(&o, at, end);
	return store_put(
	    &b->x, STORE_GC, keys_str(&k), (struct str){ (char *)mem, o.n });
}

int
op_gc(struct batch *b, unsigned max)
{
	uint64_t mid, at, end;
	struct keys k;
	int rc, more;

	while ((rc = gc_first(b, &mid, &at, &end)) > 0 && max) {
		more = gc_chunks(b, mid, &at, &max);
		if (more < 0 || (more && gc_mark(b, mid, at, end)))
			return -1;
		keys_mid(&k, mid);
		if (!more && store_del(&b->x, STORE_GC, keys_str(&k)) < 0)
			return -1;
	}
	return rc;
}
