/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/sendmail_turn - whose turn it is in an SMTP session that goes through:
 * what the caller has said that the daemon has not answered.  Who pipelines
 * gets answers in parts.
 */
#ifndef TOOLS_SENDMAIL_TURN_H
#define TOOLS_SENDMAIL_TURN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sendmail_turn {
	uint64_t owed;   /* replies */
	uint64_t octets; /* of a chunk (BDAT) that are still to come */
	unsigned code;   /* of the last reply; 0 there was none */
	bool is_content; /* lines up to the dot */
	/* What was said behind a DATA that is not answered is content, or
	 * commands: its answer tells. */
	uint64_t until_data; /* so many replies, the last is DATA's; 0: none */
	uint64_t after_dot;  /* commands behind the dot of that content */
	bool is_behind, is_dot_behind;
	bool is_unsure; /* a second DATA behind it: nobody can tell */
	char line[64];  /* the caller's, as much as tells what it is */
	size_t n;       /* its length so far */
	char reply[4];  /* the daemon's line: "250-" */
	size_t nreply;
};

/* The greeting is owed. */
void sendmail_turn_init(struct sendmail_turn *t);
/* What the caller said, and what the daemon did, in any pieces. */
void sendmail_turn_said(struct sendmail_turn *t, const char *p, size_t n);
void sendmail_turn_heard(struct sendmail_turn *t, const char *p, size_t n);
/* The daemon has told that it ends the session. */
bool sendmail_turn_is_over(const struct sendmail_turn *t);

#endif
