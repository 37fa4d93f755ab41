/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/mail/dkim.h"

#include <inttypes.h>
#include <string.h>

#include "mail/header_field.h"

/* --- the body (RFC 6376 3.4.3, 3.4.4) --------------------------------------
 */

static void
flush(struct dkim_body *b)
{
	if (b->nout > 0)
		b->put(b->arg, b->out, b->nout);
	b->nout = 0;
}

static void
emit(struct dkim_body *b, char c)
{
	if (b->nout == sizeof b->out)
		flush(b);
	b->out[b->nout++] = c;
	b->has_put = true;
}

static void
emit_line_end(struct dkim_body *b)
{
	emit(b, '\r');
	emit(b, '\n');
}

static void
on_plain(struct dkim_body *b, char c)
{
	for (; b->nempty > 0; b->nempty--)
		emit_line_end(b);
	if (b->is_blank)
		emit(b, ' ');
	b->is_blank = false;
	b->in_line = true;
	emit(b, c);
}

static void
on_line_end(struct dkim_body *b)
{
	b->is_blank = false;
	if (b->in_line)
		emit_line_end(b);
	else
		b->nempty++;
	b->in_line = false;
}

static void
on_octet(struct dkim_body *b, char c)
{
	bool was_cr = b->is_cr;

	b->is_cr = c == '\r';
	if (was_cr && c == '\n') {
		on_line_end(b);
		return;
	}
	if (was_cr)
		on_plain(b, '\r');
	if (c == '\r')
		return;
	if (b->canon == DKIM_RELAXED && header_field_is_blank(c))
		b->is_blank = true;
	else
		on_plain(b, c);
}

void
dkim_body_init(struct dkim_body *b, enum dkim_canon canon,
    void (*put)(void *arg, const char *p, size_t n), void *arg)
{
	*b = (struct dkim_body){ .canon = canon, .put = put, .arg = arg };
}

void
dkim_body_feed(struct dkim_body *b, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		on_octet(b, p[i]);
}

void
dkim_body_end(struct dkim_body *b)
{
	if (b->is_cr)
		on_plain(b, '\r');
	b->is_cr = false;
	/* What leaves ends with a line end, whether it came with one or not. */
	if (b->in_line)
		on_line_end(b);
	if (b->canon == DKIM_SIMPLE && !b->has_put)
		emit_line_end(b);
	flush(b);
}

/* --- a field (RFC 6376 3.4.1, 3.4.2) ---------------------------------------
 */

static int
add_lower(struct buf *out, struct str name)
{
	char *room = buf_room(out, name.len);

	if (room == NULL)
		return -1;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.p[i];

		room[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
	}
	buf_wrote(out, name.len);
	return 0;
}

static bool
is_line_end(struct str s, size_t i)
{
	return s.p[i] == '\n' ||
	       (s.p[i] == '\r' && i + 1 < s.len && s.p[i + 1] == '\n');
}

/* Unfolded, with one space for several, none at the ends. */
static int
add_relaxed_value(struct buf *out, struct str value)
{
	size_t had = out->len;
	bool is_blank = false;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < value.len; i++) {
		if (is_line_end(value, i))
			continue;
		if (header_field_is_blank(value.p[i])) {
			is_blank = true;
			continue;
		}
		if (is_blank && out->len > had)
			rc = buf_add(out, " ", 1);
		is_blank = false;
		if (rc == 0)
			rc = buf_add(out, &value.p[i], 1);
	}
	return rc;
}

static int
add_canonical(
    struct buf *out, enum dkim_canon canon, const struct header_field *f)
{
	if (canon == DKIM_SIMPLE)
		return buf_add(out, f->whole.p, f->whole.len);
	if (add_lower(out, f->name) != 0 || buf_adds(out, ":") != 0)
		return -1;
	return add_relaxed_value(out, f->value);
}

int
dkim_own(struct buf *out, enum dkim_canon canon, struct str field)
{
	struct header_field f;

	return header_field_next(&field, &f) ? add_canonical(out, canon, &f)
	                                     : -1;
}

/* --- the header ------------------------------------------------------------
 */

/* Those of a header section that may be signed, in its order. */
struct found {
	struct header_field field[DKIM_FIELDS_MAX];
	size_t n;
};

static bool
is_in(struct str name, const char **names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (str_is(name, names[i]))
			return true;
	}
	return false;
}

static bool
is_over(struct str name, const struct dkim_fields *of)
{
	return str_is(name, "From") || is_in(name, of->over, of->nover);
}

