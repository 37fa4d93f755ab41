/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/conf_routes.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "postern/inlet/users.h"
#include "postern/intake/policy.h"
#include "postern/intake/routes.h"

#include "conf/conf_check.h"
#include "conf/conf_dkim.h"
#include "conf/conf_hint.h"
#include "conf/conf_read.h"

#define KEEP "keep" /* no route */

/* What may be named. */
struct known {
	const char **name; /* in the arena; NULL: an entry without one */
	bool *is_named;    /* NULL: nobody asks */
	size_t n;
	const char *what; /* "provider or group" */
};

static bool
has(const struct known *k, const char *name)
{
	for (size_t i = 0; i < k->n; i++) {
		if (k->name[i] != NULL && strcmp(k->name[i], name) == 0)
			return true;
	}
	return false;
}

static void
tell_unknown(struct conf_read *r, const struct known *k, struct conf_place at,
    const char *path, const char *name)
{
	struct conf_hint h = { 0 };

	for (size_t i = 0; i < k->n; i++) {
		if (k->name[i] != NULL)
			conf_hint_offer(&h, name, k->name[i]);
	}
	if (h.best != NULL)
		conf_note_mistake(&r->notes, at, path,
		    "there is no %s \"%s\"; did you mean \"%s\"?", k->what,
		    name, h.best);
	else
		conf_note_mistake(&r->notes, at, path,
		    "there is no %s \"%s\"; write the name of one", k->what,
		    name);
}

/* One name that has to be known. */
static void
check_name(struct conf_read *r, const struct known *k, struct conf_place at,
    const char *path, const char *name)
{
	bool found = false;

	for (size_t i = 0; i < k->n; i++) {
		if (k->name[i] == NULL || strcmp(k->name[i], name) != 0)
			continue;
		found = true;
		if (k->is_named != NULL)
			k->is_named[i] = true;
	}
	if (!found && !r->broken)
		tell_unknown(r, k, at, path, name);
}

/* The names of an entry's key: each known, and there once. */
static void
check_named(struct conf_read *r, const struct conf_entry *e, const char *path,
    const struct known *names, const struct known *known)
{
	struct conf_place at = conf_read_place(e, path);

	for (size_t i = 0; i < names->n; i++) {
		struct known before = { .name = names->name, .n = i };

		if (has(&before, names->name[i]))
			conf_note_mistake(&r->notes, at, path,
			    "\"%s\" stands twice; write it once",
			    names->name[i]);
		else
			check_name(r, known, at, path, names->name[i]);
	}
}

/* --- limits ----------------------------------------------------------------
 */

/* Those that a provider shares. */
static void
check_shared(struct conf_read *r, const struct known *limits)
{
	for (size_t i = 0; i < r->root->s.relay.nproviders; i++) {
		const struct relay_provider *p = &r->root->s.relay.providers[i];
		const struct conf_entry *e =
		    r->list[CONF_BASE_PROVIDER].entry[i];
		struct known shared = { .name = p->limits, .n = p->nlimits };

		check_named(r, e, "providers.limits", &shared, limits);
		if (p->nlimits > RELAY_LIMITS_MAX)
			conf_note_mistake(&r->notes,
			    conf_read_place(e, "providers.limits"),
			    "providers.limits",
			    "has %zu names; write at most %d", p->nlimits,
			    RELAY_LIMITS_MAX);
	}
}

static void
check_limit(struct conf_read *r, const struct conf_entry *e,
    const struct relay_limit *l)
{
	conf_check_needs(r, e, "limits.name", "name = \"tenant\";");
	if (l->nrates == 0 && l->max_connections == 0)
		conf_note_mistake(&r->notes, e->at, "limits",
		    "limits nothing; write rate = [ \"10000 rcpt/day\" ]; or "
		    "max_connections = 3;");
}

static void
read_limits(struct conf_read *r)
{
	const struct conf_entries *list = &r->list[CONF_BASE_LIMIT];
	struct relay_limit *limit =
	    conf_arena_new(r->arena, list->n, sizeof *limit);
	const char **names = conf_arena_new(r->arena, list->n, sizeof *names);
	struct known known = { .name = names, .n = list->n, .what = "limit" };

	for (size_t i = 0; i < list->n; i++) {
		struct conf_limit c = { 0 };

		conf_read_defaults(r, CONF_BASE_LIMIT, &c);
		conf_read_entry(r, list->entry[i], "limits", &c, false);
		check_limit(r, list->entry[i], &c.l);
		limit[i] = c.l;
		names[i] = c.l.name;
	}
	conf_check_names(r, list, names, "limits.name");
	check_shared(r, &known);
	r->root->s.relay.limits = limit;
	r->root->s.relay.nlimits = list->n;
}

/* --- groups ----------------------------------------------------------------
 */

