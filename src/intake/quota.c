/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/quota.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/clock.h"
#include "postern/base/list.h"
#include "postern/base/map.h"
#include "postern/base/mem.h"
#include "postern/spool/spool.h"

#define PAGE 32                  /* entries read at once */
#define NAME_SHOWN 40            /* bytes of a user's name in the store's key */
#define PARTS (QUOTA_PARTS + 2u) /* that may be in a window at once */

struct part {
	int64_t start_ms;
	int64_t count;
};

struct owner { /* a user and the window he is counted by */
	struct list in_recent;
	struct owner *next; /* of the same hash */
	uint64_t hash;
	int64_t last_ms; /* wall clock, never earlier */
	uint64_t pending;
	size_t nparts;
	struct part parts[PARTS];
	uint32_t window_s;
	char name[SPOOL_OWNER_MAX];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct map *owners; /* hash -> the first of them */
static size_t nowners;
static struct list recent = { &recent, &recent }; /* the last used last */

/* --- names -------------------------------------------------------------------
 */

static uint64_t
hash_of(const char *s)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

	for (; *s != '\0'; s++)
		h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
	return h;
}

/* The store's key is short: of a long name its front and a hash. */
static void
name_owner(char out[SPOOL_OWNER_MAX], const char *user, enum rate_of of)
{
	const char *what = of == RATE_MESSAGES ? "msg" : "rcpt";

	if (strlen(user) <= NAME_SHOWN)
		(void)snprintf(out, SPOOL_OWNER_MAX, "user/%s/%s", what, user);
	else
		(void)snprintf(out, SPOOL_OWNER_MAX, "user/%s/%.*s/%016llx",
		    what, NAME_SHOWN, user, (unsigned long long)hash_of(user));
}

/* --- time --------------------------------------------------------------------
 */

static int64_t
part_length(const struct rate *r)
{
	return (int64_t)(r->period_ms / QUOTA_PARTS);
}

/* Where the part that ms is in begins; with a fixed reset, that is the last
 * reset. */
static int64_t
part_of(const struct rate *r, int64_t ms)
{
	int64_t day = (int64_t)RATE_DAY_MS, reset = r->reset_ms;

	if (!r->is_fixed)
		return ms - ms % part_length(r);
	return (ms - reset) / day * day + reset;
}

/* When what was counted in a part counts no more. */
static int64_t
end_of(const struct rate *r, int64_t start_ms)
{
	int64_t period = (int64_t)r->period_ms;

	return start_ms + period + (r->is_fixed ? 0 : part_length(r));
}

/* A clock that was wrong by more than a window is believed once it is right. */
static int64_t
now_of(struct owner *o, const struct rate *r)
{
	int64_t now = clock_wall_ms();

	if (now > o->last_ms || now + (int64_t)r->period_ms < o->last_ms)
		o->last_ms = now;
	return o->last_ms;
}

static void
forget_parts(struct owner *o, const struct rate *r, int64_t now)
{
	size_t n = 0;

	for (size_t i = 0; i < o->nparts; i++) {
		int64_t start = o->parts[i].start_ms;

		if (o->parts[i].count > 0 && end_of(r, start) > now &&
		    start <= now + (int64_t)r->period_ms)
			o->parts[n++] = o->parts[i];
	}
	o->nparts = n;
}

/* --- the table ---------------------------------------------------------------
 */

static struct owner *
find_owner(const char *name, uint32_t window_s)
{
	struct owner *o =
	    owners != NULL ? map_get(owners, hash_of(name)) : NULL;

	while (o != NULL &&
	       (o->window_s != window_s || strcmp(o->name, name) != 0))
		o = o->next;
	if (o != NULL) {
		list_remove(&o->in_recent);
		list_push(&recent, &o->in_recent);
	}
	return o;
}

static void
remove_owner(struct owner *o)
{
	struct owner *first = map_get(owners, o->hash), *before = first;

	if (first == o && o->next == NULL) {
		(void)map_del(owners, o->hash);
	} else if (first == o) {
		(void)map_put(owners, o->hash, o->next);
	} else {
		while (before->next != o)
			before = before->next;
		before->next = o->next;
	}
	list_remove(&o->in_recent);
	free(o);
	nowners--;
}

/* Those with messages under way stay. */
static void
forget_one(void)
{
	struct owner *o = LIST_OF(list_pop(&recent), struct owner, in_recent);

	list_push(&recent, &o->in_recent);
	if (o->pending == 0)
		remove_owner(o);
}

static void
add_owner(struct owner *o)
{
	if (owners == NULL)
		owners = map_new();
	if (nowners >= QUOTA_KEPT)
		forget_one();
	o->hash = hash_of(o->name);
	o->next = map_put(owners, o->hash, o);
	list_push(&recent, &o->in_recent);
	nowners++;
}

/* What is counted there; the oldest gives way where there is no room. */
static void
count_in(struct owner *o, int64_t start_ms, int64_t count)
{
	for (size_t i = 0; i < o->nparts; i++) {
		if (o->parts[i].start_ms == start_ms) {
			o->parts[i].count += count;
			return;
		}
	}
	if (count < 0)
		return; /* it is over by now */
	if (o->nparts == PARTS)
		memmove(&o->parts[0], &o->parts[1],
		    --o->nparts * sizeof o->parts[0]);
	o->parts[o->nparts++] = (struct part){ start_ms, count };
}

