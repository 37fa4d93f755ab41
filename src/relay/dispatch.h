/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/dispatch - takes keys from the schedule, gives them to providers, and
 * decides what happens after each try: rounds, quick waits, the schedule.
 */
#ifndef RELAY_DISPATCH_H
#define RELAY_DISPATCH_H

#include <stdbool.h>
#include <stdint.h>

struct delivery;
struct err;
struct outcome;
struct provider;
struct relay;
struct relay_session;
struct smtp_client;
struct verdict;

/* Everything that can be done now; sets the timer for the rest. */
void dispatch_pump(struct relay *r);
/* The next delivery for a session of p; NULL: nothing waits. */
struct delivery *dispatch_next(struct provider *p);
/* A delivery is ready to be sent (again). */
void dispatch_place(struct delivery *d);
/* Its envelope has been read; gone: nothing is left of it. */
void dispatch_loaded(struct delivery *d, bool gone);
/* It is signed for the provider of that id, or was to be and cannot: why. */
void dispatch_signed(
    struct delivery *d, uint64_t provider, const struct err *why);
/* A transaction ended, its recipients have their states. */
void dispatch_done(struct delivery *d, struct relay_session *s,
    const struct verdict *v, const struct outcome *o);
void dispatch_connected(struct provider *p, const struct smtp_client *c);
/* Back to the head of those that wait for its provider. */
void dispatch_put_back(struct delivery *d);
void dispatch_not_connected(
    struct provider *p, const struct verdict *v, const struct outcome *o);
/* What waits at p goes elsewhere. */
void dispatch_evict(struct provider *p);
/* It waits for no provider and no short time any more; false: it did not. */
bool dispatch_withdraw(struct delivery *d);
/* The key goes back to the schedule as it was; d is freed. */
void dispatch_return(struct delivery *d);

#endif