static struct known
providers_of(struct conf_read *r)
{
	const struct relay_settings *s = &r->root->s.relay;
	struct known k = { .n = s->nproviders, .what = "provider" };

	k.name = conf_arena_new(r->arena, s->nproviders, sizeof *k.name);
	for (size_t i = 0; i < s->nproviders; i++)
		k.name[i] = s->providers[i].name;
	return k;
}

/* Where "use" names one of them, it has to be clear which. */
static void
check_group(struct conf_read *r, const struct conf_entry *e,
    const struct relay_group *g, const struct known *providers)
{
	struct known members = { .name = g->members, .n = g->nmembers };

	conf_check_needs(r, e, "groups.name", "name = \"pool\";");
	conf_check_needs(r, e, "groups.members", "members = [ \"PROVIDER\" ];");
	check_named(r, e, "groups.members", &members, providers);
	if (g->name != NULL && has(providers, g->name))
		conf_note_mistake(&r->notes, conf_read_place(e, "groups.name"),
		    "groups.name",
		    "\"%s\" is a provider's name, too; write another one",
		    g->name);
}

static void
read_groups(struct conf_read *r, const struct known *providers)
{
	const struct conf_entries *list = &r->list[CONF_BASE_GROUP];
	struct relay_group *group =
	    conf_arena_new(r->arena, list->n, sizeof *group);
	const char **names = conf_arena_new(r->arena, list->n, sizeof *names);

	for (size_t i = 0; i < list->n; i++) {
		struct conf_group c = { 0 };

		conf_read_defaults(r, CONF_BASE_GROUP, &c);
		conf_read_entry(r, list->entry[i], "groups", &c, false);
		check_group(r, list->entry[i], &c.g, providers);
		group[i] = c.g;
		names[i] = c.g.name;
	}
	conf_check_names(r, list, names, "groups.name");
	r->root->s.relay.groups = group;
	r->root->s.relay.ngroups = list->n;
}

/* --- routes ----------------------------------------------------------------
 */

static struct known
usable(struct conf_read *r, const struct known *providers)
{
	const struct relay_settings *s = &r->root->s.relay;
	struct known k = { .n = providers->n, .what = "provider or group" };

	k.name =
	    conf_arena_new(r->arena, providers->n + s->ngroups, sizeof *k.name);
	for (size_t i = 0; i < providers->n; i++)
		k.name[i] = providers->name[i];
	for (size_t i = 0; i < s->ngroups; i++)
		k.name[k.n++] = s->groups[i].name;
	return k;
}

/* What reading the routes carries. */
struct walk {
	struct conf_read *r;
	struct conf_routes *to;
	struct known usable;    /* in use */
	struct known listeners; /* in match */
	struct known routes;    /* by users and listeners */
	const struct known *providers;
};

static bool
is_default(const char *name)
{
	return name != NULL && strcmp(name, ROUTES_DEFAULT) == 0;
}

static struct known
listeners_of(struct conf_read *r)
{
	const struct inlet_settings *s = &r->root->s.inlet;
	struct known k = { .n = s->nlisteners, .what = "listener" };

	k.name = conf_arena_new(r->arena, s->nlisteners, sizeof *k.name);
	for (size_t i = 0; i < s->nlisteners; i++)
		k.name[i] = s->listeners[i].name;
	return k;
}

static bool
is_empty_match(const struct conf_entry *e)
{
	for (size_t i = 0; i < conf_table_n; i++) {
		if (conf_table_is_in(&conf_table[i], "routes.match") &&
		    conf_read_is_set(e, conf_table[i].path))
			return false;
	}
	return conf_read_is_set(e, "routes.match");
}

static void
check_match(
    struct walk *w, const struct conf_entry *e, const struct conf_route *c)
{
	struct known listeners = { .name = c->match.listeners,
		.n = c->match.nlisteners };

	check_named(
	    w->r, e, "routes.match.listener", &listeners, &w->listeners);
	if (is_empty_match(e))
		conf_note_mistake(&w->r->notes,
		    conf_read_place(e, "routes.match"), "routes.match",
		    "is empty; write match = { sender = [ "
		    "\"*@news.example.com\" ]; };");
	if (is_default(c->r.name) && conf_read_is_set(e, "routes.match"))
		conf_note_mistake(&w->r->notes,
		    conf_read_place(e, "routes.match"), "routes.match",
		    "the default route takes what no other one does; take it "
		    "away, or write another name");
}

