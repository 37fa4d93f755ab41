/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/mail/xtext.h"

static bool
is_plain(unsigned char c)
{
	return c > ' ' && c < 0x7f && c != '+' && c != '=';
}

/* Only capitals are hex digits here: "hexchar" of RFC 3461 4. */
static int
hex_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The byte that s begins with, and how long it is written; -1: not valid. */
static int
byte_of(struct str s, size_t *len)
{
	int high, low;

	*len = 1;
	if (is_plain((unsigned char)s.p[0]))
		return (unsigned char)s.p[0];
	if (s.p[0] != '+' || s.len < 3)
		return -1;
	*len = 3;
	high = hex_of(s.p[1]);
	low = hex_of(s.p[2]);
	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

bool
xtext_is_valid(struct str s)
{
	size_t len;

	for (; s.len > 0; s.p += len, s.len -= len) {
		if (byte_of(s, &len) < 0)
			return false;
	}
	return true;
}

bool
xtext_is_printable(struct str s)
{
	size_t len;

	for (; s.len > 0; s.p += len, s.len -= len) {
		int byte = byte_of(s, &len);

		if (byte < ' ' || byte >= 0x7f)
			return false;
	}
	return true;
}

int
xtext_encode(struct buf *out, struct str s)
{
	size_t need = s.len;

	for (size_t i = 0; i < s.len; i++)
		need += is_plain((unsigned char)s.p[i]) ? 0 : 2;
	if (need > 0 && buf_room(out, need) == NULL)
		return -1;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];
		char coded[3] = { '+', "0123456789ABCDEF"[c >> 4],
			"0123456789ABCDEF"[c & 15] };
		int r = is_plain(c) ? buf_add(out, &c, 1)
		                    : buf_add(out, coded, sizeof coded);

		if (r != 0)
			return -1;
	}
	return 0;
}

int
xtext_decode(struct buf *out, struct str s)
{
	size_t len;

	/* Never longer than it was. */
	if (!xtext_is_valid(s) || (s.len > 0 && buf_room(out, s.len) == NULL))
		return -1;
	for (; s.len > 0; s.p += len, s.len -= len) {
		char c = (char)byte_of(s, &len);

		if (buf_add(out, &c, 1) != 0)
			return -1;
	}
	return 0;
}