static int
find(struct found *at, struct str section, const struct dkim_fields *of)
{
	struct header_field f;

	at->n = 0;
	while (header_field_next(&section, &f)) {
		if (f.name.len == 0 || (!is_over(f.name, of) &&
		                           !is_in(f.name, of->sign, of->nsign)))
			continue;
		if (at->n == DKIM_FIELDS_MAX)
			return -1;
		at->field[at->n++] = f;
	}
	return 0;
}

static int
add_name(struct buf *names, struct str name)
{
	if (names->len > 0 && buf_adds(names, ":") != 0)
		return -1;
	return buf_add(names, name.p, name.len);
}

/* All of a name, the last first (RFC 6376 5.4.2). */
static int
sign_name(const struct found *at, enum dkim_canon canon, const char *name,
    struct buf *names, struct buf *out)
{
	for (size_t i = at->n; i > 0; i--) {
		const struct header_field *f = &at->field[i - 1];

		if (!str_is(f->name, name))
			continue;
		if (add_name(names, str_of(name)) != 0 ||
		    add_canonical(out, canon, f) != 0)
			return -1;
		if (canon == DKIM_RELAXED && buf_adds(out, "\r\n") != 0)
			return -1;
	}
	return 0;
}

/* The i-th name of all: From, the signed ones, those that are oversigned. */
static const char *
name_at(const struct dkim_fields *of, size_t i)
{
	if (i == 0)
		return "From";
	return i <= of->nsign ? of->sign[i - 1] : of->over[i - 1 - of->nsign];
}

static bool
was_before(const struct dkim_fields *of, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (str_is(str_of(name_at(of, i)), name_at(of, n)))
			return true;
	}
	return false;
}

int
dkim_header(struct str section, enum dkim_canon canon,
    const struct dkim_fields *of, struct buf *names, struct buf *out)
{
	struct found at;

	if (find(&at, section, of) != 0)
		return -1;
	for (size_t i = 0; i < 1 + of->nsign + of->nover; i++) {
		const char *name = name_at(of, i);

		if (was_before(of, i))
			continue;
		if (sign_name(&at, canon, name, names, out) != 0)
			return -1;
		if (is_over(str_of(name), of) &&
		    add_name(names, str_of(name)) != 0)
			return -1;
	}
	return 0;
}

/* --- the signature ---------------------------------------------------------
 */

static const char *
canon_word(enum dkim_canon canon)
{
	return canon == DKIM_SIMPLE ? "simple" : "relaxed";
}

/* Folded behind its colons. */
static int
add_names(struct buf *out, struct str names)
{
	size_t column = 10;
	int rc = buf_adds(out, "\r\n\th=");

	while (rc == 0 && names.len > 0) {
		struct str name = str_cut(&names, ':');

		if (column + name.len > DKIM_LINE) {
			rc = buf_adds(out, "\r\n\t ");
			column = 9;
		}
		if (rc == 0)
			rc = buf_add(out, name.p, name.len);
		if (rc == 0 && names.len > 0)
			rc = buf_adds(out, ":");
		column += name.len + 1;
	}
	return rc == 0 ? buf_adds(out, ";") : -1;
}

int
dkim_field(struct buf *out, const struct dkim_tags *t)
{
	int rc = buf_addf(out,
	    "DKIM-Signature: v=1; a=%s; c=%s/%s;\r\n\td=%s;\r\n\ts=%s;\r\n"
	    "\tt=%" PRId64 ";",
	    t->algorithm, canon_word(t->header), canon_word(t->body), t->domain,
	    t->selector, t->now_s);

	if (rc == 0 && t->until_s > 0)
		rc = buf_addf(out, " x=%" PRId64 ";", t->until_s);
	if (rc == 0 && t->identity != NULL)
		rc = buf_addf(out, "\r\n\ti=%s;", t->identity);
	if (rc == 0)
		rc = add_names(out, t->names);
	if (rc == 0)
		rc = buf_adds(out, "\r\n\tbh=");
	if (rc == 0)
		rc = buf_add(out, t->body_hash.p, t->body_hash.len);
	return rc == 0 ? buf_adds(out, ";\r\n\tb=") : -1;
}

int
dkim_value(struct buf *out, struct str base64)
{
	int rc = 0;

	for (size_t at = 0; rc == 0 && at < base64.len; at += DKIM_LINE) {
		size_t left = base64.len - at;

		if (at > 0)
			rc = buf_adds(out, "\r\n\t ");
		if (rc == 0)
			rc = buf_add(out, base64.p + at,
			    left < DKIM_LINE ? left : DKIM_LINE);
	}
	return rc == 0 ? buf_adds(out, "\r\n") : -1;
}
