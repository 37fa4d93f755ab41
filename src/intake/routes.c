/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/intake/routes.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"
#include "postern/mail/address_pattern.h"
#include "postern/intake/lane.h"
#include "postern/intake/policy.h"
#include "postern/io/addr.h"
#include "postern/io/network.h"
#include "postern/mail/header.h"

#define ANYBODY "*"

struct words {
	char **word; /* owned, so are they */
	size_t n;
};

struct field {
	char *text; /* owned */
	struct str name, pattern;
};

struct rule {
	struct routes_route route; /* its words are owned */
	bool is_matched;           /* anything is asked for */
	struct address_patterns *senders, *recipients;
	struct words users, listeners;
	struct network *clients;
	size_t nclients;
	struct field *fields;
	size_t nfields;
	struct routes_bound size;
};

#define FALLBACK 0u /* the default one's place */

struct routes {
	_Atomic unsigned refs;
	struct rule *rules; /* owned */
	size_t n, room;
	bool looks; /* at fields of the header */
};

/* --- patterns of header fields ----------------------------------------------
 */

static int
split_header(struct str text, struct field *f, struct err *err)
{
	struct str value = text, name = str_cut(&value, ':');
	bool has_colon = memchr(text.p, ':', text.len) != NULL;
	char shown[64];

	(void)str_escape(shown, sizeof shown, text);
	f->name = name;
	f->pattern = str_trim(value);
	if (!has_colon || !header_is_name(name))
		return err_set(err, ERR_CONFIG,
		    "\"%s\" is no header field; write \"X-Campaign: *\", the "
		    "field's name and what it holds, * being any text",
		    shown);
	if (f->pattern.len == 0)
		return err_set(err, ERR_CONFIG,
		    "\"%s\" says nothing of the value; write \"%.*s: *\" for "
		    "any",
		    shown, (int)name.len, name.p);
	if (f->pattern.len > ROUTES_PATTERN_MAX)
		return err_set(err, ERR_CONFIG,
		    "\"%s\" is longer than %d bytes behind the colon; write "
		    "less, and a *",
		    shown, ROUTES_PATTERN_MAX);
	return 0;
}

int
routes_check_header(struct str text, struct err *err)
{
	struct field f;

	return split_header(text, &f, err);
}

/* Where the text does not go on as the pattern does, the last star takes one
 * byte more: no earlier one could do better. */
static bool
fits(struct str pattern, struct str text)
{
	size_t p = 0, t = 0, star = SIZE_MAX, taken = 0;

	while (t < text.len) {
		if (p < pattern.len && pattern.p[p] == '*') {
			star = p++;
			taken = t;
		} else if (p < pattern.len && pattern.p[p] == text.p[t]) {
			p++;
			t++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			t = ++taken;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.p[p] == '*')
		p++;
	return p == pattern.len;
}

/* --- making them -----------------------------------------------------------
 */

static void
words_done(struct words *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->word[i]);
	free(w->word);
}

static void
rule_done(struct rule *r)
{
	free((char *)(uintptr_t)r->route.name);
	free((char *)(uintptr_t)r->route.lane);
	address_pattern_list_free(&r->senders);
	address_pattern_list_free(&r->recipients);
	words_done(&r->users);
	words_done(&r->listeners);
	free(r->clients);
	for (size_t i = 0; i < r->nfields; i++)
		free(r->fields[i].text);
	free(r->fields);
}

static int
take_patterns(
    struct address_patterns **to, const char **texts, size_t n, struct err *err)
{
	if (n == 0)
		return 0;
	*to = address_pattern_list();
	for (size_t i = 0; i < n; i++) {
		if (address_pattern_list_add(*to, str_of(texts[i]), err) != 0)
			return -1;
	}
	return 0;
}

static void
take_words(struct words *to, const char **texts, size_t n)
{
	if (n == 0)
		return;
	to->word = mem_array(n, sizeof *to->word);
	while (to->n < n) {
		to->word[to->n] = mem_str(texts[to->n]);
		to->n++;
	}
}

