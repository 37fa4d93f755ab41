/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/mail/rewrite.h"

#include <string.h>

#include "postern/mail/header.h"
#include "postern/mail/header_token.h"
#include "postern/mail/local.h"

#include "mail/header_field.h"

struct work {
	const struct rewrite *const *w;
	size_t n;
	const char *from; /* NULL: it stays */
	bool has_reply_to;
	bool has_from; /* one has passed */
	struct buf *out;
	bool full;
};

/* Does it say what addresses become? */
static bool
is_masking(const struct rewrite *w)
{
	return w->nmasquerade > 0 || (w->host != NULL && w->host->from != NULL);
}

bool
rewrite_is_any(const struct rewrite *w)
{
	return w->from != NULL || w->nremove > 0 || w->nadd > 0 ||
	       is_masking(w);
}

static void
put(struct work *k, struct str s)
{
	k->full = k->full || (s.len > 0 && buf_add(k->out, s.p, s.len) != 0);
}

/* --- reading ---------------------------------------------------------------
 */

/* A mailbox's line that was left in front. */
static bool
is_envelope(const struct header_field *f)
{
	return str_starts_case(f->whole, STR("From ")) ||
	       str_starts_case(f->whole, STR(">From "));
}

/* What content begins with: fields.  The first line that is none ends it, as
 * the empty line does (is_cut: without that one). */
static struct str
section_of(struct str content, bool *is_ended, bool *is_cut)
{
	struct str rest = content, at = content;
	struct header_field f;

	*is_cut = false;
	while (header_field_next(&rest, &f)) {
		*is_cut = f.name.len == 0 && !is_envelope(&f);
		if (*is_cut)
			break;
		at = rest;
	}
	*is_ended = at.len > 0;
	return (struct str){ content.p, content.len - at.len };
}

static bool
has_long_line(struct str s)
{
	while (s.len > 0) {
		struct str line = str_cut(&s, '\n');

		/* The last one may lack its end. */
		if (line.len > 0 && line.p[line.len - 1] == '\r')
			line.len--;
		if (line.len > REWRITE_LINE_MAX)
			return true;
	}
	return false;
}

/* --- masquerade ------------------------------------------------------------
 */

static bool
is_below(struct str domain, struct str above)
{
	struct str tail;

	if (domain.len <= above.len + 1)
		return false;
	tail.p = domain.p + domain.len - above.len;
	tail.len = above.len;
	return tail.p[-1] == '.' && str_eq_case(tail, above);
}

struct rewrite_sender
rewrite_sender(const struct rewrite *const *w, size_t n, struct str domain)
{
	struct rewrite_sender s = { .domain = domain };

	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < w[i]->nmasquerade; j++) {
			struct str above = str_of(w[i]->masquerade[j]);

			if (is_below(domain, above)) {
				s.domain = above;
				return s;
			}
		}
	}
	for (size_t i = 0; i < n && s.instead == NULL; i++) {
		if (w[i]->host != NULL && local_has_domain(w[i]->host, domain))
			s.instead = w[i]->host->from;
	}
	return s;
}

static bool
is_masked(const struct work *k)
{
	for (size_t i = 0; i < k->n; i++) {
		if (is_masking(k->w[i]))
			return true;
	}
	return false;
}

struct masking {
	struct work *k;
	struct header_token t;
	const char *done;  /* so much of the value is out */
	const char *local; /* where the word before the at sign begins; NULL:
	                      there is none */
};

/* The token is the domain of an address. */
static void
mask_domain(struct masking *m)
{
	struct work *k = m->k;
	struct str domain = { m->t.start, (size_t)(m->t.p - m->t.start) };
	struct rewrite_sender s = rewrite_sender(k->w, k->n, domain);
	const char *from = m->t.start;

	if (s.instead != NULL && m->local != NULL) {
		s.domain = str_of(s.instead);
		from = m->local;
	}
	put(k, (struct str){ m->done, (size_t)(from - m->done) });
	put(k, s.domain);
	m->done = m->t.p;
}

static struct str
made_since(const struct work *k, size_t had)
{
	struct str made = buf_str(k->out);

	made.p += had;
	made.len -= had;
	return made;
}

/* The value of a field that begins at field in out; what is not understood
 * stays, and so does all of it where a line would be too long. */
