/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/smtp/base64.h"

static const char digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t
base64_len(size_t n)
{
	return n / 3 * 4 + (n % 3 != 0 ? 4 : 0);
}

/* One to three octets become four characters. */
static void
group(char out[4], const unsigned char *p, size_t n)
{
	uint32_t v = (uint32_t)p[0] << 16;

	if (n > 1)
		v |= (uint32_t)p[1] << 8;
	if (n > 2)
		v |= p[2];
	out[0] = digits[v >> 18];
	out[1] = digits[v >> 12 & 63];
	out[2] = n > 1 ? digits[v >> 6 & 63] : '=';
	out[3] = n > 2 ? digits[v & 63] : '=';
}

int
base64_add(struct buf *out, struct str s)
{
	size_t n = base64_len(s.len);
	char *room = buf_room(out, n);

	if (room == NULL)
		return -1;
	for (size_t i = 0; i < s.len; i += 3) {
		size_t left = s.len - i < 3 ? s.len - i : 3;

		group(room, (const unsigned char *)s.p + i, left);
		room += 4;
	}
	buf_wrote(out, n);
	return 0;
}

/* The digit's six bits; 64: it is none. */
static uint32_t
bits_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (uint32_t)(c - 'A');
	if (c >= 'a' && c <= 'z')
		return (uint32_t)(c - 'a') + 26;
	if (c >= '0' && c <= '9')
		return (uint32_t)(c - '0') + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : 64;
}

/* Four characters, of which n are digits, become n - 1 octets. */
static int
ungroup(char *out, const char *p, size_t n)
{
	uint32_t v = 0;

	for (size_t i = 0; i < 4; i++) {
		uint32_t bits = i < n ? bits_of(p[i]) : 0;

		if (bits > 63)
			return -1;
		v = v << 6 | bits;
	}
	if ((n == 2 && (v & 0xffff) != 0) || (n == 3 && (v & 0xff) != 0))
		return -1;
	for (size_t i = 0; i + 1 < n; i++)
		out[i] = (char)(v >> (16 - 8 * i) & 0xff);
	return 0;
}

int
base64_take(struct buf *out, struct str s)
{
	size_t pad = 0;
	char *room;

	if (s.len % 4 != 0)
		return -1;
	while (pad < 2 && pad < s.len && s.p[s.len - 1 - pad] == '=')
		pad++;
	room = buf_room(out, s.len / 4 * 3 - pad);
	if (room == NULL)
		return -1;
	for (size_t i = 0; i < s.len; i += 4) {
		size_t n = i + 4 == s.len ? 4 - pad : 4;

		if (ungroup(room, s.p + i, n) != 0)
			return -1;
		room += n - 1;
	}
	buf_wrote(out, s.len / 4 * 3 - pad);
	return 0;
}
