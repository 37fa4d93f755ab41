/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mail/header_name - reads what a line of a header begins with, byte by byte: a
 * field's name and its colon, or the white space with which the field before it
 * goes on (RFC 5322 2.2; white space before the colon is 4.5).  Pure.
 */
#ifndef MAIL_HEADER_NAME_H
#define MAIL_HEADER_NAME_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/base/str.h"

#define HEADER_FIELD_MAX 63 /* octets of a name that one may ask for */

struct header_name { /* zeroed: a line begins */
	uint8_t state, len;
	char text[HEADER_FIELD_MAX];
};

enum header_name_what {
	HEADER_NAME_MORE,  /* it cannot be told yet, but that it is no fold */
	HEADER_NAME_FOLD,  /* the field of the line before goes on */
	HEADER_NAME_FIELD, /* its colon has come */
	HEADER_NAME_OTHER, /* no field, or one whose name is longer than that */
};

void header_name_line(struct header_name *h); /* another line begins */
/* Any byte but LF, until the answer is not HEADER_NAME_MORE. */
enum header_name_what header_name_byte(struct header_name *h, char c);
/* LF has come: was the line empty, so that the header is over? */
bool header_name_is_end(const struct header_name *h);
/* Borrowed from *h, until another line begins. */
struct str header_name_str(const struct header_name *h);

#endif