/* What keeps a route from mailing whom it should not. */
static void
check_mode(struct conf_read *r, const struct conf_entry *e,
    const struct relay_route *c)
{
	bool redirects = c->mode == RELAY_MODE_REDIRECT;

	if (redirects && !conf_read_is_set(e, "routes.redirect_to"))
		conf_check_needs(r, e, "routes.redirect_to",
		    "redirect_to = \"staging@example.com\";");
	if (!redirects && c->redirect_to != NULL)
		conf_note_mistake(&r->notes,
		    conf_read_place(e, "routes.redirect_to"),
		    "routes.redirect_to",
		    "nothing is redirected; write mode = \"redirect\"; or take "
		    "it away");
	if (c->mode == RELAY_MODE_DELIVER && c->nallow > 0)
		conf_note_mistake(&r->notes, conf_read_place(e, "routes.allow"),
		    "routes.allow",
		    "everybody gets mail; write mode = \"capture\"; or "
		    "\"redirect\", or take it away");
	if (c->mode == RELAY_MODE_CAPTURE && c->on_dead != NULL &&
	    strcmp(c->on_dead, KEEP) != 0)
		conf_note_mistake(&r->notes,
		    conf_read_place(e, "routes.on_dead"), "routes.on_dead",
		    "what is captured would leave by it; take it away");
}

static void
check_route(
    struct walk *w, const struct conf_entry *e, const struct conf_route *c)
{
	struct known use = { .name = c->r.use, .n = c->r.nuse };

	conf_check_needs(w->r, e, "routes.name", "name = \"news\";");
	if (!is_default(c->r.name))
		conf_check_needs(
		    w->r, e, "routes.use", "use = [ \"PROVIDER\" ];");
	check_named(w->r, e, "routes.use", &use, &w->usable);
	check_match(w, e, c);
	conf_check_retry(w->r, e, "routes.retry", &c->r.retry);
	check_mode(w->r, e, &c->r);
}

static void
use_all(struct relay_route *route, const struct known *providers)
{
	if (route->nuse > 0 || !is_default(route->name))
		return;
	route->use = providers->name;
	route->nuse = providers->n;
}

/* The table's own checks have told of texts that cannot be read. */
static void
add_rule(struct conf_routes *to, const struct conf_route *c)
{
	struct err err;
	int rc;

	if (c->r.name == NULL ||
	    (!is_default(c->r.name) &&
	        routes_find(to->rules, c->r.name) != ROUTES_NONE))
		return; /* told, too */
	rc = routes_add(to->rules, &c->i, &c->match, &err);
	assert(rc == 0); /* the table lets no other text pass */
}

static const char *
place_text(struct conf_read *r, const struct conf_entry *e)
{
	char text[4200];

	if (e == NULL)
		return "";
	(void)snprintf(text, sizeof text, "%s:%d", e->at.file, e->at.line);
	return conf_arena_str(r->arena, text);
}

/* e NULL: the default route, which nobody wrote. */
static void
read_route(struct walk *w, struct conf_entry *e)
{
	struct conf_read *r = w->r;
	struct conf_route c = { .r = { .retry = r->root->s.relay.retry },
		.i = { .priority = POLICY_NO_PRIORITY } };
	size_t i = w->to->n++;

	conf_read_defaults(r, CONF_BASE_ROUTE, &c);
	if (e == NULL) {
		c.r.name = ROUTES_DEFAULT;
	} else {
		conf_read_entry(r, e, "routes", &c, false);
		conf_dkim_route(r, e, &c.r);
		check_route(w, e, &c);
	}
	c.i.name = c.r.name;
	add_rule(w->to, &c);
	use_all(&c.r, w->providers);
	w->to->route[i] = c.r;
	w->routes.name[i] = c.r.name;
	w->routes.n = w->to->n;
	w->to->at[i] = place_text(r, e);
}

/* --- who names them ----------------------------------------------------------
 */

static void
check_listeners(struct walk *w)
{
	const struct conf_entries *list = &w->r->list[CONF_BASE_LISTENER];

	for (size_t i = 0; i < list->n; i++) {
		const char *route = w->r->root->s.inlet.listeners[i].route;
		struct conf_place at =
		    conf_read_place(list->entry[i], "listeners.route");

		if (route != NULL)
			check_name(
			    w->r, &w->routes, at, "listeners.route", route);
	}
}

static void
check_user(void *arg, const struct user *u, unsigned line)
{
	struct walk *w = arg;
	struct conf_place at = { .file = w->r->root->users_file,
		.number = CONF_READ_FILES_MAX,
		.line = (int)line };

	if (u->policy.route != NULL)
		check_name(w->r, &w->routes, at, "users_file", u->policy.route);
}

/* What is dead there goes another way once; not back the same one. */
static void
check_heir(
    struct walk *w, const struct conf_entry *e, struct relay_route *route)
{
	struct conf_place at = conf_read_place(e, "routes.on_dead");

	if (route->on_dead == NULL || strcmp(route->on_dead, KEEP) == 0)
		route->on_dead = NULL;
	else if (route->name != NULL &&
	         strcmp(route->on_dead, route->name) == 0)
		conf_note_mistake(&w->r->notes, at, "routes.on_dead",
		    "is the route itself; write another one's name, or "
		    "\"" KEEP "\"");
	else
		check_name(
		    w->r, &w->routes, at, "routes.on_dead", route->on_dead);
}

