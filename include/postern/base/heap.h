/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/heap - intrusive binary heap, lowest key first.
 */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
	uint64_t key;
	size_t at; /* 1-based place, 0: in no heap */
};

struct heap {
	struct heap_node **node; /* owned array of borrowed nodes */
	size_t n, cap;
};

void heap_init(struct heap *h);
void heap_done(struct heap *h);
void heap_put(struct heap *h, struct heap_node *n, uint64_t key); /* or moves */
void heap_del(struct heap *h, struct heap_node *n); /* harmless if not in */
struct heap_node *heap_min(const struct heap *h);   /* NULL when empty */

#endif
