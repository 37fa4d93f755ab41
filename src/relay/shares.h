/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/shares - which class is served next where several wait: each gets its
 * share of the turns (stride scheduling), none starves, and no turn is lost
 * while any has something.  A class that had nothing saves nothing up.  Pure.
 */
#ifndef RELAY_SHARES_H
#define RELAY_SHARES_H

#include <stddef.h>
#include <stdint.h>

#include "postern/spool/spool.h"

struct shares { /* zeroed: nobody was served yet */
	uint64_t pass[SPOOL_PRIORITIES];
	uint64_t now;
};

/* The class whose turn it is, of those that wait; -1: none does. */
int shares_next(const struct shares *s, const size_t waiting[SPOOL_PRIORITIES]);
/* One of the class was served, which has this share (at least 1). */
void shares_take(struct shares *s, int class, uint32_t share);
/* It was not, after all. */
void shares_give_back(struct shares *s, int class, uint32_t share);

#endif
