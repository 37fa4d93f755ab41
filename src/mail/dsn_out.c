/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/dsn_out.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"

static void
put(struct dsn_out *o, const char *p, size_t n)
{
	if (!o->full && n > 0 && buf_add(o->buf, p, n) != 0)
		o->full = true;
}

void
dsn_out_text(struct dsn_out *o, const char *text)
{
	put(o, text, strlen(text));
}

void
dsn_out_textf(struct dsn_out *o, const char *fmt, ...)
{
	char line[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	if (n > 0)
		dsn_out_text(o, line);
}

/* The bytes of the first character that may stay as they are, else 0. */
static size_t
showable(struct str s, bool utf8)
{
	unsigned char c = (unsigned char)s.p[0];

	if (c < ' ' || c == 0x7f || (c >= 0x80 && !utf8))
		return 0;
	return str_utf8_char(s);
}

void
dsn_out_clean(struct dsn_out *o, struct str s, size_t max, bool utf8)
{
	while (s.len > 0) {
		size_t n = showable(s, utf8), step = n == 0 ? 1 : n;

		if (step > max)
			return;
		put(o, n == 0 ? "?" : s.p, step);
		o->eight_bit |= n > 1;
		max -= step;
		s.p += step;
		s.len -= step;
	}
}

void
dsn_out_wrapped(struct dsn_out *o, struct str s, const char *indent)
{
	size_t room = DSN_OUT_WIDTH - strlen(indent), used = 0;

	while (s.len > 0) {
		struct str word = str_cut(&s, ' ');

		if (word.len == 0)
			continue;
		if (word.len > DSN_OUT_LINE / 2)
			word.len = DSN_OUT_LINE / 2;
		if (used > 0 && used + 1 + word.len > room) {
			dsn_out_text(o, "\r\n");
			used = 0;
		}
		dsn_out_text(o, used == 0 ? indent : " ");
		dsn_out_clean(o, word, word.len, true);
		used += word.len + (used > 0);
	}
	if (used > 0)
		dsn_out_text(o, "\r\n");
}

/* One line as it is, but for what no line may hold. */
static void
put_line(struct dsn_out *o, struct str line)
{
	while (line.len > 0) {
		size_t n = 0;

		while (n < line.len && line.p[n] != '\0' && line.p[n] != '\r') {
			o->eight_bit |= (unsigned char)line.p[n] >= 0x80;
			n++;
		}
		put(o, line.p, n);
		if (n < line.len) {
			put(o, "?", 1);
			n++;
		}
		line.p += n;
		line.len -= n;
	}
	put(o, "\r\n", 2);
}

void
dsn_out_lines(struct dsn_out *o, struct str s)
{
	while (s.len > 0) {
		const char *lf = memchr(s.p, '\n', s.len);
		size_t n = lf != NULL ? (size_t)(lf - s.p) : s.len;
		struct str line = { s.p, n };

		if (line.len > 0 && line.p[line.len - 1] == '\r')
			line.len--;
		if (line.len > DSN_OUT_LINE)
			line.len = DSN_OUT_LINE;
		put_line(o, line);
		n += lf != NULL;
		s.p += n;
		s.len -= n;
	}
}

/* Does the byte stand for itself?  White space at a line's end does not. */
static bool
is_plain(unsigned char c, bool ends_line)
{
	if (c == ' ' || c == '\t')
		return !ends_line;
	return c > ' ' && c < 0x7f && c != '=';
}

static void
encode_line(struct dsn_out *o, struct str line)
{
	size_t used = 0;
	char octet[4];

	for (size_t i = 0; i < line.len; i++) {
		unsigned char c = (unsigned char)line.p[i];
		bool plain = is_plain(c, i + 1 == line.len);
		size_t n = plain ? 1 : 3;

		if (used + n >= DSN_OUT_WIDTH) { /* a soft line end */
			dsn_out_text(o, "=\r\n");
			used = 0;
		}
		snprintf(octet, sizeof octet, "=%02X", c);
		put(o, plain ? line.p + i : octet, n);
		used += n;
	}
	dsn_out_text(o, "\r\n");
}

void
dsn_out_encode(struct dsn_out *o, size_t from)
{
	size_t n = o->buf->len - from;
	char *had = mem_dup(buf_at(o->buf) + from, n);
	struct str rest = { had, n };

	o->buf->len = from;
	while (rest.len > 0) {
		struct str line = str_cut(&rest, '\n');

		if (line.len > 0 && line.p[line.len - 1] == '\r')
			line.len--;
		encode_line(o, line);
	}
	free(had);
}
