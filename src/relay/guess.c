/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/guess.h"

#include <stddef.h>

#define SPELL_MS 3000     /* what is over sooner is a matter of the rate */
#define ASK_MS 10000      /* one that is not answered says nothing */
#define PAUSE_SHARE 4     /* of how long it has refused everything, ... */
#define PAUSE_MS 60000    /* ... if that is so much */
#define GUARD_SHARE 64    /* of the window */
#define NEAR 10           /* a tenth less than the limit is the limit */
#define PROOF_MS 3600000  /* then one has to be refused again, ... */
#define PROOF_WINDOWS 10u /* ... or so many windows, if that is more */

/* Seconds, as people choose them. */
static const uint32_t windows[] = { 5, 10, 15, 20, 30, 60, 120, 180, 300, 600,
	900, 1800, 3600 };

#define WINDOWS (sizeof windows / sizeof windows[0])

/* Seconds that are far from 0. */
#define EPOCH_S (2 * GUESS_PARTS)

/* --- what was sent ---------------------------------------------------------
 */

static uint64_t
second_of(uint64_t now_ms)
{
	return now_ms / 1000 + EPOCH_S;
}

static void
to_second(struct guess *g, uint64_t s)
{
	if (s - g->last_s >= GUESS_PARTS)
		g->last_s = s - GUESS_PARTS;
	while (g->last_s < s)
		g->sent[++g->last_s % GUESS_PARTS] = 0;
}

/* In the seconds after from, up to to. */
static uint32_t
sum(const struct guess *g, uint64_t from, uint64_t to)
{
	uint32_t n = 0;

	if (from + GUESS_PARTS < g->last_s)
		from = g->last_s - GUESS_PARTS;
	for (uint64_t s = from + 1; s <= to && s <= g->last_s; s++)
		n += g->sent[s % GUESS_PARTS];
	return n;
}

static void
take_back(struct guess *g)
{
	for (uint64_t i = 0; i < GUESS_PARTS; i++) {
		uint16_t *n = &g->sent[(g->last_s - i) % GUESS_PARTS];

		if (*n == 0)
			continue;
		--*n;
		return;
	}
}

/* --- the window ------------------------------------------------------------
 */

static uint64_t
guard_s(const struct guess *g)
{
	return g->window_s < 2 * GUARD_SHARE ? 1 : g->window_s / GUARD_SHARE;
}

/* The last second that does not count any more. */
static uint64_t
start(const struct guess *g, uint64_t now_ms)
{
	return second_of(now_ms) - g->window_s - guard_s(g) - 1;
}

/* 0: there is room, or no window. */
static uint64_t
full_until(const struct guess *g, uint64_t now_ms)
{
	uint64_t from = start(g, now_ms), stays = second_of(now_ms) - from;
	uint32_t used = g->window_s > 0 ? sum(g, from, g->last_s) : 0;

	if (g->window_s == 0 || used < g->count)
		return 0;
	while (used >= g->count && from < g->last_s)
		used -= g->sent[++from % GUESS_PARTS];
	return (from + stays - EPOCH_S) * 1000;
}

static uint64_t
look(struct guess *g, uint64_t now_ms)
{
	if (now_ms >= g->full_ms) {
		to_second(g, second_of(now_ms));
		g->full_ms = full_until(g, now_ms);
	}
	return g->full_ms;
}

/* Of what was in it at the first refusal nothing had left at the last, and
 * something has by now; give or take the second that is lost in ours. */
static bool
fits(const struct guess *g, uint32_t w, uint64_t now_ms)
{
	uint64_t first = second_of(g->first_ms);
	uint64_t last = second_of(g->refused_ms), now = second_of(now_ms);

	return sum(g, first - w, last - w - 1) == 0 &&
	       sum(g, first - w - 1, now - w + 1) > 0;
}