/* The routes that others name, when all of them are known. */
static void
check_ways(struct walk *w)
{
	const struct conf_entries *list = &w->r->list[CONF_BASE_ROUTE];
	const char *bounce = w->r->root->s.relay.bounce_route;

	for (size_t i = 0; i < w->to->n; i++) {
		if (i < list->n)
			check_heir(w, list->entry[i], &w->to->route[i]);
		else
			w->to->route[i].on_dead = NULL;
	}
	if (bounce != NULL)
		check_name(w->r, &w->routes,
		    conf_read_place(w->r->root_entry, "bounce.route"),
		    "bounce.route", bounce);
}

/* A route that no message can take. */
static void
check_reached(struct walk *w)
{
	const struct conf_entries *list = &w->r->list[CONF_BASE_ROUTE];

	for (size_t i = 0; i < list->n && !w->r->broken; i++) {
		const struct conf_entry *e = list->entry[i];

		if (!conf_read_is_set(e, "routes.match") &&
		    !is_default(w->routes.name[i]) && !w->routes.is_named[i])
			conf_note_mistake(&w->r->notes, e->at, "routes.match",
			    "is missing, and nobody names the route; write "
			    "match = { sender = [ \"*@news.example.com\" ]; "
			    "};");
	}
}

static bool
is_used(const struct relay_settings *s, const char *provider)
{
	struct known k;

	for (size_t i = 0; i < s->nroutes; i++) {
		k = (struct known){ .name = s->routes[i].use,
			.n = s->routes[i].nuse };
		if (has(&k, provider))
			return true;
	}
	for (size_t i = 0; i < s->ngroups; i++) {
		k = (struct known){ .name = s->groups[i].members,
			.n = s->groups[i].nmembers };
		if (has(&k, provider))
			return true;
	}
	return false;
}

static void
check_idle(struct conf_read *r)
{
	const struct relay_settings *s = &r->root->s.relay;

	for (size_t i = 0; i < s->nproviders && !r->broken; i++) {
		const struct conf_entry *e =
		    r->list[CONF_BASE_PROVIDER].entry[i];
		const char *name = s->providers[i].name;

		if (name != NULL && !is_used(s, name))
			conf_note_warning(&r->notes,
			    conf_read_place(e, "providers.name"), "routes.use",
			    "nothing leaves through \"%s\"; write it into the "
			    "use of a route, or take it away",
			    name);
	}
}

/* --- all of them
 * ---------------------------------------------------------------
 */

static void
begin(struct walk *w, size_t n)
{
	struct conf_arena *a = w->r->arena;

	w->usable = usable(w->r, w->providers);
	w->listeners = listeners_of(w->r);
	w->routes.what = "route";
	w->routes.name = conf_arena_new(a, n, sizeof(char *));
	w->routes.is_named = conf_arena_new(a, n, sizeof(bool));
	w->to->route = conf_arena_new(a, n, sizeof *w->to->route);
	w->to->at = conf_arena_new(a, n, sizeof *w->to->at);
	w->to->rules = routes_new();
}

/* More of them than there may be are told, and looked at no more. */
static const struct conf_entries *
entries_of(struct conf_read *r)
{
	struct conf_entries *list = &r->list[CONF_BASE_ROUTE];

	if (list->n > ROUTES_MAX) {
		conf_note_mistake(&r->notes, list->entry[ROUTES_MAX]->at,
		    "routes", "are more than %d; write fewer", ROUTES_MAX);
		list->n = ROUTES_MAX;
	}
	return list;
}

static void
read_routes(
    struct conf_routes *to, struct conf_read *r, const struct known *providers)
{
	const struct conf_entries *list = entries_of(r);
	struct walk w = { .r = r, .to = to, .providers = providers };
	struct settings *s = &r->root->s;

	begin(&w, list->n + 1);
	for (size_t i = 0; i < list->n; i++)
		read_route(&w, list->entry[i]);
	conf_check_names(r, list, w.routes.name, "routes.name");
	if (!has(&w.routes, ROUTES_DEFAULT))
		read_route(&w, NULL);
	check_listeners(&w);
	if (s->inlet.users != NULL)
		users_each(s->inlet.users, check_user, &w);
	check_ways(&w);
	check_reached(&w);
	s->relay.routes = to->route;
	s->relay.nroutes = to->n;
	s->routes_at = to->at;
	s->inlet.intake.routes = to->rules;
}

void
conf_routes_read(struct conf_routes *to, struct conf_read *r)
{
	struct known providers = providers_of(r);

	read_limits(r);
	read_groups(r, &providers);
	read_routes(to, r, &providers);
	check_idle(r);
}
