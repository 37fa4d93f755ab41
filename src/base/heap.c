/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/base/heap.h"

#include <assert.h>
#include <stdlib.h>

#include "postern/base/mem.h"

/* node[0] is unused: the children of i are 2i and 2i + 1. */

void
heap_init(struct heap *h)
{
	*h = (struct heap){ 0 };
}

void
heap_done(struct heap *h)
{
	for (size_t i = 1; i <= h->n; i++)
		h->node[i]->at = 0;
	free(h->node);
	heap_init(h);
}

static void
place(struct heap *h, struct heap_node *n, size_t at)
{
	h->node[at] = n;
	n->at = at;
}

static void
rise(struct heap *h, struct heap_node *n)
{
	size_t at = n->at;

	while (at > 1 && h->node[at / 2]->key > n->key) {
		place(h, h->node[at / 2], at);
		at /= 2;
	}
	place(h, n, at);
}

static void
sink(struct heap *h, struct heap_node *n)
{
	size_t at = n->at;

	for (;;) {
		size_t child = at * 2;

		if (child > h->n)
			break;
		if (child < h->n &&
		    h->node[child + 1]->key < h->node[child]->key)
			child++;
		if (h->node[child]->key >= n->key)
			break;
		place(h, h->node[child], at);
		at = child;
	}
	place(h, n, at);
}

void
heap_put(struct heap *h, struct heap_node *n, uint64_t key)
{
	n->key = key;
	if (n->at == 0) {
		if (h->n + 1 >= h->cap) {
			h->cap = h->cap ? h->cap * 2 : 16;
			h->node = mem_resize(h->node, h->cap * sizeof *h->node);
		}
		place(h, n, ++h->n);
	}
	assert(h->node[n->at] == n);
	rise(h, n);
	sink(h, n);
}

void
heap_del(struct heap *h, struct heap_node *n)
{
	struct heap_node *last;
	size_t at = n->at;

	if (at == 0)
		return;
	assert(at <= h->n && h->node[at] == n);
	last = h->node[h->n--];
	n->at = 0;
	if (last == n)
		return;
	place(h, last, at);
	rise(h, last);
	sink(h, last);
}

struct heap_node *
heap_min(const struct heap *h)
{
	return h->n ? h->node[1] : NULL;
}
