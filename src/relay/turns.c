/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/turns.h"

#include <stddef.h>

#include "postern/base/list.h"
#include "postern/relay/relay.h"

#include "relay/flow.h"
#include "relay/pool.h"
#include "relay/provider.h"
#include "relay/relay_core.h"
#include "relay/relay_session.h"

#define TURN_MS 1000 /* a login should be worth its while */

void
turns_join(struct provider *p)
{
	list_push(&p->relay->turns, &p->turn);
}

void
turns_leave(struct provider *p)
{
	list_remove(&p->turn);
}

void
turns_served(struct provider *p)
{
	turns_leave(p);
	turns_join(p);
}

/* With mail, or to be asked whether it is back. */
static bool
starves(struct provider *p)
{
	uint64_t now_ms = relay_now_ms(p->relay);

	if (pool_live(&p->pool) > 0)
		return false;
	return provider_wants_probe(p, now_ms) ||
	       (p->nwaiting > 0 && provider_is_usable(p, now_ms));
}

/* One that ends makes room already. */
static bool
is_making_room(const struct provider *p)
{
	return p->pool.n[POOL_EXPIRED] > 0;
}

bool
turns_is_over(const struct relay_session *s)
{
	struct provider *p = s->provider;
	struct relay *r = p->relay;
	bool wanted = false;

	if (relay_now_ms(r) - s->opened_ms < TURN_MS || is_making_room(p) ||
	    flow_conns_left(p) > 0)
		return false;
	for (size_t i = 0; i < r->nproviders; i++) {
		struct provider *q = r->providers[i];

		if (q == p || !flow_is_contended(p, q))
			continue;
		if (is_making_room(q))
			return false;
		wanted |= starves(q);
	}
	return wanted;
}

/* The least recently used of q's. */
static struct relay_session *
spare(const struct provider *q)
{
	const struct list *idle = &q->pool.in[POOL_IDLE];

	if (list_empty(idle))
		return NULL;
	return LIST_OF(idle->prev, struct relay_session, node);
}

void
turns_ask(struct provider *p)
{
	struct relay *r = p->relay;
	struct relay_session *found = NULL;

	if (flow_conns_left(p) > 0 || is_making_room(p) || !starves(p))
		return;
	for (size_t i = 0; i < r->nproviders; i++) {
		struct provider *q = r->providers[i];
		struct relay_session *s = spare(q);

		if (q == p || !flow_is_contended(p, q))
			continue;
		if (is_making_room(q))
			return;
		if (s && (q->nwaiting == 0 || turns_is_over(s)))
			found = s;
	}
	if (found)
		relay_session_quit(found, "shared");
}
