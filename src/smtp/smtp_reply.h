/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SMTP_SMTP_REPLY_H
#define SMTP_SMTP_REPLY_H

#include <stdbool.h>
#include <stddef.h>

struct smtp_reply;

struct smtp_reply_style {
	bool enhanced; /* with the enhanced code, if there is one */
	bool utf8;     /* bytes above 0x7f may pass */
};

/* Writes "250 2.1.0 text CRLF" (RFC 5321 4.5.3.1.5: at most 512 octets) and
 * returns its length.  Bytes that would end or disturb the line become "?". */
size_t smtp_reply_line(const struct smtp_reply *r,
    const struct smtp_reply_style *style, char out[512]);

#endif
