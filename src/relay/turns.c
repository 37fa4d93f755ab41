/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/turns.h"

#include <stddef.h>
#include <stdint.h>

#include "postern/base/clock.h"
#include "postern/base/list.h"
#include "postern/relay/relay.h"

#include "relay/breaker.h"
#include "relay/flow.h"
#include "relay/pool.h"
#include "relay/provider.h"
#include "relay/relay_core.h"
#include "relay/relay_session.h"

#define TURN_MS 1000 /* a login should be worth its while */
#define TURN_MAX_MS 30000
#define OTHERS 9 /* parts of ten, of a connection that others want */
/* A probe that others wait for may take a quarter of the time that its provider
 * was left alone, which is how one that is slow gets through. */
#define PROBE_MIN_MS 5000
#define PROBE_MAX_MS 30000
#define PROBE_PART 4
/* Who is back is found out within an hour, as long as the dead have no more
 * than half of the time by that. */
#define REST_MAX_MS (3600 * 1000ull)

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

/* With mail that it might send now. */
static bool
is_kept_out(struct provider *p)
{
	return pool_live(&p->pool) == 0 && p->nwaiting > 0 &&
	       provider_is_usable(p, relay_now_ms(p->relay)) &&
	       pool_has_room(p) && flow_has_slot(p);
}

/* So, or to be asked whether it is back. */
static bool
starves(struct provider *p)
{
	return pool_live(&p->pool) == 0 &&
	       (is_kept_out(p) || pool_wants_probe(p));
}

bool
turns_may_open(struct provider *p)
{
	return flow_conns_left(p) == SIZE_MAX || flow_has_slot(p);
}

/* One that ends makes room already. */
static bool
is_making_room(const struct provider *p)
{
	return p->pool.n[POOL_EXPIRED] > 0;
}

/* So long it could be used. */
static uint64_t
had_ms(const struct relay_session *s)
{
	return s->ready_us > 0 ? (clock_mono_us() - s->ready_us) / 1000 : 0;
}

/* As long as it took to get there: so no slow one has more than its share. */
static uint64_t
turn_ms(const struct provider *p)
{
	uint64_t ms = p->login_ms < TURN_MAX_MS ? p->login_ms : TURN_MAX_MS;

	return ms > TURN_MS ? ms : TURN_MS;
}

bool
turns_is_over(const struct relay_session *s)
{
	struct provider *p = s->provider;
	struct relay *r = p->relay;
	uint64_t had = had_ms(s);
	bool wanted = false;

	if (had < turn_ms(p) || is_making_room(p) || flow_conns_left(p) > 0)
		return false;
	for (size_t i = 0; i < r->nproviders; i++) {
		struct provider *q = r->providers[i];

		if (q == p || flow_contended(p, q) == 0)
			continue;
		if (is_making_room(q))
			return false;
		wanted = wanted || (had >= turn_ms(q) && starves(q));
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

/* --- probes --- */

static uint64_t
probe_end_ms(const struct provider *p)
{
	uint64_t ms = (p->probe_ms - p->tripped_ms) / PROBE_PART;

	if (ms < PROBE_MIN_MS)
		ms = PROBE_MIN_MS;
	return p->probe_ms + (ms < PROBE_MAX_MS ? ms : PROBE_MAX_MS);
}

/* The one that is under way; NULL: none is. */
static struct relay_session *
probe_of(const struct provider *p)
{
	const struct list *in = &p->pool.in[POOL_CONNECTING];
	struct relay_session *s;

	if (p->health.state != BREAKER_HALF_OPEN || list_empty(in))
		return NULL;
	s = LIST_OF(in->next, struct relay_session, node);
	return s->is_probe ? s : NULL;
}

uint64_t
turns_wake_ms(const struct provider *p)
{
	const struct relay_session *s = spare(p);

	if (probe_of(p))
		return probe_end_ms(p);
	if (!s || s->started > 0 || had_ms(s) > TURN_MS ||
	    flow_conns_left(p) > 0)
		return 0;
	return relay_now_ms(p->relay) + TURN_MS; /* it must be used by then */
}

uint64_t
turns_rest_for_ms(const struct turns_rest *t)
{
	uint64_t half_ms = t->took_ms * t->ndown / t->nconns;
	uint64_t max_ms = half_ms > REST_MAX_MS ? half_ms : REST_MAX_MS;
	uint64_t tenth_ms = t->took_ms * OTHERS * t->ndown / t->nconns;

	return tenth_ms < max_ms ? tenth_ms : max_ms;
}

uint64_t
turns_rest_ms(struct provider *p)
{
	struct relay *r = p->relay;
	struct turns_rest t = { .took_ms = relay_now_ms(r) - p->probe_ms,
		.ndown = 1 };
	bool wanted = false;

	if (!probe_of(p))
		return 0; /* probe_ms is of one long ago */
	for (size_t i = 0; i < r->nproviders; i++) {
		struct provider *q = r->providers[i];
		uint32_t conns = q == p ? 0 : flow_contended(p, q);

		if (conns == 0)
			continue;
		if (t.nconns == 0 || conns < t.nconns)
			t.nconns = conns;
		t.ndown += breaker_allows(&q->health) ? 0 : 1;
		wanted = wanted || is_kept_out(q);
	}
	return wanted ? turns_rest_for_ms(&t) : 0;
}

/* It took too long: others have mail. */
static void
give_up_probe(struct provider *q)
{
	struct relay_session *s = probe_of(q);

	provider_give_up(q, q->why);
	relay_session_abort(s, "shared");
}

/* --- */

/* May its place be asked for? */
static bool
is_spare(const struct relay_session *s)
{
	struct provider *q = s->provider;

	if (s->started == 0 && had_ms(s) < TURN_MS)
		return false; /* its mail is under way */
	return q->nwaiting == 0 || !flow_has_slot(q) || turns_is_over(s);
}

void
turns_ask(struct provider *p)
{
	struct relay *r = p->relay;
	uint64_t now_ms = relay_now_ms(r);
	struct relay_session *found = NULL;
	struct provider *late = NULL;

	if (flow_conns_left(p) > 0 || is_making_room(p) || !starves(p))
		return;
	for (size_t i = 0; i < r->nproviders; i++) {
		struct provider *q = r->providers[i];
		struct relay_session *s = spare(q);

		if (q == p || flow_contended(p, q) == 0)
			continue;
		if (is_making_room(q))
			return;
		if (s && is_spare(s))
			found = s;
		if (probe_of(q) && probe_end_ms(q) <= now_ms)
			late = q;
	}
	if (found)
		relay_session_quit(found, "shared");
	else if (late && is_kept_out(p))
		give_up_probe(late);
}
