/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/ration.h"

#include "postern/mail/rate.h"

/* A part counts as long as anything of it is less than the length ago. */
static void
move_to(struct ration *r, uint64_t part)
{
	uint64_t behind = part - r->last;

	if (behind > RATION_PARTS + 1)
		behind = RATION_PARTS + 1;
	for (uint64_t i = 0; i < behind; i++)
		r->used[(part - i) % (RATION_PARTS + 1)] = 0;
	r->last = part;
}

bool
ration_take(struct ration *r, const struct rate *rate, uint64_t now_ms)
{
	uint64_t width = (rate->period_ms + RATION_PARTS - 1) / RATION_PARTS;
	uint64_t part = now_ms / width, sum = 0;

	if (r->period_ms != rate->period_ms)
		*r = (struct ration){ .period_ms = rate->period_ms,
			.last = part };
	if (part > r->last)
		move_to(r, part);
	for (int i = 0; i <= RATION_PARTS; i++)
		sum += r->used[i];
	if (sum >= rate->count)
		return false;
	r->used[r->last % (RATION_PARTS + 1)]++;
	return true;
}
