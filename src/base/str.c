/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/base/str.h"

#include <string.h>

static unsigned char
lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static bool
same_case(const char *a, const char *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (lower(a[i]) != lower(b[i]))
			return false;
	}
	return true;
}

struct str
str_of(const char *s)
{
	return (struct str){ s ? s : "", s ? strlen(s) : 0 };
}

bool
str_eq(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || !memcmp(a.p, b.p, a.len));
}

bool
str_eq_case(struct str a, struct str b)
{
	return a.len == b.len && same_case(a.p, b.p, a.len);
}

bool
str_is(struct str a, const char *word)
{
	return str_eq_case(a, str_of(word));
}

bool
str_starts_case(struct str a, struct str prefix)
{
	return a.len >= prefix.len && same_case(a.p, prefix.p, prefix.len);
}

bool
str_has_case(struct str hay, struct str needle)
{
	if (needle.len == 0 || needle.len > hay.len)
		return needle.len == 0; /* hay may be nowhere */
	for (size_t i = 0; i + needle.len <= hay.len; i++) {
		if (same_case(hay.p + i, needle.p, needle.len))
			return true;
	}
	return false;
}

struct str
str_cut(struct str *rest, char sep)
{
	const char *at = rest->len ? memchr(rest->p, sep, rest->len) : NULL;
	struct str part = *rest;

	if (at)
		part.len = (size_t)(at - rest->p);
	rest->p = rest->len ? rest->p + part.len : rest->p;
	rest->len -= part.len;
	if (at) { /* the separator goes too */
		rest->p++;
		rest->len--;
	}
	return part;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

struct str
str_trim(struct str s)
{
	while (s.len && is_blank(s.p[0])) {
		s.p++;
		s.len--;
	}
	while (s.len && is_blank(s.p[s.len - 1]))
		s.len--;
	return s;
}

bool
str_u64(struct str s, uint64_t *v)
{
	uint64_t sum = 0;

	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9' ||
		    __builtin_mul_overflow(sum, 10u, &sum) ||
		    __builtin_add_overflow(sum, (unsigned)(s.p[i] - '0'), &sum))
			return false;
	}
	*v = sum;
	return true;
}

static bool
is_tail(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

/* How many bytes follow the lead byte, and the range of the first of them
 * (RFC 3629 section 4: no overlong form, no surrogate, none past 10FFFF). */
static size_t
utf8_follow(unsigned char lead, unsigned char *low, unsigned char *high)
{
	*low = 0x80;
	*high = 0xbf;
	if (lead >= 0xc2 && lead <= 0xdf)
		return 1;
	if (lead >= 0xe0 && lead <= 0xef) {
		*low = lead == 0xe0 ? 0xa0 : 0x80;
		*high = lead == 0xed ? 0x9f : 0xbf;
		return 2;
	}
	if (lead >= 0xf0 && lead <= 0xf4) {
		*low = lead == 0xf0 ? 0x90 : 0x80;
		*high = lead == 0xf4 ? 0x8f : 0xbf;
		return 3;
	}
	return 0;
}

size_t
str_utf8_char(struct str s)
{
	unsigned char low, high;
	size_t n;

	if (s.len == 0)
		return 0;
	if ((unsigned char)s.p[0] < 0x80)
		return 1;
	n = utf8_follow((unsigned char)s.p[0], &low, &high);
	if (n == 0 || s.len < n + 1)
		return 0;
	if ((unsigned char)s.p[1] < low || (unsigned char)s.p[1] > high)
		return 0;
	for (size_t i = 2; i <= n; i++) {
		if (!is_tail((unsigned char)s.p[i]))
			return 0;
	}
	return n + 1;
}

void
str_copy(char *out, size_t max, struct str s)
{
	size_t n = s.len < max ? s.len : max - 1;

	if (n > 0)
		memcpy(out, s.p, n);
	out[n] = '\0';
}

bool
str_utf8_valid(struct str s)
{
	while (s.len) {
		size_t n = str_utf8_char(s);

		if (n == 0)
			return false;
		s.p += n;
		s.len -= n;
	}
	return true;
}

bool
str_is_ascii(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if ((unsigned char)s.p[i] > 0x7f)
			return false;
	}
	return true;
}

/* C0, DEL, and C1 in its UTF-8 form (terminals obey those too). */
static bool
is_control(struct str s)
{
	unsigned char c = (unsigned char)s.p[0];

	return c < 0x20 || c == 0x7f ||
	       (c == 0xc2 && s.len > 1 && (unsigned char)s.p[1] < 0xa0);
}

/* One character or byte of s into at (room for 4): how many bytes it takes;
 * *used: how many of s. */
static size_t
escape_one(char at[4], struct str s, size_t *used)
{
	static const char hex[] = "0123456789abcdef";
	unsigned char c = (unsigned char)s.p[0];
	size_t n = str_utf8_char(s);

	if (n == 0 || is_control(s)) {
		*used = 1;
		at[0] = '\\';
		at[1] = 'x';
		at[2] = hex[c >> 4];
		at[3] = hex[c & 15];
		return 4;
	}
	*used = n;
	if (c == '"' || c == '\\') {
		at[0] = '\\';
		at[1] = (char)c;
		return 2;
	}
	memcpy(at, s.p, n);
	return n;
}

static size_t
escape_all(char *out, size_t max, struct str s, bool is_bare)
{
	size_t len = 0;

	if (max == 0)
		return 0;
	while (s.len) {
		char one[4];
		size_t used, n = escape_one(one, s, &used);

		if (is_bare && s.p[0] == '"') {
			one[0] = '"';
			n = 1;
		}
		if (len + n >= max)
			break;
		memcpy(out + len, one, n);
		len += n;
		s.p += used;
		s.len -= used;
	}
	out[len] = '\0';
	return len;
}

size_t
str_escape(char *out, size_t max, struct str s)
{
	return escape_all(out, max, s, false);
}

size_t
str_escape_bare(char *out, size_t max, struct str s)
{
	return escape_all(out, max, s, true);
}
