/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/base/stat.h"

/*
 * 32 buckets an octave.  Values below 32 have a bucket each; a value of
 * exponent e (2^e <= v < 2^(e+1), e >= 5) is in row e - 4.  The last bucket
 * also takes everything from 2^36 on.
 */
#define SUB_BITS 5
#define SUB (1u << SUB_BITS)

static unsigned
bucket_of(uint64_t v)
{
	unsigned e;

	if (v < SUB)
		return (unsigned)v;
	e = 63 - (unsigned)__builtin_clzll(v);
	if (e - SUB_BITS + 2 > STAT_BUCKETS / SUB)
		return STAT_BUCKETS - 1;
	return (e - SUB_BITS + 1) * SUB + (unsigned)(v >> (e - SUB_BITS)) - SUB;
}

static uint64_t
middle_of(unsigned bucket)
{
	unsigned shift;

	if (bucket < 2 * SUB) /* one value each */
		return bucket;
	shift = bucket / SUB - 1;
	return ((uint64_t)(bucket % SUB + SUB) << shift) +
	       ((uint64_t)1 << (shift - 1));
}

/* One writer: no locked instruction is needed. */
static void
bump(struct stat_counter *c, uint64_t n)
{
	atomic_store_explicit(&c->v,
	    atomic_load_explicit(&c->v, memory_order_relaxed) + n,
	    memory_order_relaxed);
}

void
stat_observe(struct stat_histogram *h, uint64_t value)
{
	bump(&h->count, 1);
	bump(&h->sum, value);
	bump(&h->bucket[bucket_of(value)], 1);
}

void
stat_merge(struct stat_histogram *to, const struct stat_histogram *from)
{
	bump(&to->count, stat_get(&from->count));
	bump(&to->sum, stat_get(&from->sum));
	for (unsigned i = 0; i < STAT_BUCKETS; i++)
		bump(&to->bucket[i], stat_get(&from->bucket[i]));
}

uint64_t
stat_quantile(const struct stat_histogram *h, double q)
{
	uint64_t total = 0, seen = 0, rank;

	/* count may be ahead of the buckets while the writer writes. */
	for (unsigned i = 0; i < STAT_BUCKETS; i++)
		total += stat_get(&h->bucket[i]);
	if (total == 0)
		return 0;
	rank = q <= 0 ? 1 : (uint64_t)(q * (double)total + 0.999999);
	if (rank > total)
		rank = total;
	for (unsigned i = 0; i < STAT_BUCKETS; i++) {
		seen += stat_get(&h->bucket[i]);
		if (seen >= rank)
			return middle_of(i);
	}
	return middle_of(STAT_BUCKETS - 1);
}

uint64_t
stat_cumulate(const struct stat_histogram *h, const uint64_t *bounds,
    uint64_t *counts, size_t n)
{
	uint64_t seen = 0;
	unsigned at = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned end = bucket_of(bounds[i]);

		while (at <= end)
			seen += stat_get(&h->bucket[at++]);
		counts[i] = seen;
	}
	while (at < STAT_BUCKETS)
		seen += stat_get(&h->bucket[at++]);
	return seen;
}
