/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/breaker - is it worth asking this provider?  Closed (yes), open (not
 * before a time), half-open (a session without a message is to tell), on trial
 * (that one was good: the first message decides).  Pure: time and randomness
 * are handed in.  relay.md 5.4.
 */
#ifndef RELAY_BREAKER_H
#define RELAY_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

enum breaker_state {
	BREAKER_CLOSED,
	BREAKER_OPEN,
	BREAKER_HALF_OPEN,
	BREAKER_TRIAL
};

struct breaker_settings {
	uint32_t failures; /* in a row, then it opens */
	uint64_t open_ms, open_max_ms;
	bool is_hard; /* sessions from before tell nothing about new ones */
};

struct breaker {
	enum breaker_state state;
	uint32_t failures;       /* counted ones in a row */
	uint64_t until_ms;       /* of an open one */
	uint64_t length_ms;      /* of the last opening; 0: closed since */
	bool is_hard;            /* that opening */
	uint64_t window_ms;      /* start of the window that counts shares */
	uint32_t asked, refused; /* in that window */
};

void breaker_init(struct breaker *b);
/* The provider worked: closes, but for a hard opening, which only a session
 * that came after it can close.  true: it has closed now. */
bool breaker_ok(struct breaker *b, uint64_t now_ms);
/* A counted failure; rnd: any 64 random bits (the opening varies by 20 %).
 * true: it has opened now. */
bool breaker_fail(struct breaker *b, const struct breaker_settings *s,
    uint64_t now_ms, uint64_t rnd);
/* An open one stays so until then, whatever its length. */
void breaker_defer(struct breaker *b, uint64_t until_ms);
/* Opens at once: open_ms, doubled each time until it worked, at most
 * open_max_ms, counted from from_ms, where the attempt began that failed. */
void breaker_trip(struct breaker *b, const struct breaker_settings *s,
    uint64_t from_ms, uint64_t rnd);
/* As it was before a restart: open for left_ms more, of an opening of
 * length_ms.  Neither is more than such an opening may have. */
void breaker_restore(struct breaker *b, const struct breaker_settings *s,
    uint64_t now_ms, uint64_t left_ms, uint64_t length_ms);
/* What it was opened for may be mended: an open one's time is over. */
void breaker_hasten(struct breaker *b, uint64_t now_ms);
/* May mail go there? */
bool breaker_allows(const struct breaker *b);
/* An open one whose time is over becomes half-open; true: it is. */
bool breaker_wants_probe(struct breaker *b, uint64_t now_ms);
/* A session without a message got through: it is on trial. */
void breaker_probed(struct breaker *b);
const char *breaker_word(const struct breaker *b); /* for the log */

#endif
