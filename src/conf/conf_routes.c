/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/conf_routes.h"

#include <string.h>

#include "conf/conf_check.h"
#include "conf/conf_hint.h"
#include "conf/conf_read.h"

#define KEEP "keep" /* no route */

/* What may be named. */
struct known {
	const char **name; /* in the arena; NULL: an entry without one */
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
		else if (!has(known, names->name[i]) && !r->broken)
			tell_unknown(r, known, at, path, names->name[i]);
	}
}

/* --- limits ----------------------------------------------------------------
 */

static void
read_limits(struct conf_read *r)
{
	const struct conf_entries *list = &r->list[CONF_BASE_LIMIT];
	struct relay_limit *limit =
	    conf_arena_new(r->arena, list->n, sizeof *limit);
	const char **names = conf_arena_new(r->arena, list->n, sizeof *names);

	for (size_t i = 0; i < list->n; i++) {
		struct conf_limit c = { 0 };

		conf_read_defaults(r, CONF_BASE_LIMIT, &c);
		conf_read_entry(r, list->entry[i], "limits", &c, false);
		conf_check_needs(
		    r, list->entry[i], "limits.name", "name = \"tenant\";");
		limit[i] = c.l;
		names[i] = c.l.name;
	}
	conf_check_names(r, list, names, "limits.name");
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

static bool
is_default(const struct relay_route *r)
{
	return r->name != NULL && strcmp(r->name, CONF_ROUTES_DEFAULT) == 0;
}

static void
check_route(struct conf_read *r, const struct conf_entry *e,
    const struct relay_route *route, const struct known *known)
{
	struct known use = { .name = route->use, .n = route->nuse };

	conf_check_needs(r, e, "routes.name", "name = \"news\";");
	if (!is_default(route))
		conf_check_needs(r, e, "routes.use", "use = [ \"PROVIDER\" ];");
	check_named(r, e, "routes.use", &use, known);
	conf_check_retry(r, e, "routes.retry", &route->retry);
}

/* e NULL: the default route, which nobody wrote. */
static void
read_route(struct conf_read *r, struct conf_entry *e, struct relay_route *route)
{
	struct conf_route c = { .r = { .retry = r->root->s.relay.retry,
		                    .shares = { 8, 4, 1 } } };

	conf_read_defaults(r, CONF_BASE_ROUTE, &c);
	if (e == NULL)
		c.r.name = CONF_ROUTES_DEFAULT;
	else
		conf_read_entry(r, e, "routes", &c, false);
	*route = c.r;
}

/* What is dead there goes another way once; not back the same one. */
static void
check_heir(struct conf_read *r, const struct conf_entry *e,
    struct relay_route *route, const struct known *routes)
{
	struct conf_place at = conf_read_place(e, "routes.on_dead");

	if (route->on_dead == NULL || strcmp(route->on_dead, KEEP) == 0)
		route->on_dead = NULL;
	else if (route->name != NULL &&
	         strcmp(route->on_dead, route->name) == 0)
		conf_note_mistake(&r->notes, at, "routes.on_dead",
		    "is the route itself; write another one's name, or "
		    "\"" KEEP "\"");
	else if (!has(routes, route->on_dead) && !r->broken)
		tell_unknown(r, routes, at, "routes.on_dead", route->on_dead);
}

/* The routes that others name, when all of them are known. */
static void
check_ways(struct conf_read *r, struct conf_routes *to)
{
	const struct conf_entries *list = &r->list[CONF_BASE_ROUTE];
	const char *bounce = r->root->s.relay.bounce_route;
	struct known k = { .what = "route" };

	k.name = conf_arena_new(r->arena, to->n, sizeof *k.name);
	for (; k.n < to->n; k.n++)
		k.name[k.n] = to->route[k.n].name;
	for (size_t i = 0; i < to->n; i++) {
		if (i < list->n)
			check_heir(r, list->entry[i], &to->route[i], &k);
		else
			to->route[i].on_dead = NULL;
	}
	if (bounce != NULL && !has(&k, bounce) && !r->broken)
		tell_unknown(r, &k,
		    conf_read_place(r->root_entry, "bounce.route"),
		    "bounce.route", bounce);
}

static void
use_all(struct relay_route *route, const struct known *providers)
{
	if (route->nuse > 0 || !is_default(route))
		return;
	route->use = providers->name;
	route->nuse = providers->n;
}

static bool
is_used(const struct relay_settings *s, const char *provider)
{
	struct known k;

	for (size_t i = 0; i < s->nroutes; i++) {
		k = (struct known){ s->routes[i].use, s->routes[i].nuse, "" };
		if (has(&k, provider))
			return true;
	}
	for (size_t i = 0; i < s->ngroups; i++) {
		k = (struct known){ s->groups[i].members, s->groups[i].nmembers,
			"" };
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

static void
read_routes(
    struct conf_routes *to, struct conf_read *r, const struct known *providers)
{
	const struct conf_entries *list = &r->list[CONF_BASE_ROUTE];
	struct known known = usable(r, providers);
	const char **names = conf_arena_new(r->arena, list->n, sizeof *names);
	bool is_written = false;

	to->route = conf_arena_new(r->arena, list->n + 1, sizeof *to->route);
	for (to->n = 0; to->n < list->n; to->n++) {
		struct relay_route *route = &to->route[to->n];

		read_route(r, list->entry[to->n], route);
		check_route(r, list->entry[to->n], route, &known);
		use_all(route, providers);
		names[to->n] = route->name;
		is_written = is_written || is_default(route);
	}
	conf_check_names(r, list, names, "routes.name");
	if (!is_written) {
		read_route(r, NULL, &to->route[to->n]);
		use_all(&to->route[to->n++], providers);
	}
	check_ways(r, to);
	r->root->s.relay.routes = to->route;
	r->root->s.relay.nroutes = to->n;
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
