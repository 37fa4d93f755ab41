/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool/spool_list - pages of messages, dead letters, deadlines and events,
 * each in one short transaction.
 */
#include "postern/spool/spool.h"

#include <string.h>

#include "postern/base/crc32c.h"

#include "spool/journal.h"
#include "spool/keys.h"
#include "spool/reader.h"
#include "spool/record.h"

/* --- messages --- */

static int
list(struct store_cursor *c, int rc, struct spool_item *out, size_t max)
{
	struct record_msg m;
	size_t n = 0;

	for (; rc == 0 && n < max; rc = store_next(c)) {
		out[n] = (struct spool_item){ .size = 0 };
		if (keys_read_mid(c->k, &out[n].mid))
			continue;
		if (record_read_msg(c->v, &m) == 0) {
			out[n].size = m.size;
			out[n].crc32c = m.crc32c;
			out[n].arrival_ms = m.arrival_ms;
			out[n].queued = m.queued;
			out[n].dead = m.dead;
			out[n].nrcpts = m.nrcpts;
			out[n].attempts = m.first.attempts;
			str_copy(out[n].sender, sizeof out[n].sender, m.sender);
		}
		n++;
	}
	return rc < 0 ? -1 : (int)n;
}

int
spool_list(
    struct spool_reader *r, uint64_t after, struct spool_item *out, size_t max)
{
	struct store_cursor c;
	struct keys k;
	int rc = after == UINT64_MAX ? 1 : reader_begin(r);

	if (rc > 0)
		return 0;
	if (rc == 0)
		rc = store_cursor(&c, &r->x, STORE_MSG);
	if (rc == 0) {
		keys_mid(&k, after + 1);
		rc = list(&c, store_seek(&c, keys_str(&k)), out,
		    max < SPOOL_PAGE ? max : SPOOL_PAGE);
		store_cursor_done(&c);
	}
	reader_end(r);
	return rc;
}

static int
before(struct store_cursor *c, uint64_t than)
{
	struct keys k;
	int rc;

	keys_mid(&k, than);
	rc = store_seek(c, keys_str(&k));
	return rc > 0 ? store_last(c) : rc < 0 ? -1 : store_prev(c);
}

int
spool_before(struct spool_reader *r, uint64_t than, uint64_t *mid)
{
	struct store_cursor c;
	int rc = reader_begin(r);

	if (rc == 0)
		rc = store_cursor(&c, &r->x, STORE_MSG);
	if (rc == 0) {
		rc = before(&c, than);
		if (rc == 0)
			rc = keys_read_mid(c.k, mid);
		store_cursor_done(&c);
	}
	reader_end(r);
	return rc < 0 ? -1 : rc == 0;
}

/* --- deadlines --- */

static int
deadlines(struct store_cursor *c, int rc, int64_t until_ms,
    struct spool_deadline *out, size_t max)
{
	size_t n = 0;

	for (; rc == 0 && n < max; rc = store_next(c)) {
		if (keys_read_timer(
		        c->k, &out[n].by_ms, &out[n].mid, &out[n].n))
			continue;
		if (out[n].by_ms > until_ms)
			break;
		n++;
	}
	return rc < 0 ? -1 : (int)n;
}

int
spool_deadlines(struct spool_reader *r, const struct spool_deadline *after,
    int64_t until_ms, struct spool_deadline *out, size_t max)
{
	static const struct spool_deadline first = { 0 };
	const struct spool_deadline *at = after ? after : &first;
	struct store_cursor c;
	struct keys k;
	int rc = reader_begin(r);

	if (rc == 0)
		rc = store_cursor(&c, &r->x, STORE_TIMER);
	if (rc == 0) {
		keys_timer(&k, at->by_ms, at->mid, at->n);
		rc = store_seek(&c, keys_str(&k));
		if (rc == 0 && after && str_eq(c.k, keys_str(&k)))
			rc = store_next(&c);
		rc = deadlines(&c, rc, until_ms, out, max);
		store_cursor_done(&c);
	}
	reader_end(r);
	return rc;
}

/* --- dead letters --- */

static int
dead(struct store_cursor *c, int rc, struct spool_dead *out, size_t max)
{
	struct record_dead d;
	size_t n = 0;

	for (; rc == 0 && n < max; rc = store_next(c)) {
		out[n] = (struct spool_dead){ .at_ms = 0 };
		if (keys_read_dead(c->k, &out[n].at_ms, &out[n].mid, &out[n].n))
			continue;
		if (record_read_dead(c->v, &d) == 0) {
			out[n].code = d.code;
			str_copy(out[n].cause, sizeof out[n].cause, d.cause);
			str_copy(out[n].provider, sizeof out[n].provider,
			    d.provider);
			str_copy(out[n].enhanced, sizeof out[n].enhanced,
			    d.enhanced);
			str_copy(out[n].text, sizeof out[n].text, d.text);
		}
		n++;
	}
	return rc < 0 ? -1 : (int)n;
}

