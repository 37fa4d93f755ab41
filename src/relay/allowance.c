/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/allowance.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/clock.h"
#include "postern/base/list.h"
#include "postern/base/mem.h"
#include "postern/mail/rate.h"
#include "postern/spool/spool.h"

#include "relay/relay_core.h"
#include "relay/throttle.h"

#define SHORT_MS 60000 /* windows up to it are reserved as a whole */
#define BLOCKS 64      /* of a longer one */
#define BLOCK_MIN 4
#define RETRY_MS 1000 /* the spool could not write a reservation */
#define PAGE 64       /* entries read at once */

static const struct rate last_hour = {
	.of = RATE_MESSAGES, .count = RATE_COUNT_MAX, .period_ms = 3600 * 1000
};

struct block {
	uint64_t size, used; /* in the window's unit; size 0: there is none */
	int64_t key_ms;      /* wall clock: its key in the store */
	int64_t used_ms;     /* of its last use */
	bool is_written;
};

/* Of one window. */
struct reserve {
	struct block now, next;
	uint64_t again_ms; /* not asked for before */
};

struct allowance {
	struct list node; /* of the book */
	struct allowance_book *book;
	char *name; /* owned: "provider/ses" */
	struct throttle *throttle;
	struct rate *rates; /* owned: the throttle's windows, and one behind */
	size_t n;           /* that is never full: it knows the last hour */
	struct reserve *reserves; /* owned, n */
	uint32_t conns_max;
	size_t nconns; /* open, of all generations */
	bool is_loaded;
};

struct allowance_book {
	struct relay *relay;
	struct list all;
	int64_t ahead_ms; /* throttles' clock: the monotonic, and so much */
	int64_t last_key_ms;
	bool is_closed;
};

/* This very moment: a reply that is read late in a turn of the loop may have
 * been sent after it began. */
static uint64_t
now_of(const struct allowance_book *b)
{
	return (uint64_t)((int64_t)clock_mono_ms() + b->ahead_ms);
}

uint64_t
allowance_clock_ms(const struct allowance *a)
{
	return now_of(a->book);
}

/* --- what is written down --------------------------------------------------
 */

static void on_reserved(struct spool_op *op, void *owner);

struct entry {
	int64_t key_ms, reserve, spent; /* added to what is stored */
	bool wait;                      /* for its answer */
};

static void
write_down(struct allowance *a, const struct rate *r, const struct entry *e)
{
	struct spool_reserve *op = mem_new(sizeof *op);
	struct relay *relay = a->book->relay;

	snprintf(op->owner, sizeof op->owner, "%s/%s", a->name,
	    r->of == RATE_MESSAGES ? "msg" : "rcpt");
	op->window_s = (uint32_t)(r->period_ms / 1000);
	op->start_ms = e->key_ms;
	op->reserve = e->reserve;
	op->spent = e->spent;
	if (e->wait) {
		op->op.reply_to = relay->box;
		op->op.done = on_reserved;
		op->op.arg = a;
	}
	spool_reserve(relay->spool, op);
}

/* Its place is taken by what was really spent. */
static void
close_block(struct allowance *a, const struct rate *r, struct block *b)
{
	struct entry gone = { .key_ms = b->key_ms,
		.reserve = -(int64_t)b->size };
	struct entry spent = { .key_ms = b->used_ms,
		.spent = (int64_t)b->used };

	if (b->size == 0)
		return;
	if (b->used > 0)
		write_down(a, r, &spent);
	write_down(a, r, &gone);
	*b = (struct block){ 0 };
}

static uint64_t
block_size(const struct rate *r, uint64_t need)
{
	uint64_t size = r->count / BLOCKS;

	if (r->period_ms <= SHORT_MS)
		return r->count;
	if (size < BLOCK_MIN)
		size = BLOCK_MIN;
	if (size < need)
		size = need;
	return size < r->count ? size : r->count;
}

/* Each block has a key of its own, also where the clock stands or steps. */
static int64_t
next_key(struct allowance_book *b)
{
	int64_t now = clock_wall_ms();

	b->last_key_ms = now > b->last_key_ms ? now : b->last_key_ms + 1;
	return b->last_key_ms;
}

