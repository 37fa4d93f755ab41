/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp/command - bytes to command lines, lines to verb, argument and ESMTP
 * parameters.  Pure.
 *
 * Only CRLF ends a line (RFC 5321 2.3.8).  A CR or LF alone and NUL are bytes
 * of the line and make it dirty: it is never taken for two.  Where bare LF is
 * allowed, each LF ends a line, after a CR or not.
 */
#ifndef SMTP_COMMAND_H
#define SMTP_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/buf.h"
#include "postern/base/str.h"

enum command_status {
	COMMAND_MORE,     /* no line yet; everything was taken */
	COMMAND_LINE,     /* *line is one, without its line end */
	COMMAND_TOO_LONG, /* the end of a line over the maximum */
};

/* Cuts the input into lines.  Holds memory only for the start of a line, and
 * wipes it: there may be a password in it.  A line of AUTH's may be longer than
 * the others (RFC 4954 section 4). */
struct command_lines {
	struct buf held;
	size_t line_max, auth_max;
	bool answering;  /* the next line is a part of AUTH's dialogue */
	bool is_auth;    /* this line, or the last one, is AUTH's */
	bool bare_lf;    /* LF alone ends a line; set by the owner */
	bool had_bare;   /* the last line ended so */
	bool skipping;   /* the tail of a line that is too long */
	bool after_cr;   /* while skipping: the last byte was CR */
	bool handed_out; /* held is the line that was given last */
};

enum { COMMAND_AUTH_MAX = 12288 }; /* octets, CRLF included */

void command_lines_init(struct command_lines *l, size_t line_max);
void command_lines_done(struct command_lines *l);
/* The line that was handed out is not needed any more. */
void command_lines_release(struct command_lines *l);
/* *took bytes of the input were used.  *line: a part of p, or held here until
 * the next call or command_lines_release(). */
enum command_status command_lines_next(struct command_lines *l, const char *p,
    size_t n, size_t *took, struct str *line);

/* Are there a CR, an LF or a NUL in it? */
bool command_is_dirty(struct str line);
/* "VERB argument": white space at the end is dropped (4.1.1). */
void command_split(struct str line, struct str *verb, struct str *argument);

struct command_param {
	struct str key, value;
	bool has_value; /* there is a "=" */
};

/* The next of "KEY=value KEY2 ..." (4.1.1.11): 1 *p is set, 0 none is left,
 * -1 syntax.  utf8: values may hold bytes above 0x7f (RFC 6531 3.3). */
int command_param(struct str *rest, bool utf8, struct command_param *p);

/* Decimal digits, at most 20 (RFC 1870): true and *v.  What does not fit is
 * UINT64_MAX: it never wraps. */
bool command_size(struct str s, uint64_t *v);

#endif
