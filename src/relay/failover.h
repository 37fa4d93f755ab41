/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/failover - mail that another provider takes than the one whose turn it
 * was, and why: counted by both names.  The turn is that of the first entry of
 * the route's `use`; its members share the mail, so that none of them is before
 * another one, but for whom it was given to.
 */
#ifndef RELAY_FAILOVER_H
#define RELAY_FAILOVER_H

#include "relay/verdict.h"

struct delivery;
struct provider;

/* It was to go to p, and leaves it for that; or for what is in p's way now, if
 * anything is. */
void failover_left(
    struct delivery *d, const struct provider *p, enum verdict_class why);
void failover_evicted(struct delivery *d, struct provider *p);
/* p was chosen: did it pass the first entry by? */
void failover_chosen(struct delivery *d, const struct provider *p);
/* p has it. */
void failover_took(struct delivery *d, const struct provider *p);

#endif
