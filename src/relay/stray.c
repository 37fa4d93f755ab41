/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/stray.h"

#include "postern/mail/local.h"
#include "postern/relay/relay.h"
#include "postern/spool/envelope.h"

#include "relay/delivery.h"
#include "relay/relay_core.h"
#include "relay/staging.h"

/* At this host, and not by the operator's own word: root may be there. */
static bool
is_stray(const struct delivery *d, const char *address)
{
	const struct local *l = &d->relay->set->local;

	return local_has(l, str_of(address)) &&
	       (l->root == NULL || !str_is(str_of(address), l->root)) &&
	       staging_instead(d, address) == NULL;
}

bool
stray_keep(struct delivery *d)
{
	bool is_any = false;

	for (uint32_t i = 0; i < d->nrcpts; i++) {
		struct delivery_rcpt *rcpt = &d->rcpts[i];

		if (rcpt->state != DELIVERY_TODO ||
		    !is_stray(d, d->env->rcpts[rcpt->index].address))
			continue;
		is_any = true;
		rcpt->state = DELIVERY_DEAD;
		rcpt->quiet = true;
		d->cause = STRAY_CAUSE;
		delivery_reply_set(&rcpt->reply, 0, "5.1.1",
		    "a user of this host: no alias of that name, and root is "
		    "not set");
	}
	return is_any && delivery_count(d, DELIVERY_TODO) == 0;
}
