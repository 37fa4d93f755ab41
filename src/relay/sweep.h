/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/sweep - by age: what could not be delivered for too long is given up;
 * who waits for long is told.  Works for keys that no provider is asked about
 * (all down, parked) as well.
 */
#ifndef RELAY_SWEEP_H
#define RELAY_SWEEP_H

struct delivery;
struct relay;
struct sweep;

struct sweep *sweep_new(struct relay *r);
void sweep_free(struct sweep **s);
void sweep_start(struct sweep *s);  /* in the relay's thread */
void sweep_change(struct sweep *s); /* the relay has other routes */
/* A delivery that the sweeper took has been read. */
void sweep_loaded(struct delivery *d);

#endif
