/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/mail/header_name.h"

enum {
	AT_LINE,  /* the first byte of a line */
	AT_EMPTY, /* a CR was the first byte */
	IN_NAME,
	AFTER_NAME, /* white space before the colon */
	AT_VALUE,   /* it was told what the line is */
};

void
header_name_line(struct header_name *h)
{
	h->state = AT_LINE;
	h->len = 0;
}

/* A CR can only be the end of a line, or be refused later. */
static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static enum header_name_what
over(struct header_name *h, enum header_name_what what)
{
	h->state = AT_VALUE;
	return what;
}

static enum header_name_what
more(struct header_name *h, uint8_t state)
{
	h->state = state;
	return HEADER_NAME_MORE;
}

static enum header_name_what
add(struct header_name *h, char c)
{
	if (h->len == HEADER_FIELD_MAX)
		return over(h, HEADER_NAME_OTHER);
	h->text[h->len++] = c;
	return more(h, IN_NAME);
}

enum header_name_what
header_name_byte(struct header_name *h, char c)
{
	switch (h->state) {
	case AT_LINE:
		if (c == '\r')
			return more(h, AT_EMPTY);
		if (c == ':') /* no name at all */
			return over(h, HEADER_NAME_OTHER);
		return is_blank(c) ? over(h, HEADER_NAME_FOLD) : add(h, c);
	case IN_NAME:
	case AFTER_NAME:
		if (c == ':')
			return over(h, HEADER_NAME_FIELD);
		if (is_blank(c))
			return more(h, AFTER_NAME);
		if (h->state == IN_NAME)
			return add(h, c);
		break;
	default: /* a bare CR: no line of its own */
		break;
	}
	return over(h, HEADER_NAME_OTHER);
}

bool
header_name_is_end(const struct header_name *h)
{
	return h->state == AT_LINE || h->state == AT_EMPTY;
}

struct str
header_name_str(const struct header_name *h)
{
	return (struct str){ h->text, h->len };
}
