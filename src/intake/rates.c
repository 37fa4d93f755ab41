/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/rates.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/clock.h"
#include "postern/base/list.h"
#include "postern/base/map.h"
#include "postern/base/mem.h"

#include "intake/bucket.h"

#define ASKS_MAX 2
#define WHO_MAX 512
#define LOOKS 2 /* at those who may be forgotten, a call */
#define NEWS_MS 60000u
#define SLOW_COST 2u /* tokens: half of the rate */

struct entry {
	struct list in_recent;
	struct entry *next; /* of the same hash */
	uint64_t hash;
	uint64_t over_ms; /* when it was over the last time; 0: never */
	size_t nbuckets;
	struct bucket buckets[RATES_MAX];
	char who[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct map *entries; /* hash -> the first of them */
static size_t nentries;
static struct list recent = { &recent, &recent }; /* the last used last */

/* --- the table --------------------------------------------------------------
 */

static uint64_t
hash_of(const char *who)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

	for (; *who != '\0'; who++)
		h = (h ^ (unsigned char)*who) * UINT64_C(0x100000001b3);
	return h;
}

static void
remove_entry(struct entry *e)
{
	struct entry *first = map_get(entries, e->hash), *before = first;

	if (first == e && e->next == NULL) {
		(void)map_del(entries, e->hash);
	} else if (first == e) {
		(void)map_put(entries, e->hash, e->next);
	} else {
		while (before->next != e)
			before = before->next;
		before->next = e->next;
	}
	list_remove(&e->in_recent);
	free(e);
	nentries--;
}

static bool
is_full(struct entry *e, uint64_t now_ms)
{
	bool full = true;

	for (size_t i = 0; i < e->nbuckets; i++) {
		bucket_refill(&e->buckets[i], now_ms);
		full = full && bucket_is_full(&e->buckets[i]);
	}
	return full;
}

static void
forget_some(uint64_t now_ms)
{
	for (int i = 0; i < LOOKS && !list_empty(&recent); i++) {
		struct list *l = list_pop(&recent);
		struct entry *e = LIST_OF(l, struct entry, in_recent);

		/* One with a slow rate is no reason to keep all behind it. */
		list_push(&recent, l);
		if (is_full(e, now_ms) || nentries > RATES_KEPT)
			remove_entry(e);
	}
}

static struct entry *
new_entry(uint64_t hash, const char *who)
{
	size_t len = strlen(who) + 1;
	struct entry *e = mem_new(sizeof *e + len);

	memcpy(e->who, who, len);
	e->hash = hash;
	e->next = map_put(entries, hash, e);
	list_push(&recent, &e->in_recent);
	nentries++;
	return e;
}

/* The buckets are those of the rates asked for; what is new is full. */
static void
fit_buckets(struct entry *e, const struct rates_ask *a, uint64_t now_ms)
{
	assert(a->nrates <= RATES_MAX);
	for (size_t i = 0; i < a->nrates; i++) {
		struct bucket *b = &e->buckets[i];
		const struct rate *r = &a->rates[i];

		if (i < e->nbuckets && b->rate.of == r->of &&
		    b->rate.count == r->count &&
		    b->rate.period_ms == r->period_ms)
			bucket_refill(b, now_ms);
		else
			bucket_init(b, r, now_ms);
	}
	e->nbuckets = a->nrates;
}

static struct entry *
find_entry(const struct rates_ask *a, uint64_t now_ms)
{
	char who[WHO_MAX];
	struct entry *e;
	uint64_t hash;

	(void)snprintf(who, sizeof who, "%s %s", a->scope, a->name);
	hash = hash_of(who);
	e = map_get(entries, hash);
	while (e != NULL && strcmp(e->who, who) != 0)
		e = e->next;
	if (e == NULL)
		e = new_entry(hash, who);
	fit_buckets(e, a, now_ms);
	list_remove(&e->in_recent);
	list_push(&recent, &e->in_recent);
	return e;
}

/* --- taking -----------------------------------------------------------------
 */

/* ms until there is a token in all of them. */
static uint64_t
short_ms(const struct entry *e, enum rate_of of)
{
	uint64_t longest = 0;

	for (size_t i = 0; i < e->nbuckets; i++) {
		uint64_t ms = bucket_wait_ms(&e->buckets[i], 1);

		if (e->buckets[i].rate.of == of && ms > longest)
			longest = ms;
	}
	return longest;
}

/* ms to wait for what comes now, where the empty ones are overdrawn. */
static uint64_t
slow_ms(const struct entry *e, enum rate_of of)
{
	uint64_t longest = 0;

	for (size_t i = 0; i < e->nbuckets; i++) {
		const struct bucket *b = &e->buckets[i];
		uint64_t ms;

		if (b->rate.of != of || bucket_wait_ms(b, 1) == 0)
			continue;
		ms = bucket_wait_ms(b, SLOW_COST);
		if (ms > longest)
			longest = ms;
	}
	return longest;
}

static void
pay(struct entry *e, enum rate_of of)
{
	for (size_t i = 0; i < e->nbuckets; i++) {
		struct bucket *b = &e->buckets[i];

		if (b->rate.of == of)
			bucket_take(
			    b, bucket_wait_ms(b, 1) > 0 ? SLOW_COST : 1);
	}
}

static bool
note_over(struct entry *e, uint64_t now_ms)
{
	bool is_news = e->over_ms == 0 || now_ms - e->over_ms > NEWS_MS;

	e->over_ms = now_ms;
	return is_news;
}

static void
judge(struct rates_answer *to, struct entry *const *e, size_t n,
    enum rate_of of, bool slow)
{
	uint64_t shortest = 0, slowest = 0;

	*to = (struct rates_answer){ .verdict = RATES_OK };
	for (size_t i = 0; i < n; i++) {
		uint64_t ms = short_ms(e[i], of);

		if (ms > shortest) {
			shortest = ms;
			to->which = i;
		}
		ms = slow_ms(e[i], of);
		slowest = ms > slowest ? ms : slowest;
	}
	if (shortest == 0)
		return;
	if (slow && slowest <= RATES_WAIT_MAX_MS) {
		to->verdict = RATES_SLOW;
		to->wait_ms = slowest;
	} else {
		to->verdict = RATES_OVER;
		to->wait_ms = shortest;
	}
}

void
rates_take(struct rates_answer *answer, const struct rates_ask *asks, size_t n,
    enum rate_of of, bool slow)
{
	struct entry *e[ASKS_MAX];
	uint64_t now_ms = clock_mono_ms();

	assert(n <= ASKS_MAX);
	pthread_mutex_lock(&lock);
	if (entries == NULL)
		entries = map_new();
	forget_some(now_ms);
	for (size_t i = 0; i < n; i++)
		e[i] = find_entry(&asks[i], now_ms);
	judge(answer, e, n, of, slow);
	if (answer->verdict != RATES_OK)
		answer->is_news = note_over(e[answer->which], now_ms);
	for (size_t i = 0; i < n && answer->verdict != RATES_OVER; i++)
		pay(e[i], of);
	pthread_mutex_unlock(&lock);
}

size_t
rates_kept(void)
{
	size_t n;

	pthread_mutex_lock(&lock);
	n = nentries;
	pthread_mutex_unlock(&lock);
	return n;
}
