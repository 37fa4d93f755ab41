/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/spool/spool_walk.h"

#include <assert.h>
#include <string.h>

#include "spool/keys.h"
#include "spool/letter.h"
#include "spool/reader.h"
#include "spool/record.h"

#define RCPTS_A_LOOK 16 /* that many cost as much as another delivery */

struct steps {
	struct spool_reader *r;
	const struct spool_walk *w;
	struct spool_mark *mark;
	struct store_cursor c;
	struct letter l;
	unsigned looks;
	bool enough;
};

/* --- one of them --- */

/* Of those that are dead, or wait: what an operator decides about. */
static bool
is_concerned(enum spool_row_state state, const struct record_rcpt *r)
{
	if (state == SPOOL_ROW_DEAD)
		return r->state == ENVELOPE_DEAD;
	return r->state == ENVELOPE_QUEUED || r->state == ENVELOPE_DOUBT;
}

static bool
fill_rcpts(struct steps *t, struct spool_row *row)
{
	struct spool_row_rcpt *to;
	struct letter_rcpts all;

	if (!letter_try_rcpts(&t->l, row->key.n, &all))
		return false;
	to = arena_get(&t->r->arena, (all.n + 1) * sizeof *to);
	for (size_t i = 0; i < all.n; i++) {
		const struct record_rcpt *r = &all.v[i];

		if (!is_concerned(row->state, r))
			continue;
		to[row->nrcpts++] = (struct spool_row_rcpt){ .index = r->index,
			.state = (enum envelope_rcpt_state)r->state,
			.code = r->code,
			.address = r->address,
			.enhanced = r->enhanced,
			.text = r->text };
	}
	row->rcpts = to;
	t->looks += (unsigned)(all.n / RCPTS_A_LOOK);
	return true;
}

static void
fill_cause(struct steps *t, struct spool_row *row)
{
	struct record_dead dead;
	struct keys k;
	struct str v;

	keys_dead(&k, row->key.due_ms, row->key.mid, row->key.n);
	if (store_get(&t->r->x, STORE_DEAD, keys_str(&k), &v) == 0 &&
	    record_read_dead(v, &dead) == 0)
		row->cause = dead.cause;
}

static void
fill(struct steps *t, const struct record_delivery *d, struct spool_row *row)
{
	const struct record_msg *m = &t->l.msg;

	*row = (struct spool_row){ .key = { d->route, d->priority, d->lane,
		                       d->due_ms, t->l.mid, row->key.n },
		.handed = d->handed,
		.attempts = d->attempts,
		.flags = m->flags,
		.size = m->size,
		.parent = m->parent,
		.arrival_ms = m->arrival_ms,
		.release_ms = m->release_ms,
		.provider = d->provider,
		.sender = m->sender,
		.client = m->client,
		.listener = m->listener,
		.user = m->user,
		.helo = m->helo,
		.message_id = m->message_id };
	if (d->place == RECORD_PARKED) {
		row->state = SPOOL_ROW_HELD;
		row->hold = (enum spool_hold)d->hold;
	} else if (d->place == RECORD_DEAD) {
		row->state = SPOOL_ROW_DEAD;
		fill_cause(t, row);
	}
}

static void
show(struct steps *t, const struct spool_row *row)
{
	t->enough = !t->w->fn(t->w->arg, row);
	arena_reset(&t->r->arena);
}

static void
show_damaged(struct steps *t, uint64_t mid, uint16_t n)
{
	struct spool_row row = { .state = SPOOL_ROW_DAMAGED,
		.hold = SPOOL_HOLD_DAMAGED,
		.key = { .mid = mid, .n = n },
		.arrival_ms = (int64_t)(mid >> 20) };

	show(t, &row);
}

/* msg has been read. */
static void
show_delivery(struct steps *t, uint16_t n, const struct record_delivery *d)
{
	struct spool_row row = { .key.n = n };

	t->looks++;
	if (d->place == RECORD_GONE)
		return;
	fill(t, d, &row);
	if (fill_rcpts(t, &row))
		show(t, &row);
	else
		show_damaged(t, t->l.mid, n);
}

/* --- by message --- */

static bool
read_delivery(struct steps *t, uint16_t n, struct record_delivery *d)
{
	struct keys k;
	struct str v;

	*d = t->l.msg.first;
	if (n == 0)
		return true;
	keys_dlv(&k, t->l.mid, n);
	return store_get(&t->r->x, STORE_DLV, keys_str(&k), &v) == 0 &&
	       record_read_delivery(v, d) == 0;
}

/* true: all of it was seen. */
static bool
show_message(struct steps *t, uint32_t from)
{
	struct record_delivery d;

	for (uint32_t n = from; n < t->l.msg.deliveries; n++) {
		if (n > from && (t->enough || t->looks >= SPOOL_WALK_LOOKS)) {
			t->mark->delivery = n;
			return false;
		}
		if (t->w->n >= 0 && (uint32_t)t->w->n != n)
			continue;
		if (read_delivery(t, (uint16_t)n, &d))
			show_delivery(t, (uint16_t)n, &d);
		else
			show_damaged(t, t->l.mid, (uint16_t)n);
	}
	return true;
}

