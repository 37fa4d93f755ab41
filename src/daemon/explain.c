/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/explain.h"

#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"
#include "postern/conf/conf.h"
#include "postern/inlet/users.h"
#include "postern/intake/routes.h"
#include "postern/mail/address.h"

enum {
	OPT_ROUTE = 256,
	OPT_FROM,
	OPT_TO,
	OPT_USER,
	OPT_LISTENER,
	OPT_CLIENT,
	OPT_HEADER,
	OPT_SIZE,
};

const struct option explain_options[] = {
	{ "route", no_argument, NULL, OPT_ROUTE },
	{ "from", required_argument, NULL, OPT_FROM },
	{ "to", required_argument, NULL, OPT_TO },
	{ "user", required_argument, NULL, OPT_USER },
	{ "listener", required_argument, NULL, OPT_LISTENER },
	{ "client", required_argument, NULL, OPT_CLIENT },
	{ "header", required_argument, NULL, OPT_HEADER },
	{ "size", required_argument, NULL, OPT_SIZE },
	{ NULL, 0, NULL, 0 },
};

/* --- the question ------------------------------------------------------------
 */

static int
take_client(struct explain *e, const char *text, struct err *err)
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

static int
take_word(const char **words, size_t *n, const char *text, struct err *err)
{
	if (*n == EXPLAIN_WORDS)
		return err_set(err, ERR_CONFIG,
		    "--to and --header may each stand %d times", EXPLAIN_WORDS);
	words[(*n)++] = text;
	return 0;
}

int
explain_take(struct explain *e, int option, const char *text, struct err *err)
{
	switch (option) {
	case OPT_ROUTE:
		e->is_asked = true;
		break;
	case OPT_FROM:
		e->from = text;
		break;
	case OPT_TO:
		return take_word(e->to, &e->nto, text, err);
	case OPT_USER:
		e->user = text;
		break;
	case OPT_LISTENER:
		e->listener = text;
		break;
	case OPT_CLIENT:
		return take_client(e, text, err);
	case OPT_HEADER:
		return take_word(e->header, &e->nheaders, text, err);
	case OPT_SIZE:
		if (conf_size(text, &e->size, err) != 0)
			return err_wrap(err, "--size");
		break;
	default:
		return err_set(err, ERR_CONFIG, "there is no such option");
	}
	return 0;
}

/* --- the answer --------------------------------------------------------------
 */

struct answer {
	const struct explain *e;
	const struct settings *s;
	const struct inlet_listener *listener;
	const char *named, *why; /* by whom, for the reader; or NULL */
	FILE *out;
};

static int
find_listener(struct answer *a, struct err *err)
{
	const struct inlet_settings *in = &a->s->inlet;

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
	const struct users *users = a->s->inlet.users;
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

/* "main, pool (one, two)" */
static void
print_use(const struct answer *a, const struct relay_route *r)
{
	(void)fputs("  use: ", a->out);
	for (size_t i = 0; i < r->nuse; i++) {
		const struct relay_group *g = group_of(&a->s->relay, r->use[i]);

		(void)fprintf(a->out, "%s%s", i > 0 ? ", " : "", r->use[i]);
		for (size_t k = 0; g != NULL && k < g->nmembers; k++)
			(void)fprintf(
			    a->out, "%s%s", k > 0 ? ", " : " (", g->members[k]);
		if (g != NULL)
			(void)fputc(')', a->out);
	}
	(void)fputs(r->nuse == 0 ? "nothing: it waits\n" : "\n", a->out);
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
print_route(const struct answer *a, const char *to, const char *name)
{
	const struct relay_settings *r = &a->s->relay;

	(void)fprintf(a->out, "%s: route %s\n", to, name);
	for (size_t i = 0; i < r->nroutes; i++) {
		if (strcmp(r->routes[i].name, name) != 0)
			continue;
		(void)fprintf(a->out, "  rule: %s (%s)\n",
		    a->s->routes_at[i][0] != '\0' ? a->s->routes_at[i]
		                                  : "not written",
		    why(a, name));
		print_use(a, &r->routes[i]);
	}
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

/* As MAIL and RCPT would have it.  from: "<>" is the null sender. */
static int
read_address(
    struct address *to, const char *option, const char *text, struct err *err)
{
	if (strcmp(text, "<>") == 0 && strcmp(option, "--from") == 0) {
		to->len = 0;
		return 0;
	}
	if (address_mailbox(to, str_of(text), ADDRESS_UTF8) == ADDRESS_OK)
		return 0;
	return err_set(
	    err, ERR_CONFIG, "%s: \"%.64s\" is no address", option, text);
}

static int
print_all(const struct answer *a, const bool *held, size_t *at, struct err *err)
{
	const struct routes *r = a->s->inlet.intake.routes;
	struct address from, to;
	char *sender;
	size_t n;

	if (read_address(&from, "--from", a->e->from, err) != 0)
		return -1;
	sender = mem_strn(address_str(&from).p, address_str(&from).len);
	n = routes_open(r,
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
		if (read_address(&to, "--to", a->e->to[i], err) != 0)
			return -1;
		print_route(a, a->e->to[i],
		    routes_at(r, routes_pick(r, at, n, address_str(&to)))
		        ->name);
	}
	return 0;
}

int
explain_print(const struct explain *e, const struct settings *s, FILE *out,
    struct err *err)
{
	struct answer a = { .e = e, .s = s, .out = out };
	size_t count = routes_count(s->inlet.intake.routes);
	bool *held;
	size_t *at;
	int rc;

	if (e->from == NULL || e->nto == 0)
		return err_set(err, ERR_CONFIG,
		    "--route needs --from ADDRESS and --to ADDRESS");
	if (find_listener(&a, err) != 0)
		return -1;
	find_named(&a);
	held = mem_array(count, sizeof *held);
	at = mem_array(count, sizeof *at);
	see_headers(e, s->inlet.intake.routes, held);
	rc = print_all(&a, held, at, err);
	free(held);
	free(at);
	return rc;
}
