/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/login.h"

#include <assert.h>
#include <stdlib.h>

#include "postern/io/conn.h"
#include "postern/smtp/outcome.h"
#include "postern/smtp/smtp_client.h"

#include "relay/credential.h"
#include "relay/dial.h"
#include "relay/provider.h"
#include "relay/relay_core.h"
#include "relay/relay_session.h"

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

bool
login_again(struct relay_session *s, const struct outcome *o)
{
	bool refused = o->stage == OUTCOME_AUTH && o->io == OUTCOME_REPLY &&
	               (o->code == 535 || o->code == 534);

	if (!refused || !credential_refused(s->provider, &s->credential))
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
