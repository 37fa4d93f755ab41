/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For each lane of each priority there is a cursor: the last key that was
 * handed out.  Keys before it are in hand or gone, else scheduler_put() has
 * moved it back.  A page of keys behind the cursor is held for one lane of
 * each priority.  What is in the store is asked once; later keys are told.
 */
#include "relay/scheduler.h"

#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"

#include "relay/keyset.h"

#define PAGE 64 /* keys, of the only lane */
#define TURN 2  /* keys, where lanes take turns: a slow provider's wait long */
#define ERROR_MS 1000 /* until the store is asked again after an error */

struct lane {
	int64_t next_ms; /* nothing is due before; INT64_MAX: it is empty */
	bool is_set;     /* the cursor */
	uint16_t n;
	int64_t due_ms;
	uint64_t mid;
};

struct band { /* a priority */
	struct spool_key page[PAGE];
	size_t at, n; /* what is left of the page */
	int turn;     /* the page's lane */
	struct lane lane[SPOOL_LANES];
};

struct scheduler {
	uint32_t route;
	struct spool_reader *reader;
	const struct keyset *inhand;
	bool is_known[SPOOL_PRIORITIES]; /* the store was asked for lanes */
	int64_t next_ms[SPOOL_PRIORITIES];
	struct band *band[SPOOL_PRIORITIES]; /* NULL: it had no key yet */
};

struct scheduler *
scheduler_new(
    uint32_t route, struct spool_reader *reader, const struct keyset *inhand)
{
	struct scheduler *s = mem_new(sizeof *s);

	s->route = route;
	s->reader = reader;
	s->inhand = inhand;
	return s;
}

static struct band *
band_of(struct scheduler *s, int priority)
{
	struct band *b = s->band[priority];

	if (b)
		return b;
	b = s->band[priority] = mem_new(sizeof *b);
	b->turn = SPOOL_LANES - 1;
	for (int i = 0; i < SPOOL_LANES; i++)
		b->lane[i].next_ms = INT64_MAX;
	return b;
}

void
scheduler_free(struct scheduler **s)
{
	for (int p = 0; *s && p < SPOOL_PRIORITIES; p++)
		free((*s)->band[p]);
	free(*s);
	*s = NULL;
}

/* --- cursors ---------------------------------------------------------------
 */

static int
compare(const struct lane *l, const struct spool_key *k)
{
	if (l->due_ms != k->due_ms)
		return l->due_ms < k->due_ms ? -1 : 1;
	if (l->mid != k->mid)
		return l->mid < k->mid ? -1 : 1;
	return l->n < k->n ? -1 : l->n > k->n;
}

static void
move_to(struct lane *l, const struct spool_key *k)
{
	l->is_set = true;
	l->due_ms = k->due_ms;
	l->mid = k->mid;
	l->n = k->n;
}

static void
move_before(struct lane *l, const struct spool_key *k)
{
	move_to(l, k);
	if (l->n-- == 0)
		l->mid--; /* n wrapped to its highest; mids are never 0 */
}

static struct spool_key
key_at(const struct scheduler *s, int priority, int lane)
{
	const struct lane *l = &s->band[priority]->lane[lane];

	return (struct spool_key){ .route = s->route,
		.priority = (uint8_t)priority,
		.lane = (uint8_t)lane,
		.due_ms = l->due_ms,
		.mid = l->mid,
		.n = l->n };
}

static void
drop_page(struct band *b)
{
	b->n = b->at = 0;
}

/* Does the page go on behind the key? */
static bool
is_within_page(const struct band *b, const struct spool_key *key)
{
	struct lane end;

	if (b->at >= b->n)
		return false;
	move_to(&end, &b->page[b->n - 1]);
	return compare(&end, key) > 0;
}

void
scheduler_put(struct scheduler *s, const struct spool_key *key)
{
	struct band *b;
	struct lane *l;

	if (key->route != s->route || key->priority >= SPOOL_PRIORITIES)
		return;
	b = band_of(s, key->priority);
	l = &b->lane[key->lane];
	if (l->is_set && compare(l, key) >= 0) {
		move_before(l, key);
		if (b->turn == key->lane)
			drop_page(b);
	} else if (b->turn != key->lane || is_within_page(b, key)) {
		drop_page(b); /* and another lane's turn comes */
	}
	if (key->due_ms < l->next_ms)
		l->next_ms = key->due_ms;
	if (key->due_ms < s->next_ms[key->priority])
		s->next_ms[key->priority] = key->due_ms;
}

