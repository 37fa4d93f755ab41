/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/login.h"

#include <assert.h>
#include <stdlib.h>

#include "postern/io/conn.h"
#include "postern/relay/relay.h"
#include "postern/smtp/outcome.h"
#include "postern/smtp/smtp_client.h"

#include "relay/credential.h"
#include "relay/dial.h"
#include "relay/provider.h"
#include "relay/relay_core.h"
#include "relay/relay_log.h"
#include "relay/relay_session.h"

#define CLEAR_MS (10 * 60 * 1000) /* until TLS is tried again */

static void
on_credential(void *arg)
{
	struct relay_session *s = arg;

	assert(s->magic == RELAY_SESSION_MAGIC && !s->over);
	login_start(s);
}

void
login_start(struct relay_session *s)
{
	struct credential *c = &s->credential;

	s->wants_credential = false;
	switch (credential_get(s->provider, c, on_credential, s)) {
	case CREDENTIAL_WAIT:
		s->wants_credential = true;
		return;
	case CREDENTIAL_READY:
		s->waits_ms = relay_now_ms(s->relay);
		dial_start(s);
		return;
	case CREDENTIAL_FAILED:
		relay_session_fail(s, OUTCOME_AUTH,
		    c->is_dead ? OUTCOME_LOCAL : OUTCOME_LOST, c->why);
		return;
	}
}

/* Where TLS is a wish: the handshake failed, so what follows goes in clear, and
 * that is told. */
static bool
falls_back(struct relay_session *s, const struct outcome *o)
{
	struct provider *p = s->provider;

	if (p->set->tls != RELAY_TLS_OPPORTUNISTIC || o->stage != OUTCOME_TLS)
		return false;
	p->clear_until_ms = relay_now_ms(s->relay) + CLEAR_MS;
	relay_log_clear(s, o);
	return true;
}

static bool
is_refused(struct relay_session *s, const struct outcome *o)
{
	return o->stage == OUTCOME_AUTH && o->io == OUTCOME_REPLY &&
	       (o->code == 535 || o->code == 534) &&
	       credential_refused(s->provider, &s->credential);
}

bool
login_again(struct relay_session *s, const struct outcome *o)
{
	if (!is_refused(s, o) && !falls_back(s, o))
		return false;
	smtp_client_free(&s->client);
	conn_close(&s->conn);
	free(s->addrs);
	s->addrs = NULL;
	s->next_addr = 0;
	s->since = 0;
	credential_done(&s->credential);
	login_start(s);
	return true;
}
