/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/cache - envelopes that the spool handed over with their keys, so that
 * a message that leaves at once is never read from the store.  Bounded in
 * bytes; what is not asked for soon is let go.
 */
#ifndef RELAY_CACHE_H
#define RELAY_CACHE_H

#include <stddef.h>
#include <stdint.h>

struct cache;
struct envelope;

struct cache *cache_new(size_t bytes_max);
void cache_free(struct cache **c);
/* Takes the reference over; drops it where there is no room. */
void cache_put(struct cache *c, struct envelope *e, uint64_t now_ms);
/* The reference of one put, or NULL. */
struct envelope *cache_take(struct cache *c, uint64_t mid);
/* Lets go what was put before a time. */
void cache_expire(struct cache *c, uint64_t before_ms);
size_t cache_bytes(const struct cache *c);

#endif
