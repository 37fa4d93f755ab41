/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mail/header_field - one field of a header section after the other, as they
 * stand there (RFC 5322 2.2).  Pure.
 */
#ifndef MAIL_HEADER_FIELD_H
#define MAIL_HEADER_FIELD_H

#include <stdbool.h>
#include <stddef.h>

#include "postern/base/str.h"

/* A field with its folded lines; what is no field has no name. */
struct header_field {
	struct str whole, name;
	struct str value; /* behind the colon, line end included */
};

/* The next one of the section, taken off; false: it is over. */
bool header_field_next(struct str *rest, struct header_field *f);
/* Octets up to the first LF, or all that is left. */
size_t header_field_line(struct str s);
bool header_field_is_blank(char c);

#endif
