/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/events - what intake logs; postern-log(7) documents each row.
 */
#ifndef INTAKE_EVENTS_H
#define INTAKE_EVENTS_H

#include "postern/base/log.h"

enum intake_event {
	INTAKE_ACCEPTED,
	INTAKE_REFUSED,
	INTAKE_SLOWED,
	INTAKE_HEADER_LEFT,
	INTAKE_OVERLOAD,
	INTAKE_OVERLOAD_OVER,
};

static const struct log_event intake_events[] = {
	/* durable, answered with 250: from, rcpts, size, client, helo,
	 * user, mech, listener, route, protocol, tls, held, priority, release,
	 * message_id */
	[INTAKE_ACCEPTED] = { "accepted", LOG_LEVEL_INFO,
	    "smtpd: %{msg}: client=unknown[%{client}]"
	    "%{?mech}, sasl_method=%{mech}%{/}"
	    "%{?user}, sasl_username=%{user}%{/}\n"
	    "cleanup: %{msg}: message-id=%{message_id|<>}\n"
	    "qmgr: %{msg}: from=<%{from}>, size=%{size}, nrcpt=%{rcpts} "
	    "(queue active)" },
	/* a message or a recipient was not taken: verb, from, to, client, helo,
	 * user, code, enhanced, text */
	[INTAKE_REFUSED] = { "refused", LOG_LEVEL_INFO,
	    "smtpd: %{msg|NOQUEUE}: reject: %{verb} from unknown[%{client}]: "
	    "%{code} %{enhanced} %{text}; from=<%{from}>"
	    "%{?to} to=<%{to}>%{/} proto=ESMTP%{?helo} helo=<%{helo}>%{/}" },
	/* a client or user is over its rate, so replies are held back; once a
	 * minute: listener, client, who, wait_ms */
	[INTAKE_SLOWED] = { "slowed", LOG_LEVEL_INFO },
	/* repair_headers could not complete a field: from, header, text */
	[INTAKE_HEADER_LEFT] = { "header.left", LOG_LEVEL_INFO },
	/* new messages get 451 4.3.2 from here on: commit_ms, under_way_ms,
	 * queued */
	[INTAKE_OVERLOAD] = { "overload", LOG_LEVEL_WARN },
	/* and are taken again: the same */
	[INTAKE_OVERLOAD_OVER] = { "overload.over", LOG_LEVEL_INFO },
};

#endif
