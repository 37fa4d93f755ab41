/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/staging.h"

#include <string.h>

#include "postern/mail/address_pattern.h"
#include "postern/relay/relay.h"
#include "postern/spool/envelope.h"

#include "relay/delivery.h"

static bool
is_allowed(const struct relay_route *route, const char *address)
{
	return address_pattern_any(
	    route->allow, route->nallow, str_of(address));
}

bool
staging_capture(struct delivery *d)
{
	const struct relay_route *route = delivery_route(d);

	if (route->mode != RELAY_MODE_CAPTURE)
		return false;
	for (uint32_t i = 0; i < d->nrcpts; i++) {
		struct delivery_rcpt *rcpt = &d->rcpts[i];
		const char *address = d->env->rcpts[rcpt->index].address;

		if (rcpt->state != DELIVERY_TODO || is_allowed(route, address))
			continue;
		rcpt->state = DELIVERY_DEAD;
		rcpt->quiet = true;
		d->cause = STAGING_CAUSE;
		delivery_reply_set(&rcpt->reply, 0, "",
		    "captured by the route: it mails nobody else");
	}
	return delivery_count(d, DELIVERY_TODO) == 0;
}

bool
staging_redirects(const struct delivery *d)
{
	return delivery_route(d)->mode == RELAY_MODE_REDIRECT;
}

const char *
staging_instead(const struct delivery *d, const char *address)
{
	const struct relay_route *route = delivery_route(d);

	if (!staging_redirects(d) || is_allowed(route, address))
		return NULL;
	return route->redirect_to;
}

bool
staging_is_captured(const struct delivery *d)
{
	return d->cause && strcmp(d->cause, STAGING_CAUSE) == 0;
}