/* --- the store ---------------------------------------------------------------
 */

static void
take_entries(struct owner *o, const struct rate *r,
    const struct spool_quota *found, int n)
{
	int64_t now = now_of(o, r);

	for (int i = 0; i < n; i++) {
		if (found[i].window_s != o->window_s)
			continue;
		count_in(o, found[i].start_ms, found[i].spent);
		forget_parts(o, r, now);
	}
}

/* As it was written down.  What cannot be read counts as nothing: mail goes on,
 * and the store's trouble is told where it is written. */
static struct owner *
load_owner(struct quota_book *b, const char *name, const struct rate *r)
{
	struct owner *o = mem_new(sizeof *o);
	struct spool_quota found[PAGE], after = { 0 };
	int n;

	list_init(&o->in_recent);
	o->window_s = (uint32_t)(r->period_ms / 1000);
	(void)snprintf(o->name, sizeof o->name, "%s", name);
	if (b->reader == NULL)
		b->reader = spool_reader_new(b->sp);
	after.window_s = o->window_s;
	do {
		n = spool_quotas(b->reader, name, &after, found, PAGE);
		take_entries(o, r, found, n);
		after = found[PAGE - 1];
	} while (n == PAGE && after.window_s == o->window_s);
	return o;
}

static void
write_down(struct quota_book *b, const struct owner *o, int64_t start_ms,
    int64_t count)
{
	struct spool_reserve *op = mem_new(sizeof *op);

	memcpy(op->owner, o->name, sizeof op->owner);
	op->window_s = o->window_s;
	op->start_ms = start_ms;
	op->spent = count;
	spool_reserve(b->sp, op);
}

/* --- the door ----------------------------------------------------------------
 */

void
quota_open(struct quota_book *b, struct spool *sp)
{
	*b = (struct quota_book){ .sp = sp };
}

void
quota_close(struct quota_book *b)
{
	if (b->reader != NULL)
		spool_reader_free(&b->reader);
}

/* Locks.  The store is read without the lock: whoever comes first with what he
 * has read is right, the other one may have missed what was counted since. */
static struct owner *
lock_owner(struct quota_book *b, const struct rate *r, const char *user)
{
	char name[SPOOL_OWNER_MAX];
	uint32_t window_s = (uint32_t)(r->period_ms / 1000);
	struct owner *o, *made;

	name_owner(name, user, r->of);
	pthread_mutex_lock(&lock);
	o = find_owner(name, window_s);
	if (o != NULL)
		return o;
	pthread_mutex_unlock(&lock);
	made = load_owner(b, name, r);
	pthread_mutex_lock(&lock);
	o = find_owner(name, window_s);
	if (o != NULL) {
		free(made);
		return o;
	}
	add_owner(made);
	return made;
}

/* How long until one more fits. */
static uint64_t
wait_ms(const struct owner *o, const struct rate *r, int64_t now)
{
	uint64_t used = o->pending;
	int64_t first = INT64_MAX;

	for (size_t i = 0; i < o->nparts; i++) {
		int64_t end = end_of(r, o->parts[i].start_ms);

		used += (uint64_t)o->parts[i].count;
		first = end < first ? end : first;
	}
	if (used < r->count)
		return 0;
	return first > now && first != INT64_MAX ? (uint64_t)(first - now)
	                                         : 1000;
}

uint64_t
quota_take(
    struct quota_book *b, struct quota *q, const char *user, enum rate_of of)
{
	struct owner *o;
	uint64_t wait;
	int64_t now;

	if (q->rate.count == 0 || q->rate.of != of || user == NULL)
		return 0;
	o = lock_owner(b, &q->rate, user);
	now = now_of(o, &q->rate);
	forget_parts(o, &q->rate, now);
	wait = wait_ms(o, &q->rate, now);
	if (wait == 0) {
		o->pending++;
		q->pending++;
	}
	pthread_mutex_unlock(&lock);
	return wait;
}

void
quota_keep(struct quota_book *b, struct quota *q, const char *user)
{
	struct owner *o;

	if (q->pending == 0)
		return;
	o = lock_owner(b, &q->rate, user);
	assert(o->pending >= q->pending);
	o->pending -= q->pending;
	q->part_ms = part_of(&q->rate, now_of(o, &q->rate));
	q->kept = q->pending;
	q->pending = 0;
	count_in(o, q->part_ms, q->kept);
	write_down(b, o, q->part_ms, q->kept);
	pthread_mutex_unlock(&lock);
}

void
quota_give_back(struct quota_book *b, struct quota *q, const char *user)
{
	struct owner *o;

	if (q->pending == 0 && q->kept == 0)
		return;
	o = lock_owner(b, &q->rate, user);
	assert(o->pending >= q->pending);
	o->pending -= q->pending;
	if (q->kept > 0) {
		count_in(o, q->part_ms, -(int64_t)q->kept);
		write_down(b, o, q->part_ms, -(int64_t)q->kept);
	}
	q->pending = q->kept = 0;
	pthread_mutex_unlock(&lock);
}

size_t
quota_known(void)
{
	size_t n;

	pthread_mutex_lock(&lock);
	n = nowners;
	pthread_mutex_unlock(&lock);
	return n;
}
