/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/conf_dkim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"
#include "postern/base/secret_source.h"
#include "postern/relay/dkim_key.h"

#include "conf/conf_origin.h"
#include "conf/conf_read.h"

#define PROVIDERS "providers.dkim"
#define ROUTES "routes.dkim"
#define PATTERN_MAX 300

/* A list, and how its mistakes are told. */
struct list_of {
	struct conf_read *r;
	const char *path;
	bool quiet; /* they are told elsewhere */
};

static void
mistake(const struct list_of *l, const struct conf_entry *e, const char *key,
    const char *text)
{
	char path[64];

	if (l->quiet)
		return;
	(void)snprintf(path, sizeof path, "%s.%s", l->path, key);
	conf_note_mistake(
	    &l->r->notes, conf_read_place(e, path), path, "%s", text);
}

/* --- the key ---------------------------------------------------------------
 */

static int
read_key(struct dkim_key **key, const char *path, struct err *err)
{
	char *text = mem_new(DKIM_KEY_FILE_MAX);
	int rc = secret_source_bytes(
	    path, text, DKIM_KEY_FILE_MAX, "a private key in PEM", err);

	if (rc >= 0) {
		rc = dkim_key_read(key, (struct str){ text, (size_t)rc }, err);
		if (rc != 0)
			(void)err_wrap(err, "%s", path);
	}
	mem_wipe(text, DKIM_KEY_FILE_MAX);
	free(text);
	return rc;
}

static void
load_key(
    const struct list_of *l, const struct conf_entry *e, struct conf_dkim *c)
{
	struct conf_place at = conf_read_place(e, l->path);
	struct err err;
	unsigned bits;

	if (read_key(&c->d.key, c->key_file, &err) != 0) {
		mistake(l, e, "key_file", err.text);
		return;
	}
	bits = dkim_key_bits(c->d.key);
	if (!l->quiet && bits > 0 && bits < DKIM_KEY_BITS_ADVISED)
		conf_note_warning(&l->r->notes, at, l->path,
		    "%s has %u bits; receivers want %d (run: postern dkim "
		    "genkey)",
		    c->key_file, bits, DKIM_KEY_BITS_ADVISED);
}

/* --- an entry --------------------------------------------------------------
 */

static void
need(const struct list_of *l, const struct conf_entry *e, const char *key,
    const char *value, const char *text)
{
	char path[64];

	(void)snprintf(path, sizeof path, "%s.%s", l->path, key);
	if (value == NULL && !conf_read_is_set(e, path))
		mistake(l, e, key, text);
}

/* *@example.com and *@*.example.com */
static void
fill_from(struct conf_read *r, struct dkim_rule *d)
{
	const char **from = conf_arena_new(r->arena, 2, sizeof *from);
	char text[PATTERN_MAX];

	(void)snprintf(text, sizeof text, "*@%s", d->domain);
	from[0] = conf_arena_str(r->arena, text);
	(void)snprintf(text, sizeof text, "*@*.%s", d->domain);
	from[1] = conf_arena_str(r->arena, text);
	d->from = from;
	d->nfrom = 2;
}

static void
read_one(const struct list_of *l, struct conf_entry *e, struct dkim_rule *out)
{
	struct conf_dkim c = { 0 };

	conf_read_defaults(l->r, CONF_BASE_DKIM, &c);
	conf_read_entry(l->r, e, l->path, &c, l->quiet);
	need(l, e, "domain", c.d.domain,
	    "is missing; write domain = \"example.com\";");
	need(l, e, "selector", c.d.selector,
	    "is missing; write selector = \"...\"; as its record in DNS is "
	    "named");
	need(l, e, "key_file", c.key_file,
	    "is missing; write key_file = \"/etc/postern/KEY.pem\"; (made by: "
	    "postern dkim genkey)");
	if (c.key_file != NULL)
		load_key(l, e, &c);
	if (c.d.nfrom == 0 && c.d.domain != NULL)
		fill_from(l->r, &c.d);
	if (c.canonicalization == CONF_SIMPLE_RELAXED ||
	    c.canonicalization == CONF_SIMPLE_SIMPLE)
		c.d.header = DKIM_SIMPLE;
	if (c.canonicalization == CONF_RELAXED_SIMPLE ||
	    c.canonicalization == CONF_SIMPLE_SIMPLE)
		c.d.body = DKIM_SIMPLE;
	*out = c.d;
}

static const struct dkim_rule *
read_list(const struct list_of *l, const struct conf_entry *owner, size_t *n)
{
	const struct conf_entries *list = conf_read_list(owner, l->path);
	struct dkim_rule *d;

	if (list == NULL || list->n == 0)
		return NULL;
	if (list->n > DKIM_RULES_MAX && !l->quiet)
		conf_note_mistake(&l->r->notes, conf_read_place(owner, l->path),
		    l->path, "has %zu keys; write at most %d", list->n,
		    DKIM_RULES_MAX);
	d = conf_arena_new(l->r->arena, list->n, sizeof *d);
	for (size_t i = 0; i < list->n; i++)
		read_one(l, list->entry[i], &d[i]);
	*n = list->n;
	return d;
}

/* --- the lists -------------------------------------------------------------
 */

static const struct conf_entry *
first_with(const struct conf_stack *s)
{
	if (conf_read_list(s->own, PROVIDERS) != NULL)
		return s->own;
	for (size_t i = 0; i < s->nlike; i++) {
		if (conf_read_list(s->like[i], PROVIDERS) != NULL)
			return s->like[i];
	}
	return NULL;
}

static void
keep_origin(struct conf_read *r, const struct conf_entry *owner, bool is_like,
    size_t n, struct conf_origins *o)
{
	struct conf_origin row = { .key = conf_table_find(PROVIDERS),
		.from = is_like ? "like" : NULL,
		.at = conf_read_place(owner, PROVIDERS) };
	char text[40];

	(void)snprintf(text, sizeof text, n == 1 ? "%zu key" : "%zu keys", n);
	row.value = conf_arena_str(r->arena, text);
	conf_origin_put(o, r->arena, &row);
}

void
conf_dkim_provider(struct conf_read *r, const struct conf_stack *s,
    struct conf_provider *c, struct conf_origins *o)
{
	const struct conf_entry *owner = first_with(s);
	struct list_of l = { r, PROVIDERS, owner != s->own };

	if (owner == NULL)
		return;
	c->p.dkim = read_list(&l, owner, &c->p.ndkim);
	if (c->p.ndkim > 0)
		keep_origin(r, owner, l.quiet, c->p.ndkim, o);
}

void
conf_dkim_route(
    struct conf_read *r, const struct conf_entry *e, struct relay_route *route)
{
	struct list_of l = { r, ROUTES, false };

	route->dkim = read_list(&l, e, &route->ndkim);
}

void
conf_dkim_done(const struct dkim_rule *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct dkim_key *key = list[i].key;

		dkim_key_free(&key);
	}
}
