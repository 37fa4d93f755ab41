/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp/outcome - what the other side said, or that it went away: a result, not
 * an error (STYLE section 6.4).  relay/verdict makes a class of it.
 */
#ifndef SMTP_OUTCOME_H
#define SMTP_OUTCOME_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/base/err.h"
#include "postern/base/str.h"

enum outcome_stage {
	OUTCOME_DNS,
	OUTCOME_CONNECT,
	OUTCOME_BANNER,
	OUTCOME_EHLO,
	OUTCOME_STARTTLS,
	OUTCOME_TLS,
	OUTCOME_AUTH,
	OUTCOME_MAIL,
	OUTCOME_RCPT,
	OUTCOME_DATA,
	OUTCOME_BODY,
	OUTCOME_DOT,
	OUTCOME_RSET,
	OUTCOME_NOOP,
	OUTCOME_QUIT,
	OUTCOME_IDLE,
	OUTCOME_STAGES
};

enum outcome_io {
	OUTCOME_REPLY, /* a reply came: code and so on are set */
	OUTCOME_LOST,  /* closed, reset, refused */
	OUTCOME_TIMED_OUT,
	OUTCOME_NONSENSE, /* not SMTP, or over a limit */
	OUTCOME_LOCAL, /* we could not: content the gate refuses, a feature the
	                * peer lacks; text says which */
};

struct outcome {
	enum outcome_stage stage;
	enum outcome_io io;
	uint16_t code;     /* 0 without a reply */
	char enhanced[12]; /* "4.7.0" or "" */
	char text[512];    /* lines joined by a space, control bytes replaced */
	bool first_since_idle; /* first command on a re-used session */
	bool dot_sent;         /* the whole content with its end had left */
};

/* "mail", "dot", ...: in the log, the configuration, for operators. */
const char *outcome_stage_word(enum outcome_stage stage);
bool outcome_stage_of(struct str word, enum outcome_stage *stage);
/* A whole reply as a server gives it, of one or several lines that end in LF or
 * CRLF (the last one need not). */
MUST_CHECK int outcome_parse(struct outcome *o, enum outcome_stage stage,
    struct str text, struct err *err);

#endif
