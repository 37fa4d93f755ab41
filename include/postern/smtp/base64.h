/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp/base64 - RFC 4648 section 4, as AUTH needs it: one line, padded.
 */
#ifndef SMTP_BASE64_H
#define SMTP_BASE64_H

#include <stddef.h>

#include "postern/base/buf.h"
#include "postern/base/str.h"

/* Octets that n octets become. */
size_t base64_len(size_t n);
/* 0 appended; -1 out is full: nothing appended. */
MUST_CHECK int base64_add(struct buf *out, struct str s);
/* Strict: padded, nothing but digits, no bits set that nobody asked for, so
 * that each text has one spelling.  0 appended; -1 it is none of that, or out
 * is full: nothing appended. */
MUST_CHECK int base64_take(struct buf *out, struct str s);

#endif
