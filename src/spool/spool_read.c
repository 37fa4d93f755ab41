/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool/spool_read - reading: each call is a short transaction of its own, in
 * the reader's thread; what it gives is copied.
 */
#include "postern/spool/spool.h"

#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"
#include "postern/spool/body.h"

#include "spool/arena.h"
#include "spool/engine.h"
#include "spool/health.h"
#include "spool/keys.h"
#include "spool/letter.h"
#include "spool/reader.h"
#include "spool/store.h"

#define CONTENT_MAX (64u << 10) /* of a call */
#define SWEEP_LOOKS 1024

struct spool_reader *
spool_reader_new(struct spool *sp)
{
	return reader_new(sp);
}

void
spool_reader_free(struct spool_reader **r)
{
	reader_free(r);
}

/* --- the schedule --- */

/* Keys are walked in sched or, with a hold, in park. */
struct walk {
	struct store_cursor c;
	struct spool_key first; /* route, priority and lane looked at */
	uint8_t hold;
};

static int
walk_key(struct walk *w, struct spool_key *key)
{
	uint8_t hold = 0;
	int rc = w->hold ? keys_read_park(w->c.k, &hold, key)
	                 : keys_read_sched(w->c.k, key);

	return rc || hold != w->hold ? -1 : 0;
}

/* To the first key >= at, or behind it; 0 there is one, 1 not, -1. */
static int
walk_to(struct walk *w, const struct spool_key *at, bool behind)
{
	struct keys k;
	int rc;

	if (w->hold)
		keys_park(&k, w->hold, at);
	else
		keys_sched(&k, at);
	rc = store_seek(&w->c, keys_str(&k));
	if (rc == 0 && behind && str_eq(w->c.k, keys_str(&k)))
		rc = store_next(&w->c);
	return rc;
}

static bool
same_lane(const struct spool_key *a, const struct spool_key *b)
{
	return a->route == b->route && a->priority == b->priority &&
	       a->lane == b->lane;
}

static int
collect_due(struct walk *w, int64_t now_ms, struct spool_key *keys, size_t max,
    int64_t *next_due_ms)
{
	struct spool_key key;
	size_t n = 0;
	int rc = 0;

	*next_due_ms = INT64_MAX;
	for (; rc == 0 && walk_key(w, &key) == 0 && same_lane(&key, &w->first);
	     rc = store_next(&w->c)) {
		if (key.due_ms > now_ms || n == max) {
			*next_due_ms = key.due_ms;
			break;
		}
		keys[n++] = key;
	}
	return rc < 0 ? -1 : (int)n;
}

int
spool_due(struct spool_reader *r, uint32_t route, uint8_t priority,
    uint8_t lane, const struct spool_key *after, int64_t now_ms,
    struct spool_key *keys, size_t max, int64_t *next_due_ms)
{
	struct walk w = {
		.first = { .route = route, .priority = priority, .lane = lane }
	};
	int rc = reader_begin(r);

	*next_due_ms = INT64_MAX;
	if (rc == 0)
		rc = store_cursor(&w.c, &r->x, STORE_SCHED);
	if (rc == 0) {
		rc = walk_to(&w, after ? after : &w.first, after != NULL);
		if (rc == 0)
			rc = collect_due(&w, now_ms, keys, max, next_due_ms);
		else if (rc > 0)
			rc = 0;
		store_cursor_done(&w.c);
	}
	reader_end(r);
	return rc;
}

/* Two looks a lane without any, and one for each. */
#define LATE_LOOKS 1024

static int
collect_late(
    struct walk *w, struct spool_late *l, struct spool_key *keys, size_t max)
{
	size_t n = 0;

	for (int i = 0; n < max && i < LATE_LOOKS; i++) {
		int rc = walk_to(w, &l->at, l->behind);

		if (rc == 0)
			rc = walk_key(w, &l->at);
		l->over = rc > 0;
		if (rc != 0)
			return rc < 0 ? -1 : (int)n;
		l->behind = l->at.due_ms > l->due_ms;
		if (l->behind) {
			keys[n++] = l->at;
		} else { /* the lane's first that is */
			l->at.due_ms = l->due_ms + 1;
			l->at.mid = 0;
			l->at.n = 0;
		}
	}
	return (int)n;
}

