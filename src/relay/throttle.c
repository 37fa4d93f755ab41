/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A window's log is a ring of counts, each of what started in a 2048th of the
 * window (a millisecond at least), which counts as if it had started at the end
 * of that time: a slot of a thousand recipients costs as much as one of one,
 * and a window of a million as much as one of ten.  The ring is longer than the
 * window by what the guard may be.
 */
#include "relay/throttle.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/list.h"
#include "postern/base/mem.h"
#include "postern/mail/rate.h"

#define PARTS 2048        /* of a window */
#define SAMPLES 256       /* reply times that the guard is made of */
#define FEW_SAMPLES 20    /* fewer say nothing yet */
#define FEW_GUARD_MS 250  /* then this is the guard */
#define GUARD_MIN_MS 5    /* clocks of ms, and the ways of two programs */
#define CLOCK_MS 1        /* what is less of a time is lost in it */
#define GUARD_SHARE 5     /* at most this part of the window */
#define FASTER_SHARE 200  /* so much of the window it may become faster by */
#define REFRESH 64        /* replies after which the guard is made anew */
#define SMOOTH_MIN 8      /* from so many on a quarter starts in a quarter */
#define SMOOTH_MS 60000   /* longer windows are there to be saved up */
#define RESET_MS 5000     /* the provider's clock may be off by so much */
#define LATE_LOOK_MS 1000 /* until a reply that is late is looked for again */

struct count {
	uint32_t msgs, rcpts;
};

/* What is still in, from its first part on. */
struct cursor {
	uint64_t first;
	uint64_t used; /* in the window's unit */
};

struct window {
	struct rate rate;
	uint64_t width_ms;        /* of a part */
	uint64_t nring, last;     /* parts last - nring + 1 .. last are there */
	struct count *ring;       /* owned */
	struct cursor in, recent; /* the window; its last quarter */
	uint64_t late;            /* not answered in time: always in */
	/* The longest that "in time" was, in this stretch and in the one
	 * before; a stretch ends when nothing of the one before is in. */
	uint64_t due_ms, due_before_ms, due_ends_ms;
};

struct throttle_slot {
	struct list node; /* of flying or late */
	struct throttle *owner;
	uint64_t sent_ms;
	uint32_t nrcpts;
	bool is_late;
};

struct throttle {
	size_t n;
	struct window *windows;   /* owned */
	struct list flying, late; /* slots without a reply, oldest first */
	int64_t ahead_ms;         /* of the wall clock */
	uint32_t sample[SAMPLES];
	uint32_t nsamples, next_sample, fresh;
	uint64_t least_ms, spread_ms; /* of the samples */
};

/* --- one window ------------------------------------------------------------
 */

static uint64_t
part_of(const struct window *w, uint64_t at_ms)
{
	return (at_ms + w->width_ms - 1) / w->width_ms;
}

static uint64_t
weight(const struct window *w, uint32_t msgs, uint32_t rcpts)
{
	return w->rate.of == RATE_MESSAGES ? msgs : rcpts;
}

static uint64_t
count_at(const struct window *w, uint64_t part)
{
	const struct count *c = &w->ring[part % w->nring];

	return weight(w, c->msgs, c->rcpts);
}

static uint64_t
oldest(const struct window *w)
{
	return w->last >= w->nring ? w->last - w->nring + 1 : 0;
}

static void
cursor_move(struct window *w, struct cursor *c, uint64_t to)
{
	if (to < oldest(w))
		to = oldest(w);
	while (c->first < to && c->first <= w->last)
		c->used -= count_at(w, c->first++);
	if (c->first < to)
		c->first = to;
	while (c->first > to)
		c->used += count_at(w, --c->first);
}

/* The last fixed reset that surely is over, in our time. */
static uint64_t
last_reset(const struct window *w, uint64_t now_ms, int64_t ahead_ms)
{
	int64_t period = (int64_t)w->rate.period_ms;
	int64_t wall = (int64_t)now_ms + ahead_ms - RESET_MS;
	int64_t since = (wall - (int64_t)w->rate.reset_ms) % period;

	if (since < 0)
		since += period;
	return now_ms - RESET_MS - (uint64_t)since;
}

