/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/sink_limits - limits as providers count them: so many messages or
 * recipients in any window of a time (or in fixed ones), so many sessions at a
 * time, so many messages a session.  Exact: each counted one is remembered for
 * as long as its window.  Pure: the caller hands the time in.
 */
#ifndef TOOLS_SINK_LIMITS_H
#define TOOLS_SINK_LIMITS_H

#include "postern/mail/rate.h"
#include "tools/sink_rules.h"

enum sink_limit_of { SINK_LIMIT_RATE, SINK_LIMIT_SESSIONS, SINK_LIMIT_MAILS };

struct sink_limit {
	enum sink_limit_of of;
	enum sink_stage at; /* where it is looked at, and counted */
	struct sink_span span;
	struct rate rate;
	bool is_fixed; /* windows begin at multiples of their length */
	uint32_t most; /* sessions, or messages of a session */
	struct sink_deed deed;
	char *text;      /* as written, for the log; owned */
	uint64_t *times; /* sliding: a ring of the last rate.count; owned */
	uint32_t at_ring, held;
	uint64_t window, counted; /* fixed: which one, and what is in it */
};

struct sink_limits {
	struct sink_limit *limit;
	size_t n;
};

/* What a limit looks at besides its own counts. */
struct sink_load {
	enum sink_stage stage;
	uint64_t us;         /* since the start */
	uint64_t wall_us;    /* for fixed windows */
	uint32_t recipients; /* at rcpt: 1, the one in question */
	uint32_t older;      /* open sessions that are older than this one */
	uint32_t mails;      /* kept from this session so far */
};

#define SINK_LIMIT_COUNT_MAX 1000000

void sink_limits_done(struct sink_limits *l);
/* Takes over what *limit owns, also where it fails. */
MUST_CHECK int sink_limits_put(
    struct sink_limits *l, struct sink_limit *limit, struct err *err);
/* The first limit that one more would pass; NULL: none.  Counts nothing. */
const struct sink_limit *sink_limits_over(
    struct sink_limits *l, const struct sink_load *load);
/* It was accepted at this stage.  true: a limit counted it. */
bool sink_limits_count(struct sink_limits *l, const struct sink_load *load);

#endif
