/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp/reply - the replies of a server (RFC 5321 4.2, RFC 2034) out of a
 * stream.  Every byte is an attacker's until proven otherwise: the lines, the
 * reply and its text have limits, and what does not follow the grammar is
 * refused, not guessed at.  Allowed as RFC 5321 allows it: a code without text,
 * with or without the space.  Refused: a line that ends in anything but CRLF,
 * lines of one reply with different codes.
 */
#ifndef SMTP_REPLY_H
#define SMTP_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/str.h"
#include "postern/smtp/outcome.h"

enum {
	REPLY_LINE_MAX = 2048, /* octets, CRLF included */
	REPLY_LINES_MAX = 128,
	REPLY_BYTES_MAX = 65536, /* of all lines of one reply */
};

enum reply_result { REPLY_MORE, REPLY_WHOLE, REPLY_BAD };

/* A line of the reply, text behind the code; index counts from 0. */
typedef void reply_line_fn(void *arg, unsigned index, struct str text);

struct reply {
	uint16_t code;
	char enhanced[12]; /* "" where none is given or its class is wrong */
	char text[sizeof((struct outcome *)0)->text];
	const char *fault; /* what REPLY_BAD was about; static */
	/* the parser's own */
	uint16_t text_len, line_len;
	unsigned lines;
	uint32_t bytes;
	bool over; /* the next byte begins a new reply */
	reply_line_fn *on_line;
	void *arg;
	char line[REPLY_LINE_MAX];
};

/* on_line may be NULL. */
void reply_init(struct reply *r, reply_line_fn *on_line, void *arg);
/* Takes up to n bytes; *taken says how many: with REPLY_WHOLE the rest is the
 * next reply's, which begins with the next call.  REPLY_BAD sticks. */
enum reply_result reply_feed(
    struct reply *r, const char *p, size_t n, size_t *taken);

#endif
