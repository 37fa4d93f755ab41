/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/backoff.h"

#include "postern/relay/relay.h"

#define GREYLIST_MS (5 * 60 * 1000)

/* ms, or up to a part of it less or more. */
static uint64_t
vary(uint64_t ms, uint64_t part, uint64_t rnd)
{
	uint64_t span = ms / part;

	return ms - span + rnd % (2 * span + 1);
}

uint64_t
backoff_quick(const struct relay_retry *r, uint32_t tries, uint64_t rnd)
{
	if (tries >= r->nquick)
		return 0;
	return vary(r->quick_ms[tries], 10, rnd);
}

uint64_t
backoff_next(const struct relay_retry *r, uint32_t tries, uint64_t rnd)
{
	double ms = (double)r->min_ms;
	double max = (double)r->max_ms;
	uint64_t half;

	while (tries-- > 0 && ms < max && r->factor > 1.0)
		ms *= r->factor;
	half = (uint64_t)(ms < max ? ms : max) / 2;
	return half + rnd % (half + 1);
}

uint64_t
backoff_recipient(const struct relay_retry *r, uint32_t tries, uint64_t rnd)
{
	if (tries > 0)
		return backoff_next(r, tries, rnd);
	return vary(r->max_ms < GREYLIST_MS ? r->max_ms : GREYLIST_MS, 5, rnd);
}
