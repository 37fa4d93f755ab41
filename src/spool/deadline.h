/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool/deadline - the table of the times by which deliveries must be handed
 * on (DELIVERBY, RFC 2852).  A delivery that an operator holds has none until
 * it is released.
 */
#ifndef SPOOL_DEADLINE_H
#define SPOOL_DEADLINE_H

#include <stdint.h>

#include "postern/base/err.h"

struct batch;
struct letter;
struct record_delivery;

/* As d is now: it has its entry, or none. */
MUST_CHECK int deadline_put(struct batch *b, const struct letter *l, uint16_t n,
    const struct record_delivery *d);
/* by_ms 0: there is none. */
MUST_CHECK int deadline_drop(
    struct batch *b, int64_t by_ms, uint64_t mid, uint16_t n);

#endif
