/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/mail/message.h"

#include <string.h>

/* The last byte that scan saw. */
enum { SCAN_OTHER, SCAN_CR };

/* Where unstuff and stuff are: 0 is the start of a line. */
enum { AT_LINE, AT_TEXT, AT_CR, AT_DOT, AT_DOT_CR };

void
message_scan_init(struct message_scan *s)
{
	*s = (struct message_scan){ .state = SCAN_OTHER };
}

static bool
has_8bit(const char *p, size_t n)
{
	uint64_t word, all = 0;

	for (; n >= sizeof word; p += sizeof word, n -= sizeof word) {
		memcpy(&word, p, sizeof word);
		all |= word;
	}
	for (; n > 0; p++, n--)
		all |= (unsigned char)*p;
	return (all & UINT64_C(0x8080808080808080)) != 0;
}

/*
 * The first fault of a piece: the bytes up to and with an LF, or what is left
 * of the input.  nul: the first NUL of the input or NULL.
 */
static enum message_fault
piece_fault(
    bool after_cr, const char *p, size_t n, const char *lf, const char *nul)
{
	size_t text = lf != NULL ? n - 1 : n;
	const char *cr;

	if (text == 0)
		return after_cr ? MESSAGE_OK : MESSAGE_BARE_LF;
	if (after_cr)
		return MESSAGE_BARE_CR;
	cr = memchr(p, '\r', text);
	if (nul != NULL && nul < (cr != NULL ? cr : p + text))
		return MESSAGE_NUL;
	if (cr != NULL)
		return cr == p + text - 1 ? MESSAGE_OK : MESSAGE_BARE_CR;
	return lf != NULL ? MESSAGE_BARE_LF : MESSAGE_OK;
}

/* Counts a piece; crlf: a line ends with it. */
static void
piece_count(struct message_scan *s, const char *p, size_t n, bool crlf)
{
	bool *eight = s->in_body ? &s->body_8bit : &s->header_8bit;

	if (!*eight)
		*eight = has_8bit(p, n);
	s->line = n > UINT32_MAX - s->line ? UINT32_MAX : s->line + (uint32_t)n;
	if (s->line > s->longest)
		s->longest = s->line;
	if (!crlf)
		return;
	if (s->line == 2)
		s->in_body = true;
	s->line = 0;
}

void
message_scan(struct message_scan *s, const char *p, size_t n)
{
	const char *nul = n > 0 ? memchr(p, 0, n) : NULL;

	s->size += n;
	while (n > 0) {
		const char *lf = memchr(p, '\n', n);
		size_t take = lf != NULL ? (size_t)(lf - p) + 1 : n;
		bool after_cr = s->state == SCAN_CR;

		if (s->fault == MESSAGE_OK) {
			s->fault = piece_fault(after_cr, p, take, lf, nul);
			s->in_header = s->fault != MESSAGE_OK && !s->in_body;
		}
		if (lf != NULL && take > 1)
			after_cr = lf[-1] == '\r';
		piece_count(s, p, take, lf != NULL && after_cr);
		s->state = p[take - 1] == '\r' ? SCAN_CR : SCAN_OTHER;
		p += take;
		n -= take;
	}
}

void
message_scan_end(struct message_scan *s)
{
	if (s->fault != MESSAGE_OK || s->state != SCAN_CR)
		return;
	s->fault = MESSAGE_BARE_CR;
	s->in_header = !s->in_body;
}

bool
message_scan_is_lines(const struct message_scan *s)
{
	return s->fault == MESSAGE_OK && s->line == 0;
}

void
message_unstuff_init(struct message_unstuff *u, bool bare_lf)
{
	u->state = AT_LINE;
	u->bare_lf = bare_lf;
}

/* Does a line end right before at?  There are n bytes before it. */
static bool
ends_line(const struct message_unstuff *u, const char *at, size_t n)
{
	if (n == 0 || at[-1] != '\n')
		return false;
	return u->bare_lf || (n >= 2 && at[-2] == '\r');
}

/* Content up to the next dot that starts a line; the dot is taken with it. */
static size_t
unstuff_run(
    struct message_unstuff *u, const char *p, size_t n, struct str *content)
{
	const char *dot = p, *end = p + n;

	*content = (struct str){ p, n };
	while ((dot = memchr(dot, '.', (size_t)(end - dot))) != NULL) {
		if (ends_line(u, dot, (size_t)(dot - p))) {
			content->len = (size_t)(dot - p);
			u->state = AT_DOT;
			return content->len + 1;
		}
		if (++dot == end)
			break;
	}
	u->state = AT_TEXT;
	if (end[-1] == '\r')
		u->state = AT_CR;
	else if (ends_line(u, end, n))
		u->state = AT_LINE;
	return n;
}

size_t
message_unstuff_next(struct message_unstuff *u, const char *p, size_t n,
    struct str *content, bool *end)
{
	*content = (struct str){ p, 0 };
	*end = false;
	if (n == 0)
		return 0;
	switch (u->state) {
	case AT_LINE:
		if (*p != '.')
			break;
		u->state = AT_DOT;
		return 1;
	case AT_CR:
		if (*p != '\n')
			break;
		content->len = 1;
		u->state = AT_LINE;
		return 1;
	case AT_DOT:
		*end = u->bare_lf && *p == '\n';
		if (!*end && *p != '\r')
			break;
		u->state = *end ? AT_LINE : AT_DOT_CR;
		return 1;
	case AT_DOT_CR:
		*end = *p == '\n';
		u->state = *end ? AT_LINE : AT_CR;
		if (!*end) /* the CR that was held is content after all */
			*content = STR("\r");
		return *end ? 1 : 0;
	default:
		break;
	}
	return unstuff_run(u, p, n, content);
}

