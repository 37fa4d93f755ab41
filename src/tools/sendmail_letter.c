/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sendmail_letter.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "postern/base/str.h"

#include "tools/sendmail_rcpts.h"

#define READ_MAX (64u << 10)

/* --- lines ------------------------------------------------------------------
 */

struct lines {
	struct sendmail_letter *l;
	bool ignores_dots;
	size_t begin;    /* of the line under way, in the text */
	bool is_piece;   /* it began behind a CR: no lone dot */
	bool had_cr;     /* was last: what it means is not known yet */
	bool in_body;    /* an empty line has passed */
	bool is_over;    /* by a lone dot */
	bool is_too_big; /* for SENDMAIL_LETTER_MAX */
};

static void
put(struct lines *s, const char *p, size_t n)
{
	if (buf_add(&s->l->text, p, n) != 0)
		s->is_too_big = true;
}

static void
end_line(struct lines *s, bool is_piece)
{
	struct buf *t = &s->l->text;
	size_t n = t->len - s->begin;

	if (!s->ignores_dots && !is_piece && !s->is_piece && n == 1 &&
	    buf_at(t)[s->begin] == '.') {
		t->len--;
		s->is_over = true;
		return;
	}
	put(s, "\r\n", 2);
	s->in_body = s->in_body || n == 0;
	s->begin = t->len;
	s->is_piece = is_piece;
}

/* A CR that no LF follows. */
static void
lone_cr(struct lines *s)
{
	s->had_cr = false;
	if (s->in_body)
		end_line(s, true);
	else
		put(s, " ", 1);
}

static void
take_special(struct lines *s, char c)
{
	if (c == '\r') {
		s->had_cr = true; /* of several the last one counts */
	} else if (c == '\n') {
		s->had_cr = false;
		end_line(s, false);
	}
}

static size_t
run_length(const char *p, size_t n)
{
	size_t i = 0;

	while (i < n && p[i] != '\r' && p[i] != '\n' && p[i] != '\0')
		i++;
	return i;
}

static void
take(struct lines *s, const char *p, size_t n)
{
	while (n > 0 && !s->is_over && !s->is_too_big) {
		size_t run = run_length(p, n);

		if (run > 0 && s->had_cr)
			lone_cr(s);
		put(s, p, run);
		if (run < n)
			take_special(s, p[run++]);
		p += run;
		n -= run;
	}
}

static void
finish(struct lines *s)
{
	if (!s->is_over && s->l->text.len > s->begin)
		end_line(s, false);
}

/* --- the header
 * ------------------------------------------------------------- */

/* The line at the text's place at, with its CRLF. */
static struct str
line_at(const struct sendmail_letter *l, size_t at)
{
	struct str all = buf_str(&l->text), line;
	const char *lf;

	line = (struct str){ all.p + at, all.len - at };
	lf = line.len > 0 ? memchr(line.p, '\n', line.len) : NULL;
	if (lf != NULL)
		line.len = (size_t)(lf - line.p) + 1;
	return line;
}

/* "Name:"; blanks before the colon are old but known (RFC 5322 4.5). */
static bool
is_field(struct str line, struct str *name)
{
	size_t n = 0;

	while (n < line.len && line.p[n] > ' ' && line.p[n] < 0x7f &&
	       line.p[n] != ':')
		n++;
	*name = (struct str){ line.p, n };
	while (n < line.len && (line.p[n] == ' ' || line.p[n] == '\t'))
		n++;
	return name->len > 0 && n < line.len && line.p[n] == ':';
}

static bool
is_folded(struct str line)
{
	return line.p[0] == ' ' || line.p[0] == '\t';
}

/* The field at the text's place at, with the lines it is folded into; its
 * length. */
static size_t
field_length(const struct sendmail_letter *l, size_t at)
{
	size_t n = line_at(l, at).len;

	while (at + n < l->header && is_folded(line_at(l, at + n)))
		n += line_at(l, at + n).len;
	return n;
}

static void
note_field(struct sendmail_letter *l, struct str name)
{
	l->has_from = l->has_from || str_is(name, "From");
	l->is_resent = l->is_resent || str_is(name, "Resent-To") ||
	               str_is(name, "Resent-Cc") || str_is(name, "Resent-Bcc");
}

/* What mail programs write before a message in a file is none of it. */
static void
drop_mbox_line(struct sendmail_letter *l)
{
	struct str line = line_at(l, 0);

	if (line.len > 5 && memcmp(line.p, "From ", 5) == 0)
		buf_drop(&l->text, line.len);
	else if (line.len > 6 && memcmp(line.p, ">From ", 6) == 0)
		buf_drop(&l->text, line.len);
}

static void
find_header(struct sendmail_letter *l)
{
	struct str line, name;

	drop_mbox_line(l);
	for (;;) {
		line = line_at(l, l->header);
		if (line.len <= 2) {
			l->lacks_line = line.len == 0;
			return;
		}
		if (!is_folded(line) || l->header == 0) {
			if (!is_field(line, &name))
				break;
			note_field(l, name);
		}
		l->header += line.len;
	}
	l->lacks_line = true;
}

static bool
has_8bit(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if ((unsigned char)s.p[i] >= 0x80)
			return true;
	}
	return false;
}

int
sendmail_letter_read(
    struct sendmail_letter *l, int fd, bool ignores_dots, struct err *err)
{
	struct lines s = { .l = l, .ignores_dots = ignores_dots };
	char bytes[READ_MAX];
	ssize_t n;

	*l = (struct sendmail_letter){ 0 };
	buf_init(&l->text, SENDMAIL_LETTER_MAX);
	while (!s.is_over && !s.is_too_big) {
		n = read(fd, bytes, sizeof bytes);
		if (n == 0 || (n < 0 && errno == EINTR)) {
			if (n == 0)
				break;
			continue;
		}
		if (n < 0)
			return err_sys(err, "the message cannot be read");
		take(&s, bytes, (size_t)n);
	}
	finish(&s);
	if (s.is_too_big)
		return err_set(err, ERR_LIMIT,
		    "the message is larger than %u bytes", SENDMAIL_LETTER_MAX);
	find_header(l);
	l->has_8bit = has_8bit(buf_str(&l->text));
	return 0;
}

static bool
names_recipients(const struct sendmail_letter *l, struct str name)
{
	if (l->is_resent)
		return str_is(name, "Resent-To") || str_is(name, "Resent-Cc") ||
		       str_is(name, "Resent-Bcc");
	return str_is(name, "To") || str_is(name, "Cc") || str_is(name, "Bcc");
}

bool
sendmail_letter_rcpts(const struct sendmail_letter *l, struct sendmail_rcpts *r)
{
	size_t at = 0;

	while (at < l->header) {
		size_t n = field_length(l, at);
		struct str field = { buf_str(&l->text).p + at, n }, name;

		at += n;
		(void)is_field(field, &name);
		if (!names_recipients(l, name))
			continue;
		(void)str_cut(&field, ':');
		if (!sendmail_rcpts_add(r, field))
			return false;
	}
	return true;
}

void
sendmail_letter_done(struct sendmail_letter *l)
{
	buf_done(&l->text);
}
