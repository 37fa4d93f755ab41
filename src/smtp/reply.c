/* SPDX-License-Identifier: Apache-2.0 */
#include "smtp/reply.h"

#include <string.h>

void
reply_init(struct reply *r, reply_line_fn *on_line, void *arg)
{
	memset(r, 0, offsetof(struct reply, line));
	r->over = true;
	r->on_line = on_line;
	r->arg = arg;
}

static void
begin(struct reply *r)
{
	r->code = 0;
	r->enhanced[0] = r->text[0] = '\0';
	r->text_len = r->line_len = 0;
	r->lines = 0;
	r->bytes = 0;
	r->over = false;
}

static enum reply_result
bad(struct reply *r, const char *fault)
{
	r->fault = fault;
	return REPLY_BAD;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The length of one to three digits at s.p + at, 0: none, or leading zeros. */
static size_t
number(struct str s, size_t at)
{
	size_t n = 0;

	while (at + n < s.len && n < 4 && is_digit(s.p[at + n]))
		n++;
	if (n > 3 || (n > 1 && s.p[at] == '0'))
		return 0;
	return n;
}

/* "5.1.1" in front of the text (RFC 3463): its length, 0 if there is none or
 * its class is not the code's. */
static size_t
enhanced_len(uint16_t code, struct str text)
{
	size_t subject, detail, end;

	if (text.len < 5 || text.p[0] != '0' + code / 100 || text.p[1] != '.')
		return 0;
	if (text.p[0] != '2' && text.p[0] != '4' && text.p[0] != '5')
		return 0;
	subject = number(text, 2);
	if (subject == 0 || 2 + subject >= text.len ||
	    text.p[2 + subject] != '.')
		return 0;
	detail = number(text, 3 + subject);
	end = 3 + subject + detail;
	if (detail == 0 || (end < text.len && text.p[end] != ' '))
		return 0;
	return end;
}

/* The code in front is kept once and taken off each line that repeats it. */
static struct str
take_enhanced(struct reply *r, struct str text)
{
	size_t n = enhanced_len(r->code, text);

	if (n == 0)
		return text;
	if (r->lines == 0) {
		memcpy(r->enhanced, text.p, n);
		r->enhanced[n] = '\0';
	} else if (strlen(r->enhanced) != n ||
	           memcmp(r->enhanced, text.p, n) != 0) {
		return text;
	}
	return str_trim((struct str){ text.p + n, text.len - n });
}

/* Appends what can be shown; the rest becomes '?'.  Full: the rest is left. */
static void
add_text(struct reply *r, struct str text)
{
	size_t room = sizeof r->text - 1;

	if (text.len == 0)
		return;
	if (r->text_len > 0 && r->text_len < room)
		r->text[r->text_len++] = ' ';
	while (text.len > 0) {
		size_t n = str_utf8_char(text), want = n == 0 ? 1 : n;
		char c = text.p[0];

		if (r->text_len + want > room)
			break;
		if (n == 0 || (n == 1 && ((unsigned char)c < ' ' || c == 0x7f)))
			r->text[r->text_len] = c == '\t' ? ' ' : '?';
		else
			memcpy(r->text + r->text_len, text.p, n);
		r->text_len = (uint16_t)(r->text_len + want);
		text.p += want;
		text.len -= want;
	}
	r->text[r->text_len] = '\0';
}

/* A line without its CRLF. */
static enum reply_result
take_line(struct reply *r, struct str line)
{
	struct str text = { line.p + 4, line.len > 4 ? line.len - 4 : 0 };
	uint16_t code;

	if (line.len < 3 || line.p[0] < '1' || line.p[0] > '5' ||
	    !is_digit(line.p[1]) || !is_digit(line.p[2]))
		return bad(r, "a line without a reply code");
	if (line.len > 3 && line.p[3] != ' ' && line.p[3] != '-')
		return bad(r, "a reply code without a space or hyphen");
	code = (uint16_t)((line.p[0] - '0') * 100 + (line.p[1] - '0') * 10 +
	                  (line.p[2] - '0'));
	if (r->lines > 0 && code != r->code)
		return bad(r, "lines of one reply with different codes");
	if (r->lines >= REPLY_LINES_MAX)
		return bad(r, "a reply of too many lines");
	r->code = code;
	if (line.len <= 4)
		text.p = line.p;
	if (r->on_line != NULL)
		r->on_line(r->arg, r->lines, text);
	add_text(r, take_enhanced(r, str_trim(text)));
	r->lines++;
	r->over = line.len == 3 || line.p[3] == ' ';
	return r->over ? REPLY_WHOLE : REPLY_MORE;
}

/* Bytes up to a line's end are in: p, n, LF included. */
static enum reply_result
take_ended(struct reply *r, const char *p, size_t n)
{
	struct str line = { p, n };

	if (r->line_len > 0) {
		memcpy(r->line + r->line_len, p, n);
		line = (struct str){ r->line, r->line_len + n };
		r->line_len = 0;
	}
	if (line.len < 2 || line.p[line.len - 2] != '\r')
		return bad(r, "a reply line that does not end in CRLF");
	line.len -= 2;
	return take_line(r, line);
}

enum reply_result
reply_feed(struct reply *r, const char *p, size_t n, size_t *taken)
{
	enum reply_result res = REPLY_MORE;
	size_t at = 0;

	*taken = 0;
	if (r->fault != NULL)
		return REPLY_BAD;
	if (r->over && n > 0)
		begin(r);
	while (at < n && res == REPLY_MORE) {
		const char *lf = memchr(p + at, '\n', n - at);
		size_t part = lf != NULL ? (size_t)(lf - (p + at)) + 1 : n - at;

		if (part > REPLY_LINE_MAX - (size_t)r->line_len)
			return bad(r, "a reply line that is too long");
		if (part > REPLY_BYTES_MAX - r->bytes)
			return bad(r, "a reply that is too long");
		r->bytes += (uint32_t)part;
		if (lf != NULL) {
			res = take_ended(r, p + at, part);
		} else {
			memcpy(r->line + r->line_len, p + at, part);
			r->line_len = (uint16_t)(r->line_len + part);
		}
		at += part;
	}
	*taken = at;
	return res;
}