static void
ask_for_block(struct allowance *a, size_t i, uint64_t need)
{
	struct reserve *v = &a->reserves[i];
	struct block *b = &v->next;
	struct entry e = { .wait = true };

	if (b->size > 0 || now_of(a->book) < v->again_ms)
		return;
	b->size = block_size(&a->rates[i], need);
	b->key_ms = next_key(a->book);
	e.key_ms = b->key_ms;
	e.reserve = (int64_t)b->size;
	write_down(a, &a->rates[i], &e);
}

/* The block that is asked for; NULL: its window is not there any more. */
static struct reserve *
awaited(struct allowance *a, const struct spool_reserve *op)
{
	for (size_t i = 0; i < a->n; i++) {
		struct block *b = &a->reserves[i].next;

		if (b->size > 0 && b->key_ms == op->start_ms)
			return &a->reserves[i];
	}
	return NULL;
}

static void
on_reserved(struct spool_op *base, void *owner)
{
	struct spool_reserve *op = (struct spool_reserve *)base;
	struct allowance *a = base->arg;
	struct reserve *v = awaited(a, op);

	(void)owner;
	if (v && base->result == SPOOL_DONE) {
		v->next.is_written = true;
	} else if (v) {
		v->next = (struct block){ 0 };
		v->again_ms = now_of(a->book) + RETRY_MS;
	}
	free(op);
	relay_kick(a->book->relay);
}

/* --- blocks ----------------------------------------------------------------
 */

static uint64_t
left(const struct block *b)
{
	return b->is_written ? b->size - b->used : 0;
}

static bool
may_use(struct allowance *a, size_t i, uint64_t need)
{
	struct reserve *v = &a->reserves[i];

	if (need > a->rates[i].count)
		need = a->rates[i].count;
	if (left(&v->now) + left(&v->next) >= need)
		return true;
	if (a->rates[i].period_ms > SHORT_MS || v->now.size == 0)
		ask_for_block(a, i, need);
	return false;
}

/* When what starts now is counted; who reads it knows nothing of replies. */
static int64_t
counted_ms(const struct allowance *a)
{
	return clock_wall_ms() + (int64_t)throttle_due_ms(a->throttle);
}

static uint64_t
use(struct allowance *a, struct block *b, uint64_t n)
{
	uint64_t part = n < left(b) ? n : left(b);

	b->used += part;
	if (part > 0)
		b->used_ms = counted_ms(a);
	return n - part;
}

/* More than is left only where nobody asked before. */
static void
use_blocks(struct allowance *a, size_t i, uint64_t n)
{
	struct reserve *v = &a->reserves[i];
	const struct rate *r = &a->rates[i];

	n = use(a, &v->now, n);
	if (left(&v->now) == 0 && v->next.is_written) {
		close_block(a, r, &v->now);
		v->now = v->next;
		v->next = (struct block){ 0 };
		(void)use(a, &v->now, n);
	}
	if (left(&v->now) <= v->now.size / 4)
		ask_for_block(a, i, 0);
}

/* The whole window stays reserved: what was used so far does not matter. */
static void
open_short(struct allowance *a, struct reserve *v)
{
	if (v->now.size == 0 && v->next.is_written) {
		v->now = v->next;
		v->next = (struct block){ 0 };
	}
	if (v->now.size > 0) {
		v->now.used = 0;
		v->now.used_ms = counted_ms(a);
	}
}

static uint64_t
weight(const struct rate *r, uint32_t nrcpts)
{
	return r->of == RATE_MESSAGES ? 1 : nrcpts;
}

/* --- what was written before -----------------------------------------------
 */

/* Reserved: nobody knows how much of it was used, or when. */
static void
count_entry(struct allowance *a, size_t i, const struct spool_quota *q)
{
	int64_t now = clock_wall_ms();
	int64_t age = now > q->start_ms ? now - q->start_ms : 0;
	uint64_t at = now_of(a->book);

	if (q->spent > 0 && (uint64_t)age < at)
		throttle_add(
		    a->throttle, i, at - (uint64_t)age, (uint64_t)q->spent);
	if (q->reserved > 0) {
		struct block b = { .size = (uint64_t)q->reserved,
			.used = (uint64_t)q->reserved,
			.key_ms = q->start_ms,
			.used_ms = now };

		throttle_add(a->throttle, i, at, b.used);
		close_block(a, &a->rates[i], &b);
	}
}

