/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/conf_note.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "postern/base/mem.h"
#include "postern/conf/conf.h"

#define NOTE_MAX 640 /* a line, cut there */

struct conf_note {
	unsigned number;
	int line;
	size_t order; /* as it came: keeps the sort stable */
	bool warning;
	char *text; /* owned */
};

static void
add(struct conf_notes *n, struct conf_place at, bool warning, char *text)
{
	if (n->n == n->cap) {
		n->cap = n->cap > 0 ? n->cap * 2 : 16;
		n->note = mem_resize(n->note, n->cap * sizeof n->note[0]);
	}
	n->note[n->n] = (struct conf_note){ .number = at.number,
		.line = at.line,
		.order = n->n,
		.warning = warning,
		.text = text };
	n->n++;
	n->mistakes += !warning;
}

static char *sentence(struct conf_place at, const char *key, const char *fmt,
    va_list ap) PRINTF_LIKE(3, 0);

static char *
sentence(struct conf_place at, const char *key, const char *fmt, va_list ap)
{
	char text[NOTE_MAX];

	(void)vsnprintf(text, sizeof text, fmt, ap);
	if (at.line == 0)
		return mem_printf("%s: %s: %s", at.file, key, text);
	return mem_printf("%s:%d: %s: %s", at.file, at.line, key, text);
}

void
conf_note_mistake(struct conf_notes *n, struct conf_place at, const char *key,
    const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(n, at, false, sentence(at, key, fmt, ap));
	va_end(ap);
}

void
conf_note_warning(struct conf_notes *n, struct conf_place at, const char *key,
    const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(n, at, true, sentence(at, key, fmt, ap));
	va_end(ap);
}

static int
by_place(const void *pa, const void *pb)
{
	const struct conf_note *a = pa, *b = pb;

	if (a->number != b->number)
		return a->number < b->number ? -1 : 1;
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

void
conf_note_report(struct conf_notes *n, struct conf_report *r)
{
	*r = (struct conf_report){ 0 };
	r->mistakes = mem_array(n->mistakes, sizeof(char *));
	r->warnings = mem_array(n->n - n->mistakes, sizeof(char *));
	if (n->n > 0)
		qsort(n->note, n->n, sizeof n->note[0], by_place);
	for (size_t i = 0; i < n->n; i++) {
		if (n->note[i].warning)
			r->warnings[r->nwarnings++] = n->note[i].text;
		else
			r->mistakes[r->nmistakes++] = n->note[i].text;
	}
	free(n->note);
	*n = (struct conf_notes){ 0 };
}

void
conf_report_done(struct conf_report *r)
{
	for (size_t i = 0; i < r->nmistakes; i++)
		free(r->mistakes[i]);
	for (size_t i = 0; i < r->nwarnings; i++)
		free(r->warnings[i]);
	free(r->mistakes);
	free(r->warnings);
	*r = (struct conf_report){ 0 };
}
