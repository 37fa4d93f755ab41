/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/sendmail_letter - the message that comes in at standard input, read
 * whole before anything of it is sent, with line ends of whatever kind made
 * CRLF.  No NUL and no CR or LF that stands alone is left, since no mail system
 * takes those: NUL goes, a CR inside a line is a blank in the header and ends
 * the line in the body.
 */
#ifndef TOOLS_SENDMAIL_LETTER_H
#define TOOLS_SENDMAIL_LETTER_H

#include <stdbool.h>
#include <stddef.h>

#include "postern/base/buf.h"
#include "postern/base/err.h"

#define SENDMAIL_LETTER_MAX (1u << 30) /* bytes; the daemon's own is less */

struct sendmail_rcpts;

struct sendmail_letter {
	struct buf text; /* whole lines */
	size_t header;   /* so much of it is header, without the empty line */
	bool lacks_line; /* the empty line behind the header */
	bool has_8bit;
	bool has_from, is_resent; /* fields of the header */
};

/* Up to the end, or a line with a dot alone unless ignores_dots. */
MUST_CHECK int sendmail_letter_read(
    struct sendmail_letter *l, int fd, bool ignores_dots, struct err *err);
/* Adds what To, Cc and Bcc say, or Resent-To, Resent-Cc and Resent-Bcc where a
 * field of that kind is there.  false: too many. */
bool sendmail_letter_rcpts(
    const struct sendmail_letter *l, struct sendmail_rcpts *r);
void sendmail_letter_done(struct sendmail_letter *l);

#endif
