/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For each lane of each priority there is a cursor: the last key that was
 * handed out.  Keys before it are in hand or gone, else scheduler_put() has
 * moved it back.  A page of keys behind the cursor is held for one lane of
 * each priority.
 */
#include "relay/scheduler.h"

#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"
#include "postern/spool/spool.h"

#include "relay/keyset.h"

#define PAGE 64 /* keys, of the only lane */
#define SHARE 8 /* keys, where lanes take turns */
#define LANES 256
#define ERROR_MS 1000 /* until the store is asked again after an error */

struct cursor {
	bool is_set;
	int64_t due_ms;
	uint64_t mid;
	uint16_t n;
};

struct band { /* a priority */
	struct spool_key page[PAGE];
	size_t at, n; /* what is left of the page */
	int lane;     /* of the page, and whose turn it was */
	bool idle;    /* nothing was due; next_ms is valid */
	int64_t next_ms;
	struct cursor cursor[LANES];
};

struct scheduler {
	uint32_t route;
	struct spool_reader *reader;
	const struct keyset *inhand;
	uint32_t picks;
	struct band band[SPOOL_PRIORITIES];
};

struct scheduler *
scheduler_new(
    uint32_t route, struct spool_reader *reader, const struct keyset *inhand)
{
	struct scheduler *s = mem_new(sizeof *s);

	s->route = route;
	s->reader = reader;
	s->inhand = inhand;
	for (int p = 0; p < SPOOL_PRIORITIES; p++)
		s->band[p].lane = -1;
	return s;
}

void
scheduler_free(struct scheduler **s)
{
	free(*s);
	*s = NULL;
}

static int
compare(const struct cursor *c, const struct spool_key *k)
{
	if (c->due_ms != k->due_ms)
		return c->due_ms < k->due_ms ? -1 : 1;
	if (c->mid != k->mid)
		return c->mid < k->mid ? -1 : 1;
	return c->n < k->n ? -1 : c->n > k->n;
}

static struct cursor
cursor_at(const struct spool_key *k)
{
	return (struct cursor){ true, k->due_ms, k->mid, k->n };
}

static struct cursor
cursor_before(const struct spool_key *k)
{
	struct cursor c = cursor_at(k);

	if (c.n-- == 0)
		c.mid--; /* n wrapped to its highest; mids are never 0 */
	return c;
}

static struct spool_key
key_of(
    const struct scheduler *s, int priority, int lane, const struct cursor *c)
{
	return (struct spool_key){ .route = s->route,
		.priority = (uint8_t)priority,
		.lane = (uint8_t)lane,
		.due_ms = c->due_ms,
		.mid = c->mid,
		.n = c->n };
}

void
scheduler_put(struct scheduler *s, const struct spool_key *key)
{
	struct band *b;
	struct cursor *c;

	if (key->route != s->route || key->priority >= SPOOL_PRIORITIES)
		return;
	b = &s->band[key->priority];
	c = &b->cursor[key->lane];
	if (c->is_set && compare(c, key) >= 0) {
		*c = cursor_before(key);
		if (b->lane == key->lane)
			b->n = b->at = 0;
	} else if (b->at < b->n && b->lane == key->lane) {
		struct cursor end = cursor_at(&b->page[b->n - 1]);

		if (compare(&end, key) > 0)
			b->n = b->at = 0;
	}
	if (b->idle && key->due_ms < b->next_ms)
		b->next_ms = key->due_ms;
}

/* The keys behind the cursor that are not in hand, into the page. */
static int
fill_lane(struct scheduler *s, int priority, int64_t now_ms, size_t max)
{
	struct band *b = &s->band[priority];
	struct cursor *c = &b->cursor[b->lane];
	struct spool_key after = key_of(s, priority, b->lane, c);
	bool from_start = !c->is_set;
	int64_t next_ms;

	b->at = b->n = 0;
	for (;;) {
		int n = spool_due(s->reader, s->route, (uint8_t)priority,
		    (uint8_t)b->lane, from_start ? NULL : &after, now_ms,
		    b->page, max, &next_ms);

		if (n < 0)
			return -1;
		for (int i = 0; i < n; i++) {
			after = b->page[i];
			if (!keyset_has(s->inhand, after.mid, after.n))
				b->page[b->n++] = after;
		}
		from_start = from_start && n == 0;
		if (b->n > 0)
			return 0;
		if ((size_t)n < max) {
			if (next_ms < b->next_ms)
				b->next_ms = next_ms;
			return 0;
		}
	}
}

/* The next lane with something due; false: there is none now. */
static bool
fill(struct scheduler *s, int priority, int64_t now_ms)
{
	struct band *b = &s->band[priority];
	int first = spool_lane(s->reader, s->route, (uint8_t)priority, 0);
	int lane = -1;
	int start = -1;

	b->next_ms = INT64_MAX;
	if (first >= 0 && b->lane >= 0 && b->lane < LANES - 1)
		lane = spool_lane(s->reader, s->route, (uint8_t)priority,
		    (uint8_t)(b->lane + 1));
	if (lane < 0)
		lane = first;
	while (lane >= 0 && lane != start) {
		int next = lane < LANES - 1
		               ? spool_lane(s->reader, s->route,
		                     (uint8_t)priority, (uint8_t)(lane + 1))
		               : -1;
		bool only = next < 0 && lane == first;

		if (start < 0)
			start = lane;
		b->lane = lane;
		if (fill_lane(s, priority, now_ms, only ? PAGE : SHARE) < 0) {
			b->next_ms = now_ms + ERROR_MS;
			break;
		}
		if (b->n > 0)
			return true;
		lane = next < 0 ? first : next;
	}
	b->idle = true;
	return false;
}

static bool
take(struct scheduler *s, int priority, int64_t now_ms, struct spool_key *key)
{
	struct band *b = &s->band[priority];

	if (b->idle) {
		if (b->next_ms > now_ms)
			return false;
		b->idle = false;
	}
	do {
		if (b->at >= b->n && !fill(s, priority, now_ms))
			return false;
		*key = b->page[b->at++];
		b->cursor[b->lane] = cursor_at(key);
	} while (keyset_has(s->inhand, key->mid, key->n));
	return true;
}

bool
scheduler_take(struct scheduler *s, int64_t now_ms, struct spool_key *key)
{
	int first = 0;

	s->picks++;
	if (s->picks % 64 == 0)
		first = SPOOL_LOW;
	else if (s->picks % 8 == 0)
		first = SPOOL_NORMAL;
	for (int i = 0; i < SPOOL_PRIORITIES; i++) {
		if (take(s, (first + i) % SPOOL_PRIORITIES, now_ms, key))
			return true;
	}
	return false;
}

int64_t
scheduler_next_ms(const struct scheduler *s)
{
	int64_t next = INT64_MAX;

	for (int p = 0; p < SPOOL_PRIORITIES; p++) {
		const struct band *b = &s->band[p];

		if (!b->idle)
			return 0;
		if (b->next_ms < next)
			next = b->next_ms;
	}
	return next;
}