static int
take_clients(struct rule *r, const struct routes_match *m, struct err *err)
{
	if (m->nclients == 0)
		return 0;
	r->clients = mem_array(m->nclients, sizeof *r->clients);
	while (r->nclients < m->nclients) {
		if (network_parse(&r->clients[r->nclients],
		        m->clients[r->nclients], err) != 0)
			return -1;
		r->nclients++;
	}
	return 0;
}

static int
take_headers(struct rule *r, const struct routes_match *m, struct err *err)
{
	if (m->nheaders == 0)
		return 0;
	r->fields = mem_array(m->nheaders, sizeof *r->fields);
	while (r->nfields < m->nheaders) {
		struct field *f = &r->fields[r->nfields];

		f->text = mem_str(m->headers[r->nfields]);
		r->nfields++;
		if (split_header(str_of(f->text), f, err) != 0)
			return -1;
	}
	return 0;
}

static int
take_match(struct rule *r, const struct routes_match *m, struct err *err)
{
	r->size = m->size;
	r->is_matched = m->nsenders + m->nrecipients + m->nusers +
	                        m->nlisteners + m->nclients + m->nheaders >
	                    0 ||
	                m->size.is != ROUTES_ANY;
	take_words(&r->users, m->users, m->nusers);
	take_words(&r->listeners, m->listeners, m->nlisteners);
	if (take_patterns(&r->senders, m->senders, m->nsenders, err) != 0 ||
	    take_patterns(&r->recipients, m->recipients, m->nrecipients, err) !=
	        0)
		return -1;
	return take_clients(r, m, err) != 0 ? -1 : take_headers(r, m, err);
}

static struct rule *
next_rule(struct routes *r)
{
	if (r->n == r->room) {
		r->room = r->room == 0 ? 4 : r->room * 2;
		r->rules = mem_resize(r->rules, r->room * sizeof *r->rules);
	}
	return &r->rules[r->n];
}

static void
put_rule(struct routes *r, const struct rule *made)
{
	size_t place = routes_find(r, made->route.name);
	struct str field;

	r->looks |= made->nfields > 0 || lane_header(made->route.lane, &field);
	assert(place == ROUTES_NONE || place == FALLBACK);
	if (place == ROUTES_NONE) {
		*next_rule(r) = *made;
		r->n++;
		return;
	}
	rule_done(&r->rules[place]);
	r->rules[place] = *made;
}

int
routes_add(struct routes *r, const struct routes_route *route,
    const struct routes_match *match, struct err *err)
{
	struct rule made = { .route = *route };

	made.route.name = mem_str(route->name);
	made.route.lane = route->lane != NULL ? mem_str(route->lane) : NULL;
	if (take_match(&made, match, err) != 0) {
		rule_done(&made);
		return -1;
	}
	put_rule(r, &made);
	return 0;
}

struct routes *
routes_new(void)
{
	struct routes *r = mem_new(sizeof *r);
	struct rule fallback = { .route = { .priority = POLICY_NO_PRIORITY } };

	atomic_init(&r->refs, 1);
	fallback.route.name = mem_str(ROUTES_DEFAULT);
	put_rule(r, &fallback);
	return r;
}

struct routes *
routes_ref(struct routes *r)
{
	if (r != NULL)
		atomic_fetch_add(&r->refs, 1);
	return r;
}

void
routes_free(struct routes **rp)
{
	struct routes *r = *rp;

	*rp = NULL;
	if (r == NULL || atomic_fetch_sub(&r->refs, 1) != 1)
		return;
	for (size_t i = 0; i < r->n; i++)
		rule_done(&r->rules[i]);
	free(r->rules);
	free(r);
}

void
routes_set_id(struct routes *r, size_t i, uint32_t id)
{
	assert(i < r->n);
	r->rules[i].route.id = id;
}

size_t
routes_count(const struct routes *r)
{
	return r->n;
}