size_t
message_unstuff(struct message_unstuff *u, const char *p, size_t n, char *out,
    size_t *out_n, bool *end)
{
	size_t took = 0;

	*out_n = 0;
	*end = false;
	while (took < n && !*end) {
		struct str content;

		took +=
		    message_unstuff_next(u, p + took, n - took, &content, end);
		memcpy(out + *out_n, content.p, content.len);
		*out_n += content.len;
	}
	return took;
}

void
message_newline_init(struct message_newline *l)
{
	l->after_cr = false;
}

size_t
message_newline(struct message_newline *l, const char *p, size_t n, char *out,
    uint64_t *nbare)
{
	const char *end = p + n, *lf;
	size_t len = 0;

	while (p < end) {
		lf = memchr(p, '\n', (size_t)(end - p));
		n = (size_t)((lf != NULL ? lf : end) - p);
		memcpy(out + len, p, n);
		len += n;
		if (n > 0)
			l->after_cr = p[n - 1] == '\r';
		if (lf == NULL)
			break;
		if (!l->after_cr) {
			out[len++] = '\r';
			++*nbare;
		}
		out[len++] = '\n';
		l->after_cr = false;
		p = lf + 1;
	}
	return len;
}

void
message_stuff_init(struct message_stuff *s)
{
	*s = (struct message_stuff){ .state = AT_LINE };
}

/* What of a line may go out. */
struct stuff_line {
	size_t take; /* bytes of the input */
	size_t emit; /* of these to be sent now; a CR at the end is held back */
	uint8_t state;
	enum message_fault fault; /* right behind the emitted bytes */
};

/* n > 0 bytes that start in a line; cut: a NUL follows them. */
static struct stuff_line
stuff_look(const char *p, size_t n, bool cut)
{
	const char *lf = memchr(p, '\n', n);
	size_t text = lf != NULL ? (size_t)(lf - p) : n;
	const char *cr = memchr(p, '\r', text);
	size_t before = cr != NULL ? (size_t)(cr - p) : text;

	if (cr != NULL && before + 1 < text)
		return (struct stuff_line){ n, before, AT_CR, MESSAGE_BARE_CR };
	if (lf != NULL && cr == NULL)
		return (struct stuff_line){ n, text, AT_TEXT, MESSAGE_BARE_LF };
	if (lf != NULL)
		return (struct stuff_line){ text + 1, text + 1, AT_LINE,
			MESSAGE_OK };
	if (cr != NULL)
		return (struct stuff_line){ n, before, AT_CR,
			cut ? MESSAGE_BARE_CR : MESSAGE_OK };
	return (struct stuff_line){ n, n, AT_TEXT, MESSAGE_OK };
}

/* Lines that need no dot leave in one piece. */
static int
stuff_lines(
    struct message_stuff *s, struct buf *out, const char *p, size_t n, bool cut)
{
	const char *from = p; /* seen, clean, not yet in out */

	while (n > 0 && s->fault == MESSAGE_OK) {
		struct stuff_line line = stuff_look(p, n, cut);

		if (s->state == AT_LINE && *p == '.' && line.emit > 0) {
			if (buf_add(out, from, (size_t)(p - from)) != 0 ||
			    buf_add(out, ".", 1) != 0)
				return -1;
			from = p;
		}
		s->state = line.state;
		s->fault = line.fault;
		p += line.emit;
		if (line.emit < line.take)
			break;
		n -= line.take;
	}
	if (p > from && buf_add(out, from, (size_t)(p - from)) != 0)
		return -1;
	return s->fault == MESSAGE_OK ? 0 : -1;
}

static int
stuff_fault(struct message_stuff *s, enum message_fault fault)
{
	s->fault = fault;
	return -1;
}

int
message_stuff(struct message_stuff *s, struct buf *out, const char *p, size_t n)
{
	const char *nul = n > 0 ? memchr(p, 0, n) : NULL;
	size_t clean = nul != NULL ? (size_t)(nul - p) : n;

	if (s->fault != MESSAGE_OK)
		return -1;
	if (n > 0 && s->state == AT_CR) {
		if (*p != '\n')
			return stuff_fault(s, MESSAGE_BARE_CR);
		if (buf_add(out, "\r\n", 2) != 0)
			return -1;
		s->state = AT_LINE;
		p++;
		clean--;
	}
	if (stuff_lines(s, out, p, clean, nul != NULL) != 0)
		return -1;
	return nul != NULL ? stuff_fault(s, MESSAGE_NUL) : 0;
}

int
message_stuff_end(struct message_stuff *s, struct buf *out)
{
	if (s->fault != MESSAGE_OK)
		return -1;
	if (s->state == AT_CR)
		return stuff_fault(s, MESSAGE_BARE_CR);
	if (s->state == AT_TEXT)
		return buf_add(out, "\r\n.\r\n", 5);
	return buf_add(out, ".\r\n", 3);
}
