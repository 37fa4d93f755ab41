/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/sink_rules - what the sink does otherwise than a good provider: at a
 * stage of the session it replies something else, drops, resets or hangs; and
 * how long it takes for each reply.
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

struct sink_rule {
	enum sink_stage stage;
	char *address;  /* only for this sender or recipient; NULL: any */
	uint32_t times; /* how often still; 0: always */
	bool spent;
	enum sink_action action;
	struct smtp_reply reply;
};

struct sink_rules {
	struct sink_rule *rule; /* in the order given; the first that fits */
	size_t n;
	uint32_t delay_ms[SINK_STAGES];
};

void sink_rules_done(struct sink_rules *r);
/* "STAGE[<ADDRESS>][*TIMES]=CODE[:ENHANCED[:TEXT]]" or "=drop|reset|hang" */
MUST_CHECK int sink_rules_add(
    struct sink_rules *r, const char *text, struct err *err);
/* "MS" for all stages or "STAGE=MS" */
MUST_CHECK int sink_rules_delay(
    struct sink_rules *r, const char *text, struct err *err);
/* The rule for this stage, counted; NULL: none.  Borrowed. */
const struct sink_rule *sink_rules_match(
    struct sink_rules *r, enum sink_stage stage, struct str address);
const char *sink_rules_stage(enum sink_stage stage);

#endif
