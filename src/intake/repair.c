/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/intake/repair.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/clock.h"
#include "postern/base/id.h"
#include "postern/base/mem.h"

#include "intake/qualify.h"

/* Where the next byte falls. */
enum place {
	AT_LINE,   /* the first of a line */
	AT_CR,     /* behind a CR that was the first */
	IN_NAME,   /* before the colon */
	IN_BLANKS, /* white space before the colon (RFC 5322 4.5) */
	IN_VALUE,
};

/* What becomes of the field under way. */
enum fate { PASS, DROP, HOLD };

/* The names that matter. */
static const struct known {
	const char *name;
	enum { DATE, MESSAGE_ID, FROM, ADDRESSES, BCC } kind;
} knowns[] = {
	{ "Date", DATE },
	{ "Message-ID", MESSAGE_ID },
	{ "From", FROM },
	{ "Sender", ADDRESSES },
	{ "To", ADDRESSES },
	{ "Cc", ADDRESSES },
	{ "Bcc", BCC },
	{ "Resent-Bcc", BCC },
};
#define NAME_MAX_OCTETS 10 /* the longest of them */
#define FIRST_NAME_MAX 998 /* of the first field, which tells a header */

struct repair {
	struct repair_settings s;
	enum place place;
	enum fate fate;
	bool is_first; /* the first line of all */
	bool is_over;
	bool has_date, has_id, has_from;
	struct buf held;  /* the name under way; all of a field: HOLD */
	size_t name_len;  /* in held */
	struct buf fixed; /* a field with domains added */
	size_t grown;     /* by domains */
	const struct known *field; /* under way, where it matters */
	const char *left, *left_name;
};

struct repair *
repair_new(const struct repair_settings *s)
{
	struct repair *r = mem_new(sizeof *r);

	r->s = *s;
	r->is_first = true;
	buf_init(&r->held, REPAIR_FIELD_MAX);
	buf_init(&r->fixed, 2 * REPAIR_FIELD_MAX);
	return r;
}

void
repair_free(struct repair **r)
{
	if (*r == NULL)
		return;
	buf_done(&(*r)->held);
	buf_done(&(*r)->fixed);
	free(*r);
	*r = NULL;
}

bool
repair_is_over(const struct repair *r)
{
	return r->is_over;
}

const char *
repair_left(const struct repair *r, const char **name)
{
	*name = r->left_name;
	return r->left;
}

/* out has room: the caller has seen to it. */
static void
put(struct buf *out, const char *p, size_t n)
{
	int rc = n > 0 ? buf_add(out, p, n) : 0;

	assert(rc == 0);
}

static void
puts_to(struct buf *out, const char *s)
{
	put(out, s, strlen(s));
}

/* --- what is missing ------------------------------------------------------
 */

static bool
lacks_from(const struct repair *r)
{
	return !r->has_from && r->s.sender[0] != '\0';
}

static bool
lacks_something(const struct repair *r)
{
	return r->s.complete && (!r->has_date || !r->has_id || lacks_from(r));
}

static void
put_missing(const struct repair *r, struct buf *out)
{
	char date[40], id[ID_TEXT];

	if (!r->s.complete)
		return;
	if (!r->has_date) {
		clock_rfc5322(r->s.now_ms, date);
		puts_to(out, "Date: ");
		puts_to(out, date);
		puts_to(out, "\r\n");
	}
	if (!r->has_id) {
		id_text(r->s.mid, id);
		puts_to(out, "Message-ID: <");
		puts_to(out, id);
		puts_to(out, "@");
		puts_to(out, r->s.hostname);
		puts_to(out, ">\r\n");
	}
	if (lacks_from(r)) {
		puts_to(out, "From: ");
		puts_to(out, r->s.sender);
		puts_to(out, "\r\n");
	}
}

/* --- fields ---------------------------------------------------------------
 */

static void
flush(struct repair *r, struct buf *out)
{
	struct str held = buf_str(&r->held);

	put(out, held.p, held.len);
	buf_clear(&r->held);
}

static void
leave(struct repair *r, const char *why)
{
	if (r->left != NULL)
		return;
	r->left = why;
	r->left_name = r->field->name;
}

/* The field that is held gets its domains; or it stays held. */
static void
fix_field(struct repair *r, struct buf *out)
{
	struct str held = buf_str(&r->held), fixed;
	enum qualify_result q =
	    qualify_field(held, str_of(r->s.domain), &r->fixed);

	fixed = buf_str(&r->fixed);
	if (q == QUALIFY_DONE &&
	    r->grown + (fixed.len - held.len) > REPAIR_FIELD_MAX)
		q = QUALIFY_TOO_LONG;
	if (q == QUALIFY_DONE) {
		r->grown += fixed.len - held.len;
		put(out, fixed.p, fixed.len);
		buf_clear(&r->held);
	} else if (q == QUALIFY_UNCLEAR) {
		leave(r, "its addresses are not understood");
	} else if (q == QUALIFY_TOO_LONG) {
		leave(r, "with domains added it would be too long");
	}
	buf_clear(&r->fixed);
	buf_release(&r->fixed);
}

/* The field is whole. */
static void
end_field(struct repair *r, struct buf *out)
{
	if (r->fate == HOLD)
		fix_field(r, out);
	flush(r, out);
	r->fate = PASS;
}

