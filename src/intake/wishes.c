/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/wishes.h"

#include "postern/intake/intake.h"
#include "postern/smtp/smtp_server.h"
#include "postern/spool/spool.h"

void
wishes_take(struct wishes *w, const struct smtp_mail *m,
    const struct intake_from *from, int64_t now_ms)
{
	*w = (struct wishes){ .priority = m->priority };
	if (w->priority > 0 && !from->may_raise) {
		w->priority = 0;
		w->is_lowered = true;
	}
	if (m->release_ms > now_ms)
		w->release_ms = m->release_ms;
}

uint8_t
wishes_priority(const struct wishes *w, uint8_t usual)
{
	if (w->priority == 0)
		return usual;
	return w->priority > 0 ? SPOOL_HIGH : SPOOL_LOW;
}

/* The number goes first (RFC 6710, X.3.6). */
void
wishes_reply(const struct wishes *w, const char *id, struct smtp_reply *reply)
{
	if (w->is_lowered)
		smtp_reply_set(reply, 250, "2.3.6",
		    "%d is the new priority; queued as %s", w->priority, id);
	else
		smtp_reply_set(reply, 250, "2.0.0", "queued as %s", id);
}
