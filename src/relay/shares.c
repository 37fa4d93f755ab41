/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/shares.h"

#include <assert.h>

#define WHOLE (UINT64_C(1) << 20) /* a turn of a class with share 1 */

/* Those that waited all the time are never behind now. */
static uint64_t
pass_of(const struct shares *s, int class)
{
	return s->pass[class] > s->now ? s->pass[class] : s->now;
}

int
shares_next(const struct shares *s, const size_t waiting[SPOOL_PRIORITIES])
{
	int next = -1;

	for (int c = 0; c < SPOOL_PRIORITIES; c++) {
		if (waiting[c] == 0)
			continue;
		if (next < 0 || pass_of(s, c) < pass_of(s, next))
			next = c;
	}
	return next;
}

void
shares_take(struct shares *s, int class, uint32_t share)
{
	assert(share > 0);
	s->now = pass_of(s, class);
	s->pass[class] = s->now + WHOLE / share;
}

void
shares_give_back(struct shares *s, int class, uint32_t share)
{
	uint64_t turn = WHOLE / share;

	s->pass[class] -= turn < s->pass[class] ? turn : s->pass[class];
}