static const struct known *
find_known(struct str name)
{
	for (size_t i = 0; i < sizeof knowns / sizeof knowns[0]; i++) {
		if (str_is(name, knowns[i].name))
			return &knowns[i];
	}
	return NULL;
}

/* The colon has come, and is held as the last. */
static void
on_name(struct repair *r, struct buf *out)
{
	const struct known *k =
	    find_known((struct str){ buf_str(&r->held).p, r->name_len });

	r->is_first = false;
	r->place = IN_VALUE;
	r->fate = PASS;
	r->field = k;
	if (k != NULL && k->kind == BCC && r->s.remove_bcc)
		r->fate = DROP;
	else if (k != NULL && r->s.complete &&
	         (k->kind == FROM || k->kind == ADDRESSES))
		r->fate = HOLD;
	r->has_date = r->has_date || (k != NULL && k->kind == DATE);
	r->has_id = r->has_id || (k != NULL && k->kind == MESSAGE_ID);
	r->has_from = r->has_from || (k != NULL && k->kind == FROM);
	if (r->fate == DROP)
		buf_clear(&r->held);
	else if (r->fate == PASS)
		flush(r, out);
}

/* A text without a header: one is made, and ended.  A mailbox's "From " line
 * is not text. */
static bool
is_bare_text(const struct repair *r)
{
	struct str held = buf_str(&r->held);

	return r->is_first && r->s.complete &&
	       !str_starts_case(held, STR("From ")) &&
	       !str_starts_case(held, STR(">From "));
}

/* What is held, and the rest of its line, is no field. */
static void
no_field(struct repair *r, struct buf *out)
{
	if (is_bare_text(r)) {
		put_missing(r, out);
		puts_to(out, "\r\n");
		r->is_over = true;
	}
	r->is_first = false;
	r->fate = PASS;
	r->place = IN_VALUE;
	flush(r, out);
}

/* --- bytes ----------------------------------------------------------------
 */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool
is_name(char c)
{
	return c > ' ' && c != ':' && (unsigned char)c < 0x7f;
}

static void
end_header(struct repair *r, struct buf *out)
{
	put_missing(r, out);
	flush(r, out); /* the empty line */
	r->is_over = true;
}

/* The first byte of a line; false: it is the value's that goes on. */
static bool
line_starts(struct repair *r, char c, struct buf *out)
{
	if (is_blank(c) && !r->is_first) {
		r->place = IN_VALUE;
		return false;
	}
	end_field(r, out);
	put(&r->held, &c, 1);
	r->name_len = 1;
	if (c == '\n')
		end_header(r, out);
	else if (c == '\r')
		r->place = AT_CR;
	else if (is_name(c))
		r->place = IN_NAME;
	else
		no_field(r, out);
	return true;
}

static void
after_cr(struct repair *r, char c, struct buf *out)
{
	put(&r->held, &c, 1);
	if (c == '\n')
		end_header(r, out);
	else
		no_field(r, out); /* a bare CR: it will be refused */
}

static void
name_byte(struct repair *r, char c, struct buf *out)
{
	size_t max = r->is_first ? FIRST_NAME_MAX : NAME_MAX_OCTETS;

	put(&r->held, &c, 1);
	if (c == ':') {
		on_name(r, out);
	} else if (is_blank(c) && r->held.len < REPAIR_FIELD_MAX) {
		r->place = IN_BLANKS;
	} else if (r->place == IN_NAME && is_name(c) && r->name_len < max) {
		r->name_len++;
	} else {
		no_field(r, out);
		r->place = c == '\n' ? AT_LINE : IN_VALUE;
	}
}

/* Of a line up to its LF; how many bytes. */
static size_t
value_bytes(struct repair *r, const char *p, size_t n, struct buf *out)
{
	const char *lf = memchr(p, '\n', n);

	if (lf != NULL) {
		n = (size_t)(lf - p) + 1;
		r->place = AT_LINE;
	}
	if (r->fate == HOLD && buf_add(&r->held, p, n) == 0)
		return n;
	if (r->fate == HOLD) {
		leave(r, "it is too long");
		flush(r, out);
		r->fate = PASS;
	}
	if (r->fate == PASS)
		put(out, p, n);
	return n;
}

/* Takes some; how many. */
static size_t
take(struct repair *r, const char *p, size_t n, struct buf *out)
{
	switch (r->place) {
	case AT_LINE:
		return line_starts(r, *p, out);
	case AT_CR:
		after_cr(r, *p, out);
		return 1;
	case IN_NAME:
	case IN_BLANKS:
		name_byte(r, *p, out);
		return 1;
	case IN_VALUE:
		break;
	}
	return value_bytes(r, p, n, out);
}

void
repair_feed(struct repair *r, const char *p, size_t n, struct buf *out)
{
	while (n > 0 && !r->is_over) {
		size_t took = take(r, p, n, out);

		p += took;
		n -= took;
	}
	put(out, p, n);
}

/* The content has ended inside of the header. */
void
repair_end(struct repair *r, struct buf *out)
{
	bool is_whole = r->place == AT_LINE || r->fate == DROP;

	if (r->is_over)
		return;
	if (r->place != AT_LINE && r->place != IN_VALUE && r->is_first) {
		no_field(r, out);
	} else {
		end_field(r, out);
		if (!is_whole && lacks_something(r))
			puts_to(out, "\r\n");
		put_missing(r, out);
	}
	r->is_over = true;
}