/* The first part that counts now. */
static uint64_t
window_start(const struct window *w, uint64_t now_ms, uint64_t guard_ms,
    int64_t ahead_ms)
{
	uint64_t back = w->rate.period_ms + guard_ms;

	if (w->rate.is_fixed)
		return (last_reset(w, now_ms, ahead_ms) - RESET_MS) /
		           w->width_ms +
		       1;
	assert(now_ms >= back);
	return (now_ms - back) / w->width_ms + 1;
}

/* Up to now; parts that are too old are written over. */
static void
advance(struct window *w, uint64_t now_ms)
{
	uint64_t to = part_of(w, now_ms);
	uint64_t first = to >= w->nring ? to - w->nring + 1 : 0;

	if (to <= w->last)
		return;
	if (to - w->last >= w->nring) {
		memset(w->ring, 0, w->nring * sizeof w->ring[0]);
		w->in = w->recent = (struct cursor){ .first = to + 1 };
		w->last = to;
		return;
	}
	if (w->in.first < first)
		cursor_move(w, &w->in, first);
	if (w->recent.first < first)
		cursor_move(w, &w->recent, first);
	while (w->last < to)
		w->ring[++w->last % w->nring] = (struct count){ 0 };
}

static void
put(struct window *w, uint64_t part, struct count c)
{
	struct count *at = &w->ring[part % w->nring];

	if (part < oldest(w))
		return;
	at->msgs += c.msgs;
	at->rcpts += c.rcpts;
	if (part >= w->in.first)
		w->in.used += weight(w, c.msgs, c.rcpts);
	if (part >= w->recent.first)
		w->recent.used += weight(w, c.msgs, c.rcpts);
}

static void
take_out(struct window *w, uint64_t part, struct count c)
{
	struct count *at = &w->ring[part % w->nring];

	if (part < oldest(w))
		return;
	assert(at->msgs >= c.msgs && at->rcpts >= c.rcpts);
	at->msgs -= c.msgs;
	at->rcpts -= c.rcpts;
	if (part >= w->in.first)
		w->in.used -= weight(w, c.msgs, c.rcpts);
	if (part >= w->recent.first)
		w->recent.used -= weight(w, c.msgs, c.rcpts);
}

static void
window_init(struct window *w, const struct rate *rate, uint64_t now_ms)
{
	uint64_t span = rate->period_ms + rate->period_ms / GUARD_SHARE +
	                rate->period_ms / FASTER_SHARE;

	w->rate = *rate;
	w->width_ms = (rate->period_ms + PARTS - 1) / PARTS;
	w->nring = span / w->width_ms + 4;
	w->ring = mem_array(w->nring, sizeof w->ring[0]);
	w->last = part_of(w, now_ms);
	w->in.first = w->recent.first = w->last + 1;
}

/* --- the guard -------------------------------------------------------------
 */

static int
compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void
measure(struct throttle *t)
{
	uint32_t sorted[SAMPLES];

	memcpy(sorted, t->sample, t->nsamples * sizeof sorted[0]);
	qsort(sorted, t->nsamples, sizeof sorted[0], compare);
	t->least_ms = sorted[0];
	t->spread_ms = sorted[(t->nsamples - 1) * 99 / 100] - sorted[0];
	t->fresh = 0;
}

static void
learn(struct throttle *t, uint64_t ms)
{
	t->sample[t->next_sample] = ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
	t->next_sample = (t->next_sample + 1) % SAMPLES;
	if (t->nsamples < SAMPLES)
		t->nsamples++;
	if (++t->fresh >= REFRESH || t->nsamples <= FEW_SAMPLES ||
	    ms < t->least_ms)
		measure(t);
}

uint64_t
throttle_guard_ms(const struct throttle *t)
{
	if (t->nsamples < FEW_SAMPLES)
		return FEW_GUARD_MS;
	return t->spread_ms > GUARD_MIN_MS ? t->spread_ms : GUARD_MIN_MS;
}

