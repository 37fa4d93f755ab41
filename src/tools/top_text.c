/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/top_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "postern/base/mem.h"
#include "postern/base/str.h"

#define CHAR_MAX_BYTES 4

void
top_text_done(struct top_lines *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i].text);
	free(l->v);
	*l = (struct top_lines){ 0 };
}

void
top_text_begin(struct top_text *t, size_t width, bool is_utf8)
{
	if (width > TOP_TEXT_WIDTH_MAX)
		width = TOP_TEXT_WIDTH_MAX;
	*t = (struct top_text){ .width = width, .is_utf8 = is_utf8 };
	t->mem = mem_new(width * CHAR_MAX_BYTES + 1);
}

void
top_text_end(struct top_text *t, struct top_lines *l, enum top_look look)
{
	if (l->n == l->cap) {
		l->cap = l->cap > 0 ? 2 * l->cap : 32;
		l->v = mem_resize(l->v, l->cap * sizeof *l->v);
	}
	l->v[l->n++] = (struct top_line){ .text = t->mem, .look = look };
	*t = (struct top_text){ 0 };
}

/* A character of one column; false: there is no room for it. */
static bool
put(struct top_text *t, const char *p, size_t n)
{
	if (t->columns == t->width)
		return false;
	memcpy(t->mem + t->len, p, n);
	t->len += n;
	t->mem[t->len] = '\0';
	t->columns++;
	return true;
}

static bool
takes_one_column(const char *p, size_t n)
{
	mbstate_t state = { 0 };
	wchar_t c;

	return mbrtowc(&c, p, n, &state) == n && wcwidth(c) == 1;
}

/* The next character of s, which is escaped. */
static bool
put_next(struct top_text *t, struct str *s)
{
	size_t n = str_utf8_char(*s);
	bool is_fit = n == 1;

	if (n > 1)
		is_fit = t->is_utf8 && takes_one_column(s->p, n);
	if (!put(t, is_fit ? s->p : "?", is_fit ? n : 1))
		return false;
	n += n == 0;
	s->p += n;
	s->len -= n;
	return true;
}

static size_t
count(struct str s)
{
	size_t n = 0, len;

	for (; s.len > 0; s.p += len, s.len -= len) {
		len = str_utf8_char(s);
		len += len == 0;
		n++;
	}
	return n;
}

/* The caller frees s->p. */
static void
escape(struct str *s, const char *text)
{
	size_t max = 4 * strlen(text) + 1;
	char *shown = mem_new(max);

	*s = (struct str){ shown, str_escape_bare(shown, max, str_of(text)) };
}

void
top_text_add(struct top_text *t, const char *text)
{
	struct str all, s;

	escape(&all, text);
	s = all;
	while (s.len > 0 && put_next(t, &s))
		;
	free((char *)all.p);
}

void
top_text_addf(struct top_text *t, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	top_text_add(t, text);
}

void
top_text_clock(struct top_text *t, int64_t wall_ms)
{
	int64_t s = wall_ms / 1000 % (24 * 60 * 60);

	top_text_addf(t, "%02d:%02d:%02dZ", (int)(s / 3600), (int)(s / 60 % 60),
	    (int)(s % 60));
}

static void
put_times(struct top_text *t, const char *one, size_t n)
{
	while (n-- > 0 && put(t, one, 1))
		;
}

void
top_text_cell(struct top_text *t, const char *text, size_t columns, bool left)
{
	struct str all, s;
	size_t n, shown;

	escape(&all, text);
	s = all;
	n = count(s);
	shown = n > columns && columns > 2 ? columns - 2 : columns;
	if (!left && n < columns)
		put_times(t, " ", columns - n);
	for (size_t i = 0; i < shown && s.len > 0; i++)
		(void)put_next(t, &s);
	if (n > columns && columns > 2)
		put_times(t, ".", 2);
	if (left && n < columns)
		put_times(t, " ", columns - n);
	free((char *)all.p);
}

void
top_text_to(struct top_text *t, size_t column)
{
	if (column > t->columns)
		put_times(t, " ", column - t->columns);
}

void
top_text_spark(struct top_text *t, const double *v, size_t n)
{
	static const char *const blocks[] = { "\xe2\x96\x81", "\xe2\x96\x82",
		"\xe2\x96\x83", "\xe2\x96\x84", "\xe2\x96\x85", "\xe2\x96\x86",
		"\xe2\x96\x87", "\xe2\x96\x88" };
	static const char *const plain[] = { "_", ".", ":", "-", "=", "+", "*",
		"#" };
	size_t room = t->width - t->columns, steps = 7;
	double most = 0;

	if (n > room) {
		v += n - room;
		n = room;
	}
	for (size_t i = 0; i < n; i++)
		most = v[i] > most ? v[i] : most;
	if (n > 0)
		top_text_to(t, t->width - n);
	for (size_t i = 0; i < n; i++) {
		double share = most > 0 ? v[i] / most * (double)steps : 0;
		const char *one = (t->is_utf8 ? blocks : plain)[(size_t)share];

		(void)put(t, one, strlen(one));
	}
}
