/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/intake/policy.h"

#include "postern/mail/address_pattern.h"
#include "postern/spool/spool.h"

#include "intake/rates.h"

_Static_assert(SPOOL_NORMAL == 1, "policy.h has its number");
_Static_assert(POLICY_RATES == RATES_MAX, "policy.h has its number");

void
policy_join(
    struct policy *to, const struct policy *listener, const struct policy *user)
{
	*to = listener != NULL ? *listener : POLICY_OPEN;
	if (user == NULL)
		return;
	if (user->senders != NULL)
		to->senders = user->senders;
	if (user->recipients != NULL)
		to->recipients = user->recipients;
	if (user->priority != POLICY_NO_PRIORITY)
		to->priority = user->priority;
	if (user->lane != NULL)
		to->lane = user->lane;
	if (user->route != NULL)
		to->route = user->route;
	to->hold = to->hold || user->hold;
	to->quota = user->quota;
	if (user->nuser_rates > 0) {
		to->user_rates = user->user_rates;
		to->nuser_rates = user->nuser_rates;
	}
}

void
policy_count(const struct policy *p, const struct policy_source *from,
    enum rate_of of, struct rates_answer *answer, const char **who)
{
	struct rates_ask asks[2];
	size_t n = 0;

	*answer = (struct rates_answer){ .verdict = RATES_OK };
	if (p->nclient_rates > 0 && from->client != NULL)
		asks[n++] = (struct rates_ask){ from->listener, from->client,
			p->client_rates, p->nclient_rates };
	if (p->nuser_rates > 0 && from->user != NULL)
		asks[n++] = (struct rates_ask){ "", from->user, p->user_rates,
			p->nuser_rates };
	if (n == 0)
		return;
	rates_take(answer, asks, n, of, !p->refuse_over);
	*who = asks[answer->which].name;
}

bool
policy_allows_sender(const struct policy *p, struct str sender)
{
	return p->senders == NULL ||
	       address_pattern_list_has(p->senders, sender);
}

bool
policy_allows_recipient(const struct policy *p, struct str recipient)
{
	return p->recipients == NULL || str_is(recipient, "postmaster") ||
	       address_pattern_list_has(p->recipients, recipient);
}
