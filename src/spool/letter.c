/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/letter.h"

#include <string.h>

#include "postern/spool/envelope.h"

#include "spool/arena.h"
#include "spool/keys.h"
#include "spool/store.h"

#define CHUNKS_AT_ONCE 64 /* of content deleted in the settling transaction */

void
letter_init(
    struct letter *l, struct store_txn *x, struct arena *a, uint64_t mid)
{
	*l = (struct letter){ .x = x, .a = a, .mid = mid };
	l->value_max = store_value_max(x->st);
}

int
letter_open(struct letter *l)
{
	struct keys k;
	struct str v;
	int rc;

	keys_mid(&k, l->mid);
	rc = store_get(l->x, STORE_MSG, keys_str(&k), &v);
	if (rc)
		return rc;
	if (record_read_msg(arena_copy(l->a, v), &l->msg))
		return store_damaged(l->x);
	return 0;
}

bool
letter_try(struct letter *l, uint16_t n, struct record_delivery *d)
{
	struct keys k;
	struct str v;

	keys_mid(&k, l->mid);
	if (store_get(l->x, STORE_MSG, keys_str(&k), &v) ||
	    record_read_msg(arena_copy(l->a, v), &l->msg))
		return false;
	*d = l->msg.first;
	if (n == 0)
		return true;
	keys_dlv(&k, l->mid, n);
	return store_get(l->x, STORE_DLV, keys_str(&k), &v) == 0 &&
	       record_read_delivery(arena_copy(l->a, v), d) == 0;
}

static int
save(struct letter *l, bool new)
{
	struct record_out o;
	struct keys k;
	struct str v;
	int rc;

	record_begin(&o, arena_get(l->a, l->value_max), l->value_max);
	record_put_msg(&o, &l->msg);
	if (o.full)
		return store_damaged(l->x);
	keys_mid(&k, l->mid);
	v = (struct str){ (char *)o.p, o.n };
	if (!new)
		return store_put(l->x, STORE_MSG, keys_str(&k), v);
	rc = store_put_new(l->x, STORE_MSG, keys_str(&k), v);
	return rc > 0 ? store_damaged(l->x) : rc;
}

int
letter_save(struct letter *l)
{
	return save(l, false);
}

int
letter_save_new(struct letter *l)
{
	return save(l, true);
}

/* --- deliveries --- */

int
letter_delivery(struct letter *l, uint16_t n, struct record_delivery *d)
{
	struct keys k;
	struct str v;
	int rc;

	if (n == 0) {
		*d = l->msg.first;
		return 0;
	}
	keys_dlv(&k, l->mid, n);
	rc = store_get(l->x, STORE_DLV, keys_str(&k), &v);
	if (rc)
		return rc;
	if (record_read_delivery(arena_copy(l->a, v), d))
		return store_damaged(l->x);
	return 0;
}

int
letter_set_delivery(
    struct letter *l, uint16_t n, const struct record_delivery *d)
{
	unsigned char v[256];
	struct record_out o;
	struct keys k;

	if (n == 0) {
		l->msg.first = *d;
		return 0;
	}
	record_begin(&o, v, sizeof v);
	record_put_delivery(&o, d);
	if (o.full)
		return store_damaged(l->x);
	keys_dlv(&k, l->mid, n);
	return store_put(
	    l->x, STORE_DLV, keys_str(&k), (struct str){ (char *)o.p, o.n });
}

/* --- recipients --- */

static bool
rcpts_inline(const struct letter *l, uint16_t n)
{
	return n == 0 && (l->msg.inlined & RECORD_RCPTS_INLINE);
}

static void
rcpts_add(struct letter *l, struct letter_rcpts *r, size_t *cap,
    const struct record_rcpt *one)
{
	struct record_rcpt *more;

	if (r->n == *cap) {
		*cap = *cap ? 2 * *cap : 4;
		more = arena_get(l->a, *cap * sizeof *more);
		if (r->n)
			memcpy(more, r->v, r->n * sizeof *more);
		r->v = more;
	}
	r->v[r->n++] = *one;
}

static int
rcpts_read(
    struct letter *l, struct str run, struct letter_rcpts *r, size_t *cap)
{
	struct record_rcpt one = { .index = 0 };
	struct record_in in = record_of(run);
	int rc;

	while ((rc = record_read_rcpt(&in, &one)) > 0)
		rcpts_add(l, r, cap, &one);
	return rc ? store_damaged(l->x) : 0;
}

static int
rcpts_chunk(struct letter *l, struct str v, struct letter_rcpts *r, size_t *cap)
{
	struct str run = arena_copy(l->a, v);

	if (run.len == 0 || run.p[0] != RECORD_VERSION)
		return store_damaged(l->x);
	run.p++;
	run.len--;
	r->chunks++;
	return rcpts_read(l, run, r, cap);
}

static int
rcpts_table(struct letter *l, uint16_t n, struct letter_rcpts *r, size_t *cap)
{
	struct store_cursor c;
	struct keys k;
	uint64_t mid;
	uint32_t chunk;
	uint16_t of;
	int rc;

	if (store_cursor(&c, l->x, STORE_RCPT))
		return -1;
	keys_rcpt(&k, l->mid, n, 0);
	for (rc = store_seek(&c, keys_str(&k)); rc == 0; rc = store_next(&c)) {
		if (keys_read_rcpt(c.k, &mid, &of, &chunk) || mid != l->mid ||
		    of != n)
			break;
		rc = rcpts_chunk(l, c.v, r, cap);
		if (rc)
			break;
	}
	store_cursor_done(&c);
	return rc < 0 ? -1 : 0;
}

