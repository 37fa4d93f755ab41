/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/stat - counters (C11 relaxed atomics, any thread) and a log-linear
 * histogram (one writer thread, others may read: error at most 1.6 %).
 */
#ifndef BASE_STAT_H
#define BASE_STAT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct stat_counter {
	_Atomic uint64_t v;
};

static inline void
stat_add(struct stat_counter *c, uint64_t n)
{
	atomic_fetch_add_explicit(&c->v, n, memory_order_relaxed);
}
static inline void
stat_sub(struct stat_counter *c, uint64_t n)
{
	atomic_fetch_sub_explicit(&c->v, n, memory_order_relaxed);
}
static inline uint64_t
stat_get(const struct stat_counter *c)
{
	return atomic_load_explicit(
	    &((struct stat_counter *)(uintptr_t)c)->v, memory_order_relaxed);
}
static inline void
stat_set(struct stat_counter *c, uint64_t v) /* a gauge */
{
	atomic_store_explicit(&c->v, v, memory_order_relaxed);
}

#define STAT_BUCKETS 1024
struct stat_histogram {
	struct stat_counter count, sum, bucket[STAT_BUCKETS];
};

void stat_observe(struct stat_histogram *h, uint64_t value); /* us, bytes */
/* Adds what from has by then; nobody else writes to to. */
void stat_merge(struct stat_histogram *to, const struct stat_histogram *from);
uint64_t stat_quantile(const struct stat_histogram *h, double q); /* 0..1 */
/* How many were at most bounds[i] (which rise), by the same error.  Returns how
 * many there are in all. */
uint64_t stat_cumulate(const struct stat_histogram *h, const uint64_t *bounds,
    uint64_t *counts, size_t n);

#endif