int
spool_late(struct spool_reader *r, struct spool_late *l, struct spool_key *keys,
    size_t max)
{
	struct walk w = { .hold = 0 };
	int rc = reader_begin(r);

	if (rc == 0)
		rc = store_cursor(&w.c, &r->x, STORE_SCHED);
	if (rc == 0) {
		rc = collect_late(&w, l, keys, max);
		store_cursor_done(&w.c);
	}
	reader_end(r);
	return rc;
}

/* The schedule's first key >= w->first; 0 there is one, 1 not, -1. */
static int
first_of(struct spool_reader *r, struct walk *w, struct spool_key *key)
{
	int rc = reader_begin(r);

	if (rc == 0)
		rc = store_cursor(&w->c, &r->x, STORE_SCHED);
	if (rc == 0) {
		rc = walk_to(w, &w->first, false);
		if (rc == 0)
			rc = walk_key(w, key);
		store_cursor_done(&w->c);
	}
	reader_end(r);
	return rc;
}

int
spool_lane(
    struct spool_reader *r, uint32_t route, uint8_t priority, uint8_t lane)
{
	struct walk w = {
		.first = { .route = route, .priority = priority, .lane = lane }
	};
	struct spool_key key;
	int rc = first_of(r, &w, &key);

	if (rc < 0)
		return -1;
	if (rc > 0 || key.route != route || key.priority != priority)
		return SPOOL_LANES;
	return key.lane;
}

int
spool_next_route(struct spool_reader *r, uint32_t from, uint32_t *route)
{
	struct walk w = { .first = { .route = from } };
	struct spool_key key;
	int rc = first_of(r, &w, &key);

	if (rc == 0)
		*route = key.route;
	return rc < 0 ? -1 : rc == 0;
}

static int
collect_parked(struct walk *w, struct spool_key *keys, size_t max)
{
	size_t n = 0;
	int rc = 0;

	for (; rc == 0 && n < max && walk_key(w, &keys[n]) == 0;
	     rc = store_next(&w->c))
		n++;
	return rc < 0 ? -1 : (int)n;
}

int
spool_parked(struct spool_reader *r, enum spool_hold hold,
    const struct spool_key *after, struct spool_key *keys, size_t max)
{
	struct walk w = { .hold = (uint8_t)hold };
	int rc = hold ? reader_begin(r) : 1;

	if (rc > 0)
		return 0; /* without a reason nothing is parked */
	if (rc == 0)
		rc = store_cursor(&w.c, &r->x, STORE_PARK);
	if (rc == 0) {
		rc = walk_to(&w, after ? after : &w.first, after != NULL);
		if (rc >= 0)
			rc = rc ? 0 : collect_parked(&w, keys, max);
		store_cursor_done(&w.c);
	}
	reader_end(r);
	return rc;
}

/* --- a message --- */

static const char *
cstr(struct arena *a, struct str s)
{
	char *p;

	if (!s.p)
		return NULL;
	p = arena_get(a, s.len + 1);
	memcpy(p, s.p, s.len);
	p[s.len] = 0;
	return p;
}

static void
fill_rcpts(struct letter *l, uint16_t n, const struct letter_rcpts *from,
    struct envelope_rcpt *to)
{
	for (size_t i = 0; i < from->n; i++) {
		const struct record_rcpt *r = &from->v[i];

		if (r->index >= l->msg.nrcpts)
			continue;
		to[r->index] = (struct envelope_rcpt){
			.address = cstr(l->a, r->address),
			.orcpt = cstr(l->a, r->orcpt),
			.notify = r->notify,
			.delivery = n,
			.state = (enum envelope_rcpt_state)r->state,
			.code = r->code,
			.enhanced = cstr(l->a, r->enhanced),
			.text = cstr(l->a, r->text),
		};
	}
}

static int
load_rcpts(struct letter *l, struct envelope *env)
{
	struct letter_rcpts *all, none = { .n = 0 };
	struct envelope_rcpt *to;
	size_t n = 0;

	all = arena_get(l->a, (l->msg.deliveries + 1u) * sizeof *all);
	all[0] = none;
	for (uint32_t i = 0; i < l->msg.deliveries; i++) {
		if (letter_rcpts(l, (uint16_t)i, &all[i]))
			return -1;
		n += all[i].n;
	}
	if (n != l->msg.nrcpts)
		return store_damaged(l->x);
	to = arena_get(l->a, (n + 1) * sizeof *to);
	memset(to, 0, n * sizeof *to);
	for (uint32_t i = 0; i < l->msg.deliveries; i++)
		fill_rcpts(l, (uint16_t)i, &all[i], to);
	for (size_t i = 0; i < n; i++)
		if (!to[i].address)
			return store_damaged(l->x);
	env->rcpts = to;
	env->nrcpts = (uint32_t)n;
	return 0;
}

