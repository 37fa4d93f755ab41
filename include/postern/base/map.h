/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/map - 64-bit key to pointer, open addressing, keyed hash (peers choose
 * no collisions).  Not thread-safe.  Pointers are borrowed.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

struct map;

struct map *map_new(void);
void map_free(struct map **m);
void *map_get(const struct map *m, uint64_t key);        /* or NULL */
void *map_put(struct map *m, uint64_t key, void *value); /* the old one */
void *map_del(struct map *m, uint64_t key);              /* the old one */
size_t map_count(const struct map *m);
/* Walks: *at starts at 0; NULL at the end.  No put or del meanwhile. */
void *map_next(const struct map *m, size_t *at, uint64_t *key);

#endif
