/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/scheduler - which key of a route is next.  Reads its schedule a page at
 * a time; holds no key for longer than a page.  Lanes of a priority take turns.
 */
#ifndef RELAY_SCHEDULER_H
#define RELAY_SCHEDULER_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/base/err.h"
#include "postern/spool/spool.h"

struct keyset;
struct scheduler;

/* reader and inhand (the keys in hand, which are passed over) are borrowed. */
struct scheduler *scheduler_new(
    uint32_t route, struct spool_reader *reader, const struct keyset *inhand);
void scheduler_free(struct scheduler **s);
/* true: *key is due and not in hand; it belongs to the caller until it is
 * settled or put back. */
bool scheduler_take(struct scheduler *s, enum spool_priority priority,
    int64_t now_ms, struct spool_key *key);
/* A key is new, was moved, or comes back as it was. */
void scheduler_put(struct scheduler *s, const struct spool_key *key);
/* Before this nothing of a priority is due, as far as is known; INT64_MAX:
 * there is nothing. */
int64_t scheduler_next_ms(
    const struct scheduler *s, enum spool_priority priority);

#endif
