/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/adapt - finds the rate that a provider takes, where it says "slower".
 * After a refusal: 0.85 of what it took in the last three seconds; from then on
 * carefully up to what was refused, and faster beyond.  Where that does not
 * help, because its window is a long one, the window is found (guess.h).  Pure:
 * the time is handed in.  relay.md 5.2.
 */
#ifndef RELAY_ADAPT_H
#define RELAY_ADAPT_H

#include <stdbool.h>
#include <stdint.h>

#include "relay/guess.h"

#define ADAPT_SECONDS 4 /* of taken messages: this one and three before */

struct adapt {
	bool is_on;        /* else there is no bound */
	double rate;       /* messages a second */
	double ceiling;    /* at which it refused; 0: forgotten */
	double cap;        /* the most that it is known to take */
	uint64_t grown_ms; /* rate is as of then */
	bool took_since;   /* something, since the last cut */
	uint64_t cut_ms;   /* the last refusal that was heeded */
	double next_ms;    /* not before that */
	uint32_t took[ADAPT_SECONDS];
	uint64_t took_s;   /* the second of the last */
	uint64_t since_ms; /* it takes messages, without a pause */
	struct guess guess;
};

/* 0: a message may start; else when to ask again.  rate_max: configured, a
 * second; 0: none. */
uint64_t adapt_when(struct adapt *a, double rate_max, uint64_t now_ms);
void adapt_sent(struct adapt *a, uint64_t now_ms);
void adapt_took(struct adapt *a, uint64_t now_ms);
/* "Slower". */
enum adapt_result {
	ADAPT_SLOWER, /* the rate was cut */
	ADAPT_AGAIN,  /* one in the same second has said so before, or its
	               * window is full */
	ADAPT_SHUT,   /* it has taken nothing since the last cut: a slower rate
	               * does not help, only time does */
};
enum adapt_result adapt_refused(struct adapt *a, uint64_t now_ms);

#endif