int
letter_rcpts(struct letter *l, uint16_t n, struct letter_rcpts *r)
{
	size_t cap = 0;

	*r = (struct letter_rcpts){ .v = NULL };
	if (rcpts_inline(l, n))
		return rcpts_read(l, l->msg.rcpts, r, &cap);
	return rcpts_table(l, n, r, &cap);
}

bool
letter_try_rcpts(struct letter *l, uint16_t n, struct letter_rcpts *r)
{
	if (letter_rcpts(l, n, r) == 0)
		return true;
	store_forgive(l->x);
	return false;
}

/* Do they fit into msg?  Then they are there. */
static bool
rcpts_fit(struct letter *l, const struct letter_rcpts *r)
{
	struct record_out o;
	size_t rest;

	l->msg.rcpts = (struct str){ "", 0 };
	rest = record_msg_room(&l->msg);
	if (rest >= l->value_max)
		return false;
	record_begin(&o, arena_get(l->a, l->value_max), l->value_max - rest);
	for (size_t i = 0; i < r->n && !o.full; i++)
		record_put_rcpt(&o, &r->v[i], i ? &r->v[i - 1] : NULL);
	l->msg.rcpts = (struct str){ (char *)o.p, o.n };
	return !o.full;
}

static int
put_chunk(struct letter *l, uint16_t n, uint32_t chunk, struct record_out *o)
{
	struct keys k;

	keys_rcpt(&k, l->mid, n, chunk);
	return store_put(
	    l->x, STORE_RCPT, keys_str(&k), (struct str){ (char *)o->p, o->n });
}

/* Packs records from *at on into one chunk; moves *at. */
static void
pack_chunk(
    const struct letter_rcpts *r, size_t *at, struct record_out *o, size_t max)
{
	const struct record_rcpt *prev = NULL;
	size_t good;

	record_begin(o, o->p, max);
	record_u8(o, RECORD_VERSION);
	for (; *at < r->n; prev = &r->v[(*at)++]) {
		good = o->n;
		record_put_rcpt(o, &r->v[*at], prev);
		if (o->full) {
			o->n = good;
			return;
		}
	}
}

static int
rcpts_put(struct letter *l, uint16_t n, struct letter_rcpts *r)
{
	struct record_out o = { .p = arena_get(l->a, l->value_max) };
	uint32_t chunk = 0, old = r->chunks;
	size_t at = 0, from;
	struct keys k;

	while (at < r->n) {
		from = at;
		pack_chunk(r, &at, &o, l->value_max);
		if (at == from) /* a single one beyond a page */
			return store_damaged(l->x);
		if (put_chunk(l, n, chunk++, &o))
			return -1;
	}
	r->chunks = chunk;
	for (; chunk < old; chunk++) {
		keys_rcpt(&k, l->mid, n, chunk);
		if (store_del(l->x, STORE_RCPT, keys_str(&k)) < 0)
			return -1;
	}
	return 0;
}

int
letter_set_rcpts(struct letter *l, uint16_t n, struct letter_rcpts *r)
{
	if (rcpts_inline(l, n)) {
		if (rcpts_fit(l, r))
			return 0;
		l->msg.inlined &= (uint8_t)~RECORD_RCPTS_INLINE;
	}
	return rcpts_put(l, n, r);
}

void
letter_revive(struct letter *l, int64_t now_ms)
{
	l->msg.release_ms = now_ms;
	l->msg.flags |= ENVELOPE_REVIVED;
}

/* --- the end --- */

uint32_t
letter_chunks(const struct letter *l)
{
	if (l->msg.inlined & RECORD_BODY_INLINE)
		return 0;
	return (uint32_t)((l->msg.size + l->value_max - 1) / l->value_max);
}

static int
delete_body(struct letter *l, bool *gc)
{
	uint32_t n = letter_chunks(l);
	unsigned char v[32];
	struct record_out o;
	struct keys k;

	if (n > CHUNKS_AT_ONCE) {
		*gc = true;
		keys_mid(&k, l->mid);
		record_begin(&o, v, sizeof v);
		record_put_pair(&o, 0, n);
		return store_put(l->x, STORE_GC, keys_str(&k),
		    (struct str){ (char *)v, o.n });
	}
	for (uint32_t i = 0; i < n; i++) {
		keys_body(&k, l->mid, i);
		if (store_del(l->x, STORE_BODY, keys_str(&k)) < 0)
			return -1;
	}
	return 0;
}

/* All keys of a table that begin with the id. */
static int
delete_all(struct letter *l, enum store_table t)
{
	struct store_cursor c;
	struct keys k;
	int rc;

	if (store_cursor(&c, l->x, t))
		return -1;
	keys_mid(&k, l->mid);
	rc = store_seek(&c, keys_str(&k));
	while (rc == 0 && c.k.len > k.n && memcmp(c.k.p, k.b, k.n) == 0)
		rc = store_del_next(&c);
	store_cursor_done(&c);
	return rc < 0 ? -1 : 0;
}

int
letter_delete(struct letter *l, bool *gc)
{
	struct keys k;

	if (l->msg.deliveries > 1 && delete_all(l, STORE_DLV))
		return -1;
	if ((l->msg.deliveries > 1 ||
	        !(l->msg.inlined & RECORD_RCPTS_INLINE)) &&
	    delete_all(l, STORE_RCPT))
		return -1;
	if (delete_body(l, gc))
		return -1;
	keys_mid(&k, l->mid);
	return store_del(l->x, STORE_MSG, keys_str(&k)) < 0 ? -1 : 0;
}