/* So long after its start a slot is answered at the latest, or it is late. */
static uint64_t
due_after(const struct throttle *t)
{
	uint64_t g = throttle_guard_ms(t);

	for (size_t i = 0; i < t->n; i++) {
		uint64_t max = t->windows[i].rate.period_ms / GUARD_SHARE;

		if (max < g)
			g = max;
	}
	return t->least_ms + g + CLOCK_MS;
}

uint64_t
throttle_due_ms(const struct throttle *t)
{
	return due_after(t);
}

/* What was in time by a longer measure than today's is still in the log. */
static void
remember_due(struct window *w, uint64_t due_ms, uint64_t now_ms)
{
	if (now_ms >= w->due_ends_ms) {
		w->due_before_ms = w->due_ms;
		w->due_ms = 0;
		w->due_ends_ms = now_ms + w->rate.period_ms + w->due_before_ms;
	}
	if (due_ms > w->due_ms)
		w->due_ms = due_ms;
}

static uint64_t
longest_due(const struct window *w)
{
	return w->due_ms > w->due_before_ms ? w->due_ms : w->due_before_ms;
}

/* The provider may be faster from now on than it ever was. */
static uint64_t
guard_of(const struct throttle *t, const struct window *w)
{
	uint64_t faster = w->rate.period_ms / FASTER_SHARE;
	uint64_t least = t->least_ms > faster ? t->least_ms - faster : 0;
	uint64_t due = longest_due(w);

	return due > least ? due - least : 0;
}

/* --- slots -----------------------------------------------------------------
 */

static struct count
count_of(const struct throttle_slot *s)
{
	return (struct count){ .msgs = 1, .rcpts = s->nrcpts };
}

static void
become_late(struct throttle *t, struct throttle_slot *s)
{
	struct count c = count_of(s);

	s->is_late = true;
	list_remove(&s->node);
	list_push(&t->late, &s->node);
	for (size_t i = 0; i < t->n; i++) {
		struct window *w = &t->windows[i];

		take_out(w, part_of(w, s->sent_ms), c);
		w->late += weight(w, c.msgs, c.rcpts);
	}
}

/* Every window as it is now. */
static void
settle(struct throttle *t, uint64_t now_ms)
{
	uint64_t due_ms = due_after(t);

	for (size_t i = 0; i < t->n; i++) {
		struct window *w = &t->windows[i];
		uint64_t quarter = now_ms - w->rate.period_ms / 4;

		remember_due(w, due_ms, now_ms);
		advance(w, now_ms);
		cursor_move(w, &w->in,
		    window_start(w, now_ms, guard_of(t, w), t->ahead_ms));
		cursor_move(w, &w->recent, quarter / w->width_ms + 1);
	}
	while (!list_empty(&t->flying)) {
		struct throttle_slot *s =
		    LIST_OF(t->flying.next, struct throttle_slot, node);

		if (s->sent_ms + due_ms >= now_ms)
			return;
		become_late(t, s);
	}
}

/* When so much of what is in has left. */
static uint64_t
freed_at(const struct window *w, const struct cursor *c, uint64_t over,
    uint64_t stays_ms)
{
	uint64_t sum = 0;

	for (uint64_t part = c->first; part <= w->last; part++) {
		sum += count_at(w, part);
		if (sum >= over)
			return part * w->width_ms + stays_ms;
	}
	return 0; /* what is late has to be answered first */
}

static uint64_t
when_window(const struct throttle *t, const struct window *w, uint64_t now_ms,
    uint64_t need)
{
	uint64_t max = w->rate.count, used = w->in.used + w->late, at;

	if (need > max)
		need = max;
	if (used + need <= max)
		return 0;
	if (w->rate.is_fixed)
		return last_reset(w, now_ms, t->ahead_ms) + w->rate.period_ms +
		       RESET_MS;
	at = freed_at(
	    w, &w->in, used + need - max, w->rate.period_ms + guard_of(t, w));
	return at > now_ms ? at : now_ms + LATE_LOOK_MS;
}

