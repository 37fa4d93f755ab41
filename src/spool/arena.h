/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool/arena - memory that lives as long as one operation: taken in pieces,
 * dropped at once.
 */
#ifndef SPOOL_ARENA_H
#define SPOOL_ARENA_H

#include <stddef.h>

#include "postern/base/str.h"

struct arena_block;

struct arena {
	struct arena_block *head; /* owned */
};

void *arena_get(struct arena *a, size_t n); /* aligned, not zeroed */
struct str arena_copy(struct arena *a, struct str s);
void arena_reset(struct arena *a); /* keeps one block */
void arena_done(struct arena *a);

#endif
