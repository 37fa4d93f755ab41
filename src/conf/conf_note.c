/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/conf_note.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"
#include "postern/conf/conf.h"
#include "postern/conf/conf_seen.h"

#define NOTE_MAX 640 /* a line, cut there */

enum kind { MISTAKE, WARNING, HINT, KINDS };

struct conf_note {
	unsigned number;
	int line;
	size_t order; /* as it came: keeps the sort stable */
	enum kind kind;
	char *text; /* owned */
};

static void
add(struct conf_notes *n, struct conf_place at, enum kind kind, char *text)
{
	if (n->n == n->cap) {
		n->cap = n->cap > 0 ? n->cap * 2 : 16;
		n->note = mem_resize(n->note, n->cap * sizeof n->note[0]);
	}
	n->note[n->n] = (struct conf_note){ .number = at.number,
		.line = at.line,
		.order = n->n,
		.kind = kind,
		.text = text };
	n->n++;
	n->mistakes += kind == MISTAKE;
}

static char *sentence(const struct conf_notes *n, struct conf_place at,
    const char *key, const char *fmt, va_list ap) PRINTF_LIKE(4, 0);

static char *
sentence(const struct conf_notes *n, struct conf_place at, const char *key,
    const char *fmt, va_list ap)
{
	size_t under = n->under != NULL ? strlen(n->under) : 0;
	char text[NOTE_MAX];

	if (under > 0 && strncmp(key, n->under, under) == 0)
		key += under;
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
	add(n, at, MISTAKE, sentence(n, at, key, fmt, ap));
	va_end(ap);
}

void
conf_note_warning(struct conf_notes *n, struct conf_place at, const char *key,
    const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(n, at, WARNING, sentence(n, at, key, fmt, ap));
	va_end(ap);
}

void
conf_note_hint(struct conf_notes *n, struct conf_place at, const char *key,
    const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(n, at, HINT, sentence(n, at, key, fmt, ap));
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
	struct {
		char ***text;
		size_t *count;
	} to[KINDS] = {
		[MISTAKE] = { &r->mistakes, &r->nmistakes },
		[WARNING] = { &r->warnings, &r->nwarnings },
		[HINT] = { &r->hints, &r->nhints },
	};

	*r = (struct conf_report){ 0 };
	for (size_t k = 0; k < KINDS; k++)
		*to[k].text = mem_array(n->n, sizeof(char *));
	if (n->n > 0)
		qsort(n->note, n->n, sizeof n->note[0], by_place);
	for (size_t i = 0; i < n->n; i++) {
		enum kind k = n->note[i].kind;

		(*to[k].text)[(*to[k].count)++] = n->note[i].text;
	}
	free(n->note);
	*n = (struct conf_notes){ 0 };
}

static void
free_texts(char **text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(text[i]);
	free(text);
}

void
conf_report_done(struct conf_report *r)
{
	free_texts(r->mistakes, r->nmistakes);
	free_texts(r->warnings, r->nwarnings);
	free_texts(r->hints, r->nhints);
	conf_seen_free(&r->seen);
	*r = (struct conf_report){ 0 };
}
