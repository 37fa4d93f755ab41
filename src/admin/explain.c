/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/admin/explain.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"
#include "postern/inlet/inlet.h"
#include "postern/inlet/users.h"
#include "postern/intake/routes.h"
#include "postern/mail/address.h"
#include "postern/mail/local.h"
#include "postern/relay/relay.h"

/* --- the question ------------------------------------------------------------
 */

int
explain_client(struct explain *e, const char *text, struct err *err)
{
	char *full =
	    mem_printf(strchr(text, ':') != NULL ? "[%s]:25" : "%s:25", text);
	int rc = addr_parse(&e->client, full, err);

	free(full);
	return rc == 0 ? 0
	               : err_set(err, ERR_CONFIG,
	                     "--client: \"%.64s\" is no numeric address; write "
	                     "one such as 192.0.2.1",
	                     text);
}

/* --- the answer --------------------------------------------------------------
 */

struct answer {
	const struct explain *e;
	const struct explain_by *by;
	const struct inlet_listener *listener;
	const char *named, *why; /* by whom, for the reader; or NULL */
	const size_t *at;        /* the routes that are open */
	size_t n;
	const char *to; /* the recipient that is told of */
	explain_fn *fn;
	void *arg;
};

static int
find_listener(struct answer *a, struct err *err)
{
	const struct inlet_settings *in = a->by->inlet;

	for (size_t i = 0; i < in->nlisteners; i++) {
		const struct inlet_listener *l = &in->listeners[i];

		if (a->e->listener == NULL ||
		    strcmp(l->name, a->e->listener) == 0) {
			a->listener = l;
			return 0;
		}
	}
	return err_set(err, ERR_CONFIG,
	    "--listener: there is none of that name; write one of the file's");
}

/* The route of the user, or of the listener. */
static void
find_named(struct answer *a)
{
	const struct users *users = a->by->inlet->users;
	const struct user *u = NULL;

	if (users != NULL && a->e->user != NULL)
		u = users_find(users, str_of(a->e->user));
	a->named = a->listener->route;
	a->why = "the listener's route";
	if (u != NULL && u->policy.route != NULL) {
		a->named = u->policy.route;
		a->why = "the user's route";
	}
}

static const struct relay_group *
group_of(const struct relay_settings *s, const char *name)
{
	for (size_t i = 0; i < s->ngroups; i++) {
		if (strcmp(s->groups[i].name, name) == 0)
			return &s->groups[i];
	}
	return NULL;
}

/* "main, pool (one, two)"; the caller frees it. */
static char *
use_of(const struct answer *a, const struct relay_route *r)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert(out != NULL); /* as out of memory */
	for (size_t i = 0; i < r->nuse; i++) {
		const struct relay_group *g = group_of(a->by->relay, r->use[i]);

		(void)fprintf(out, "%s%s", i > 0 ? ", " : "", r->use[i]);
		for (size_t k = 0; g != NULL && k < g->nmembers; k++)
			(void)fprintf(
			    out, "%s%s", k > 0 ? ", " : " (", g->members[k]);
		if (g != NULL)
			(void)fputc(')', out);
	}
	(void)fclose(out);
	assert(text != NULL);
	return text;
}

static const char *
why(const struct answer *a, const char *route)
{
	if (a->named != NULL)
		return a->why;
	return strcmp(route, ROUTES_DEFAULT) == 0 ? "no other route fits"
	                                          : "its match";
}

static void
tell_route(const struct answer *a, const char *reader, const char *name)
{
	const struct relay_settings *r = a->by->relay;

	for (size_t i = 0; i < r->nroutes; i++) {
		struct explain_row row = {
			.to = a->to, .reader = reader, .route = name
		};
		char *use;

		if (strcmp(r->routes[i].name, name) != 0)
			continue;
		use = use_of(a, &r->routes[i]);
		row.rule = a->by->routes_at[i];
		row.why = why(a, name);
		row.use = use;
		a->fn(a->arg, &row);
		free(use);
	}
}

static const char *
route_of(const struct answer *a, struct str address)
{
	const struct routes *r = a->by->inlet->intake.routes;

	return routes_at(r, routes_pick(r, a->at, a->n, address))->name;
}

static void
on_reader(void *arg, const char *address)
{
	const struct answer *a = arg;

	tell_route(a, address, route_of(a, str_of(address)));
}

/* Nobody reads for it: is it kept for that? */
static bool
is_stray(const struct local *l, struct str address)
{
	return local_has(l, address) &&
	       (l->root == NULL || !str_is(address, l->root));
}

