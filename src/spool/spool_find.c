/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool/spool_find - what is held or dead, by an operator's filter: a page is
 * one short transaction over park or dead, and the next goes on behind it.
 */
#include "postern/spool/spool.h"

#include <assert.h>
#include <string.h>

#include "spool/keys.h"
#include "spool/letter.h"
#include "spool/reader.h"
#include "spool/record.h"

#define LOOKS 1024 /* keys of one page */

struct find {
	struct spool_reader *r;
	const struct spool_filter *f;
	struct letter l;
	struct record_delivery d;
	struct letter_rcpts rcpts;
};

/* --- one of them --- */

static void
copy(char *to, size_t size, struct str s)
{
	size_t n = s.len < size ? s.len : size - 1;

	if (n)
		memcpy(to, s.p, n);
	to[n] = 0;
}

static bool
is_address(struct str s, const char *want)
{
	struct str w = str_of(want);

	if (!want)
		return true;
	if (w.len == 0 || w.p[0] != '@')
		return str_is(s, want);
	if (s.len < w.len)
		return false;
	s.p += s.len - w.len;
	s.len = w.len;
	return str_is(s, want);
}

static bool
is_code(uint16_t code, uint16_t want)
{
	return want == 0 || code == want || (want < 10 && code / 100 == want);
}

/* Of those that are dead, or wait: what an operator decides about. */
static bool
is_concerned(const struct find *t, const struct record_rcpt *r)
{
	if (t->f->dead)
		return r->state == ENVELOPE_DEAD;
	return r->state == ENVELOPE_QUEUED || r->state == ENVELOPE_DOUBT;
}

/* The first recipient by the filter; counts all that are concerned. */
static bool
find_rcpt(struct find *t, struct spool_found *out)
{
	bool found = false;

	for (size_t i = 0; i < t->rcpts.n; i++) {
		const struct record_rcpt *r = &t->rcpts.v[i];

		if (!is_concerned(t, r))
			continue;
		out->nrcpts++;
		if (found || !is_address(r->address, t->f->rcpt) ||
		    !is_code(r->code, t->f->code))
			continue;
		found = true;
		out->code = r->code;
		copy(out->rcpt, sizeof out->rcpt, r->address);
		copy(out->enhanced, sizeof out->enhanced, r->enhanced);
		copy(out->text, sizeof out->text, r->text);
	}
	return found;
}

static bool
is_time(const struct spool_filter *f, int64_t at_ms)
{
	return (f->from_ms == 0 || at_ms >= f->from_ms) &&
	       (f->until_ms == 0 || at_ms < f->until_ms);
}

static void
fill(const struct find *t, struct spool_found *out)
{
	const struct record_msg *m = &t->l.msg;

	out->parent = m->parent;
	out->size = m->size;
	out->handed = t->d.handed;
	out->route = t->d.route;
	out->attempts = t->d.attempts;
	out->arrival_ms = m->arrival_ms;
	if (!t->f->dead && t->d.hold != SPOOL_HOLD_DOUBT)
		out->at_ms = m->arrival_ms;
	copy(out->provider, sizeof out->provider, t->d.provider);
	copy(out->sender, sizeof out->sender, m->sender);
}

/* What is asked for of the record, its key read into out.  One that cannot be
 * read is shown where nothing of it is asked for. */
static bool
fits(struct find *t, struct spool_found *out)
{
	const struct spool_filter *f = t->f;

	arena_reset(&t->r->arena);
	letter_init(&t->l, &t->r->x, &t->r->arena, out->mid);
	if (!letter_try(&t->l, out->n, &t->d) ||
	    !letter_try_rcpts(&t->l, out->n, &t->rcpts))
		return !f->provider && !f->sender && !f->rcpt && !f->code &&
		       !f->cause && is_time(f, out->at_ms);
	fill(t, out);
	return find_rcpt(t, out) && is_time(f, out->at_ms) &&
	       is_address(t->l.msg.sender, f->sender) &&
	       (!f->provider || str_eq(t->d.provider, str_of(f->provider)));
}

static bool
is_cause(struct find *t, struct str v, struct spool_found *out)
{
	struct record_dead dead;

	if (!t->f->dead)
		return !t->f->cause;
	if (record_read_dead(v, &dead) == 0)
		copy(out->cause, sizeof out->cause, dead.cause);
	return !t->f->cause || strcmp(out->cause, t->f->cause) == 0;
}

/* --- a page --- */

/* 1 it may be one, 0 none here, -1 nor behind it. */
static int
read_key(const struct find *t, struct str k, struct spool_found *out)
{
	struct spool_key key = { 0 };
	uint8_t hold = 0;
	int bad;

	*out = (struct spool_found){ 0 };
	if (t->f->dead)
		bad = keys_read_dead(k, &key.due_ms, &key.mid, &key.n);
	else
		bad = keys_read_park(k, &hold, &key);
	if (bad)
		return 0;
	out->mid = key.mid;
	out->n = key.n;
	out->hold = (enum spool_hold)hold;
	out->at_ms = key.due_ms;
	if (t->f->dead)
		return t->f->until_ms && key.due_ms >= t->f->until_ms ? -1 : 1;
	return t->f->hold && out->hold != t->f->hold ? -1 : 1;
}

static void
first_key(const struct spool_filter *f, struct keys *k)
{
	struct spool_key none = { 0 };

	if (f->dead)
		keys_dead(k, f->from_ms, 0, 0);
	else
		keys_park(k, (uint8_t)f->hold, &none);
}

static int
to_mark(struct find *t, struct store_cursor *c, const struct spool_mark *mark)
{
	struct str at = { (const char *)mark->key, mark->n };
	struct keys k;
	int rc;

	if (mark->n == 0) {
		first_key(t->f, &k);
		return store_seek(c, keys_str(&k));
	}
	rc = store_seek(c, at);
	return rc == 0 && str_eq(c->k, at) ? store_next(c) : rc;
}

static int
collect(struct find *t, struct store_cursor *c, struct spool_mark *mark,
    struct spool_found *out, size_t max)
{
	int rc = to_mark(t, c, mark), is;
	size_t n = 0;

	for (int i = 0; rc == 0 && i < LOOKS && n < max; i++) {
		is = read_key(t, c->k, &out[n]);
		if (is < 0)
			rc = 1;
		if (is > 0 && is_cause(t, c->v, &out[n]))
			n += fits(t, &out[n]);
		if (rc)
			break;
		assert(c->k.len <= sizeof mark->key);
		memcpy(mark->key, c->k.p, c->k.len);
		mark->n = c->k.len;
		rc = store_next(c);
	}
	mark->over = rc != 0;
	return rc < 0 ? -1 : (int)n;
}

int
spool_find(struct spool_reader *r, const struct spool_filter *f,
    struct spool_mark *mark, struct spool_found *out, size_t max)
{
	struct find t = { .r = r, .f = f };
	struct store_cursor c;
	int rc = mark->over ? 1 : reader_begin(r);

	if (rc > 0)
		return 0;
	if (rc == 0)
		rc = store_cursor(&c, &r->x, f->dead ? STORE_DEAD : STORE_PARK);
	if (rc == 0) {
		rc = collect(
		    &t, &c, mark, out, max < SPOOL_PAGE ? max : SPOOL_PAGE);
		store_cursor_done(&c);
	}
	reader_end(r);
	return rc;
}
