/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/breaker.h"

#include <stddef.h>

/* More than half of at least so many in so long opens it as well. */
#define SHARE_MIN 20
#define SHARE_MS 30000

void
breaker_init(struct breaker *b)
{
	*b = (struct breaker){ .state = BREAKER_CLOSED };
}

static void
count(struct breaker *b, uint64_t now_ms, bool bad)
{
	if (now_ms < b->window_ms || now_ms - b->window_ms >= SHARE_MS) {
		b->window_ms = now_ms;
		b->asked = b->refused = 0;
	}
	b->asked++;
	b->refused += bad;
}

bool
breaker_ok(struct breaker *b, uint64_t now_ms)
{
	bool was_closed = b->state == BREAKER_CLOSED;

	count(b, now_ms, false);
	if (b->is_hard &&
	    (b->state == BREAKER_OPEN || b->state == BREAKER_HALF_OPEN))
		return false;
	b->state = BREAKER_CLOSED;
	b->failures = 0;
	b->length_ms = 0;
	return !was_closed;
}

static uint64_t
vary(uint64_t ms, uint64_t rnd)
{
	uint64_t fifth = ms / 5;

	return ms - fifth + rnd % (2 * fifth + 1);
}

void
breaker_trip(struct breaker *b, const struct breaker_settings *s,
    uint64_t from_ms, uint64_t rnd)
{
	uint64_t length = b->length_ms * 2;

	if (length < s->open_ms)
		length = s->open_ms;
	if (length > s->open_max_ms)
		length = s->open_max_ms;
	b->length_ms = length;
	b->state = BREAKER_OPEN;
	b->is_hard = s->is_hard;
	b->until_ms = from_ms + vary(length, rnd);
	b->failures = 0;
	b->asked = b->refused = 0;
	b->window_ms = from_ms;
}

void
breaker_restore(struct breaker *b, const struct breaker_settings *s,
    uint64_t now_ms, uint64_t left_ms, uint64_t length_ms)
{
	if (length_ms > s->open_max_ms)
		length_ms = s->open_max_ms;
	if (left_ms > length_ms + length_ms / 5)
		left_ms = length_ms + length_ms / 5;
	b->state = BREAKER_OPEN;
	b->is_hard = s->is_hard;
	b->length_ms = length_ms;
	b->until_ms = now_ms + left_ms;
}

bool
breaker_fail(struct breaker *b, const struct breaker_settings *s,
    uint64_t now_ms, uint64_t rnd)
{
	bool share;

	if (b->state == BREAKER_OPEN)
		return false; /* a session from before it opened */
	count(b, now_ms, true);
	b->failures++;
	share = b->asked >= SHARE_MIN && b->refused * 2 > b->asked;
	if (b->state == BREAKER_CLOSED && b->failures < s->failures && !share)
		return false;
	breaker_trip(b, s, now_ms, rnd);
	return true;
}

void
breaker_defer(struct breaker *b, uint64_t until_ms)
{
	if (b->state == BREAKER_OPEN && b->until_ms < until_ms)
		b->until_ms = until_ms;
}

void
breaker_hasten(struct breaker *b, uint64_t now_ms)
{
	if (b->state == BREAKER_OPEN)
		b->until_ms = now_ms;
}

bool
breaker_allows(const struct breaker *b)
{
	return b->state == BREAKER_CLOSED || b->state == BREAKER_TRIAL;
}

bool
breaker_wants_probe(struct breaker *b, uint64_t now_ms)
{
	if (b->state == BREAKER_OPEN && now_ms >= b->until_ms)
		b->state = BREAKER_HALF_OPEN;
	return b->state == BREAKER_HALF_OPEN;
}

void
breaker_probed(struct breaker *b)
{
	if (b->state == BREAKER_HALF_OPEN ||
	    (b->state == BREAKER_OPEN && !b->is_hard))
		b->state = BREAKER_TRIAL;
}

const char *
breaker_word(const struct breaker *b)
{
	static const char *const word[] = { "closed", "open", "half-open",
		"half-open" };

	return word[b->state];
}
