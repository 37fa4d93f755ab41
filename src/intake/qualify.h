/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/qualify - addresses without a domain in a field of the header get one
 * (RFC 5322 3.4; RFC 6409 4.2 and 8).  Only where nothing else can be meant:
 * an atom that stands alone, or alone in <>, "root" and "Cron <root>".  What
 * has an "@" stays, also "ann@web1"; so do quoted texts, several words without
 * <>, encoded words, and a field that is not understood.  Pure.
 */
#ifndef INTAKE_QUALIFY_H
#define INTAKE_QUALIFY_H

#include <stdbool.h>

#include "postern/base/buf.h"
#include "postern/base/str.h"

#define QUALIFY_LINE_MAX 998 /* octets without CRLF, RFC 5322 2.1.1 */

enum qualify_result {
	QUALIFY_AS_IT_IS,
	QUALIFY_DONE,     /* the field as it should be was added to out */
	QUALIFY_UNCLEAR,  /* it is not understood; as the next, nothing added */
	QUALIFY_TOO_LONG, /* a line, or the whole, would be */
};

/* field: "To: ann, bob\r\n", with its folded lines. */
enum qualify_result qualify_field(
    struct str field, struct str domain, struct buf *out);

#endif
