/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mail/rate - so many messages or recipients in a time: "14 msg/s",
 * "500 rcpt/min", "40 msg/8s".  The one parser of rates.  Pure.
 */
#ifndef MAIL_RATE_H
#define MAIL_RATE_H

#include <stdint.h>

#include "postern/base/err.h"
#include "postern/base/str.h"

#define RATE_COUNT_MAX 1000000000u
#define RATE_PERIOD_MAX_MS (UINT64_C(30) * 86400 * 1000)

enum rate_of { RATE_MESSAGES, RATE_RECIPIENTS };

struct rate {
	enum rate_of of;
	uint32_t count;     /* 1 .. RATE_COUNT_MAX */
	uint64_t period_ms; /* a second .. RATE_PERIOD_MAX_MS */
};

/* -1: err->text is "what is wrong; what to write". */
MUST_CHECK int rate_parse(struct rate *r, struct str text, struct err *err);

#endif
