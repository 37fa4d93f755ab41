/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/backoff - when to try again.  Pure: rnd is any 64 random bits.
 * relay.md 5.5.
 */
#ifndef RELAY_BACKOFF_H
#define RELAY_BACKOFF_H

#include <stdint.h>

struct relay_retry;

/* In memory, after the tries-th failure (0: the first): the step of the quick
 * list, varied by 10 %; 0: the list is at its end. */
uint64_t backoff_quick(
    const struct relay_retry *r, uint32_t tries, uint64_t rnd);
/* By the schedule, after the tries-th failure (0: the first): doubled each
 * time, half fixed and half random, at most max_ms. */
uint64_t backoff_next(
    const struct relay_retry *r, uint32_t tries, uint64_t rnd);
/* The same for a recipient deferred with a 4xx: the first wait is 5 minutes
 * +-20 % (greylisting), less where max_ms is less. */
uint64_t backoff_recipient(
    const struct relay_retry *r, uint32_t tries, uint64_t rnd);

#endif
