/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/routing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/log.h"
#include "postern/base/mem.h"
#include "postern/intake/lane.h"
#include "postern/intake/policy.h"
#include "postern/intake/routes.h"
#include "postern/spool/spool.h"

#include "intake/draft.h"
#include "intake/wishes.h"

#define LOG_MAX 200 /* bytes of names in a line */

static bool peek_wants(void *arg, struct str name);
static void peek_field(void *arg, struct str name, struct str value);

static const struct peek_hooks hooks = { peek_wants, peek_field };

void
routing_init(struct routing *g, const struct routes *routes, const char *lane,
    const struct addr *client)
{
	size_t n = routes_count(routes);
	struct str field;

	memset(g, 0, sizeof *g);
	g->routes = routes;
	g->lane = lane;
	if (client != NULL)
		g->client = *client;
	g->held = mem_array(n, sizeof *g->held);
	g->lanes = mem_array(n + 1, sizeof *g->lanes);
	g->taken = mem_array(n, sizeof *g->taken);
	peek_init(&g->peek, &hooks, g);
	g->peek.is_over = !routes_look(routes) && !lane_header(lane, &field);
}

void
routing_done(struct routing *g)
{
	peek_done(&g->peek);
	free(g->held);
	free(g->lanes);
	free(g->taken);
	memset(g, 0, sizeof *g);
}

/* --- the header ------------------------------------------------------------
 */

static bool
is_lane_of(const char *lane, struct str name)
{
	struct str field;

	return lane_header(lane, &field) && str_eq_case(field, name);
}

static bool
peek_wants(void *arg, struct str name)
{
	const struct routing *g = arg;

	return is_lane_of(g->lane, name) || routes_wants(g->routes, name);
}

/* The first field of the name that is not empty counts. */
static void
set_lane(uint8_t *to, const char *lane, struct str name, struct str value)
{
	struct lane_who who = { .value = value };

	if (*to == 0 && is_lane_of(lane, name))
		*to = lane_of(lane, &who);
}

static void
peek_field(void *arg, struct str name, struct str value)
{
	struct routing *g = arg;
	size_t n = routes_count(g->routes);

	routes_see(g->routes, g->held, name, value);
	for (size_t i = 0; i < n; i++)
		set_lane(
		    &g->lanes[i], routes_at(g->routes, i)->lane, name, value);
	set_lane(&g->lanes[n], g->lane, name, value);
}

void
routing_feed(struct routing *g, const char *p, size_t n)
{
	if (!g->peek.is_over)
		peek_feed(&g->peek, p, n);
}

/* --- the ways out ------------------------------------------------------------
 */

/* What the user is given goes before the route's, that before the listener's.
 */
static uint8_t
lane_for(const struct routing *g, const struct draft *d,
    const struct routing_ask *ask, size_t route)
{
	const struct routes_route *r = routes_at(g->routes, route);
	bool is_routes =
	    r->lane != NULL && (ask->user == NULL || ask->user->lane == NULL);
	const char *lane = is_routes ? r->lane : g->lane;
	struct lane_who who = { .sender = draft_word(d, DRAFT_SENDER),
		.client = draft_word(d, DRAFT_CLIENT),
		.user = draft_word(d, DRAFT_USER) };
	struct str name;

	if (lane_header(lane, &name))
		return g->lanes[is_routes ? route : routes_count(g->routes)];
	return lane_of(lane, &who);
}

static uint8_t
priority_for(
    const struct routing *g, const struct routing_ask *ask, size_t route)
{
	int priority = routes_at(g->routes, route)->priority;
	bool is_users =
	    ask->user != NULL && ask->user->priority != POLICY_NO_PRIORITY;

	if (is_users || priority == POLICY_NO_PRIORITY)
		priority = ask->policy->priority;
	return wishes_priority(ask->wishes, (uint8_t)priority);
}

static size_t
open_routes(const struct routing *g, const struct draft *d,
    const struct routing_ask *ask, size_t *at)
{
	struct routes_mail mail = { .sender = draft_word(d, DRAFT_SENDER),
		.listener = draft_word(d, DRAFT_LISTENER),
		.user = draft_word(d, DRAFT_USER),
		.client = g->client.len > 0 ? &g->client : NULL,
		.size = ask->size,
		.held = g->held,
		.named = ask->policy->route };

	return routes_open(g->routes, &mail, at);
}

static enum spool_route_why
why_of(const struct routing *g, const struct routing_ask *ask, size_t route)
{
	if (ask->policy->route != NULL)
		return SPOOL_ROUTE_NAMED;
	return strcmp(routes_at(g->routes, route)->name, ROUTES_DEFAULT) == 0
	           ? SPOOL_ROUTE_DEFAULT
	           : SPOOL_ROUTE_MATCHED;
}

/* Gives the route its delivery, if it has none yet. */
static uint16_t
delivery_of(struct routing *g, const struct draft *d,
    const struct routing_ask *ask, size_t route, struct spool_delivery *out)
{
	if (g->taken[route] == 0) {
		out[g->ndeliveries] = (struct spool_delivery){
			.route = routes_at(g->routes, route)->id,
			.priority = priority_for(g, ask, route),
			.lane = lane_for(g, d, ask, route),
			.why = why_of(g, ask, route),
		};
		g->taken[route] = ++g->ndeliveries;
	}
	return (uint16_t)(g->taken[route] - 1);
}

struct spool_delivery *
routing_decide(
    struct routing *g, struct draft *d, const struct routing_ask *ask)
{
	size_t count = routes_count(g->routes);
	size_t *at = mem_array(count, sizeof *at);
	struct spool_delivery *out;
	size_t n;

	if (!g->peek.is_over)
		peek_end(&g->peek);
	n = open_routes(g, d, ask, at);
	out = mem_array(n, sizeof *out);
	for (uint32_t i = 0; i < d->nrcpts; i++) {
		size_t route =
		    routes_pick(g->routes, at, n, str_of(draft_rcpt_at(d, i)));

		draft_rcpt_deliver(d, i, delivery_of(g, d, ask, route, out));
	}
	free(at);
	return out;
}

void
routing_log(const struct routing *g, struct log_line *l)
{
	char names[LOG_MAX] = "";
	size_t n = 0;

	for (size_t i = 0; i < routes_count(g->routes); i++) {
		if (g->taken[i] == 0 || n >= sizeof names)
			continue;
		n += (size_t)snprintf(names + n, sizeof names - n, "%s%s",
		    n > 0 ? "," : "", routes_at(g->routes, i)->name);
	}
	log_cstr(l, "route", names);
}
