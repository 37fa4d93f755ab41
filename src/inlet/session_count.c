/* SPDX-License-Identifier: Apache-2.0 */
#include "inlet/session_count.h"

#include "postern/inlet/doors.h"
#include "postern/inlet/inlet.h"
#include "postern/smtp/smtp_server.h"

#include "inlet/inlet_core.h"
#include "inlet/session_state.h"

static enum doors_tls
tls_of(const struct inlet_session *s)
{
	if (s->listener->implicit_tls)
		return DOORS_IMPLICIT;
	return s->tls == SESSION_TLS_SECURE ? DOORS_STARTTLS : DOORS_CLEAR;
}

void
session_count_open(struct inlet_session *s)
{
	s->counts = doors_find(&s->in->doors, s->listener->name);
	stat_add(&s->counts->sessions, 1);
	stat_add(&s->counts->open[tls_of(s)], 1);
	stat_add(&s->in->counters.sessions, 1);
	stat_add(&s->in->counters.open, 1);
}

void
session_count_turned_away(struct inlet_session *s)
{
	stat_add(&s->in->counters.refused, 1);
	stat_add(&s->in->counters.turned_away, 1);
	stat_add(&s->counts->turned_away, 1);
}

void
session_count_admitted(struct inlet_session *s)
{
	stat_add(&s->in->counters.accepted, 1);
}

void
session_count_end(struct inlet_session *s)
{
	stat_sub(&s->counts->open[tls_of(s)], 1);
	stat_add(&s->counts->ended[tls_of(s)], 1);
	stat_sub(&s->in->counters.open, 1);
}

void
session_count_secured(struct inlet_session *s)
{
	tls_count_add(&s->in->counters.meter.tls, s->conn);
	if (s->listener->implicit_tls)
		return;
	stat_sub(&s->counts->open[DOORS_CLEAR], 1);
	stat_add(&s->counts->open[DOORS_STARTTLS], 1);
}

void
session_count_unsecured(struct inlet_session *s)
{
	stat_add(&s->in->counters.meter.tls_failed, 1);
}

void
session_count_content(struct inlet_session *s, size_t n)
{
	s->octets += n;
	stat_add(&s->in->counters.bytes, n);
}

void
session_count_message(struct inlet_session *s)
{
	struct meter *m = &s->in->counters.meter;

	stat_observe(
	    &m->size[s->listener->is_sendmail ? METER_SENDMAIL : METER_SMTP],
	    s->octets);
	stat_add(&s->in->counters.messages, 1);
	stat_add(&s->counts->messages, 1);
}

void
session_count_reset(struct inlet_session *s)
{
	s->octets = 0;
}

void
session_count_reply(
    struct inlet_session *s, const char *verb, const struct smtp_reply *reply)
{
	bool is_temporary = reply->code < 500;

	meter_command(&s->in->counters.meter, verb, reply->code);
	if (reply->code < 400)
		return;
	meter_rejection(
	    &s->in->counters.meter, verb, reply->code, reply->enhanced);
	stat_add(&s->in->counters.refused, 1);
	stat_add(is_temporary ? &s->in->counters.temporary
	                      : &s->in->counters.permanent,
	    1);
	stat_add(
	    is_temporary ? &s->counts->temporary : &s->counts->permanent, 1);
}
