/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/cache.h"

#include <stdlib.h>

#include "postern/base/list.h"
#include "postern/base/map.h"
#include "postern/base/mem.h"
#include "postern/spool/envelope.h"

struct entry {
	struct list node; /* oldest first */
	struct envelope *env;
	uint32_t puts; /* as many deliveries will take it */
	size_t bytes;
	uint64_t at_ms;
};

struct cache {
	struct map *by_mid;
	struct list entries;
	struct list spare; /* entries for re-use */
	size_t bytes, bytes_max;
};

struct cache *
cache_new(size_t bytes_max)
{
	struct cache *c = mem_new(sizeof *c);

	c->by_mid = map_new();
	c->bytes_max = bytes_max;
	list_init(&c->entries);
	list_init(&c->spare);
	return c;
}

static void
retire(struct cache *c, struct entry *e)
{
	c->bytes -= e->bytes;
	e->env = NULL;
	list_remove(&e->node);
	list_push(&c->spare, &e->node);
}

void
cache_free(struct cache **c)
{
	struct list *node;

	if (!*c)
		return;
	cache_expire(*c, UINT64_MAX);
	while ((node = list_pop(&(*c)->spare)) != NULL)
		free(LIST_OF(node, struct entry, node));
	map_free(&(*c)->by_mid);
	free(*c);
	*c = NULL;
}

static struct entry *
entry_new(struct cache *c)
{
	struct list *node = list_pop(&c->spare);
	struct entry *e;

	if (node)
		return LIST_OF(node, struct entry, node);
	e = mem_new(sizeof *e);
	list_init(&e->node);
	return e;
}

void
cache_put(struct cache *c, struct envelope *env, uint64_t now_ms)
{
	struct entry *e = map_get(c->by_mid, env->mid);
	size_t bytes = envelope_memory(env);

	if (e) {
		e->puts++;
		envelope_free(&env);
		return;
	}
	if (bytes > c->bytes_max - c->bytes) {
		envelope_free(&env);
		return;
	}
	e = entry_new(c);
	e->env = env;
	e->puts = 1;
	e->bytes = bytes;
	e->at_ms = now_ms;
	c->bytes += bytes;
	map_put(c->by_mid, env->mid, e);
	list_push(&c->entries, &e->node);
}

struct envelope *
cache_take(struct cache *c, uint64_t mid)
{
	struct entry *e = map_get(c->by_mid, mid);
	struct envelope *env;

	if (!e)
		return NULL;
	env = e->env;
	if (--e->puts > 0)
		return envelope_ref(env);
	map_del(c->by_mid, mid);
	retire(c, e);
	return env;
}

void
cache_expire(struct cache *c, uint64_t before_ms)
{
	while (!list_empty(&c->entries)) {
		struct entry *e = LIST_OF(c->entries.next, struct entry, node);

		if (e->at_ms >= before_ms)
			break;
		map_del(c->by_mid, e->env->mid);
		envelope_free(&e->env);
		retire(c, e);
	}
}

size_t
cache_bytes(const struct cache *c)
{
	return c->bytes;
}