static void
put_masked(struct work *k, struct str value, size_t field)
{
	size_t had = k->out->len;
	struct masking m = { .k = k,
		.t = { .p = value.p, .end = value.p + value.len },
		.done = value.p };
	enum header_token_kind kind;
	bool is_behind = false; /* the at sign */

	while ((kind = header_token_next(&m.t)) != HEADER_TOKEN_END &&
	       kind != HEADER_TOKEN_BAD) {
		bool is_word =
		    kind == HEADER_TOKEN_ATOM || kind == HEADER_TOKEN_QUOTED;
		bool was_behind = is_behind;

		if (is_behind && kind == HEADER_TOKEN_ATOM)
			mask_domain(&m);
		is_behind = kind == HEADER_TOKEN_SPECIAL && *m.t.start == '@';
		if (!is_behind)
			m.local = is_word && !was_behind ? m.t.start : NULL;
	}
	put(k, (struct str){ m.done, (size_t)(m.t.end - m.done) });
	if (k->full || !has_long_line(made_since(k, field)))
		return;
	k->out->len = had;
	put(k, value);
}

/* Does it say who sends? */
static bool
is_of_sender(struct str name)
{
	if (str_starts_case(name, STR("Resent-"))) {
		name.p += sizeof "Resent-" - 1;
		name.len -= sizeof "Resent-" - 1;
	}
	return str_is(name, "From") || str_is(name, "Sender") ||
	       str_is(name, "Reply-To");
}

static void
put_masked_field(struct work *k, const struct header_field *f)
{
	size_t had = k->out->len;

	put(k, (struct str){ f->whole.p, (size_t)(f->value.p - f->whole.p) });
	put_masked(k, f->value, had);
}

/* --- From ------------------------------------------------------------------
 */

/* The first mailbox of a value. */
struct mailbox {
	const char *begin, *end; /* its address */
	bool in_angle, is_angled, is_over;
	bool has_at;
	bool is_more; /* others follow */
};

/* false: it is not understood. */
static bool
on_special(struct mailbox *m, const struct header_token *t)
{
	switch (*t->start) {
	case '<':
		if (m->is_angled)
			return false;
		m->in_angle = m->is_angled = true;
		m->begin = t->p;
		m->has_at = false;
		return true;
	case '>':
		if (!m->in_angle)
			return false;
		m->in_angle = false;
		m->is_over = true;
		m->end = t->start;
		return true;
	case ',':
		m->is_more = !m->in_angle;
		return true;
	case '@':
		m->has_at = true;
		return !m->is_over;
	default:
		return m->in_angle && *t->start == ':'; /* a source route */
	}
}

static bool
read_mailbox(struct mailbox *m, struct str value)
{
	struct header_token t = { .p = value.p, .end = value.p + value.len };
	enum header_token_kind kind;

	while (
	    !m->is_more && (kind = header_token_next(&t)) != HEADER_TOKEN_END) {
		if (kind == HEADER_TOKEN_BAD)
			return false;
		if (kind == HEADER_TOKEN_SPECIAL) {
			if (!on_special(m, &t))
				return false;
			continue;
		}
		if (m->is_over)
			return false;
		if (m->is_angled)
			continue;
		if (m->begin == NULL)
			m->begin = t.start;
		m->end = t.p;
	}
	return m->begin != NULL && m->has_at && !m->in_angle;
}

/* The content may end inside of its last line. */
static void
end_line(struct work *k)
{
	if (k->out->len > 0 && buf_str(k->out).p[k->out->len - 1] != '\n')
		put(k, STR("\r\n"));
}

static void
put_plain_from(struct work *k)
{
	put(k, STR("From: "));
	put(k, str_of(k->from));
	put(k, STR("\r\n"));
}

/* The field with another address in it; with one alone in its first mailbox's
 * place, where there were several. */
static void
put_named_from(
    struct work *k, const struct header_field *f, const struct mailbox *m)
{
	const char *end = f->whole.p + f->whole.len;
	size_t had = k->out->len;

	put(k, (struct str){ f->whole.p, (size_t)(m->begin - f->whole.p) });
	put(k, str_of(k->from));
	if (!m->is_more)
		put(k, (struct str){ m->end, (size_t)(end - m->end) });
	else
		put(k, m->is_angled ? STR(">\r\n") : STR("\r\n"));
	if (k->full || !has_long_line(made_since(k, had)))
		return;
	k->out->len = had;
	put_plain_from(k);
}

/* What stood in From is where answers go. */
static void
put_reply_to(struct work *k, struct str value)
{
	struct str line = { value.p, header_field_line(value) };
	size_t had = k->out->len;

	put(k, STR("Reply-To:"));
	if (line.len + sizeof "Reply-To:" - 1 > REWRITE_LINE_MAX)
		put(k, STR("\r\n"));
	if (value.len > 0 && !header_field_is_blank(value.p[0]) &&
	    value.p[0] != '\r')
		put(k, STR(" "));
	put_masked(k, value, had);
	end_line(k);
}

