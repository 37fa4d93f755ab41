/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sendmail_rcpts.h"

#include <stdlib.h>

#include "postern/base/buf.h"
#include "postern/base/mem.h"
#include "postern/mail/address.h"
#include "postern/mail/header_token.h"

#define SHOWN 200     /* bytes of what is wrong */
#define SPEC_MAX 4096 /* bytes of an address and its route */

struct reading {
	struct sendmail_rcpts *to;
	struct header_token token;
	const char *begin; /* of the mailbox under way */
	struct buf spec;   /* its address so far */
	bool in_angle, had_angle;
	bool is_word;   /* a word was last: another one makes it a phrase */
	bool is_phrase; /* a name, for which <> has to follow */
	bool is_bad, is_full;
};

static void
tell_bad(struct reading *r)
{
	char shown[SHOWN];
	const char *end = r->token.start;

	while (r->begin < end && (*r->begin == ' ' || *r->begin == '\t' ||
	                             *r->begin == '\r' || *r->begin == '\n'))
		r->begin++;
	str_escape(shown, sizeof shown,
	    (struct str){ r->begin, (size_t)(end - r->begin) });
	if (r->to->told != NULL)
		(void)fprintf(
		    r->to->told, "sendmail: this is no address: %s\n", shown);
	r->to->nbad++;
}

static void
keep(struct reading *r, const struct address *a)
{
	struct sendmail_rcpts *to = r->to;

	if (to->n == SENDMAIL_RCPTS_MAX) {
		r->is_full = true;
		return;
	}
	if (to->n == to->room) {
		to->room = to->room == 0 ? 16 : 2 * to->room;
		to->v = mem_resize(to->v, to->room * sizeof *to->v);
	}
	to->v[to->n++] = mem_strn(a->text, a->len);
	to->has_utf8 = to->has_utf8 || a->utf8;
}

static void
begin_mailbox(struct reading *r)
{
	buf_clear(&r->spec);
	r->begin = r->token.p;
	r->in_angle = r->had_angle = r->is_word = r->is_phrase = false;
	r->is_bad = false;
}

static void
end_mailbox(struct reading *r)
{
	struct str spec = buf_str(&r->spec);
	struct address a;

	r->is_bad = r->is_bad || r->in_angle || (r->is_phrase && !r->had_angle);
	if (r->is_bad || (spec.len == 0 && r->had_angle))
		tell_bad(r);
	else if (spec.len > 0 &&
	         address_mailbox(&a, spec, ADDRESS_UTF8 | ADDRESS_LOCAL) !=
	             ADDRESS_OK)
		tell_bad(r);
	else if (spec.len > 0)
		keep(r, &a);
	begin_mailbox(r);
}

/* A part of the address, or of a name before its <>. */
static void
add_token(struct reading *r)
{
	size_t n = (size_t)(r->token.p - r->token.start);

	r->is_bad = r->is_bad || r->had_angle;
	if (!r->is_phrase && buf_add(&r->spec, r->token.start, n) != 0)
		r->is_bad = true;
}

static void
on_word(struct reading *r)
{
	if (!r->in_angle && r->is_word)
		r->is_phrase = true;
	else if (r->is_word)
		r->is_bad = true;
	add_token(r);
	r->is_word = true;
}

static void
on_angle(struct reading *r, bool opens)
{
	r->is_bad = r->is_bad || r->in_angle == opens || r->had_angle;
	r->in_angle = opens;
	r->had_angle = !opens;
	r->is_word = r->is_phrase = false;
	if (opens)
		buf_clear(&r->spec);
}

/* A group's name, or a source route, is over: nobody needs it. */
static void
on_colon(struct reading *r)
{
	buf_clear(&r->spec);
	r->is_word = r->is_phrase = false;
	if (!r->in_angle)
		begin_mailbox(r);
}

static void
on_special(struct reading *r, char c)
{
	switch (c) {
	case '<':
	case '>':
		on_angle(r, c == '<');
		break;
	case ':':
		on_colon(r);
		break;
	case ',':
		if (r->in_angle) /* of a source route */
			buf_clear(&r->spec);
		else
			end_mailbox(r);
		break;
	case ';':
		end_mailbox(r);
		break;
	default: /* '@' */
		add_token(r);
		r->is_word = false;
		break;
	}
}

static void
read_all(struct reading *r)
{
	enum header_token_kind t;

	begin_mailbox(r);
	while (!r->is_full &&
	       (t = header_token_next(&r->token)) != HEADER_TOKEN_END) {
		if (t == HEADER_TOKEN_BAD) {
			r->is_bad = true;
			r->token.start = r->token.p = r->token.end;
		} else if (t == HEADER_TOKEN_SPECIAL) {
			on_special(r, *r->token.start);
		} else {
			on_word(r);
		}
	}
	r->token.start = r->token.end;
	end_mailbox(r);
}

bool
sendmail_rcpts_add(struct sendmail_rcpts *to, struct str text)
{
	struct reading r = { .to = to,
		.token = { .p = text.p, .end = text.p + text.len } };

	r.token.start = r.token.p;
	buf_init(&r.spec, SPEC_MAX);
	read_all(&r);
	buf_done(&r.spec);
	return !r.is_full;
}

void
sendmail_rcpts_done(struct sendmail_rcpts *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->v[i]);
	free(r->v);
	*r = (struct sendmail_rcpts){ 0 };
}
