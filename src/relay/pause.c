/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/pause.h"

void
pause_begin(struct pause *p, const struct pause_settings *s, uint64_t now_ms,
    uint64_t told_ms)
{
	uint64_t length = p->length_ms * 2;

	if (now_ms >= p->until_ms) {
		if (now_ms - p->until_ms > s->forget_ms || length < s->first_ms)
			length = s->first_ms;
		if (length > s->max_ms)
			length = s->max_ms;
		p->length_ms = length;
		p->until_ms = now_ms + length;
	}
	if (told_ms > 0)
		p->until_ms = now_ms + told_ms;
}

void
pause_cut(struct pause *p, uint64_t now_ms)
{
	if (p->until_ms > now_ms)
		p->until_ms = now_ms;
}

bool
pause_is_over(const struct pause *p, uint64_t now_ms)
{
	return now_ms >= p->until_ms;
}