/* All of it: what is reserved may have begun long ago. */
static void
load_window(struct allowance *a, size_t i)
{
	const struct rate *r = &a->rates[i];
	struct spool_quota page[PAGE], after = { .window_s = 0 };
	uint32_t window_s = (uint32_t)(r->period_ms / 1000);
	char owner[SPOOL_OWNER_MAX];
	int n;

	snprintf(owner, sizeof owner, "%s/%s", a->name,
	    r->of == RATE_MESSAGES ? "msg" : "rcpt");
	after.window_s = window_s;
	do {
		n = spool_quotas(
		    a->book->relay->reader, owner, &after, page, PAGE);
		for (int k = 0; k < n; k++) {
			if (page[k].window_s == window_s)
				count_entry(a, i, &page[k]);
		}
		if (n > 0)
			after = page[n - 1];
	} while (n == PAGE && after.window_s == window_s);
}

/* --- the settings ----------------------------------------------------------
 */

static void
close_window(struct allowance *a, size_t i)
{
	struct reserve *v = &a->reserves[i];
	const struct rate *r = &a->rates[i];

	if (r->period_ms <= SHORT_MS && v->now.size > 0)
		v->now.used = throttle_used(a->throttle, i, now_of(a->book));
	close_block(a, r, &v->now);
	close_block(a, r, &v->next);
}

static bool
is_same_window(const struct rate *a, const struct rate *b)
{
	return a->of == b->of && a->period_ms == b->period_ms;
}

/* What is reserved of a window stays so where the window stays. */
static void
carry_over(struct allowance *a, size_t i, const struct allowance_settings *s,
    struct reserve *to)
{
	for (size_t k = 0; k < s->nrates; k++) {
		if (!is_same_window(&a->rates[i], &s->rates[k]) ||
		    to[k].now.size + to[k].next.size > 0)
			continue;
		to[k] = a->reserves[i];
		return;
	}
	close_window(a, i);
}

static bool
has_windows(const struct allowance *a, const struct allowance_settings *s)
{
	bool same = a->n == s->nrates;

	for (size_t i = 0; same && i < a->n; i++)
		same = is_same_window(&a->rates[i], &s->rates[i]) &&
		       a->rates[i].count == s->rates[i].count &&
		       a->rates[i].is_fixed == s->rates[i].is_fixed &&
		       a->rates[i].reset_ms == s->rates[i].reset_ms;
	return same;
}

static void
set_windows(struct allowance *a, const struct allowance_settings *s)
{
	struct reserve *reserves = mem_array(s->nrates, sizeof *reserves);
	struct rate *rates = mem_array(s->nrates + 1, sizeof *rates);

	if (s->nrates > 0)
		memcpy(rates, s->rates, s->nrates * sizeof *rates);
	rates[s->nrates] = last_hour;
	for (size_t i = 0; i < a->n; i++)
		carry_over(a, i, s, reserves);
	throttle_change(a->throttle, rates, s->nrates + 1, now_of(a->book));
	free(a->rates);
	free(a->reserves);
	a->rates = rates;
	a->reserves = reserves;
	a->n = s->nrates;
}

static struct allowance *
find(struct allowance_book *b, const char *name)
{
	for (struct list *l = b->all.next; l != &b->all; l = l->next) {
		struct allowance *a = LIST_OF(l, struct allowance, node);

		if (strcmp(a->name, name) == 0)
			return a;
	}
	return NULL;
}

struct allowance *
allowance_of(struct allowance_book *b, const struct allowance_settings *s)
{
	char *name = mem_printf("%s/%s", s->kind, s->name);
	struct allowance *a = find(b, name);

	if (a) {
		free(name);
	} else {
		a = mem_new(sizeof *a);
		a->book = b;
		a->name = name;
		a->throttle = throttle_new(NULL, 0, now_of(b));
		list_push(&b->all, &a->node);
	}
	if (!a->rates || !has_windows(a, s))
		set_windows(a, s);
	a->conns_max = s->conns_max;
	return a;
}

/* --- use -------------------------------------------------------------------
 */

