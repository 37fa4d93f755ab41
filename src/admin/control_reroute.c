/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/control_reroute.h"

#include <stdlib.h>
#include <string.h>

#include "postern/admin/control.h"
#include "postern/admin/explain.h"
#include "postern/base/mem.h"
#include "postern/inlet/inlet.h"
#include "postern/inlet/users.h"
#include "postern/intake/policy.h"
#include "postern/spool/body.h"

#include "admin/control_call.h"

#define HEAD_MAX (64u << 10) /* what is looked at of a header */

/* --- reading: the walker's thread -------------------------------------------
 */

static void
load(struct control_reroute_item *it, struct spool_reader *r)
{
	struct err err;
	int64_t n;

	if (spool_load(r, it->mid, it->n, &it->loaded, &err) != 0) {
		it->loaded.env = NULL;
		return;
	}
	if (it->loaded.env->body != NULL)
		return;
	it->head = mem_new(HEAD_MAX);
	n = spool_content(r, it->mid, 0, it->head, HEAD_MAX, &err);
	it->nhead = n > 0 ? (size_t)n : 0;
}

static void
look(struct reading *reading, struct spool_reader *r)
{
	struct control_reroute *g = (struct control_reroute *)reading;

	for (size_t i = 0; i < g->n; i++)
		load(&g->item[i], r);
}

int
control_reroute_load(struct control_reroute *g, struct control_call *call)
{
	g->reading.look = look;
	return walker_read(control_call_walker(call), &g->reading);
}

void
control_reroute_done(struct control_reroute *g)
{
	for (size_t i = 0; i < g->n; i++) {
		envelope_free(&g->item[i].loaded.env);
		free(g->item[i].head);
		g->item[i] = (struct control_reroute_item){ 0 };
	}
	g->n = 0;
}

/* --- deciding ---------------------------------------------------------------
 */

static const struct policy *
user_policy(const struct inlet_settings *in, const char *name)
{
	const struct user *u = NULL;

	if (in->users != NULL && name != NULL)
		u = users_find(in->users, str_of(name));
	return u != NULL ? &u->policy : NULL;
}

/* Of one that is no more nothing is known. */
static struct policy
listener_policy(const struct inlet_settings *in, const char *name)
{
	struct policy p = POLICY_OPEN;

	for (size_t i = 0; i < in->nlisteners; i++) {
		const struct inlet_listener *l = &in->listeners[i];

		if (strcmp(l->name, name) != 0)
			continue;
		p.priority = l->priority;
		p.lane = l->lane;
		p.route = l->route;
	}
	return p;
}

/* Those who have it already do not count. */
static bool
is_open(const struct control_reroute_item *it, const struct envelope_rcpt *r)
{
	return r->delivery == it->n &&
	       r->state == (it->loaded.hold == SPOOL_HOLD_DOUBT
	                           ? ENVELOPE_DOUBT
	                           : ENVELOPE_QUEUED);
}

/* On the route that it has, its place among the others stays, too. */
static bool
compare(const struct control_reroute_item *it, struct reroute *plan)
{
	const struct envelope *e = it->loaded.env;
	const struct spool_key *key = &it->loaded.key;
	bool differs = false;

	for (uint16_t w = 0; w < plan->nways; w++) {
		if (plan->ways[w].route != key->route)
			continue;
		plan->ways[w].priority = key->priority;
		plan->ways[w].lane = key->lane;
	}
	for (uint32_t i = 0; i < e->nrcpts; i++)
		differs |= is_open(it, &e->rcpts[i]) &&
		           plan->ways[plan->way_of[i]].route != key->route;
	return differs;
}

/* What was made here, or has gone over to a route by on_dead, is there by
 * another rule. */
static bool
is_by_rules(const struct control_reroute_item *it)
{
	return it->loaded.env != NULL && !it->loaded.handed &&
	       (it->loaded.env->flags & ENVELOPE_NOTICE) == 0;
}

bool
control_reroute_plan(const struct control_reroute *g, size_t i,
    struct control_call *call, struct reroute *plan)
{
	const struct control_reroute_item *it = &g->item[i];
	const struct control_hooks *h = control_call_hooks(call);
	const struct envelope *e = it->loaded.env;
	struct str content = { it->head, it->nhead };
	struct explain_by by;
	struct policy listener;

	if (!is_by_rules(it))
		return false;
	h->settings(h->arg, &by);
	listener = listener_policy(by.inlet, e->listener);
	if (e->body != NULL)
		content = body_str(e->body);
	reroute_decide(plan,
	    &(struct reroute_by){ .routes = by.inlet->intake.routes,
	        .listener = &listener,
	        .user = user_policy(by.inlet, e->user) },
	    e, content);
	if (compare(it, plan))
		return true;
	reroute_done(plan);
	return false;
}
