/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mail/dsn_out - the only way by which bytes get into a report: bounded, and
 * cleaned where they come from outside.
 */
#ifndef MAIL_DSN_OUT_H
#define MAIL_DSN_OUT_H

#include <stdbool.h>

#include "postern/base/buf.h"
#include "postern/base/str.h"

enum { DSN_OUT_LINE = 998, DSN_OUT_WIDTH = 76 };

struct dsn_out {
	struct buf *buf; /* borrowed */
	bool full;       /* sticks: something did not fit */
	bool eight_bit;  /* something above 0x7f was put in */
};

/* Our own words. */
void dsn_out_text(struct dsn_out *o, const char *text);
void dsn_out_textf(struct dsn_out *o, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Somebody's words on one line: at most max octets; control bytes and what is
 * no UTF-8 (without utf8: all above 0x7f) become "?". */
void dsn_out_clean(struct dsn_out *o, struct str s, size_t max, bool utf8);
/* The same as indented paragraphs of DSN_OUT_WIDTH columns, CRLF at the end. */
void dsn_out_wrapped(struct dsn_out *o, struct str s, const char *indent);
/* Lines of a message: CRLF, no NUL, no bare CR, none over DSN_OUT_LINE. */
void dsn_out_lines(struct dsn_out *o, struct str s);
/* What was put in from this place of buf on becomes quoted-printable (RFC 2045
 * 6.7); lines end in CRLF. */
void dsn_out_encode(struct dsn_out *o, size_t from);

#endif
