/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/prober - the session of a probe (relay_probe.h).  It ends by itself, or
 * with its provider.
 */
#ifndef RELAY_PROBER_H
#define RELAY_PROBER_H

struct provider;
struct relay_probe;
struct relay_probe_ask;

/* into is filled, then fn(arg), once, perhaps at once.  ask is copied. */
void prober_start(struct provider *p, const struct relay_probe_ask *ask,
    struct relay_probe *into, void (*fn)(void *arg), void *arg);
/* why: what is in the way of an end. */
void prober_end_all(struct provider *p, const char *why);

#endif