/* As intake has it (intake/readers), and the relay (relay/stray). */
static void
tell(struct answer *a, const char *to, const struct address *address,
    bool was_bare)
{
	const struct local *l = &a->by->inlet->intake.local;
	struct str full = address_str(address);
	bool is_local = was_bare || local_has(l, full);

	a->to = to;
	if (is_local && local_readers(l, local_name(full), on_reader, a))
		return;
	if (is_stray(l, full))
		a->fn(a->arg,
		    &(struct explain_row){ .to = to,
		        .route = "",
		        .rule = "",
		        .why = "no alias of that name, and root is not set",
		        .use = "" });
	else
		tell_route(a, NULL, route_of(a, full));
}

static void
see_headers(const struct explain *e, const struct routes *r, bool *held)
{
	for (size_t i = 0; i < e->nheaders; i++) {
		struct str value = str_of(e->header[i]);
		struct str name = str_cut(&value, ':');

		routes_see(r, held, name, str_trim(value));
	}
}

/* false: it was bare before, and that would be too long. */
static bool
qualify(struct address *a, const char *domain)
{
	size_t n = strlen(domain);

	if (a->len + 1 + n > ADDRESS_MAX)
		return false;
	a->text[a->len] = '@';
	memcpy(a->text + a->len + 1, domain, n);
	a->len = (uint16_t)(a->len + 1 + n);
	return true;
}

/* As MAIL and RCPT would have it.  from: "<>" is the null sender. */
static int
read_address(const struct answer *a, struct address *to, const char *text,
    bool *was_bare, struct err *err)
{
	const char *option = text == a->e->from ? "--from" : "--to";

	*was_bare = false;
	if (strcmp(text, "<>") == 0 && text == a->e->from) {
		to->len = 0;
		return 0;
	}
	if (address_mailbox(to, str_of(text), ADDRESS_UTF8 | ADDRESS_LOCAL) !=
	    ADDRESS_OK)
		return err_set(err, ERR_CONFIG, "%s: \"%.64s\" is no address",
		    option, text);
	*was_bare = to->len == to->local_len;
	if (!*was_bare || qualify(to, a->by->inlet->intake.domain))
		return 0;
	return err_set(
	    err, ERR_CONFIG, "%s: \"%.64s\" is too long", option, text);
}

static int
tell_all(struct answer *a, const bool *held, size_t *at, struct err *err)
{
	struct address from, to;
	bool was_bare;
	char *sender;

	if (read_address(a, &from, a->e->from, &was_bare, err) != 0)
		return -1;
	sender = mem_strn(address_str(&from).p, address_str(&from).len);
	a->at = at;
	a->n = routes_open(a->by->inlet->intake.routes,
	    &(struct routes_mail){ .sender = sender,
	        .listener = a->listener->name,
	        .user = a->e->user,
	        .client = a->e->client.len > 0 ? &a->e->client : NULL,
	        .size = a->e->size,
	        .held = held,
	        .named = a->named },
	    at);
	free(sender);
	for (size_t i = 0; i < a->e->nto; i++) {
		if (read_address(a, &to, a->e->to[i], &was_bare, err) != 0)
			return -1;
		tell(a, a->e->to[i], &to, was_bare);
	}
	return 0;
}

int
explain_run(const struct explain *e, const struct explain_by *by,
    explain_fn *fn, void *arg, struct err *err)
{
	struct answer a = { .e = e, .by = by, .fn = fn, .arg = arg };
	size_t count = routes_count(by->inlet->intake.routes);
	bool *held;
	size_t *at;
	int rc;

	if (e->from == NULL || e->nto == 0)
		return err_set(err, ERR_CONFIG,
		    "--from ADDRESS and --to ADDRESS are needed");
	if (find_listener(&a, err) != 0)
		return -1;
	find_named(&a);
	held = mem_array(count, sizeof *held);
	at = mem_array(count, sizeof *at);
	see_headers(e, by->inlet->intake.routes, held);
	rc = tell_all(&a, held, at, err);
	free(held);
	free(at);
	return rc;
}

void
explain_print(FILE *out, const struct explain_row *row)
{
	(void)fputs(row->to, out);
	if (row->reader != NULL)
		(void)fprintf(out, " -> %s", row->reader);
	if (row->route[0] == '\0') {
		(void)fprintf(
		    out, ": kept as a dead letter\n  why: %s\n", row->why);
		return;
	}
	(void)fprintf(out, ": route %s\n  rule: %s (%s)\n  use: %s\n",
	    row->route, row->rule[0] != '\0' ? row->rule : "not written",
	    row->why, row->use[0] != '\0' ? row->use : "nothing: it waits");
}
