/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/mail/address_pattern.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"
#include "postern/mail/address.h"

struct entry {
	struct address_pattern pattern; /* of text */
	char *text;                     /* owned */
};

struct address_patterns {
	struct entry *entries; /* owned */
	size_t n, room;
};

static struct str
behind(struct str s, size_t n)
{
	return (struct str){ s.p + n, s.len - n };
}

/* Splits at the last "@"; false: there is none. */
static bool
split(struct str s, struct str *local, struct str *domain)
{
	for (size_t i = s.len; i > 0; i--) {
		if (s.p[i - 1] != '@')
			continue;
		*local = (struct str){ s.p, i - 1 };
		*domain = behind(s, i);
		return true;
	}
	return false;
}

static int
bad(struct str text, struct err *err, const char *what)
{
	char shown[64];

	(void)str_escape(shown, sizeof shown, text);
	return err_set(err, ERR_CONFIG, "\"%s\" %s", shown, what);
}

static int
parse_domain(struct address_pattern *p, struct str text, struct err *err)
{
	struct str domain = p->domain;

	p->kind = ADDRESS_PATTERN_DOMAIN;
	if (domain.len > 2 && domain.p[0] == '*' && domain.p[1] == '.') {
		p->kind = ADDRESS_PATTERN_BELOW;
		p->domain = domain = behind(domain, 2);
	}
	if (!address_is_domain(domain, ADDRESS_UTF8) ||
	    (p->kind == ADDRESS_PATTERN_BELOW && domain.p[0] == '['))
		return bad(text, err,
		    "has no domain; write \"*@example.com\", or "
		    "\"*@*.example.com\" for those below it");
	return 0;
}

static int
parse_exact(struct address_pattern *p, struct str text, struct err *err)
{
	struct address a;

	p->kind = ADDRESS_PATTERN_EXACT;
	if (memchr(p->local.p, '*', p->local.len) != NULL)
		return bad(text, err,
		    "has a * inside; write the whole address, or "
		    "\"*@example.com\" for all of a domain");
	/* An address that is written otherwise than in its normal form would
	 * never match. */
	if (address_mailbox(&a, text, ADDRESS_UTF8) != ADDRESS_OK ||
	    !str_eq(address_str(&a), text))
		return bad(text, err,
		    "is no address; write one such as \"ann@example.com\", "
		    "\"*@example.com\" or \"<>\"");
	return 0;
}

int
address_pattern_parse(
    struct address_pattern *p, struct str text, struct err *err)
{
	struct address_pattern got = { .kind = ADDRESS_PATTERN_DOMAIN };
	int rc = 0;

	if (str_eq(text, STR("<>"))) {
		got.kind = ADDRESS_PATTERN_NULL;
	} else if (str_eq(text, STR("*"))) {
		got.kind = ADDRESS_PATTERN_ANY;
	} else if (!split(text, &got.local, &got.domain)) {
		got.domain = text;
		if (text.len > 1 && text.p[0] == '*')
			return bad(text, err,
			    "has no @; write \"*@*.example.com\" for the "
			    "domains below one");
		rc = parse_domain(&got, text, err);
	} else if (str_eq(got.local, STR("*"))) {
		rc = parse_domain(&got, text, err);
	} else {
		rc = parse_exact(&got, text, err);
	}
	if (rc == 0)
		*p = got;
	return rc;
}

static bool
is_below(struct str domain, struct str top)
{
	size_t front;

	if (domain.len <= top.len + 1)
		return false;
	front = domain.len - top.len;
	return domain.p[front - 1] == '.' &&
	       str_eq_case(behind(domain, front), top);
}

bool
address_pattern_has(const struct address_pattern *p, struct str address)
{
	struct str local = address, domain = STR("");

	(void)split(address, &local, &domain);
	switch (p->kind) {
	case ADDRESS_PATTERN_EXACT:
		return str_eq(local, p->local) &&
		       str_eq_case(domain, p->domain);
	case ADDRESS_PATTERN_DOMAIN:
		return str_eq_case(domain, p->domain);
	case ADDRESS_PATTERN_BELOW:
		return is_below(domain, p->domain);
	case ADDRESS_PATTERN_ANY:
		return address.len > 0;
	case ADDRESS_PATTERN_NULL:
		return address.len == 0;
	}
	return false;
}

/* --- lists ----------------------------------------------------------------
 */

struct address_patterns *
address_pattern_list(void)
{
	return mem_new(sizeof(struct address_patterns));
}

void
address_pattern_list_free(struct address_patterns **lp)
{
	struct address_patterns *l = *lp;

	*lp = NULL;
	if (l == NULL)
		return;
	for (size_t i = 0; i < l->n; i++)
		free(l->entries[i].text);
	free(l->entries);
	free(l);
}

bool
address_pattern_any(const char *const *texts, size_t n, struct str address)
{
	struct address_pattern pattern;
	struct err err;

	for (size_t i = 0; i < n; i++) {
		int rc =
		    address_pattern_parse(&pattern, str_of(texts[i]), &err);

		assert(rc == 0);
		if (address_pattern_has(&pattern, address))
			return true;
	}
	return false;
}

static struct entry *
next_entry(struct address_patterns *l)
{
	if (l->n == l->room) {
		l->room = l->room == 0 ? 4 : l->room * 2;
		l->entries =
		    mem_resize(l->entries, l->room * sizeof *l->entries);
	}
	return &l->entries[l->n];
}

int
address_pattern_list_add(
    struct address_patterns *l, struct str text, struct err *err)
{
	struct entry *e = next_entry(l);

	e->text = mem_strn(text.p, text.len);
	if (address_pattern_parse(
	        &e->pattern, (struct str){ e->text, text.len }, err) == -1) {
		free(e->text);
		return -1;
	}
	l->n++;
	return 0;
}

bool
address_pattern_list_has(const struct address_patterns *l, struct str address)
{
	for (size_t i = 0; i < l->n; i++) {
		if (address_pattern_has(&l->entries[i].pattern, address))
			return true;
	}
	return false;
}
