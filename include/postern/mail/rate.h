/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mail/rate - so many messages, recipients or logins in a time: "14 msg/s",
 * "500 rcpt/min", "40 msg/8s", "10 login/10min"; "50000 rcpt/day@00:00Z": from
 * then to then instead of in any 24 hours.  The one parser of rates.  Pure.
 */
#ifndef MAIL_RATE_H
#define MAIL_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/base/err.h"
#include "postern/base/str.h"

#define RATE_COUNT_MAX 1000000000u
#define RATE_DAY_MS (UINT64_C(86400) * 1000)
#define RATE_PERIOD_MAX_MS (30 * RATE_DAY_MS)

enum rate_of { RATE_MESSAGES, RATE_RECIPIENTS, RATE_LOGINS };

struct rate {
	enum rate_of of;
	uint32_t count;     /* 1 .. RATE_COUNT_MAX */
	uint64_t period_ms; /* a second .. RATE_PERIOD_MAX_MS */
	bool is_fixed;      /* it starts anew at a time of the day (UTC) */
	uint32_t reset_ms;  /* that time; 0 where it is not */
};

/* Of messages or recipients in any time of that length: a fixed reset is
 * refused.
 * -1: err->text is "what is wrong; what to write". */
MUST_CHECK int rate_parse(struct rate *r, struct str text, struct err *err);
/* Of logins, and of nothing else. */
MUST_CHECK int rate_parse_logins(
    struct rate *r, struct str text, struct err *err);
/* As rate_parse(), or with a fixed reset behind a day. */
MUST_CHECK int rate_parse_quota(
    struct rate *r, struct str text, struct err *err);

#endif