static int
copy_chunks(struct letter *l, uint64_t offset, char *p, size_t n)
{
	size_t done = 0, at, k;
	struct store_cursor c;
	struct keys key;
	int rc;

	if (store_cursor(&c, l->x, STORE_BODY))
		return -1;
	keys_body(&key, l->mid, (uint32_t)(offset / l->value_max));
	rc = store_seek(&c, keys_str(&key));
	while (rc == 0 && done < n) {
		at = (size_t)((offset + done) % l->value_max);
		keys_body(
		    &key, l->mid, (uint32_t)((offset + done) / l->value_max));
		if (!str_eq(c.k, keys_str(&key)) || c.v.len <= at)
			break;
		k = c.v.len - at < n - done ? c.v.len - at : n - done;
		memcpy(p + done, c.v.p + at, k);
		done += k;
		if (done < n)
			rc = store_next(&c);
	}
	store_cursor_done(&c);
	if (rc >= 0 && done < n)
		return store_damaged(l->x);
	return rc < 0 ? -1 : 0;
}

static int
copy_content(struct letter *l, uint64_t offset, char *p, size_t n)
{
	if (l->msg.inlined & RECORD_BODY_INLINE) {
		memcpy(p, l->msg.body.p + offset, n);
		return 0;
	}
	return copy_chunks(l, offset, p, n);
}

static int
load_body(struct letter *l, struct envelope *env)
{
	size_t n = (size_t)l->msg.size;
	char *p;

	if (l->msg.size > CONTENT_MAX)
		return 0; /* spool_content() reads it in pieces */
	p = arena_get(l->a, n);
	if (copy_content(l, 0, p, n))
		return -1;
	env->body = body_new(n);
	return body_add(env->body, p, n);
}

static void
fill_envelope(struct letter *l, struct envelope *e)
{
	const struct record_msg *m = &l->msg;

	*e = (struct envelope){ .mid = l->mid,
		.parent = m->parent,
		.arrival_ms = m->arrival_ms,
		.size = m->size,
		.crc32c = m->crc32c,
		.flags = m->flags,
		.mt_priority = m->mt_priority,
		.release_ms = m->release_ms,
		.by_ms = m->by_ms,
		.sender = cstr(l->a, m->sender.p ? m->sender : STR("")),
		.envid = cstr(l->a, m->envid),
		.client = cstr(l->a, m->client),
		.helo = cstr(l->a, m->helo),
		.listener = cstr(l->a, m->listener),
		.user = cstr(l->a, m->user),
		.message_id = cstr(l->a, m->message_id) };
}

static int
load(struct letter *l, uint16_t n, struct spool_loaded *out)
{
	struct record_delivery d;
	struct envelope env;
	int rc = letter_open(l);

	if (rc == 0)
		rc = letter_delivery(l, n, &d);
	if (rc)
		return rc;
	if (d.place != RECORD_SCHEDULED && d.place != RECORD_PARKED)
		return 1;
	fill_envelope(l, &env);
	if (load_rcpts(l, &env) || load_body(l, &env))
		return -1;
	memset(out, 0, sizeof *out);
	out->env = envelope_new(&env);
	body_free(&env.body);
	out->attempts = d.attempts;
	out->handed = d.handed;
	if (d.place == RECORD_PARKED)
		out->hold = (enum spool_hold)d.hold;
	out->key = (struct spool_key){ d.route, d.priority, d.lane, d.due_ms,
		l->mid, n };
	if (d.provider.len < sizeof out->provider)
		memcpy(out->provider, d.provider.len ? d.provider.p : "",
		    d.provider.len);
	return 0;
}

/* Why it died, as far as that can be read. */
static void
fill_death(struct letter *l, uint16_t n, const struct record_delivery *d,
    struct spool_past *past)
{
	struct record_dead dead;
	struct keys k;
	struct str v;

