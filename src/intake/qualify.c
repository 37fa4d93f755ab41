/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/qualify.h"

#include <string.h>

#include "postern/mail/header_token.h"

struct reading {
	struct header_token token;
	const char *copied; /* so much of the field is in out */
	struct str domain;
	struct buf *out;
	size_t had; /* of out before */
	bool changed, full;
	/* The mailbox under way. */
	unsigned words;
	const char *word_end; /* behind the first of them */
	bool is_plain;        /* an atom, and nothing but one, so far */
	bool in_angle, in_group;
};

/* --- mailboxes ------------------------------------------------------------
 */

static void
begin_mailbox(struct reading *r)
{
	r->words = 0;
	r->is_plain = true;
}

static void
put(struct reading *r, const char *p, size_t n)
{
	r->full = r->full || (n > 0 && buf_add(r->out, p, n) == -1);
}

/* The mailbox is over: does it lack a domain? */
static void
end_mailbox(struct reading *r)
{
	if (r->words == 1 && r->is_plain) {
		put(r, r->copied, (size_t)(r->word_end - r->copied));
		put(r, "@", 1);
		put(r, r->domain.p, r->domain.len);
		r->copied = r->word_end;
		r->changed = true;
	}
	begin_mailbox(r);
}

/* A dot-atom that is no encoded word (RFC 2047). */
static bool
is_local_part(struct str s)
{
	if (s.p[0] == '.' || s.p[s.len - 1] == '.' ||
	    str_starts_case(s, STR("=?")))
		return false;
	for (size_t i = 0; i + 1 < s.len; i++) {
		if (s.p[i] == '.' && s.p[i + 1] == '.')
			return false;
	}
	return true;
}

static void
on_word(struct reading *r, bool is_atom)
{
	struct str s = { r->token.start,
		(size_t)(r->token.p - r->token.start) };

	r->is_plain = r->is_plain && is_atom && is_local_part(s);
	if (r->words++ == 0)
		r->word_end = r->token.p;
}

static bool
on_angle(struct reading *r, bool opens)
{
	if (r->in_angle == opens)
		return false;
	r->in_angle = opens;
	if (opens) {
		begin_mailbox(r);
	} else {
		end_mailbox(r);
		r->is_plain = false; /* up to the comma */
	}
	return true;
}

/* Of a group, or of a source route inside <>. */
static bool
on_colon(struct reading *r)
{
	if (r->in_angle)
		return true;
	if (r->in_group || r->words == 0)
		return false;
	r->in_group = true;
	begin_mailbox(r);
	return true;
}

static bool
on_special(struct reading *r, char c)
{
	switch (c) {
	case '<':
		return on_angle(r, true);
	case '>':
		return on_angle(r, false);
	case ':':
		return on_colon(r);
	case ';':
		if (!r->in_group || r->in_angle)
			return false;
		end_mailbox(r);
		r->in_group = r->is_plain = false;
		return true;
	case ',':
		if (!r->in_angle)
			end_mailbox(r);
		return true;
	default: /* '@' */
		r->is_plain = false;
		return true;
	}
}

/* false: it is not understood. */
static bool
read_mailboxes(struct reading *r)
{
	enum header_token_kind t;

	begin_mailbox(r);
	while ((t = header_token_next(&r->token)) != HEADER_TOKEN_END) {
		if (t == HEADER_TOKEN_BAD)
			return false;
		if (t == HEADER_TOKEN_SPECIAL &&
		    !on_special(r, *r->token.start))
			return false;
		if (t == HEADER_TOKEN_DOMAIN)
			r->is_plain = false;
		if (t == HEADER_TOKEN_ATOM || t == HEADER_TOKEN_QUOTED)
			on_word(r, t == HEADER_TOKEN_ATOM);
	}
	end_mailbox(r);
	return !r->in_angle && !r->in_group;
}

static bool
has_long_line(struct str s)
{
	while (s.len > 0) {
		struct str line = str_cut(&s, '\n');

		if (line.len > QUALIFY_LINE_MAX + 1) /* its CR */
			return true;
	}
	return false;
}

/* What was added to out goes again. */
static enum qualify_result
give_up(struct reading *r, enum qualify_result why)
{
	r->out->len = r->had;
	return why;
}

enum qualify_result
qualify_field(struct str field, struct str domain, struct buf *out)
{
	const char *colon = memchr(field.p, ':', field.len);
	struct reading r = { .domain = domain, .out = out, .had = out->len };
	struct str made;

	if (colon == NULL)
		return QUALIFY_UNCLEAR;
	r.token.p = colon + 1;
	r.token.end = field.p + field.len;
	r.copied = field.p;
	if (!read_mailboxes(&r))
		return give_up(&r, QUALIFY_UNCLEAR);
	if (!r.changed)
		return QUALIFY_AS_IT_IS;
	put(&r, r.copied, (size_t)(r.token.end - r.copied));
	if (r.full)
		return give_up(&r, QUALIFY_TOO_LONG);
	made = buf_str(out);
	made.p += r.had;
	made.len -= r.had;
	return has_long_line(made) ? give_up(&r, QUALIFY_TOO_LONG)
	                           : QUALIFY_DONE;
}
