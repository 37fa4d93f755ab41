/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/mail/header.h"

#include <string.h>

enum {
	AT_LINE,    /* the first byte of a line */
	AT_EMPTY,   /* a CR was the first byte */
	IN_NAME,    /* before the colon */
	AFTER_NAME, /* white space before the colon (RFC 5322 4.5) */
	IN_VALUE,
};

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

/* The colon has come: what field is it? */
static void
on_name(struct header_scan *h)
{
	struct str name = { h->name, h->name_len };

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
	h->state = IN_VALUE;
}

static void
line_starts(struct header_scan *h, char c)
{
	if (is_blank(c)) {
		h->state = IN_VALUE; /* the field goes on */
		return;
	}
	h->in_id = h->id_space = false;
	if (c == '\r') {
		h->state = AT_EMPTY;
		return;
	}
	h->state = IN_NAME;
	h->name[0] = c;
	h->name_len = 1;
	if (c == ':')
		h->state = IN_VALUE; /* no name at all */
}

static void
name_byte(struct header_scan *h, char c)
{
	if (c == ':')
		on_name(h);
	else if (is_blank(c) || c == '\r')
		h->state = AFTER_NAME;
	else if (h->state == AFTER_NAME || h->name_len == HEADER_NAME_MAX)
		h->state = IN_VALUE; /* not a field that matters */
	else
		h->name[h->name_len++] = c;
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

/* Any byte but LF. */
static void
on_byte(struct header_scan *h, char c)
{
	switch (h->state) {
	case AT_LINE:
		line_starts(h, c);
		break;
	case AT_EMPTY:
		h->state = IN_VALUE; /* a bare CR: no line of its own */
		break;
	case IN_NAME:
	case AFTER_NAME:
		name_byte(h, c);
		break;
	default:
		id_byte(h, c);
		break;
	}
}

/* The bytes of one line, or of a part of it. */
static void
on_part(struct header_scan *h, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (h->state == IN_VALUE && !h->in_id)
			return;
		on_byte(h, p[i]);
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
		h->is_over = h->state == AT_LINE || h->state == AT_EMPTY;
		if (h->in_id)
			h->id_space = h->id_len > 0;
		h->state = AT_LINE;
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
