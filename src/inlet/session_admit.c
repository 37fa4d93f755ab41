/* SPDX-License-Identifier: Apache-2.0 */
#include "inlet/session_admit.h"

#include "postern/inlet/inlet.h"
#include "postern/io/conn.h"
#include "postern/smtp/smtp_server.h"

#include "inlet/callers.h"
#include "inlet/clients.h"
#include "inlet/generation.h"
#include "inlet/inlet_core.h"
#include "inlet/session_state.h"

/* Are there too many of them?  Then *r tells. */
static bool
has_room(struct inlet_session *s, struct smtp_reply *r)
{
	/* A balancer's checks are not a client. */
	struct clients_limits limits = {
		.listener_max = s->listener->connections_max,
		.client_max = s->awaits_proxy || s->is_check
		                  ? 0
		                  : s->listener->per_client_max,
	};

	switch (clients_take(s->listener->name, &s->peer, &limits)) {
	case CLIENTS_OK:
		s->is_counted = true;
		return true;
	case CLIENTS_LISTENER_FULL:
		smtp_reply_set(
		    r, 421, "4.7.0", "Too many connections, try again later");
		break;
	case CLIENTS_CLIENT_FULL:
		smtp_reply_set(r, 421, "4.7.0",
		    "Too many connections from you, try again later");
		break;
	}
	inlet_session_log(s, INLET_LIMIT, r->text);
	return false;
}

/* Is it one of those that the listener is for? */
static bool
is_welcome(const struct inlet_session *s)
{
	if (s->awaits_proxy || s->is_check)
		return true;
	if (s->via != NULL && addr_is_unix(&s->peer))
		return s->listener->networks == NULL; /* in none of them */
	return generation_admits(s->generation, s->door, &s->peer);
}

static void
log_connect(const struct inlet_session *s)
{
	struct log_line l;

	if (!log_wants_event(&inlet_events[INLET_CONNECT]))
		return;
	log_begin(&l, &inlet_events[INLET_CONNECT], 0, s->id);
	log_cstr(&l, "listener", s->listener->name);
	log_cstr(&l, "client", s->client);
	if (s->via != NULL)
		log_cstr(&l, "via", s->via);
	log_end(&l);
}

bool
session_admit(struct inlet_session *s, struct smtp_reply *r)
{
	if (s->in->is_draining) {
		smtp_reply_set(r, 421, "4.3.2", "Shutting down");
		return false;
	}
	if (!is_welcome(s)) {
		smtp_reply_set(r, 554, "5.7.1", "You may not connect here");
		inlet_session_log(s, INLET_NETWORK, NULL);
		return false;
	}
	if (s->drop == NULL && !callers_admit(s->listener, conn_fd(s->conn))) {
		smtp_reply_set(r, 554, "5.7.1",
		    "The user with %.64s may not send here", s->client);
		inlet_session_log(s, INLET_CALLER, NULL);
		return false;
	}
	if (!has_room(s, r))
		return false;
	if (!s->awaits_proxy)
		log_connect(s);
	return true;
}
