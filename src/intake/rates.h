/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/rates - how many messages and recipients come from whom: clients of a
 * listener, and users.  One table with one mutex for all threads that bring
 * mail; it outlives a reload (a rate that has changed starts anew).
 *
 * Who is over the rate is refused, or slowed: what comes then costs twice and
 * on credit, and waits until the debt is paid, so he goes on at half of the
 * rate however many connections he has.  A wait beyond RATES_WAIT_MAX_MS is
 * refused: the client would give up sooner, and so the debt is bounded.
 *
 * Memory: those whose buckets are full again are forgotten, a few at each call,
 * those who came last the longest ago first; at most RATES_KEPT are kept.
 */
#ifndef INTAKE_RATES_H
#define INTAKE_RATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/mail/rate.h"

#define RATES_MAX 8 /* of one kind of sender */
#define RATES_KEPT 65536u
#define RATES_WAIT_MAX_MS 30000u

struct rates_ask {
	const char *scope; /* the listener; "" for users */
	const char *name;  /* the client, the user */
	const struct rate *rates;
	size_t nrates; /* at most RATES_MAX */
};

enum rates_verdict {
	RATES_OK,   /* counted */
	RATES_SLOW, /* counted; let it wait for wait_ms */
	RATES_OVER, /* not counted; wait_ms until it might be */
};

struct rates_answer {
	enum rates_verdict verdict;
	uint64_t wait_ms;
	size_t which; /* the ask that has to wait the longest */
	bool is_news; /* the first time since a minute that this one is over */
};

/* One more message or recipient: of all that ask, or of none.  Any thread. */
void rates_take(struct rates_answer *answer, const struct rates_ask *asks,
    size_t n, enum rate_of of, bool slow);
size_t rates_kept(void);

#endif
