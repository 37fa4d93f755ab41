/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/manner.h"

#include <string.h>

#include "postern/base/secret.h"
#include "postern/io/conn.h"
#include "postern/relay/relay.h"
#include "postern/smtp/smtp_client.h"

#include "relay/credential.h"
#include "relay/provider.h"
#include "relay/relay_core.h"

/* TLS was a wish, and failed a short while ago. */
static bool
is_clear(const struct provider *p)
{
	return relay_now_ms(p->relay) < p->clear_until_ms;
}

void
manner_client(struct smtp_client_settings *s, const struct provider *p,
    const struct credential *c, char nonce[RELAY_PROVIDER_NONCE])
{
	const struct relay_provider *set = p->set;

	relay_provider_client(s, set, nonce);
	s->helo = set->helo ? set->helo : p->gen->set->hostname;
	s->password = secret_str(c->secret);
	if (c->is_token && strcmp(set->auth, "auto") == 0)
		s->auth = "bearer";
	if (!set->implicit_tls && is_clear(p))
		s->tls = SMTP_TLS_OFF;
}

void
manner_secure(struct conn *c, const struct provider *p)
{
	const struct relay_provider *set = p->set;

	conn_secure_client(
	    c, p->tls, set->tls_name ? set->tls_name : set->host);
}
