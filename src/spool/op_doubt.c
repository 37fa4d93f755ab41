/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool/op_doubt - deliveries whose content's end may have left: table doubt.
 * A record stands there from before the end leaves until the settling that
 * follows; what is found at a start is what a crash has left in doubt.
 */
#include "spool/op.h"

#include <string.h>

#include "spool/batch.h"
#include "spool/engine.h"
#include "spool/keys.h"

#define TEXT                                                                   \
	"nobody knows whether it was delivered: postern ended before the "     \
	"reply"

/* --- the operation --- */

int
op_doubt_end(struct batch *b, uint64_t mid, uint16_t n)
{
	struct keys k;

	keys_dlv(&k, mid, n);
	return store_del(&b->x, STORE_DOUBT, keys_str(&k)) < 0 ? -1 : 0;
}

/* 0 it waits to be sent, 1 not (any more), -1 */
static int
find(struct batch *b, const struct spool_key *key)
{
	struct record_delivery d;
	struct letter l;
	int rc;

	letter_init(&l, &b->x, &b->arena, key->mid);
	rc = letter_open(&l);
	if (rc == 0)
		rc = letter_delivery(&l, key->n, &d);
	if (rc)
		return rc;
	return d.place == RECORD_SCHEDULED ? 0 : 1;
}

int
op_doubt(struct batch *b, struct spool_op *op)
{
	struct spool_doubt *d = (struct spool_doubt *)op;
	unsigned char mem[128];
	struct record_out o;
	struct keys k;
	int rc;

	if (d->over)
		return op_doubt_end(b, d->key.mid, d->key.n);
	rc = find(b, &d->key);
	if (rc > 0)
		op->result = SPOOL_GONE;
	if (rc)
		return rc < 0 ? -1 : 0;
	record_begin(&o, mem, sizeof mem);
	record_put_doubt(
	    &o, &(struct record_doubt){ .provider = str_of(d->provider),
	            .at_ms = b->now_ms,
	            .first = d->first,
	            .last = d->last });
	keys_dlv(&k, d->key.mid, d->key.n);
	return store_put(
	    &b->x, STORE_DOUBT, keys_str(&k), (struct str){ (char *)mem, o.n });
}

/* --- at a start --- */

struct left {
	struct batch *b;
	struct letter l;
	struct record_delivery d;
	struct letter_rcpts rcpts;
	struct record_doubt why;
	uint16_t n;
};

static void
tell(struct left *t)
{
	struct spool_event ev = {
		.kind = SPOOL_EVENT_DOUBT, .mid = t->l.mid, .n = t->n
	};
	size_t len = t->why.provider.len;

	if (len < sizeof ev.provider && len)
		memcpy(ev.provider, t->why.provider.p, len);
	batch_event(t->b, &ev);
}

/* How many are in doubt now; *queued: still to be sent. */
static size_t
mark(struct left *t, size_t *queued)
{
	size_t marked = 0;

	*queued = 0;

	for (size_t i = 0; i < t->rcpts.n; i++) {
		struct record_rcpt *r = &t->rcpts.v[i];

		if (r->state != ENVELOPE_QUEUED)
			continue;
		if (r->index < t->why.first || r->index > t->why.last) {
			++*queued;
			continue;
		}
		marked++;
		r->state = ENVELOPE_DOUBT;
		r->code = 0;
		r->enhanced = STR("4.4.2");
		r->text = STR(TEXT);
	}
	return marked;
}

static int
hold(struct left *t, uint64_t *found)
{
	size_t queued;

	if (mark(t, &queued) == 0)
		return 0;
	++*found;
	tell(t);
	t->d.provider = t->why.provider;
	if (queued == 0 && batch_doubt(t->b, &t->l, t->n, &t->d))
		return -1;
	if (letter_set_delivery(&t->l, t->n, &t->d) ||
	    letter_set_rcpts(&t->l, t->n, &t->rcpts))
		return -1;
	return letter_save(&t->l);
}

/* A record that cannot be read speaks of all of its delivery's recipients; a
 * message that cannot be read cannot be sent again, either. */
static int
hold_one(struct left *t, uint64_t mid, struct str v, uint64_t *found)
{
	struct batch *b = t->b;

	if (record_read_doubt(v, &t->why))
		t->why = (struct record_doubt){ .last = UINT32_MAX };
	letter_init(&t->l, &b->x, &b->arena, mid);
	if (!letter_try(&t->l, t->n, &t->d) || t->d.place > RECORD_PARKED ||
	    !letter_try_rcpts(&t->l, t->n, &t->rcpts))
		return 0;
	return hold(t, found);
}

/* The first record: 0 and *v, 1 there is none, -1. */
static int
first(struct batch *b, uint64_t *mid, uint16_t *n, struct str *v)
{
	struct store_cursor c;
	int rc;

	if (store_cursor(&c, &b->x, STORE_DOUBT))
		return -1;
	rc = store_seek(&c, STR("\0"));
	while (rc == 0 && keys_read_dlv(c.k, mid, n))
		rc = store_del_next(&c); /* a key of no delivery */
	if (rc == 0)
		*v = arena_copy(&b->arena, c.v);
	store_cursor_done(&c);
	return rc;
}

int
op_doubt_left(struct batch *b, uint64_t *found)
{
	struct left t = { .b = b };
	uint64_t mid;
	struct str v;
	int rc;

	*found = 0;
	while ((rc = first(b, &mid, &t.n, &v)) == 0) {
		if (hold_one(&t, mid, v, found) || op_doubt_end(b, mid, t.n))
			return -1;
		arena_reset(&b->arena);
	}
	return rc < 0 ? -1 : 0;
}
