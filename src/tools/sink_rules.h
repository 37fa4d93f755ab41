/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/sink_rules - what the sink does otherwise than a good provider: at a
 * moment of a session it replies something else, drops, resets or hangs.  Pure:
 * the caller hands the time in, chance comes from a seed.
 */
#ifndef TOOLS_SINK_RULES_H
#define TOOLS_SINK_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/err.h"
#include "postern/base/str.h"
#include "postern/smtp/smtp_server.h"

enum sink_stage {
	SINK_HANDSHAKE, /* TLS is about to begin: no replies here */
	SINK_BANNER,
	SINK_EHLO, /* HELO too */
	SINK_STARTTLS,
	SINK_AUTH,
	SINK_MAIL,
	SINK_RCPT,
	SINK_DATA, /* DATA, or the first BDAT */
	SINK_BODY, /* the first octets of the content: no replies here */
	SINK_DOT,  /* the content's end: it is not kept yet */
	SINK_KEPT, /* the message is kept, its reply not yet sent */
	SINK_RSET,
	SINK_NOOP,
	SINK_QUIT,
	SINK_STAGES
};

enum sink_action {
	SINK_REPLY,
	SINK_DROP,  /* close */
	SINK_RESET, /* close with a TCP reset */
	SINK_HANG,  /* say nothing, for ever */
};

/* What is done: of rules, limits, the end of an idle session. */
struct sink_deed {
	enum sink_action action;
	struct smtp_reply reply;
};

/* From .. until, since the start of the sink or its script; until 0: always. */
struct sink_span {
	uint64_t from_us, until_us;
};

struct sink_range {
	uint64_t first, last; /* last 0: any number */
};

/* Where a session stands. */
struct sink_moment {
	enum sink_stage stage;
	uint64_t us;         /* since the start */
	uint64_t connection; /* its number, from 1 */
	uint32_t nth;        /* message of its session, from 1; 0: none yet */
	uint64_t message;    /* of all sessions, from 1; 0: none yet */
	bool has_sender;
	struct str sender;
	const struct str *rcpt; /* at rcpt the one, later all accepted ones */
	size_t nrcpts;
};

struct sink_rule {
	uint32_t stages;          /* bits of enum sink_stage */
	char *sender, *recipient; /* patterns; NULL: any */
	struct sink_span span;
	struct sink_range connection, nth, message;
	uint32_t times; /* how often still; 0: always */
	uint32_t every; /* each n-th that fits otherwise; 0: each */
	double chance;  /* 0 .. 1 of those; 0: each */
	bool spent;
	uint32_t fitted; /* counts for every */
	uint64_t random; /* the state of its own chance */
	struct sink_deed deed;
};

struct sink_rules {
	struct sink_rule *rule; /* in the order given; the first that fits */
	size_t n;
};

void sink_rules_done(struct sink_rules *r);
/* "STAGE[<ADDRESS>][*TIMES]=CODE[:ENHANCED[:TEXT]]" or "=drop|reset|hang" */
MUST_CHECK int sink_rules_add(
    struct sink_rules *r, const char *text, struct err *err);
/* Takes over what *rule owns, also where it fails. */
MUST_CHECK int sink_rules_put(
    struct sink_rules *r, struct sink_rule *rule, struct err *err);
void sink_rules_seed(struct sink_rules *r, uint64_t seed);
/* The rule for this moment, counted; NULL: none.  Borrowed. */
const struct sink_rule *sink_rules_match(
    struct sink_rules *r, const struct sink_moment *m);

const char *sink_rules_stage(enum sink_stage stage);
MUST_CHECK int sink_rules_find_stage(
    struct str word, enum sink_stage *out, struct err *err);
/* "CODE[:ENHANCED[:TEXT]]", "drop", "reset", "hang" */
MUST_CHECK int sink_rules_deed(
    struct sink_deed *d, struct str what, struct err *err);
bool sink_rules_in_span(const struct sink_span *s, uint64_t us);
/* The next of a sequence; *state is its seed. */
uint64_t sink_rules_random(uint64_t *state);

#endif
