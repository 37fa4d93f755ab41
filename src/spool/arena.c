/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/arena.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"

#define ARENA_BLOCK (64u << 10)

struct arena_block {
	struct arena_block *next;
	size_t used, size;
	max_align_t p[];
};

static struct arena_block *
block_new(struct arena_block *next, size_t n)
{
	size_t size = n > ARENA_BLOCK ? n : ARENA_BLOCK;
	struct arena_block *b = mem_resize(NULL, sizeof *b + size);

	b->next = next;
	b->used = 0;
	b->size = size;
	return b;
}

void *
arena_get(struct arena *a, size_t n)
{
	void *p;

	n = (n + sizeof(max_align_t) - 1) & ~(sizeof(max_align_t) - 1);
	if (!a->head || n > a->head->size - a->head->used)
		a->head = block_new(a->head, n);
	p = (char *)a->head->p + a->head->used;
	a->head->used += n;
	return p;
}

struct str
arena_copy(struct arena *a, struct str s)
{
	char *p = arena_get(a, s.len);

	if (s.len)
		memcpy(p, s.p, s.len);
	return (struct str){ p, s.len };
}

static void
drop_to(struct arena *a, struct arena_block *keep)
{
	struct arena_block *next;

	for (struct arena_block *b = a->head; b; b = next) {
		next = b->next;
		if (b != keep)
			free(b);
	}
	a->head = keep;
}

void
arena_reset(struct arena *a)
{
	struct arena_block *keep = a->head;

	while (keep && keep->size > ARENA_BLOCK)
		keep = keep->next;
	drop_to(a, keep);
	if (keep) {
		keep->next = NULL;
		keep->used = 0;
	}
}

void
arena_done(struct arena *a)
{
	drop_to(a, NULL);
}
