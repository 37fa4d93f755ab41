/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/mail/address.h"

#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

#define DOMAIN_MAX 255 /* RFC 5321 4.5.3.1.2 */

/* What is left to parse. */
struct cursor {
	const char *p, *end;
};

/* The normal form under way; more than fits is counted, not stored. */
struct output {
	char *text;
	size_t len, max;
};

enum char_class {
	ATEXT = 1 << 0,   /* RFC 5322 3.2.3 */
	LET_DIG = 1 << 1, /* letter, digit; here "_" as well */
};

static unsigned
class_of(unsigned char c)
{
	if (c >= 0x80)
		return ATEXT | LET_DIG; /* whether it is UTF-8: see below */
	if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	    (c >= 'a' && c <= 'z') || c == '_')
		return ATEXT | LET_DIG;
	return c != '\0' && strchr("!#$%&'*+-/=?^`{|}~", c) != NULL ? ATEXT : 0;
}

static bool
at(const struct cursor *c, char what)
{
	return c->p < c->end && *c->p == what;
}

static bool
take(struct cursor *c, char what)
{
	if (!at(c, what))
		return false;
	c->p++;
	return true;
}

static void
put(struct output *o, char c)
{
	if (o->len < o->max)
		o->text[o->len] = c;
	o->len++;
}

static void
put_str(struct output *o, const char *p, size_t n)
{
	if (o->len < o->max)
		memcpy(o->text + o->len, p,
		    n < o->max - o->len ? n : o->max - o->len);
	o->len += n;
}

/* atom *("." atom) */
static bool
dot_string(struct cursor *c)
{
	do {
		const char *start = c->p;

		while (c->p < c->end && class_of((unsigned char)*c->p) & ATEXT)
			c->p++;
		if (c->p == start)
			return false;
	} while (take(c, '.'));
	return true;
}

/* A quoted local-part without its quotes and backslashes, into o. */
static bool
quoted_text(struct cursor *c, struct output *o)
{
	while (c->p < c->end && *c->p != '"') {
		unsigned char b = (unsigned char)*c->p++;

		if (b == '\\') {
			if (c->p == c->end)
				return false;
			b = (unsigned char)*c->p++;
			if (b >= 0x80)
				return false;
		}
		if (b < 0x20 || b == 0x7f)
			return false;
		put(o, (char)b);
	}
	return take(c, '"');
}

/* As few quotes and backslashes as it can do with. */
static void
put_local(struct output *o, struct str s)
{
	struct cursor c = { s.p, s.p + s.len };

	if (dot_string(&c) && c.p == c.end) {
		put_str(o, s.p, s.len);
		return;
	}
	put(o, '"');
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			put(o, '\\');
		put(o, s.p[i]);
	}
	put(o, '"');
}

static enum address_fault
local_part(struct cursor *c, struct output *o)
{
	char text[ADDRESS_MAX];
	struct output plain = { text, 0, sizeof text };
	const char *start = c->p;

	if (!take(c, '"')) {
		if (!dot_string(c))
			return ADDRESS_SYNTAX;
		put_str(o, start, (size_t)(c->p - start));
	} else {
		if (!quoted_text(c, &plain))
			return ADDRESS_SYNTAX;
		if (plain.len > sizeof text)
			return ADDRESS_TOO_LONG;
		put_local(o, (struct str){ text, plain.len });
	}
	return o->len > ADDRESS_MAX ? ADDRESS_TOO_LONG : ADDRESS_OK;
}

/* Dot-separated labels of letters, digits, "-" inside. */
static enum address_fault
labels(struct cursor *c)
{
	const char *first = c->p;

	do {
		const char *start = c->p;

		while (
		    c->p < c->end &&
		    (*c->p == '-' || class_of((unsigned char)*c->p) & LET_DIG))
			c->p++;
		if (c->p == start || *start == '-' || c->p[-1] == '-')
			return ADDRESS_SYNTAX;
		if (c->p - start > ADDRESS_LABEL_MAX)
			return ADDRESS_TOO_LONG;
	} while (take(c, '.'));
	return c->p - first > DOMAIN_MAX ? ADDRESS_TOO_LONG : ADDRESS_OK;
}

/* "[192.0.2.1]" or "[IPv6:2001:db8::1]"; no other tag is registered. */
static enum address_fault
literal(struct cursor *c)
{
	struct str tag = STR("IPv6:"), inside;
	const char *close = memchr(c->p, ']', (size_t)(c->end - c->p));
	char text[INET6_ADDRSTRLEN];
	unsigned char addr[16];
	int family = AF_INET;

	if (close == NULL)
		return ADDRESS_SYNTAX;
	inside = (struct str){ c->p + 1, (size_t)(close - c->p) - 1 };
	if (str_starts_case(inside, tag)) {
		family = AF_INET6;
		inside.p += tag.len;
		inside.len -= tag.len;
	}
	if (inside.len >= sizeof text ||
	    (inside.len > 0 && memchr(inside.p, 0, inside.len) != NULL))
		return ADDRESS_SYNTAX;
	memcpy(text, inside.p, inside.len);
	text[inside.len] = '\0';
	if (inet_pton(family, text, addr) != 1)
		return ADDRESS_SYNTAX;
	c->p = close + 1;
	return ADDRESS_OK;
}

