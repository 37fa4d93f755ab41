/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/bucket - a token bucket: may one more message or recipient come?  As
 * many as the rate's count are saved up; it may be overdrawn.  Pure: the caller
 * hands the time in.
 */
#ifndef INTAKE_BUCKET_H
#define INTAKE_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/mail/rate.h"

struct bucket {
	struct rate rate;
	int64_t held; /* parts: a token is period_ms of them */
	uint64_t last_ms;
};

void bucket_init(struct bucket *b, const struct rate *rate, uint64_t now_ms);
/* What has come in since the last time; before the others. */
void bucket_refill(struct bucket *b, uint64_t now_ms);
bool bucket_is_full(const struct bucket *b);
/* ms until n tokens are in it; 0: they are. */
uint64_t bucket_wait_ms(const struct bucket *b, unsigned n);
/* Also those that are not there: then bucket_wait_ms() of none is above 0. */
void bucket_take(struct bucket *b, unsigned n);

#endif
