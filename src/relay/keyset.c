/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/keyset.h"

#include <assert.h>
#include <stdlib.h>

#include "postern/base/map.h"
#include "postern/base/mem.h"

struct keyset {
	struct map *by_mid; /* the first node of each message */
	size_t count;
};

struct keyset *
keyset_new(void)
{
	struct keyset *f = mem_new(sizeof *f);

	f->by_mid = map_new();
	return f;
}

void
keyset_free(struct keyset **f)
{
	if (!*f)
		return;
	map_free(&(*f)->by_mid);
	free(*f);
	*f = NULL;
}

void
keyset_add(struct keyset *f, struct keyset_node *node)
{
	node->same = map_put(f->by_mid, node->mid, node);
	f->count++;
}

void
keyset_del(struct keyset *f, struct keyset_node *node)
{
	struct keyset_node *first = map_get(f->by_mid, node->mid);
	struct keyset_node **at = &first;

	while (*at && *at != node)
		at = &(*at)->same;
	assert(*at == node);
	*at = node->same;
	node->same = NULL;
	if (!first)
		map_del(f->by_mid, node->mid);
	else
		map_put(f->by_mid, node->mid, first);
	f->count--;
}

struct keyset_node *
keyset_find(const struct keyset *f, uint64_t mid, uint16_t n)
{
	struct keyset_node *node = map_get(f->by_mid, mid);

	while (node && node->n != n)
		node = node->same;
	return node;
}

bool
keyset_has(const struct keyset *f, uint64_t mid, uint16_t n)
{
	return keyset_find(f, mid, n) != NULL;
}

size_t
keyset_count(const struct keyset *f)
{
	return f->count;
}

struct keyset_node *
keyset_any(const struct keyset *f)
{
	size_t at = 0;
	uint64_t mid;

	return map_next(f->by_mid, &at, &mid);
}
