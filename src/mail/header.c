/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/mail/header.h"

#include <string.h>

void
header_scan_init(struct header_scan *h)
{
	memset(h, 0, sizeof *h);
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static void
on_name(struct header_scan *h)
{
	struct str name = header_name_str(&h->name);

	if (str_is(name, "Received")) {
		h->received++;
	} else if (str_is(name, "Date")) {
		h->has_date = true;
	} else if (str_is(name, "From")) {
		h->has_from = true;
	} else if (str_is(name, "Message-ID")) {
		h->in_id = !h->has_message_id;
		h->has_message_id = true;
	}
}

static void
name_byte(struct header_scan *h, char c)
{
	enum header_name_what what = header_name_byte(&h->name, c);

	h->in_line = what != HEADER_NAME_MORE;
	if (what == HEADER_NAME_FOLD)
		return;
	h->in_id = h->id_space = false;
	if (what == HEADER_NAME_FIELD)
		on_name(h);
}

static void
id_byte(struct header_scan *h, char c)
{
	if (is_blank(c)) {
		h->id_space = h->id_len > 0;
		return;
	}
	if ((unsigned char)c < ' ' || c == 0x7f)
		return;
	if (h->id_space && h->id_len < HEADER_ID_MAX)
		h->id[h->id_len++] = ' ';
	h->id_space = false;
	if (h->id_len < HEADER_ID_MAX)
		h->id[h->id_len++] = c;
}

/* The bytes of one line, or of a part of it. */
static void
on_part(struct header_scan *h, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!h->in_line)
			name_byte(h, p[i]);
		else if (h->in_id)
			id_byte(h, p[i]);
		else
			return;
	}
}

void
header_scan(struct header_scan *h, const char *p, size_t n)
{
	while (n > 0 && !h->is_over) {
		const char *lf = memchr(p, '\n', n);
		size_t part = lf != NULL ? (size_t)(lf - p) : n;

		on_part(h, p, part);
		if (lf == NULL)
			return;
		h->is_over = header_name_is_end(&h->name);
		if (h->in_id)
			h->id_space = h->id_len > 0;
		header_name_line(&h->name);
		h->in_line = false;
		p += part + 1;
		n -= part + 1;
	}
}

struct str
header_scan_id(const struct header_scan *h)
{
	return (struct str){ h->id, h->id_len };
}

bool
header_is_name(struct str name)
{
	for (size_t i = 0; i < name.len; i++) {
		if (name.p[i] <= ' ' || name.p[i] >= 0x7f || name.p[i] == ':')
			return false;
	}
	return name.len > 0 && name.len <= HEADER_FIELD_MAX;
}
