/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/supply - takes keys from the schedule, of each priority no more than
 * the providers have room for, and gives each its envelope.
 */
#ifndef RELAY_SUPPLY_H
#define RELAY_SUPPLY_H

#include <stdint.h>

struct provider;
struct relay;

/* All that there is room for now. */
void supply_pull(struct relay *r);
/* A session of p asks, and nothing waits: a few, until something does. */
void supply_some(struct provider *p);
/* ms until there may be more to take; UINT64_MAX: when told. */
uint64_t supply_wait_ms(struct relay *r);

#endif