	past->is_dead = true;
	keys_dead(&k, d->due_ms, l->mid, n);
	if (store_get(l->x, STORE_DEAD, keys_str(&k), &v) ||
	    record_read_dead(v, &dead))
		return;
	past->code = dead.code;
	str_copy(past->cause, sizeof past->cause, dead.cause);
	str_copy(past->enhanced, sizeof past->enhanced, dead.enhanced);
	str_copy(past->text, sizeof past->text, dead.text);
}

static void
add_delivery(struct letter *l, uint16_t n, const struct record_delivery *d,
    struct spool_whole *out)
{
	struct spool_past *past = &out->past[out->ndeliveries];

	out->at[out->ndeliveries++] = (struct spool_delivery){
		.route = d->route,
		.priority = d->priority,
		.lane = d->lane,
		.due_ms = d->due_ms,
		.hold = d->place == RECORD_PARKED ? (enum spool_hold)d->hold
		                                  : SPOOL_HOLD_NONE,
		.why = SPOOL_ROUTE_GIVEN,
	};
	past->attempts = d->attempts;
	past->handed = d->handed;
	str_copy(past->provider, sizeof past->provider, d->provider);
	if (d->place == RECORD_DEAD)
		fill_death(l, n, d, past);
}

/* now[n]: which one it is of those that are not over, or UINT16_MAX. */
static int
load_deliveries(struct letter *l, struct spool_whole *out, uint16_t *now)
{
	struct record_delivery d;

	for (uint32_t n = 0; n < l->msg.deliveries; n++) {
		int rc = letter_delivery(l, (uint16_t)n, &d);

		if (rc)
			return rc < 0 ? -1 : store_damaged(l->x);
		now[n] = UINT16_MAX;
		if (d.place == RECORD_GONE)
			continue;
		now[n] = out->ndeliveries;
		add_delivery(l, (uint16_t)n, &d, out);
	}
	return out->ndeliveries ? 0 : 1;
}

static void
drop_rcpts(struct envelope *env, const uint16_t *now)
{
	struct envelope_rcpt *to =
	    (struct envelope_rcpt *)(uintptr_t)env->rcpts; /* the arena's */
	uint32_t n = 0;

	for (uint32_t i = 0; i < env->nrcpts; i++) {
		if (now[to[i].delivery] == UINT16_MAX)
			continue;
		to[n] = to[i];
		to[n++].delivery = now[to[i].delivery];
	}
	env->nrcpts = n;
}

static int
load_whole(struct letter *l, struct spool_whole *out)
{
	struct envelope env;
	uint16_t *now;
	int rc = letter_open(l);

	if (rc)
		return rc;
	now = arena_get(l->a, (l->msg.deliveries + 1u) * sizeof *now);
	out->at = mem_array(l->msg.deliveries + 1u, sizeof *out->at);
	out->past = mem_array(l->msg.deliveries + 1u, sizeof *out->past);
	fill_envelope(l, &env);
	rc = load_deliveries(l, out, now);
	if (rc == 0 && (load_rcpts(l, &env) || load_body(l, &env)))
		rc = -1;
	if (rc == 0) {
		drop_rcpts(&env, now);
		out->env = envelope_new(&env);
		body_free(&env.body);
	}
	return rc;
}

static int
fail(const struct spool_reader *r, uint64_t mid, struct err *err)
{
	return err_set(err, ERR_STORE, "message %llx cannot be read: %s",
	    (unsigned long long)mid, store_fault_text(&r->x));
}

int
spool_load(struct spool_reader *r, uint64_t mid, uint16_t n,
    struct spool_loaded *out, struct err *err)
{
	struct letter l;
	int rc = reader_begin(r);

	if (rc == 0) {
		letter_init(&l, &r->x, &r->arena, mid);
		rc = load(&l, n, out);
	}
	if (rc < 0)
		fail(r, mid, err);
	reader_end(r);
	return rc;
}

int
spool_whole(struct spool_reader *r, uint64_t mid, struct spool_whole *out,
    struct err *err)
{
	struct letter l;
	int rc = reader_begin(r);

	*out = (struct spool_whole){ .env = NULL };
	if (rc == 0) {
		letter_init(&l, &r->x, &r->arena, mid);
		rc = load_whole(&l, out);
	}
	if (rc < 0)
		fail(r, mid, err);
	if (rc)
		spool_whole_free(out);
	reader_end(r);
	return rc;
}

void
spool_whole_free(struct spool_whole *w)
{
	envelope_free(&w->env);
	free(w->at);
	free(w->past);
	*w = (struct spool_whole){ .env = NULL };
}

