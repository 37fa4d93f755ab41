/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/mail/drop.h"

#include <stdio.h>
#include <string.h>

static const char digits[] = "0123456789abcdef";

void
drop_name(char out[DROP_NAME + 1], const unsigned char bytes[DROP_NAME / 2])
{
	for (size_t i = 0; i < DROP_NAME / 2; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[DROP_NAME] = '\0';
}

static bool
is_hex(char c)
{
	return c != '\0' && strchr(digits, c) != NULL;
}

bool
drop_is_name(struct str s)
{
	if (s.len != DROP_NAME)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (!is_hex(s.p[i]))
			return false;
	}
	return true;
}

/* "postern-drop 1 00000000000000001234 89abcdef\n" */
void
drop_trailer(char out[DROP_TRAILER + 1], uint64_t length, uint32_t crc)
{
	(void)snprintf(out, DROP_TRAILER + 1, "postern-drop 1 %019llu %08x\n",
	    (unsigned long long)length, (unsigned)crc);
}

static uint32_t
read_hex(const char *p, size_t n)
{
	uint32_t v = 0;

	for (size_t i = 0; i < n; i++)
		v = v << 4 | (uint32_t)(strchr(digits, p[i]) - digits);
	return v;
}

bool
drop_read_trailer(const char in[DROP_TRAILER], uint64_t *length, uint32_t *crc)
{
	char again[DROP_TRAILER + 1];
	uint64_t n;

	if (!str_u64((struct str){ in + 15, 19 }, &n))
		return false;
	for (size_t i = 35; i < 43; i++) {
		if (!is_hex(in[i]))
			return false;
	}
	*length = n;
	*crc = read_hex(in + 35, 8);
	drop_trailer(again, *length, *crc);
	return memcmp(in, again, DROP_TRAILER) == 0;
}
