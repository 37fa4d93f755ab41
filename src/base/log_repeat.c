/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log_repeat.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "postern/base/rand.h"
#include "postern/base/siphash.h"

#define PROBES 16 /* slots that are looked at for a key */

struct slot {
	const struct log_event *ev; /* NULL: free */
	char key[sizeof((struct log_repeat *)0)->key];
	uint64_t hash, since_ms, more;
	uint32_t written;
};

static atomic_uint lines_max;
static atomic_size_t counting; /* slots with more */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static unsigned char seed[SIPHASH_KEY]; /* clients choose the keys */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct slot slots[LOG_REPEAT_KEYS]; /* under the lock */

static void
draw_seed(void)
{
	rand_bytes(seed, sizeof seed);
}

void
log_repeat_max(uint32_t lines)
{
	pthread_once(&once, draw_seed);
	atomic_store(&lines_max, lines);
}

bool
log_repeat_is_counting(void)
{
	return atomic_load(&counting) > 0;
}

static bool
is_over(const struct slot *s, uint64_t now_ms)
{
	return now_ms == UINT64_MAX ||
	       (now_ms > s->since_ms && now_ms - s->since_ms >= LOG_REPEAT_MS);
}

/* The key's own one, a free one, or NULL.  One whose count is still to be told
 * stays. */
static struct slot *
slot_of(const struct log_event *ev, uint64_t hash, uint64_t now_ms)
{
	struct slot *free_one = NULL;

	for (size_t i = 0; i < PROBES; i++) {
		struct slot *s = &slots[(hash + i) % LOG_REPEAT_KEYS];

		if (s->ev == ev && s->hash == hash)
			return s;
		if (!free_one && (!s->ev || (!s->more && is_over(s, now_ms))))
			free_one = s;
	}
	if (free_one)
		free_one->ev = NULL;
	return free_one;
}

static void
begin(struct slot *s, const struct log_event *ev, struct str key, uint64_t hash,
    uint64_t now_ms)
{
	size_t n = key.len < sizeof s->key ? key.len : sizeof s->key - 1;

	*s = (struct slot){ .ev = ev, .hash = hash, .since_ms = now_ms };
	memcpy(s->key, key.p, n);
}

static bool
take(const struct log_event *ev, struct str key, uint64_t now_ms, uint32_t max)
{
	uint64_t hash =
	    siphash_of(seed, key.p, key.len) ^ (uint64_t)(uintptr_t)ev;
	struct slot *s = slot_of(ev, hash, now_ms);

	if (!s)
		return true;
	if (!s->ev || (!s->more && is_over(s, now_ms)))
		begin(s, ev, key, hash, now_ms);
	if (s->written < max) {
		s->written++;
		return true;
	}
	if (s->more++ == 0)
		atomic_fetch_add(&counting, 1);
	return false;
}

bool
log_repeat_take(const struct log_event *ev, struct str key, uint64_t now_ms)
{
	uint32_t max = atomic_load(&lines_max);
	bool is_written;

	if (max == 0)
		return true;
	pthread_mutex_lock(&lock);
	is_written = take(ev, key, now_ms, max);
	pthread_mutex_unlock(&lock);
	return is_written;
}

bool
log_repeat_next(struct log_repeat *r, uint64_t now_ms)
{
	bool found = false;

	if (!log_repeat_is_counting())
		return false;
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < LOG_REPEAT_KEYS && !found; i++) {
		struct slot *s = &slots[i];

		if (!s->more || !is_over(s, now_ms))
			continue;
		*r = (struct log_repeat){ .ev = s->ev,
			.more = s->more,
			.ms = now_ms == UINT64_MAX ? LOG_REPEAT_MS
			                           : now_ms - s->since_ms };
		memcpy(r->key, s->key, sizeof r->key);
		s->ev = NULL;
		s->more = 0;
		atomic_fetch_sub(&counting, 1);
		found = true;
	}
	pthread_mutex_unlock(&lock);
	return found;
}