int
spool_dead_page(struct spool_reader *r, const struct spool_dead *after,
    struct spool_dead *out, size_t max)
{
	struct store_cursor c;
	struct keys k = { .n = 1 };
	int rc = reader_begin(r);

	if (rc == 0)
		rc = store_cursor(&c, &r->x, STORE_DEAD);
	if (rc == 0) {
		if (after)
			keys_dead(&k, after->at_ms, after->mid, after->n);
		rc = store_seek(&c, keys_str(&k));
		if (rc == 0 && after && str_eq(c.k, keys_str(&k)))
			rc = store_next(&c);
		rc = dead(&c, rc, out, max < SPOOL_PAGE ? max : SPOOL_PAGE);
		store_cursor_done(&c);
	}
	reader_end(r);
	return rc;
}

/* --- events --- */

uint32_t
spool_fingerprint(struct str s)
{
	char lower[256];
	uint32_t crc = 0;
	size_t n;

	if (s.len == 0)
		return 0;
	for (; s.len; s.p += n, s.len -= n) {
		n = s.len < sizeof lower ? s.len : sizeof lower;
		for (size_t i = 0; i < n; i++)
			lower[i] = s.p[i] >= 'A' && s.p[i] <= 'Z'
			               ? (char)(s.p[i] + ('a' - 'A'))
			               : s.p[i];
		crc = crc32c(crc, lower, n);
	}
	return crc ? crc : 1;
}

static uint32_t
shorten(uint32_t fingerprint)
{
	uint32_t to = (fingerprint ^ fingerprint >> 16) & 0xffff;

	return to ? to : 1;
}

bool
spool_event_names(const struct spool_event *e, uint32_t fingerprint)
{
	if (e->is_short)
		fingerprint = shorten(fingerprint);
	for (size_t i = 0; i < e->nrcpts; i++) {
		if (e->rcpts[i] == fingerprint)
			return true;
	}
	return e->sender == fingerprint || e->message_id == fingerprint ||
	       e->provider_id == fingerprint;
}

static int
events(struct store_cursor *c, int rc, struct spool_event *out, size_t max,
    uint64_t *place)
{
	uint64_t key;
	size_t n = 0;
	int k;

	for (; rc == 0; rc = store_next(c)) {
		if (keys_read_mid(c->k, &key))
			continue;
		k = journal_read(c->v, out + n, max - n);
		if (k < 0 && n)
			break; /* no room left, or the next call skips it */
		*place = key;
		n += k > 0 ? (size_t)k : 0;
	}
	return rc < 0 ? -1 : (int)n;
}

int
spool_journal_page(struct spool_reader *r, uint64_t *place,
    struct spool_event *out, size_t max)
{
	struct store_cursor c;
	struct keys k;
	int rc = *place == UINT64_MAX ? 1 : reader_begin(r);

	if (rc > 0)
		return 0;
	if (rc == 0)
		rc = store_cursor(&c, &r->x, STORE_JOURNAL);
	if (rc == 0) {
		keys_mid(&k, *place + 1);
		rc = events(&c, store_seek(&c, keys_str(&k)), out, max, place);
		store_cursor_done(&c);
	}
	reader_end(r);
	return rc;
}

/* --- allowances --- */

static bool
is_of(struct str k, struct str owner)
{
	return k.len > owner.len && k.p[owner.len] == 0 &&
	       memcmp(k.p, owner.p, owner.len) == 0;
}

static int
quotas(struct store_cursor *c, int rc, struct str owner,
    struct spool_quota *out, size_t max)
{
	size_t n = 0;

	for (; rc == 0 && n < max && is_of(c->k, owner); rc = store_next(c)) {
		struct spool_quota *q = &out[n];

		if (keys_read_quota(
		        c->k, owner.len, &q->window_s, &q->start_ms) == 0 &&
		    record_read_quota(c->v, &q->reserved, &q->spent) == 0)
			n++;
	}
	return rc < 0 ? -1 : (int)n;
}

int
spool_quotas(struct spool_reader *r, const char *owner,
    const struct spool_quota *after, struct spool_quota *out, size_t max)
{
	struct store_cursor c;
	struct keys k;
	int rc = reader_begin(r);

	if (rc == 0)
		rc = store_cursor(&c, &r->x, STORE_QUOTA);
	if (rc == 0) {
		keys_quota(&k, str_of(owner), after->window_s, after->start_ms);
		rc = store_seek(&c, keys_str(&k));
		if (rc == 0 && str_eq(c.k, keys_str(&k)))
			rc = store_next(&c);
		rc = quotas(&c, rc, str_of(owner), out,
		    max < SPOOL_PAGE ? max : SPOOL_PAGE);
		store_cursor_done(&c);
	}
	reader_end(r);
	return rc;
}
