/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mail/message - content as it travels: dot-stuffing and the byte gates.
 * Pure state machines; the result never depends on how input is cut.
 * RFC 5321 4.5.2, 2.3.8 (only CRLF ends a line).
 */
#ifndef MAIL_MESSAGE_H
#define MAIL_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/buf.h"
#include "postern/base/str.h"

/* What was wrong with the bytes; sticks once set. */
enum message_fault {
	MESSAGE_OK,
	MESSAGE_BARE_CR,
	MESSAGE_BARE_LF,
	MESSAGE_NUL,
	MESSAGE_LINE_TOO_LONG, /* more than 1,000 octets with CRLF, only where
	                          asked */
};

/* Looks at content bytes as they pass. */
struct message_scan {
	uint8_t state;
	bool in_body; /* the empty line has passed */
	bool header_8bit, body_8bit;
	uint32_t line;    /* octets of the current line */
	uint32_t longest; /* octets of the longest line, CRLF included */
	enum message_fault fault;
	bool in_header; /* the fault is */
	uint64_t size;
};
void message_scan_init(struct message_scan *s);
void message_scan(struct message_scan *s, const char *p, size_t n);
/* A CR at the very end is bare. */
void message_scan_end(struct message_scan *s);
/* After that: nothing but lines, the last one whole?  Else it is binary. */
bool message_scan_is_lines(const struct message_scan *s);

/* DATA of a server: removes stuffed dots, finds CRLF.CRLF (also at once).
 * Only CRLF.CRLF ends it.  The CRLF before the dot belongs to the content. */
struct message_unstuff {
	uint8_t state;
	bool bare_lf; /* each LF ends a line, after a CR or not */
};
void message_unstuff_init(struct message_unstuff *u, bool bare_lf);
/* Takes up to n bytes of p, puts content into out (room for n + 4 bytes).
 * Returns the bytes taken; *out_n the content; *end when the final dot's CRLF
 * was taken. */
size_t message_unstuff(struct message_unstuff *u, const char *p, size_t n,
    char *out, size_t *out_n, bool *end);
/* The same without a copy: one run of content at a time, a part of p (or a
 * constant), perhaps empty.  Call again with what is left until *end; it may
 * take nothing and give content, once. */
size_t message_unstuff_next(struct message_unstuff *u, const char *p, size_t n,
    struct str *content, bool *end);

/* Lines that may end with LF alone, made to end with CRLF. */
struct message_newline {
	bool after_cr;
};
void message_newline_init(struct message_newline *l);
/* out has room for 2 * n bytes; returns how many they became.  *nbare grows by
 * the LFs that stood alone. */
size_t message_newline(struct message_newline *l, const char *p, size_t n,
    char *out, uint64_t *nbare);

/* DATA of a client: stuffs dots, and is the second gate: it emits nothing
 * after the first bare CR, bare LF or NUL. */
struct message_stuff {
	uint8_t state;
	enum message_fault fault;
};
void message_stuff_init(struct message_stuff *s);
/* 0 appended to out; -1 fault set, or out is full (fault MESSAGE_OK): give the
 * session up in both cases.  A CR at the end of p is held until its LF. */
MUST_CHECK int message_stuff(
    struct message_stuff *s, struct buf *out, const char *p, size_t n);
/* The end: CRLF where the content does not end with one, then ".CRLF". */
MUST_CHECK int message_stuff_end(struct message_stuff *s, struct buf *out);

#endif
