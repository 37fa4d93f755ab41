/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/conf_arena.h"

#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"

void *
conf_arena_new(struct conf_arena *a, size_t n, size_t size)
{
	if (a->n == a->cap) {
		a->cap = a->cap > 0 ? a->cap * 2 : 64;
		a->block = mem_resize(a->block, a->cap * sizeof a->block[0]);
	}
	return a->block[a->n++] = mem_array(n, size);
}

const char *
conf_arena_str(struct conf_arena *a, const char *s)
{
	size_t n = strlen(s) + 1;

	return memcpy(conf_arena_new(a, n, 1), s, n);
}

void
conf_arena_done(struct conf_arena *a)
{
	for (size_t i = 0; i < a->n; i++)
		free(a->block[i]);
	free(a->block);
	*a = (struct conf_arena){ 0 };
}