static void
prepare(struct allowance *a)
{
	throttle_set_wall(
	    a->throttle, clock_wall_ms() - (int64_t)now_of(a->book));
	for (size_t i = 0; !a->is_loaded && i < a->n; i++)
		load_window(a, i);
	a->is_loaded = true;
}

/* In the relay's clock. */
static uint64_t
relay_time(const struct allowance *a, uint64_t at_ms)
{
	return at_ms == 0 ? 0 : (uint64_t)((int64_t)at_ms - a->book->ahead_ms);
}

const char *
allowance_owner(const struct allowance *a)
{
	return a->name;
}

uint64_t
allowance_full_until(struct allowance *a, uint32_t nrcpts)
{
	prepare(a);
	return relay_time(
	    a, throttle_full_until(a->throttle, now_of(a->book), nrcpts));
}

uint64_t
allowance_when(struct allowance *a, uint32_t nrcpts)
{
	uint64_t now = now_of(a->book), at;
	bool may = true;

	prepare(a);
	at = throttle_when(a->throttle, now, nrcpts);
	if (at > 0)
		return relay_time(a, at);
	for (size_t i = 0; i < a->n; i++) {
		if (a->rates[i].period_ms <= SHORT_MS)
			open_short(a, &a->reserves[i]);
		may &= may_use(a, i, weight(&a->rates[i], nrcpts));
	}
	return may ? 0 : relay_time(a, now + RETRY_MS);
}

struct throttle_slot *
allowance_take(struct allowance *a, uint32_t nrcpts)
{
	for (size_t i = 0; i < a->n; i++) {
		if (a->rates[i].period_ms <= SHORT_MS)
			open_short(a, &a->reserves[i]);
		else
			use_blocks(a, i, weight(&a->rates[i], nrcpts));
	}
	return throttle_take(a->throttle, now_of(a->book), nrcpts);
}

uint32_t
allowance_rcpts(const struct allowance *a)
{
	return throttle_rcpts(a->throttle);
}

uint32_t
allowance_conns(const struct allowance *a)
{
	return a->conns_max;
}

void
allowance_opened(struct allowance *a, size_t n)
{
	a->nconns += n;
}

void
allowance_closed(struct allowance *a, size_t n)
{
	assert(a->nconns >= n);
	a->nconns -= n;
}

size_t
allowance_conns_left(const struct allowance *a)
{
	if (a->conns_max == 0)
		return SIZE_MAX;
	return a->nconns < a->conns_max ? a->conns_max - a->nconns : 0;
}

static void
each_window(struct allowance *a,
    void (*fn)(void *arg, const struct allowance_window *w), void *arg)
{
	prepare(a);
	for (size_t i = 0; i < a->n; i++) {
		struct allowance_window w = { .owner = a->name,
			.rate = &a->rates[i],
			.used =
			    throttle_used(a->throttle, i, now_of(a->book)) };

		fn(arg, &w);
	}
}

void
allowance_each(struct allowance_book *b,
    void (*fn)(void *arg, const struct allowance_window *w), void *arg)
{
	for (struct list *l = b->all.next; l != &b->all; l = l->next)
		each_window(LIST_OF(l, struct allowance, node), fn, arg);
}

/* --- life ------------------------------------------------------------------
 */

struct allowance_book *
allowance_book_new(struct relay *r)
{
	struct allowance_book *b = mem_new(sizeof *b);

	b->relay = r;
	list_init(&b->all);
	b->ahead_ms = clock_wall_ms() - (int64_t)clock_mono_ms();
	return b;
}

void
allowance_book_close(struct allowance_book *b)
{
	if (b->is_closed)
		return;
	b->is_closed = true;
	for (struct list *l = b->all.next; l != &b->all; l = l->next) {
		struct allowance *a = LIST_OF(l, struct allowance, node);

		for (size_t i = 0; i < a->n; i++)
			close_window(a, i);
	}
}

void
allowance_book_free(struct allowance_book **bp)
{
	struct allowance_book *b = *bp;
	struct list *node;

	if (!b)
		return;
	while ((node = list_pop(&b->all)) != NULL) {
		struct allowance *a = LIST_OF(node, struct allowance, node);

		throttle_free(&a->throttle);
		free(a->rates);
		free(a->reserves);
		free(a->name);
		free(a);
	}
	free(b);
	*bp = NULL;
}