/* 0 seen, 1 the rest of it is for the next call, -1 it is not meant. */
static int
step_message(struct steps *t)
{
	uint32_t from = t->mark->delivery;
	uint64_t mid;

	if (keys_read_mid(t->c.k, &mid))
		return 0;
	if (t->w->mid != 0 && t->w->mid != mid)
		return -1;
	t->mark->delivery = 0;
	letter_init(&t->l, &t->r->x, &t->r->arena, mid);
	t->looks++;
	if (record_read_msg(t->c.v, &t->l.msg) == 0)
		return show_message(t, from) ? 0 : 1;
	show_damaged(t, mid, 0);
	return 0;
}

/* --- by key --- */

static int
step_key(struct steps *t)
{
	struct spool_key key = { 0 };
	struct record_delivery d;
	uint8_t hold;
	int bad;

	if (t->w->where == SPOOL_WALK_DEAD)
		bad = keys_read_dead(t->c.k, &key.due_ms, &key.mid, &key.n);
	else
		bad = keys_read_park(t->c.k, &hold, &key);
	t->looks++;
	if (bad)
		return 0;
	letter_init(&t->l, &t->r->x, &t->r->arena, key.mid);
	if (letter_try(&t->l, key.n, &d))
		show_delivery(t, key.n, &d);
	else
		show_damaged(t, key.mid, key.n);
	return 0;
}

/* --- a call --- */

static int
step(struct steps *t)
{
	return t->w->where == SPOOL_WALK_ALL ? step_message(t) : step_key(t);
}

static int
to_mark(struct steps *t)
{
	struct str at = { (const char *)t->mark->key, t->mark->n };
	struct keys k = { .n = 1 };
	int rc;

	if (t->mark->n == 0) {
		if (t->w->mid != 0 || t->w->from != 0)
			keys_mid(&k, t->w->mid ? t->w->mid : t->w->from);
		return store_seek(&t->c, keys_str(&k));
	}
	rc = store_seek(&t->c, at);
	/* It was seen, unless some of its deliveries are left. */
	if (rc == 0 && str_eq(t->c.k, at) && t->mark->delivery == 0)
		return store_next(&t->c);
	if (rc == 0 && !str_eq(t->c.k, at))
		t->mark->delivery = 0; /* gone meanwhile */
	return rc;
}

static void
set_mark(struct steps *t)
{
	assert(t->c.k.len <= sizeof t->mark->key);
	memcpy(t->mark->key, t->c.k.p, t->c.k.len);
	t->mark->n = t->c.k.len;
}

static int
go(struct steps *t)
{
	int rc = to_mark(t), is;

	while (rc == 0 && !t->enough && t->looks < SPOOL_WALK_LOOKS) {
		is = step(t);
		if (is < 0)
			rc = 1;
		if (rc == 0)
			set_mark(t);
		if (is != 0)
			break;
		rc = store_next(&t->c);
	}
	t->mark->over = rc != 0;
	return rc < 0 ? -1 : 0;
}

int
spool_walk(
    struct spool_reader *r, const struct spool_walk *w, struct spool_mark *mark)
{
	static const enum store_table tables[] = {
		[SPOOL_WALK_ALL] = STORE_MSG,
		[SPOOL_WALK_HELD] = STORE_PARK,
		[SPOOL_WALK_DEAD] = STORE_DEAD,
	};
	struct steps t = { .r = r, .w = w, .mark = mark };
	int rc = mark->over ? 1 : reader_begin(r);

	if (rc > 0)
		return 0;
	if (rc == 0)
		rc = store_cursor(&t.c, &r->x, tables[w->where]);
	if (rc == 0) {
		rc = go(&t);
		store_cursor_done(&t.c);
	}
	reader_end(r);
	return rc;
}

/* --- names of routes --- */

static int
names(struct store_cursor *c, int rc, struct spool_route_name *out, size_t max)
{
	struct str name;
	size_t n = 0;

	for (; rc == 0 && n < max; rc = store_next(c)) {
		if (keys_read_u32(c->k, &out[n].id) ||
		    record_read_named(c->v, &name))
			continue;
		if (name.len >= sizeof out[n].name)
			name.len = sizeof out[n].name - 1;
		memcpy(out[n].name, name.p, name.len);
		out[n++].name[name.len] = 0;
	}
	return rc < 0 ? -1 : (int)n;
}

int
spool_route_names(struct spool_reader *r, uint32_t after,
    struct spool_route_name *out, size_t max)
{
	struct store_cursor c;
	struct keys k;
	int rc = after == UINT32_MAX ? 1 : reader_begin(r);

	if (rc > 0)
		return 0;
	if (rc == 0)
		rc = store_cursor(&c, &r->x, STORE_ROUTE);
	if (rc == 0) {
		keys_u32(&k, after + 1);
		rc = names(&c, store_seek(&c, keys_str(&k)), out, max);
		store_cursor_done(&c);
	}
	reader_end(r);
	return rc;
}
