/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/wishes.h"

#include <stdio.h>

#include "postern/base/clock.h"
#include "postern/intake/intake.h"
#include "postern/smtp/smtp_server.h"
#include "postern/spool/envelope.h"
#include "postern/spool/spool.h"

static void
take_by(struct wishes *w, const struct smtp_mail *m, int64_t now_ms)
{
	w->by_ms = now_ms + (int64_t)m->by_s * 1000;
	if (w->by_ms < 1)
		w->by_ms = 1; /* 0 says that there is none */
	if (m->by_mode == 'R')
		w->by_flags |= ENVELOPE_BY_RETURN;
	if (m->by_trace)
		w->by_flags |= ENVELOPE_BY_TRACE;
}

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
	if (m->by_mode != 0)
		take_by(w, m, now_ms);
}

void
wishes_by_text(const struct wishes *w, char out[48])
{
	bool is_return = (w->by_flags & ENVELOPE_BY_RETURN) != 0;
	bool is_traced = (w->by_flags & ENVELOPE_BY_TRACE) != 0;
	char when[40];

	clock_rfc3339_s(w->by_ms, when);
	snprintf(out, 48, "%s;%s%s", when, is_return ? "R" : "N",
	    is_traced ? "T" : "");
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