static void
put_from(struct work *k, const struct header_field *f)
{
	struct mailbox m = { 0 };
	bool is_clear;

	if (k->has_from)
		return;
	k->has_from = true;
	is_clear = read_mailbox(&m, f->value);
	if (is_clear && !m.is_more &&
	    str_eq_case((struct str){ m.begin, (size_t)(m.end - m.begin) },
	        str_of(k->from))) {
		put(k, f->whole);
		return;
	}
	if (!is_clear) {
		put_plain_from(k);
		return;
	}
	put_named_from(k, f, &m);
	end_line(k);
	if (!k->has_reply_to)
		put_reply_to(k, f->value);
}

/* --- the whole -------------------------------------------------------------
 */

static bool
is_removed(const struct work *k, struct str name)
{
	if (k->from != NULL && str_is(name, "Sender"))
		return true;
	for (size_t i = 0; i < k->n; i++) {
		for (size_t j = 0; j < k->w[i]->nremove; j++) {
			if (str_is(name, k->w[i]->remove[j]))
				return true;
		}
	}
	return false;
}

static void
look(struct work *k, struct str section)
{
	struct header_field f;

	for (size_t i = 0; i < k->n; i++) {
		if (k->w[i]->from != NULL)
			k->from = k->w[i]->from;
	}
	while (header_field_next(&section, &f)) {
		if (str_is(f.name, "Reply-To") && !is_removed(k, f.name))
			k->has_reply_to = true;
	}
}

static void
put_added(struct work *k)
{
	if (k->from != NULL && !k->has_from)
		put_plain_from(k);
	for (size_t i = 0; i < k->n; i++) {
		for (size_t j = 0; j < k->w[i]->nadd; j++) {
			put(k, str_of(k->w[i]->add[j]));
			put(k, STR("\r\n"));
		}
	}
}

static void
put_fields(struct work *k, struct str section)
{
	struct header_field f;
	bool is_open = section.len > 0 && section.p[section.len - 1] != '\n';

	while (header_field_next(&section, &f)) {
		if (f.name.len > 0 && is_removed(k, f.name))
			continue;
		if (k->from != NULL && str_is(f.name, "From"))
			put_from(k, &f);
		else if (is_masked(k) && is_of_sender(f.name))
			put_masked_field(k, &f);
		else
			put(k, f.whole);
	}
	if (is_open)
		end_line(k);
}

int
rewrite_header(struct str content, bool is_whole,
    const struct rewrite *const *w, size_t n, struct buf *out, size_t *took)
{
	struct work k = { .w = w, .n = n, .out = out };
	bool is_ended, is_cut;
	struct str section = section_of(content, &is_ended, &is_cut);
	size_t had = out->len;

	if (!is_ended && !is_whole)
		return -1;
	look(&k, section);
	put_fields(&k, section);
	put_added(&k);
	/* A text behind no header, or behind half of one, is the body. */
	if (is_cut && !str_eq(made_since(&k, had), section))
		put(&k, STR("\r\n"));
	*took = section.len;
	return k.full ? -1 : 0;
}

/* Behind a source route. */
static struct str
address_of(const struct mailbox *m)
{
	struct str s = { m->begin, (size_t)(m->end - m->begin) };

	if (s.len > 0 && s.p[0] == '@')
		(void)str_cut(&s, ':');
	return s;
}

bool
rewrite_author(struct str content, struct str *address)
{
	bool is_ended, is_cut;
	struct str section = section_of(content, &is_ended, &is_cut);
	struct mailbox m = { 0 };
	struct header_field f;

	*address = (struct str){ content.p, 0 };
	while (header_field_next(&section, &f)) {
		if (!str_is(f.name, "From"))
			continue;
		if (read_mailbox(&m, f.value) && !m.is_more)
			*address = address_of(&m);
		return true;
	}
	return false;
}

int
rewrite_check_field(struct str text, struct err *err)
{
	struct str value = text, name = str_cut(&value, ':');
	char shown[64];

	(void)str_escape(shown, sizeof shown, text);
	if (name.len == text.len || !header_is_name(name) ||
	    str_trim(value).len == 0)
		return err_set(err, ERR_CONFIG,
		    "\"%s\" is no field; write \"X-Name: value\"", shown);
	if (!str_is_ascii(text))
		return err_set(err, ERR_CONFIG,
		    "\"%s\" is not ASCII; write it as an encoded word (RFC "
		    "2047)",
		    shown);
	if (text.len > REWRITE_LINE_MAX)
		return err_set(err, ERR_CONFIG,
		    "\"%s\" has %zu octets; write at most %d", shown, text.len,
		    REWRITE_LINE_MAX);
	return 0;
}
