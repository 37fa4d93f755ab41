/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/mail/header_token.h"

#include <stdbool.h>
#include <string.h>

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool
is_atom(char c)
{
	unsigned char b = (unsigned char)c;

	return b > ' ' && b != 0x7f && strchr("()<>[]:;@\\,\"", c) == NULL;
}

/* Up to the closing character, which is not passed over escaped; false: there
 * is none. */
static bool
skip_to(struct header_token *r, char close)
{
	for (; r->p < r->end; r->p++) {
		if (*r->p == '\\' && r->p + 1 < r->end)
			r->p++;
		else if (*r->p == close)
			return ++r->p, true;
	}
	return false;
}

/* Comments nest. */
static bool
skip_comment(struct header_token *r)
{
	size_t depth = 0;

	for (; r->p < r->end; r->p++) {
		if (*r->p == '\\' && r->p + 1 < r->end)
			r->p++;
		else if (*r->p == '(')
			depth++;
		else if (*r->p == ')' && --depth == 0)
			return ++r->p, true;
	}
	return false;
}

static bool
skip_space(struct header_token *r)
{
	while (r->p < r->end) {
		if (is_blank(*r->p))
			r->p++;
		else if (*r->p != '(')
			return true;
		else if (!skip_comment(r))
			return false;
	}
	return true;
}

enum header_token_kind
header_token_next(struct header_token *r)
{
	if (!skip_space(r))
		return HEADER_TOKEN_BAD;
	r->start = r->p;
	if (r->p == r->end)
		return HEADER_TOKEN_END;
	if (is_atom(*r->p)) {
		while (r->p < r->end && is_atom(*r->p))
			r->p++;
		return HEADER_TOKEN_ATOM;
	}
	switch (*r->p++) {
	case '"':
		return skip_to(r, '"') ? HEADER_TOKEN_QUOTED : HEADER_TOKEN_BAD;
	case '[':
		return skip_to(r, ']') ? HEADER_TOKEN_DOMAIN : HEADER_TOKEN_BAD;
	case '<':
	case '>':
	case '@':
	case ',':
	case ':':
	case ';':
		return HEADER_TOKEN_SPECIAL;
	default:
		return HEADER_TOKEN_BAD;
	}
}
