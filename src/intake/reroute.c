/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/intake/reroute.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"
#include "postern/intake/policy.h"
#include "postern/spool/envelope.h"
#include "postern/spool/spool.h"

#include "intake/draft.h"
#include "intake/routing.h"
#include "intake/wishes.h"

static void
put(struct draft *d, enum draft_word w, const char *word)
{
	int rc = word != NULL ? draft_put(d, w, str_of(word)) : 0;

	assert(rc == 0); /* there is no bound */
}

static void
fill(struct draft *d, const struct envelope *e)
{
	draft_init(d, SIZE_MAX);
	put(d, DRAFT_SENDER, e->sender);
	put(d, DRAFT_CLIENT, e->client);
	put(d, DRAFT_LISTENER, e->listener);
	put(d, DRAFT_USER, e->user);
	for (uint32_t i = 0; i < e->nrcpts; i++) {
		int rc = draft_rcpt(
		    d, str_of(e->rcpts[i].address), (struct str){ NULL, 0 }, 0);

		assert(rc == 0);
	}
}

/* false: it did not come from an address. */
static bool
client_of(const struct envelope *e, struct addr *a)
{
	char *text = mem_printf(
	    strchr(e->client, ':') != NULL ? "[%s]:25" : "%s:25", e->client);
	struct err err;
	int rc = addr_parse(a, text, &err);

	free(text);
	return rc == 0;
}

void
reroute_decide(struct reroute *g, const struct reroute_by *by,
    const struct envelope *e, struct str content)
{
	struct wishes wishes = { .priority = e->mt_priority };
	struct policy policy;
	struct routing_ask ask = { .policy = &policy,
		.user = by->user,
		.wishes = &wishes,
		.size = e->size };
	struct routing routing;
	struct draft d;
	struct addr client;

	policy_join(&policy, by->listener, by->user);
	fill(&d, e);
	routing_init(&routing, by->routes, policy.lane,
	    client_of(e, &client) ? &client : NULL);
	routing_feed(&routing, content.p, content.len);
	g->ways = routing_decide(&routing, &d, &ask);
	g->nways = routing.ndeliveries;
	g->way_of = mem_array(e->nrcpts + 1u, sizeof *g->way_of);
	for (uint32_t i = 0; i < e->nrcpts; i++)
		g->way_of[i] = d.rcpts[i].delivery;
	routing_done(&routing);
	draft_done(&d);
}

void
reroute_done(struct reroute *g)
{
	free(g->ways);
	free(g->way_of);
	*g = (struct reroute){ .nways = 0 };
}
