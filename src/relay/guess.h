/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/guess - finds the window of some seconds to an hour that a provider
 * counts in, and how many it takes in it, where nobody has said so.  Where it
 * refuses everything for a while, the limit is what was sent in a window before
 * the first refusal, and its window one in which nothing of that had left when
 * it last refused, and something had when it took one again.  Until then one
 * message at a time asks.  When the window is full for the first time, one more
 * has to be refused: else it was something else.  Pure: the time is handed in.
 */
#ifndef RELAY_GUESS_H
#define RELAY_GUESS_H

#include <stdbool.h>
#include <stdint.h>

#define GUESS_PARTS 5400 /* seconds: the longest window, and a half more */

struct guess {
	uint16_t sent[GUESS_PARTS]; /* in each second; what was refused not */
	uint64_t last_s;
	uint64_t first_ms;   /* it refuses everything since; 0: it does not */
	uint64_t refused_ms; /* the last refusal */
	uint64_t asked_ms;   /* one is on its way to ask; 0: none */
	uint32_t count;      /* that it takes in window_s */
	uint32_t window_s;   /* 0: nothing is known */
	uint64_t full_ms;    /* it is full until then; 0: not known to be */
	uint64_t proven_ms;  /* it refused one too many; 0: it has to yet */
	uint32_t unanswered; /* sent, and neither taken nor refused */
	uint64_t sent_ms;    /* the last */
};

/* 0: one may start; else when to ask again. */
uint64_t guess_when(struct guess *g, uint64_t now_ms);
/* The same by the window alone, once it is proven. */
uint64_t guess_full_until(struct guess *g, uint64_t now_ms);
void guess_sent(struct guess *g, uint64_t now_ms);
/* true: there may be a window now. */
bool guess_took(struct guess *g, uint64_t now_ms);
/* true: the window that is known explains it. */
bool guess_refused(struct guess *g, uint64_t now_ms);
/* It is proven by this very refusal. */
bool guess_is_news(const struct guess *g, uint64_t now_ms);
/* It refuses everything for long: the next may ask after so long; 0: it is a
 * matter of seconds. */
uint64_t guess_pause_ms(const struct guess *g, uint64_t now_ms);

#endif
