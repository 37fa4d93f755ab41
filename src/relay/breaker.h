/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/breaker - is it worth asking this provider?  Closed (yes), open (not
 * before a time), half-open (one try, whose result decides).  Pure: time and
 * randomness are handed in.  relay.md 5.4.
 */
#ifndef RELAY_BREAKER_H
#define RELAY_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };

struct breaker_settings {
	uint32_t failures; /* in a row, then it opens */
	uint64_t open_ms, open_max_ms;
};

struct breaker {
	enum breaker_state state;
	uint32_t failures;       /* counted ones in a row */
	uint64_t until_ms;       /* of an open one */
	uint64_t length_ms;      /* of the last opening; 0: closed since */
	uint64_t window_ms;      /* start of the window that counts shares */
	uint32_t asked, refused; /* in that window */
};

void breaker_init(struct breaker *b);
/* The provider worked: closes. */
void breaker_ok(struct breaker *b, uint64_t now_ms);
/* A counted failure; rnd: any 64 random bits (the opening varies by 20 %).
 * true: it has opened now. */
bool breaker_fail(struct breaker *b, const struct breaker_settings *s,
    uint64_t now_ms, uint64_t rnd);
/* Opens at once: base_ms, doubled each time until it worked, at most max_ms. */
void breaker_trip(struct breaker *b, const struct breaker_settings *s,
    uint64_t now_ms, uint64_t rnd);
/* May it be asked?  An open one whose time is over becomes half-open. */
bool breaker_allows(struct breaker *b, uint64_t now_ms);
const char *breaker_word(const struct breaker *b); /* for the log */

#endif
