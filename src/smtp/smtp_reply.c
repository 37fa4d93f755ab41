/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp/smtp_reply - one reply of the server: filled, and written as a line.
 */
#include "smtp/smtp_reply.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "postern/smtp/smtp_server.h"

int
smtp_reply_set(struct smtp_reply *r, uint16_t code, const char *enhanced,
    const char *fmt, ...)
{
	va_list ap;

	r->code = code;
	r->close = false;
	snprintf(r->enhanced, sizeof r->enhanced, "%s", enhanced);
	va_start(ap, fmt);
	vsnprintf(r->text, sizeof r->text, fmt, ap);
	va_end(ap);
	return SMTP_NOW;
}

/* A byte that may stand in a reply line (RFC 5321 4.2, RFC 6531 3.7.4). */
static char
harmless(char c, bool utf8)
{
	unsigned char b = (unsigned char)c;

	if (b >= 0x80)
		return utf8 ? c : '?';
	return b < ' ' || b == 0x7f ? '?' : c;
}

static char *
put(char *at, const char *text, size_t max, bool utf8)
{
	for (size_t i = 0; i < max && text[i] != '\0'; i++)
		*at++ = harmless(text[i], utf8);
	return at;
}

size_t
smtp_reply_line(const struct smtp_reply *r,
    const struct smtp_reply_style *style, char out[512])
{
	unsigned code = r->code % 1000u;
	char *at = out;

	*at++ = (char)('0' + code / 100);
	*at++ = (char)('0' + code / 10 % 10);
	*at++ = (char)('0' + code % 10);
	*at++ = ' ';
	if (style->enhanced && r->enhanced[0] != '\0') {
		at = put(at, r->enhanced, sizeof r->enhanced, false);
		*at++ = ' ';
	}
	at = put(at, r->text, sizeof r->text, style->utf8);
	memcpy(at, "\r\n", 2);
	return (size_t)(at - out) + 2;
}
