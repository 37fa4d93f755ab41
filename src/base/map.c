/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/base/map.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "postern/base/mem.h"
#include "postern/base/rand.h"

#define FIRST_CAP 16

struct slot {
	uint64_t key;
	void *value; /* NULL: free */
};

/* Linear probing, at most 3/4 full; a deletion shifts the run back, so there
 * are no tombstones. */
struct map {
	struct slot *slot;
	size_t cap; /* a power of two, 0 before the first put */
	size_t n;
};

static uint64_t seed[2];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
draw_seed(void)
{
	rand_bytes(seed, sizeof seed);
	seed[1] |= 1;
}

__extension__ typedef unsigned __int128 wide;

static size_t
home(const struct map *m, uint64_t key)
{
	wide x = (wide)(key ^ seed[0]) * (seed[1] ^ 0x9e3779b97f4a7c15u);
	uint64_t h = (uint64_t)x ^ (uint64_t)(x >> 64);

	x = (wide)h * 0xd6e8feb86659fd93u;
	return (size_t)((uint64_t)x ^ (uint64_t)(x >> 64)) & (m->cap - 1);
}

struct map *
map_new(void)
{
	pthread_once(&once, draw_seed);
	return mem_new(sizeof(struct map));
}

void
map_free(struct map **m)
{
	if (!*m)
		return;
	free((*m)->slot);
	free(*m);
	*m = NULL;
}

/* The slot of key, or the free one where it would go.  Needs cap > n. */
static size_t
find(const struct map *m, uint64_t key)
{
	size_t i = home(m, key);

	while (m->slot[i].value && m->slot[i].key != key)
		i = (i + 1) & (m->cap - 1);
	return i;
}

static void
rehash(struct map *m, size_t cap)
{
	struct slot *old = m->slot;
	size_t old_cap = m->cap;

	m->slot = mem_array(cap, sizeof *m->slot);
	m->cap = cap;
	for (size_t i = 0; i < old_cap; i++) {
		if (old[i].value)
			m->slot[find(m, old[i].key)] = old[i];
	}
	free(old);
}

void *
map_get(const struct map *m, uint64_t key)
{
	return m->n ? m->slot[find(m, key)].value : NULL;
}

void *
map_put(struct map *m, uint64_t key, void *value)
{
	void *old;
	size_t i;

	assert(value);
	if (m->cap - m->cap / 4 <= m->n)
		rehash(m, m->cap ? m->cap * 2 : FIRST_CAP);
	i = find(m, key);
	old = m->slot[i].value;
	m->slot[i] = (struct slot){ key, value };
	m->n += old == NULL;
	return old;
}

/* Closes the hole at i: moves back what may lie nearer to its home. */
static void
close_hole(struct map *m, size_t i)
{
	size_t mask = m->cap - 1, j = i;

	for (;;) {
		size_t at;

		j = (j + 1) & mask;
		if (!m->slot[j].value)
			break;
		at = home(m, m->slot[j].key);
		if (((j - at) & mask) >= ((j - i) & mask)) {
			m->slot[i] = m->slot[j];
			i = j;
		}
	}
	m->slot[i] = (struct slot){ 0 };
}

void *
map_del(struct map *m, uint64_t key)
{
	void *old;
	size_t i;

	if (m->n == 0)
		return NULL;
	i = find(m, key);
	old = m->slot[i].value;
	if (!old)
		return NULL;
	close_hole(m, i);
	m->n--;
	if (m->cap > FIRST_CAP && m->n < m->cap / 8)
		rehash(m, m->cap / 2);
	return old;
}

size_t
map_count(const struct map *m)
{
	return m->n;
}

void *
map_next(const struct map *m, size_t *at, uint64_t *key)
{
	while (*at < m->cap) {
		const struct slot *s = &m->slot[(*at)++];

		if (s->value) {
			if (key)
				*key = s->key;
			return s->value;
		}
	}
	return NULL;
}