static enum address_fault
domain_part(struct cursor *c)
{
	return at(c, '[') ? literal(c) : labels(c);
}

/* "@a,@b:" of a source route: its syntax counts, it goes nowhere (App. C). */
static enum address_fault
source_route(struct cursor *c)
{
	enum address_fault fault;

	if (!at(c, '@'))
		return ADDRESS_OK;
	do {
		if (!take(c, '@'))
			return ADDRESS_SYNTAX;
		fault = domain_part(c);
		if (fault != ADDRESS_OK)
			return fault;
	} while (take(c, ','));
	return take(c, ':') ? ADDRESS_OK : ADDRESS_SYNTAX;
}

/* UTF-8 without the control characters U+0080 to U+009F. */
static bool
utf8_clean(const char *p, size_t n)
{
	if (!str_utf8_valid((struct str){ p, n }))
		return false;
	for (size_t i = 0; i + 1 < n; i++) {
		if ((unsigned char)p[i] == 0xc2 &&
		    (unsigned char)p[i + 1] < 0xa0)
			return false;
	}
	return true;
}

static enum address_fault
check_8bit(const char *p, size_t n, unsigned flags)
{
	if (str_is_ascii((struct str){ p, n }))
		return ADDRESS_OK;
	if (!utf8_clean(p, n))
		return ADDRESS_SYNTAX;
	return flags & ADDRESS_UTF8 ? ADDRESS_OK : ADDRESS_NEEDS_UTF8;
}

/* Local-part [ "@" domain ], up to what cannot belong to it. */
static enum address_fault
mailbox(struct address *a, struct cursor *c, unsigned flags)
{
	struct output o = { a->text, 0, sizeof a->text };
	const char *start = c->p, *domain;
	enum address_fault fault = local_part(c, &o);

	if (fault != ADDRESS_OK)
		return fault;
	a->local_len = (uint16_t)o.len;
	if (take(c, '@')) {
		domain = c->p;
		fault = domain_part(c);
		if (fault != ADDRESS_OK)
			return fault;
		put(&o, '@');
		put_str(&o, domain, (size_t)(c->p - domain));
	} else if (!(flags & ADDRESS_LOCAL) &&
	           (!(flags & ADDRESS_POSTMASTER) ||
	               !str_is((struct str){ a->text, o.len }, "postmaster"))) {
		return ADDRESS_SYNTAX;
	}
	if (o.len > ADDRESS_MAX)
		return ADDRESS_TOO_LONG;
	a->len = (uint16_t)o.len;
	a->utf8 = !str_is_ascii(address_str(a));
	return check_8bit(start, (size_t)(c->p - start), flags);
}

enum address_fault
address_path(struct address *a, struct str in, unsigned flags, size_t *took)
{
	struct cursor c = { in.p, in.p + in.len };
	enum address_fault fault;
	struct address found;

	if (!take(&c, '<'))
		return ADDRESS_SYNTAX;
	found.len = found.local_len = 0;
	found.utf8 = false;
	if (!at(&c, '>') || !(flags & ADDRESS_NULL)) {
		fault = source_route(&c);
		if (fault == ADDRESS_OK)
			fault = mailbox(&found, &c, flags);
		if (fault != ADDRESS_OK)
			return fault;
	}
	if (!take(&c, '>'))
		return ADDRESS_SYNTAX;
	/* The route is checked with the rest. */
	fault = check_8bit(in.p, (size_t)(c.p - in.p), flags);
	if (fault != ADDRESS_OK)
		return fault;
	*a = found;
	*took = (size_t)(c.p - in.p);
	return ADDRESS_OK;
}

enum address_fault
address_mailbox(struct address *a, struct str in, unsigned flags)
{
	struct cursor c = { in.p, in.p + in.len };
	enum address_fault fault;
	struct address found;

	fault = mailbox(&found, &c, flags);
	if (fault == ADDRESS_OK && c.p != c.end)
		fault = ADDRESS_SYNTAX;
	if (fault == ADDRESS_OK)
		*a = found;
	return fault;
}

struct str
address_str(const struct address *a)
{
	return (struct str){ a->text, a->len };
}

struct str
address_local(const struct address *a)
{
	return (struct str){ a->text, a->local_len };
}

struct str
address_domain(const struct address *a)
{
	if (a->len == a->local_len)
		return (struct str){ a->text + a->len, 0 };
	return (struct str){ a->text + a->local_len + 1,
		(size_t)(a->len - a->local_len) - 1 };
}

bool
address_is_domain(struct str s, unsigned flags)
{
	struct cursor c = { s.p, s.p + s.len };

	return domain_part(&c) == ADDRESS_OK && c.p == c.end &&
	       check_8bit(s.p, s.len, flags) == ADDRESS_OK;
}