/* --- pages -----------------------------------------------------------------
 */

/* The keys behind the lane's cursor that are not in hand, into the page. */
static int
fill_lane(struct scheduler *s, int priority, int64_t now_ms, size_t max)
{
	struct band *b = s->band[priority];
	struct lane *l = &b->lane[b->turn];
	struct spool_key after = key_at(s, priority, b->turn);
	bool from_start = !l->is_set;

	drop_page(b);
	for (;;) {
		int n = spool_due(s->reader, s->route, (uint8_t)priority,
		    (uint8_t)b->turn, from_start ? NULL : &after, now_ms,
		    b->page, max, &l->next_ms);

		if (n < 0)
			return -1;
		for (int i = 0; i < n; i++) {
			after = b->page[i];
			if (!keyset_has(s->inhand, after.mid, after.n))
				b->page[b->n++] = after;
		}
		from_start = from_start && n == 0;
		if (b->n > 0)
			l->next_ms = now_ms; /* perhaps: it is asked again */
		if (b->n > 0 || (size_t)n < max)
			return 0;
	}
}

/* Which lanes have keys, when nobody has told of any yet. */
static void
know(struct scheduler *s, int priority, int64_t now_ms)
{
	int lane = 0;

	s->next_ms[priority] = INT64_MAX;
	while (lane < SPOOL_LANES) {
		lane = spool_lane(
		    s->reader, s->route, (uint8_t)priority, (uint8_t)lane);
		if (lane < 0) {
			s->next_ms[priority] = now_ms + ERROR_MS;
			return;
		}
		if (lane == SPOOL_LANES)
			break;
		band_of(s, priority)->lane[lane++].next_ms = INT64_MIN;
		s->next_ms[priority] = INT64_MIN;
	}
	s->is_known[priority] = true;
}

/* May lanes other than this one have something due? */
static bool
has_others(const struct band *b, int lane, int64_t now_ms)
{
	for (int i = 0; i < SPOOL_LANES; i++) {
		if (i != lane && b->lane[i].next_ms <= now_ms)
			return true;
	}
	return false;
}

/* The next lane with something due; false: there is none now. */
static bool
fill(struct scheduler *s, int priority, int64_t now_ms)
{
	struct band *b = s->band[priority];
	int64_t next_ms = INT64_MAX;
	int last = b->turn;

	for (int i = 1; i <= SPOOL_LANES; i++) {
		int lane = (last + i) % SPOOL_LANES;
		struct lane *l = &b->lane[lane];
		size_t max;

		if (l->next_ms <= now_ms) {
			max = has_others(b, lane, now_ms) ? TURN : PAGE;
			b->turn = lane;
			if (fill_lane(s, priority, now_ms, max) < 0)
				l->next_ms = now_ms + ERROR_MS;
			if (b->n > 0) {
				s->next_ms[priority] = INT64_MIN;
				return true;
			}
		}
		if (l->next_ms < next_ms)
			next_ms = l->next_ms;
	}
	s->next_ms[priority] = next_ms;
	return false;
}

bool
scheduler_take(struct scheduler *s, enum spool_priority priority,
    int64_t now_ms, struct spool_key *key)
{
	int p = (int)priority;
	struct band *b;

	if (!s->is_known[p])
		know(s, p, now_ms);
	if (!s->is_known[p] || s->next_ms[p] > now_ms)
		return false;
	b = s->band[p];
	do {
		if (b->at >= b->n && !fill(s, p, now_ms))
			return false;
		*key = b->page[b->at++];
		move_to(&b->lane[b->turn], key);
	} while (keyset_has(s->inhand, key->mid, key->n));
	return true;
}

int64_t
scheduler_next_ms(const struct scheduler *s, enum spool_priority priority)
{
	return s->next_ms[priority];
}