int64_t
spool_content(struct spool_reader *r, uint64_t mid, uint64_t offset, char *p,
    size_t max, struct err *err)
{
	struct letter l;
	int64_t n = 0;
	int rc = reader_begin(r);

	if (max > CONTENT_MAX)
		max = CONTENT_MAX;
	if (rc == 0) {
		letter_init(&l, &r->x, &r->arena, mid);
		rc = letter_open(&l);
	}
	if (rc > 0)
		rc = store_damaged(&r->x);
	if (rc == 0 && offset < l.msg.size) {
		if (l.msg.size - offset < max)
			max = (size_t)(l.msg.size - offset);
		rc = copy_content(&l, offset, p, max);
		n = (int64_t)max;
	}
	if (rc)
		n = fail(r, mid, err);
	reader_end(r);
	return n;
}

int
spool_health_get(struct spool_reader *r, const char *provider, void *p,
    size_t max, size_t *n)
{
	struct str v;
	int rc = reader_begin(r);

	if (rc == 0)
		rc = store_get(&r->x, STORE_PROV, str_of(provider), &v);
	if (rc == 0) {
		*n = v.len < max ? v.len : max;
		memcpy(p, v.p, *n);
	}
	reader_end(r);
	return rc ? -1 : 0;
}

/* --- by message --- */

static void
leave_out(struct spool_sweep *s, int64_t release_ms)
{
	if (s->held_ms == 0 || release_ms < s->held_ms)
		s->held_ms = release_ms;
}

static int
sweep(struct store_cursor *c, struct spool_sweep *s, uint64_t *mids, size_t max)
{
	struct record_msg m;
	uint64_t mid;
	size_t n = 0;
	bool good;
	int rc = 0;

	for (int i = 0; rc == 0 && i < SWEEP_LOOKS && n < max; i++) {
		if (keys_read_mid(c->k, &mid) || mid >= s->until)
			break;
		s->seen = mid;
		good = record_read_msg(c->v, &m) == 0 && m.queued;
		if (good && m.release_ms > s->released_ms)
			leave_out(s, m.release_ms);
		else if (good)
			mids[n++] = mid;
		rc = store_next(c);
	}
	return rc < 0 ? -1 : (int)n;
}

int
spool_sweep(
    struct spool_reader *r, struct spool_sweep *s, uint64_t *mids, size_t max)
{
	struct store_cursor c;
	struct keys k;
	int rc = reader_begin(r);

	s->seen = s->after;
	s->held_ms = 0;
	if (s->after == UINT64_MAX || rc) {
		reader_end(r);
		return rc;
	}
	rc = store_cursor(&c, &r->x, STORE_MSG);
	if (rc == 0) {
		keys_mid(&k, s->after + 1);
		rc = store_seek(&c, keys_str(&k));
		if (rc == 0)
			rc = sweep(&c, s, mids, max);
		else if (rc > 0)
			rc = 0;
		store_cursor_done(&c);
	}
	reader_end(r);
	return rc;
}

/* Until somebody releases it, however long that takes. */
static bool
is_held(const struct record_delivery *d)
{
	return d->place == RECORD_PARKED &&
	       (d->hold == SPOOL_HOLD_OPERATOR || d->hold == SPOOL_HOLD_DOUBT);
}

static int
deliveries(struct letter *l, struct spool_key *keys, size_t max)
{
	struct record_delivery d;
	size_t n = 0;
	int rc = letter_open(l);

	if (rc)
		return rc < 0 ? -1 : 0;
	for (uint32_t i = 0; i < l->msg.deliveries && n < max; i++) {
		rc = letter_delivery(l, (uint16_t)i, &d);
		if (rc < 0)
			return -1;
		if (rc || d.place > RECORD_PARKED || is_held(&d))
			continue;
		keys[n++] = (struct spool_key){ d.route, d.priority, d.lane,
			d.due_ms, l->mid, (uint16_t)i };
	}
	return (int)n;
}

int
spool_deliveries(
    struct spool_reader *r, uint64_t mid, struct spool_key *keys, size_t max)
{
	struct letter l;
	int rc = reader_begin(r);

	if (rc == 0) {
		letter_init(&l, &r->x, &r->arena, mid);
		rc = deliveries(&l, keys, max);
	}
	reader_end(r);
	return rc;
}
