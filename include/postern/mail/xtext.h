/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mail/xtext - the encoding of ENVID and ORCPT (RFC 3461 4): bytes other than
 * "!" to "~" and "+" and "=" themselves are "+" and two upper case hex digits.
 */
#ifndef MAIL_XTEXT_H
#define MAIL_XTEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "postern/base/buf.h"
#include "postern/base/str.h"

bool xtext_is_valid(struct str s); /* an empty one is */
/* ... and decoded it is printable ASCII and spaces, so that it may stand in a
 * header field (RFC 3461 4.2, 4.4). */
bool xtext_is_printable(struct str s);
/* Appends; 0, or -1 beyond the buffer's maximum (decode: or not valid) with
 * the buffer as it was. */
MUST_CHECK int xtext_encode(struct buf *out, struct str s);
MUST_CHECK int xtext_decode(struct buf *out, struct str s);

#endif
