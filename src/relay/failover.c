/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/failover.h"

#include <stdbool.h>

#include "postern/base/stat.h"
#include "postern/relay/relay.h"
#include "postern/spool/envelope.h"

#include "relay/agenda.h"
#include "relay/balance.h"
#include "relay/delivery.h"
#include "relay/identity.h"
#include "relay/provider.h"
#include "relay/relay_core.h"
#include "relay/tally_book.h"
#include "relay/way.h"

/* Whoever it was to go to first stays it, until somebody has it. */
static void
left(struct delivery *d, const struct provider *p, size_t reason)
{
	if (d->turn || p->retired)
		return;
	d->turn = p->tally;
	d->turn_reason = reason;
}

void
failover_left(
    struct delivery *d, const struct provider *p, enum verdict_class why)
{
	left(d, p, tally_group_of(why));
}

static bool
is_unfit(const struct delivery *d, const struct provider *p)
{
	return balance_lacks(d, p) != SPOOL_HOLD_NONE ||
	       delivery_was_refused(d, p) ||
	       identity_is_refused(d->relay->identity, p->id, d->env->sender,
	           relay_now_ms(d->relay));
}

/* In the order of provider_state(); TALLY_GROUP_OK: nothing is. */
static size_t
in_the_way(const struct delivery *d, struct provider *p)
{
	uint64_t now_ms = relay_now_ms(d->relay);

	if (!halt_is_over(&p->halt, now_ms))
		return TALLY_REASON_PAUSED;
	if (!breaker_allows(&p->health))
		return tally_group_of(p->why);
	if (!pause_is_over(&p->quota, now_ms) || flow_is_spent(p, now_ms))
		return TALLY_GROUP_QUOTA;
	if (!pause_is_over(&p->rate, now_ms))
		return TALLY_GROUP_RATE;
	if (!provider_is_usable(p, now_ms)) /* its login, or its token */
		return TALLY_GROUP_AUTH;
	if (is_unfit(d, p))
		return TALLY_GROUP_MESSAGE;
	return TALLY_GROUP_OK;
}

void
failover_evicted(struct delivery *d, struct provider *p)
{
	size_t reason = in_the_way(d, p);

	if (reason != TALLY_GROUP_OK) /* else it is chosen anew, by a reload */
		left(d, p, reason);
}

/* The first entry's, that another one was chosen before. */
static size_t
why_passed(const struct delivery *d, struct provider *p)
{
	size_t reason = in_the_way(d, p);

	if (reason != TALLY_GROUP_OK)
		return reason;
	return d->line->way->set->spill ? (size_t)TALLY_REASON_FULL
	                                : (size_t)TALLY_GROUP_OTHER;
}

void
failover_chosen(struct delivery *d, const struct provider *p)
{
	const struct way_group *first = d->line->way->use[0];

	if (d->turn)
		return;
	for (size_t i = 0; i < first->n; i++) {
		if (first->providers[i] == p)
			return;
	}
	left(d, first->providers[0], why_passed(d, first->providers[0]));
}

void
failover_took(struct delivery *d, const struct provider *p)
{
	if (d->turn && d->turn != p->tally)
		tally_book_failover(
		    d->relay->tally, d->turn, p->tally, d->turn_reason);
	d->turn = NULL;
}
