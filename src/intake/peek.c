/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/peek.h"

#include <string.h>

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
on_name(struct peek *k)
{
	struct str name = header_name_str(&k->line);

	if (k->nfields >= PEEK_FIELDS_MAX || !k->hooks->wants(k->arg, name))
		return;
	memcpy(k->name, name.p, name.len);
	k->name_len = (uint8_t)name.len;
	k->nfields++;
	k->is_open = true;
	k->is_space = k->is_full = false;
}

static void
name_byte(struct peek *k, char c)
{
	enum header_name_what what = header_name_byte(&k->line, c);

	k->in_line = what != HEADER_NAME_MORE;
	if (what == HEADER_NAME_FOLD)
		return;
	hand_over(k);
	if (what == HEADER_NAME_FIELD)
		on_name(k);
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

/* The bytes of one line, or of a part of it. */
static void
on_part(struct peek *k, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!k->in_line)
			name_byte(k, p[i]);
		else if (k->is_open)
			value_byte(k, p[i]);
		else
			return;
	}
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
		if (header_name_is_end(&k->line))
			peek_end(k);
		k->is_space = true;
		header_name_line(&k->line);
		k->in_line = false;
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