const struct routes_route *
routes_at(const struct routes *r, size_t i)
{
	assert(i < r->n);
	return &r->rules[i].route;
}

size_t
routes_find(const struct routes *r, const char *name)
{
	for (size_t i = 0; i < r->n; i++) {
		if (strcmp(r->rules[i].route.name, name) == 0)
			return i;
	}
	return ROUTES_NONE;
}

/* --- one message -------------------------------------------------------------
 */

bool
routes_look(const struct routes *r)
{
	return r->looks;
}

bool
routes_wants(const struct routes *r, struct str name)
{
	struct str field;

	for (size_t i = 0; i < r->n; i++) {
		const struct rule *rule = &r->rules[i];

		if (lane_header(rule->route.lane, &field) &&
		    str_eq_case(field, name))
			return true;
		for (size_t k = 0; k < rule->nfields; k++) {
			if (str_eq_case(rule->fields[k].name, name))
				return true;
		}
	}
	return false;
}

static bool
has_field(const struct rule *rule, struct str name, struct str value)
{
	for (size_t i = 0; i < rule->nfields; i++) {
		if (str_eq_case(rule->fields[i].name, name) &&
		    fits(rule->fields[i].pattern, value))
			return true;
	}
	return false;
}

void
routes_see(
    const struct routes *r, bool *held, struct str name, struct str value)
{
	for (size_t i = 0; i < r->n; i++)
		held[i] = held[i] || has_field(&r->rules[i], name, value);
}

static bool
has_word(const struct words *w, const char *word)
{
	for (size_t i = 0; i < w->n; i++) {
		if (strcmp(w->word[i], word) == 0)
			return true;
	}
	return false;
}

static bool
has_user(const struct rule *rule, const char *user)
{
	if (rule->users.n == 0)
		return true;
	return user != NULL && (has_word(&rule->users, ANYBODY) ||
	                           has_word(&rule->users, user));
}

static bool
has_client(const struct rule *rule, const struct addr *client)
{
	for (size_t i = 0; client != NULL && i < rule->nclients; i++) {
		if (network_has(&rule->clients[i], client))
			return true;
	}
	return rule->nclients == 0;
}

static bool
has_size(const struct rule *rule, uint64_t size)
{
	switch (rule->size.is) {
	case ROUTES_ABOVE:
		return size > rule->size.bytes;
	case ROUTES_BELOW:
		return size < rule->size.bytes;
	case ROUTES_ANY:
		break;
	}
	return true;
}

/* All but the recipients. */
static bool
is_open(const struct rule *rule, const struct routes_mail *m, bool held)
{
	return rule->is_matched &&
	       (rule->senders == NULL || address_pattern_list_has(rule->senders,
	                                     str_of(m->sender))) &&
	       (rule->listeners.n == 0 ||
	           has_word(&rule->listeners, m->listener)) &&
	       has_user(rule, m->user) && has_client(rule, m->client) &&
	       has_size(rule, m->size) && (rule->nfields == 0 || held);
}

size_t
routes_open(const struct routes *r, const struct routes_mail *m, size_t *at)
{
	size_t named = ROUTES_NONE, n = 0;

	if (m->named != NULL)
		named = routes_find(r, m->named);
	if (named != ROUTES_NONE) {
		at[0] = named;
		return 1;
	}
	for (size_t i = 0; i < r->n; i++) {
		if (!is_open(&r->rules[i], m, m->held[i]))
			continue;
		at[n++] = i;
		if (r->rules[i].recipients == NULL)
			return n;
	}
	at[n++] = FALLBACK;
	return n;
}

size_t
routes_pick(
    const struct routes *r, const size_t *at, size_t n, struct str recipient)
{
	assert(n > 0);
	for (size_t i = 0; i + 1 < n; i++) {
		if (address_pattern_list_has(
		        r->rules[at[i]].recipients, recipient))
			return at[i];
	}
	return at[n - 1];
}
