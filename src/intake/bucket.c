/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/bucket.h"

/* A token costs period_ms parts, a ms earns count parts: no rounding.  The
 * bounds of rate.h keep all of it far below 2^63. */
static int64_t
cap(const struct bucket *b)
{
	return (int64_t)(b->rate.count * b->rate.period_ms);
}

void
bucket_init(struct bucket *b, const struct rate *rate, uint64_t now_ms)
{
	b->rate = *rate;
	b->held = cap(b);
	b->last_ms = now_ms;
}

void
bucket_refill(struct bucket *b, uint64_t now_ms)
{
	uint64_t gone = now_ms > b->last_ms ? now_ms - b->last_ms : 0;
	uint64_t room = (uint64_t)(cap(b) - b->held);

	if (gone > room / b->rate.count)
		b->held = cap(b);
	else
		b->held += (int64_t)(gone * b->rate.count);
	b->last_ms = now_ms;
}

bool
bucket_is_full(const struct bucket *b)
{
	return b->held == cap(b);
}

uint64_t
bucket_wait_ms(const struct bucket *b, unsigned n)
{
	int64_t want = (int64_t)(n * b->rate.period_ms);

	if (b->held >= want)
		return 0;
	return ((uint64_t)(want - b->held) + b->rate.count - 1) / b->rate.count;
}

void
bucket_take(struct bucket *b, unsigned n)
{
	b->held -= (int64_t)(n * b->rate.period_ms);
}