/* A full window is not fired in one instant. */
static uint64_t
when_smooth(const struct window *w, uint64_t now_ms, uint64_t need)
{
	uint64_t max = ((uint64_t)w->rate.count + 3) / 4;
	uint64_t used = w->recent.used, at;

	if (w->rate.count < SMOOTH_MIN || w->rate.period_ms > SMOOTH_MS ||
	    used == 0 || used + need <= max)
		return 0;
	at = freed_at(w, &w->recent, need > max ? used : used + need - max,
	    w->rate.period_ms / 4);
	return at > now_ms ? at : now_ms + 1;
}

static uint64_t
later_of(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

uint64_t
throttle_full_until(struct throttle *t, uint64_t now_ms, uint32_t nrcpts)
{
	uint64_t when = 0;

	settle(t, now_ms);
	for (size_t i = 0; i < t->n; i++) {
		const struct window *w = &t->windows[i];

		when = later_of(
		    when, when_window(t, w, now_ms, weight(w, 1, nrcpts)));
	}
	return when;
}

uint64_t
throttle_when(struct throttle *t, uint64_t now_ms, uint32_t nrcpts)
{
	uint64_t when = throttle_full_until(t, now_ms, nrcpts);

	for (size_t i = 0; i < t->n; i++) {
		const struct window *w = &t->windows[i];

		when = later_of(
		    when, when_smooth(w, now_ms, weight(w, 1, nrcpts)));
	}
	return when;
}

static void
log_at(struct throttle *t, uint64_t at_ms, struct count c)
{
	for (size_t i = 0; i < t->n; i++)
		put(&t->windows[i], part_of(&t->windows[i], at_ms), c);
}

struct throttle_slot *
throttle_take(struct throttle *t, uint64_t now_ms, uint32_t nrcpts)
{
	struct throttle_slot *s = mem_new(sizeof *s);

	settle(t, now_ms);
	s->owner = t;
	s->sent_ms = now_ms;
	s->nrcpts = nrcpts;
	list_push(&t->flying, &s->node);
	log_at(t, now_ms, count_of(s));
	return s;
}

/* Out of the log, as if it had never been. */
static void
forget(struct throttle_slot *s)
{
	struct throttle *t = s->owner;
	struct count c = count_of(s);

	for (size_t i = 0; i < t->n; i++) {
		struct window *w = &t->windows[i];

		if (s->is_late)
			w->late -= weight(w, c.msgs, c.rcpts);
		else
			take_out(w, part_of(w, s->sent_ms), c);
	}
}

static void
drop(struct throttle_slot **slot)
{
	list_remove(&(*slot)->node);
	free(*slot);
	*slot = NULL;
}

void
throttle_give_back(struct throttle_slot **slot)
{
	forget(*slot);
	drop(slot);
}

void
throttle_ended(struct throttle_slot **slot, uint64_t now_ms)
{
	struct throttle_slot *s = *slot;
	struct throttle *t = s->owner;
	uint64_t at = now_ms - due_after(t);

	settle(t, now_ms);
	if (s->is_late) {
		forget(s);
		log_at(t, later_of(at, s->sent_ms), count_of(s));
	}
	drop(slot);
}

void
throttle_replied(struct throttle_slot **slot, uint64_t now_ms)
{
	struct throttle *t = (*slot)->owner;
	uint64_t took_ms = now_ms - (*slot)->sent_ms;

	throttle_ended(slot, now_ms);
	learn(t, took_ms);
}

/* --- other windows, and what was before ------------------------------------
 */

/* The shortest old window that reaches back as far, else the longest. */
static const struct window *
source(const struct window *old, size_t n, uint64_t period_ms)
{
	const struct window *best = NULL;

	for (size_t i = 0; i < n; i++) {
		uint64_t p = old[i].rate.period_ms;
		uint64_t b = best ? best->rate.period_ms : 0;

		if (!best || (b < period_ms ? p > b : p >= period_ms && p < b))
			best = &old[i];
	}
	return best;
}

static void
replay(struct window *w, const struct window *old)
{
	for (uint64_t part = oldest(old); part <= old->last; part++) {
		const struct count *c = &old->ring[part % old->nring];
		uint64_t to = part_of(w, part * old->width_ms);

		if (c->msgs > 0)
			put(w, to < w->last ? to : w->last, *c);
	}
}

static void
free_windows(struct window *windows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(windows[i].ring);
	free(windows);
}

/* Slots without a reply are found in the log by their own times. */
static void
each_slot(struct throttle *t, void (*fn)(struct throttle_slot *s))
{
	struct list *l;

	for (l = t->flying.next; l != &t->flying; l = l->next)
		fn(LIST_OF(l, struct throttle_slot, node));
	for (l = t->late.next; l != &t->late; l = l->next)
		fn(LIST_OF(l, struct throttle_slot, node));
}

static void
log_again(struct throttle_slot *s)
{
	struct throttle *t = s->owner;

	if (!s->is_late)
		log_at(t, s->sent_ms, count_of(s));
	for (size_t i = 0; s->is_late && i < t->n; i++)
		t->windows[i].late += weight(&t->windows[i], 1, s->nrcpts);
}

void
throttle_change(
    struct throttle *t, const struct rate *rates, size_t n, uint64_t now_ms)
{
	struct window *old = t->windows;
	size_t nold = t->n;

	settle(t, now_ms);
	each_slot(t, forget);
	t->windows = mem_array(n, sizeof *t->windows);
	t->n = n;
	for (size_t i = 0; i < n; i++) {
		const struct window *from =
		    source(old, nold, rates[i].period_ms);

		window_init(&t->windows[i], &rates[i], now_ms);
		for (size_t k = 0; k < nold; k++)
			remember_due(
			    &t->windows[i], longest_due(&old[k]), now_ms);
		if (from)
			replay(&t->windows[i], from);
	}
	each_slot(t, log_again);
	free_windows(old, nold);
	settle(t, now_ms);
}

void
throttle_set_wall(struct throttle *t, int64_t ahead_ms)
{
	t->ahead_ms = ahead_ms;
}

void
throttle_add(struct throttle *t, size_t i, uint64_t at_ms, uint64_t count)
{
	struct window *w = &t->windows[i];
	struct count c = { 0 };
	uint64_t part;

	assert(i < t->n);
	if (count > UINT32_MAX / 2)
		count = UINT32_MAX / 2;
	c.msgs = c.rcpts = (uint32_t)count;
	part = part_of(w, at_ms);
	put(w, part < w->last ? part : w->last, c);
}

uint64_t
throttle_used(struct throttle *t, size_t i, uint64_t now_ms)
{
	assert(i < t->n);
	settle(t, now_ms);
	return t->windows[i].in.used + t->windows[i].late;
}

uint32_t
throttle_rcpts(const struct throttle *t)
{
	uint32_t max = 0;

	for (size_t i = 0; i < t->n; i++) {
		const struct rate *r = &t->windows[i].rate;

		if (r->of == RATE_RECIPIENTS && (max == 0 || r->count < max))
			max = r->count;
	}
	return max;
}

/* --- life ------------------------------------------------------------------
 */

struct throttle *
throttle_new(const struct rate *rates, size_t n, uint64_t now_ms)
{
	struct throttle *t = mem_new(sizeof *t);

	list_init(&t->flying);
	list_init(&t->late);
	t->windows = mem_array(n, sizeof *t->windows);
	t->n = n;
	for (size_t i = 0; i < n; i++)
		window_init(&t->windows[i], &rates[i], now_ms);
	return t;
}

static void
drop_all(struct list *slots)
{
	while (!list_empty(slots)) {
		struct throttle_slot *s =
		    LIST_OF(slots->next, struct throttle_slot, node);

		drop(&s);
	}
}

void
throttle_free(struct throttle **tp)
{
	struct throttle *t = *tp;

	if (!t)
		return;
	drop_all(&t->flying);
	drop_all(&t->late);
	free_windows(t->windows, t->n);
	free(t);
	*tp = NULL;
}
