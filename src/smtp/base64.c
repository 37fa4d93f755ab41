/* SPDX-License-Identifier: Apache-2.0 */
#include "smtp/base64.h"

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