/* The longest that fits: if it is too long that shows at once. */
static uint32_t
find(const struct guess *g, uint64_t now_ms)
{
	if (g->window_s > 0 && fits(g, g->window_s, now_ms))
		return g->window_s;
	for (size_t i = WINDOWS; i-- > 0;) {
		if (fits(g, windows[i], now_ms))
			return windows[i];
	}
	return 0;
}

/* --- what becomes of what is sent ------------------------------------------
 */

void
guess_sent(struct guess *g, uint64_t now_ms)
{
	bool is_full = look(g, now_ms) > 0;
	uint16_t *n;

	to_second(g, second_of(now_ms));
	n = &g->sent[g->last_s % GUESS_PARTS];
	if (*n < UINT16_MAX)
		++*n;
	g->unanswered++;
	g->sent_ms = now_ms;
	if (g->first_ms > 0 || is_full)
		g->asked_ms = now_ms;
}

static void
answered(struct guess *g)
{
	g->full_ms = g->asked_ms = 0;
	if (g->unanswered > 0)
		g->unanswered--;
}

bool
guess_took(struct guess *g, uint64_t now_ms)
{
	uint64_t first = g->first_ms;
	uint32_t before = g->window_s;

	if (g->asked_ms > 0 && first == 0)
		g->window_s = 0; /* it takes more than that */
	answered(g);
	if (first == 0)
		return false;
	if (now_ms - first >= SPELL_MS) {
		to_second(g, second_of(now_ms));
		g->window_s = find(g, now_ms);
		first = second_of(first);
		g->count = sum(g, first - g->window_s, first);
	}
	g->first_ms = 0;
	if (g->window_s != before)
		g->proven_ms = 0;
	return g->window_s > 0 && g->window_s != before;
}

bool
guess_refused(struct guess *g, uint64_t now_ms)
{
	uint32_t used;

	to_second(g, second_of(now_ms));
	take_back(g);
	answered(g);
	if (g->first_ms == 0)
		g->first_ms = now_ms;
	g->refused_ms = now_ms;
	used = g->window_s > 0 ? sum(g, start(g, now_ms), g->last_s) : 0;
	if (used == 0 || used < g->count - g->count / NEAR)
		return false;
	if (used < g->count)
		g->count = used;
	if (g->proven_ms == 0)
		g->proven_ms = now_ms;
	return true;
}

bool
guess_is_news(const struct guess *g, uint64_t now_ms)
{
	return g->window_s > 0 && g->proven_ms == now_ms;
}

/* --- use -------------------------------------------------------------------
 */

static bool
is_proven(struct guess *g, uint64_t now_ms)
{
	uint64_t keep_ms = UINT64_C(1000) * PROOF_WINDOWS * g->window_s;

	if (keep_ms < PROOF_MS)
		keep_ms = PROOF_MS;
	if (g->proven_ms > 0 && now_ms - g->proven_ms >= keep_ms)
		g->proven_ms = 0;
	return g->proven_ms > 0;
}

uint64_t
guess_full_until(struct guess *g, uint64_t now_ms)
{
	uint64_t at = look(g, now_ms);

	return at > 0 && is_proven(g, now_ms) ? at : 0;
}

/* One more than it takes is only sent when all others are answered. */
static uint64_t
when_to_prove(struct guess *g, uint64_t now_ms)
{
	uint64_t at = g->sent_ms + ASK_MS;

	return look(g, now_ms) > 0 && g->unanswered > 0 && now_ms < at ? at : 0;
}

uint64_t
guess_when(struct guess *g, uint64_t now_ms)
{
	uint64_t at = guess_full_until(g, now_ms);

	if (at > 0)
		return at;
	if (g->asked_ms > 0 && now_ms < g->asked_ms + ASK_MS)
		return g->asked_ms + ASK_MS;
	return when_to_prove(g, now_ms);
}

uint64_t
guess_pause_ms(const struct guess *g, uint64_t now_ms)
{
	uint64_t ms = (now_ms - g->first_ms) / PAUSE_SHARE;

	return g->first_ms > 0 && ms >= PAUSE_MS ? ms : 0;
}
