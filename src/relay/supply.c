/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/supply.h"

#include <stdbool.h>

#include "postern/base/clock.h"
#include "postern/spool/envelope.h"
#include "postern/spool/spool.h"

#include "relay/agenda.h"
#include "relay/balance.h"
#include "relay/cache.h"
#include "relay/delivery.h"
#include "relay/dispatch.h"
#include "relay/fetch.h"
#include "relay/provider.h"
#include "relay/relay_core.h"
#include "relay/waiting.h"

#define SETTLING_MAX 4096 /* unanswered: the writer is behind */
#define HELD_MAX 256      /* a priority's, beyond what there is room for */
#define NEXT_TRIES 4      /* keys of each priority, for a session that asks */

static bool
is_open(const struct relay *r)
{
	return !r->draining && r->nsettling < SETTLING_MAX &&
	       !spool_is_stuck(r->spool);
}

/* A message may have to go where there is no room (others refused it), or wait
 * for a moment: such ones do not stop the others, up to a bound. */
static size_t
held_max(const struct relay *r)
{
	size_t n = HELD_MAX;

	for (size_t i = 0; i < r->nproviders; i++)
		n += waiting_room(r->providers[i]);
	return n;
}

static void
begin(struct relay *r, const struct spool_key *key, struct provider *aim)
{
	struct delivery *d = delivery_new(r, key, DELIVERY_SEND);
	struct envelope *env = cache_take(r->cache, key->mid);

	delivery_aim(d, aim);
	if (env && delivery_open(d, env)) {
		dispatch_place(d);
		return;
	}
	envelope_free(&d->env); /* as it came; d is of later */
	fetch_load(d);
}

static bool
take_one(struct relay *r, enum spool_priority class, size_t max)
{
	const struct agenda_line *l;
	struct spool_key key;

	if (!is_open(r) || r->nheld_of[class] >= max)
		return false;
	l = agenda_take(
	    r->agenda, class, clock_wall_ms(), balance_has_room, &key);
	if (!l)
		return false;
	begin(r, &key, l->aim);
	return true;
}

void
supply_pull(struct relay *r)
{
	size_t max = held_max(r);

	for (int c = 0; c < SPOOL_PRIORITIES; c++) {
		while (take_one(r, (enum spool_priority)c, max))
			;
	}
}

void
supply_some(struct provider *p)
{
	struct relay *r = p->relay;
	size_t max = held_max(r);

	for (int i = 0; i < NEXT_TRIES && p->nwaiting == 0; i++) {
		bool any = false;

		for (int c = 0; c < SPOOL_PRIORITIES; c++)
			any |= take_one(r, (enum spool_priority)c, max);
		if (!any)
			return;
	}
}

uint64_t
supply_wait_ms(struct relay *r)
{
	int64_t now = clock_wall_ms();
	int64_t next = INT64_MAX;

	for (int c = 0; c < SPOOL_PRIORITIES && is_open(r); c++) {
		int64_t at = agenda_next_ms(
		    r->agenda, (enum spool_priority)c, balance_has_room);

		if (at < next)
			next = at;
	}
	if (next == INT64_MAX)
		return UINT64_MAX;
	return next > now ? (uint64_t)(next - now) : 0;
}
