/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/peek.h"

#include <string.h>

enum {
	AT_LINE,    /* the first byte of a line */
	AT_EMPTY,   /* a CR was the first byte */
	IN_NAME,    /* before the colon */
	AFTER_NAME, /* white space before the colon (RFC 5322 4.5) */
	IN_VALUE,
	IN_OTHER, /* a field that nobody wants, or none */
};

void
peek_init(struct peek *k, const struct peek_hooks *hooks, void *arg)
{
	memset(k, 0, sizeof *k);
	k->hooks = hooks;
	k->arg = arg;
	buf_init(&k->value, PEEK_VALUE_MAX);
}

void
peek_done(struct peek *k)
{
	buf_done(&k->value);
}

/* A CR can only be the end of a line, or be refused later. */
static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void
hand_over(struct peek *k)
{
	if (!k->is_open)
		return;
	k->is_open = false;
	k->hooks->field(
	    k->arg, (struct str){ k->name, k->name_len }, buf_str(&k->value));
	buf_clear(&k->value);
	buf_release(&k->value);
}

static void
on_colon(struct peek *k)
{
	struct str name = { k->name, k->name_len };

	k->state = IN_OTHER;
	if (k->nfields >= PEEK_FIELDS_MAX || !k->hooks->wants(k->arg, name))
		return;
	k->nfields++;
	k->is_open = true;
	k->is_space = k->is_full = false;
	k->state = IN_VALUE;
}

static void
line_starts(struct peek *k, char c)
{
	if (c == ' ' || c == '\t') {
		k->state = k->is_open ? IN_VALUE : IN_OTHER;
		k->is_space = true;
		return;
	}
	hand_over(k);
	k->name_len = 0;
	k->state = IN_NAME;
	if (c == '\r')
		k->state = AT_EMPTY;
	else if (c == ':')
		k->state = IN_OTHER; /* no name at all */
	else
		k->name[k->name_len++] = c;
}

static void
name_byte(struct peek *k, char c)
{
	if (c == ':')
		on_colon(k);
	else if (is_blank(c))
		k->state = AFTER_NAME;
	else if (k->state == AFTER_NAME || k->name_len == HEADER_FIELD_MAX)
		k->state = IN_OTHER;
	else
		k->name[k->name_len++] = c;
}

static void
value_byte(struct peek *k, char c)
{
	char *room;

	if (is_blank(c)) {
		k->is_space = true;
		return;
	}
	k->is_space = k->is_space && k->value.len > 0;
	room = buf_room(&k->value, k->is_space ? 2 : 1);
	k->is_full = k->is_full || room == NULL;
	if (k->is_full)
		return;
	if (k->is_space)
		*room++ = ' ';
	*room = c;
	buf_wrote(&k->value, k->is_space ? 2 : 1);
	k->is_space = false;
}

/* Any byte but LF. */
static void
on_byte(struct peek *k, char c)
{
	switch (k->state) {
	case AT_LINE:
		line_starts(k, c);
		break;
	case AT_EMPTY:
		k->state = IN_OTHER; /* a bare CR: no line of its own */
		break;
	case IN_NAME:
	case AFTER_NAME:
		name_byte(k, c);
		break;
	default:
		value_byte(k, c);
		break;
	}
}

/* The bytes of one line, or of a part of it. */
static void
on_part(struct peek *k, const char *p, size_t n)
{
	for (size_t i = 0; i < n && k->state != IN_OTHER; i++)
		on_byte(k, p[i]);
}

void
peek_feed(struct peek *k, const char *p, size_t n)
{
	while (n > 0 && !k->is_over) {
		const char *lf = memchr(p, '\n', n);
		size_t part = lf != NULL ? (size_t)(lf - p) : n;

		on_part(k, p, part);
		if (lf == NULL)
			return;
		if (k->state == AT_LINE || k->state == AT_EMPTY)
			peek_end(k);
		k->is_space = true;
		k->state = AT_LINE;
		p += part + 1;
		n -= part + 1;
	}
}

void
peek_end(struct peek *k)
{
	hand_over(k);
	k->is_over = true;
}
