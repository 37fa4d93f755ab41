/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/manner.h"

#include <stdio.h>
#include <string.h>

#include "postern/base/rand.h"
#include "postern/base/secret.h"
#include "postern/io/addr.h"
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

static void
draw_nonce(char out[MANNER_NONCE])
{
	unsigned char raw[(MANNER_NONCE - 1) / 2];

	rand_bytes(raw, sizeof raw);
	for (size_t i = 0; i < sizeof raw; i++)
		(void)snprintf(out + 2 * i, 3, "%02x", raw[i]);
}

void
manner_client(struct smtp_client_settings *s, const struct provider *p,
    const struct credential *c, char nonce[MANNER_NONCE])
{
	static const enum smtp_client_tls tls[] = { [RELAY_TLS_OFF] =
		                                        SMTP_TLS_OFF,
		[RELAY_TLS_OPPORTUNISTIC] = SMTP_TLS_OPPORTUNISTIC,
		[RELAY_TLS_REQUIRED] = SMTP_TLS_STARTTLS,
		[RELAY_TLS_VERIFY] = SMTP_TLS_STARTTLS };
	const struct relay_provider *set = p->set;

	draw_nonce(nonce);
	*s = (struct smtp_client_settings){
		.helo = set->helo ? set->helo : p->gen->set->hostname,
		.user = set->user,
		.password = secret_str(c->secret),
		.auth_clear = set->allow_clear_auth,
		.auth = set->auth,
		.nonce = nonce,
		.disable = set->disable,
		.eight_bit_pass = set->eight_bit_pass
	};
	if (!set->user && strcmp(set->auth, "external") == 0)
		s->user = ""; /* as the certificate says */
	if (c->is_token && strcmp(set->auth, "auto") == 0)
		s->auth = "bearer";
	s->tls = set->implicit_tls ? SMTP_TLS_IMPLICIT
	         : is_clear(p)     ? SMTP_TLS_OFF
	                           : tls[set->tls];
}

const char *
manner_no_login(const struct relay_provider *set)
{
	bool is_unverified =
	    set->tls != RELAY_TLS_OFF && set->tls != RELAY_TLS_VERIFY;

	if (set->user && is_unverified && !set->allow_unverified_auth)
		return "no password is sent without a verified certificate";
	return NULL;
}

void
manner_secure(struct conn *c, const struct provider *p)
{
	const struct relay_provider *set = p->set;

	conn_secure_client(
	    c, p->tls, set->tls_name ? set->tls_name : set->host);
}

bool
manner_source(
    const struct relay_provider *set, const struct addr *to, struct addr *from)
{
	const char *text = set->source_address;
	char full[ADDR_TEXT];

	if (!text)
		return false;
	snprintf(
	    full, sizeof full, strchr(text, ':') ? "[%s]:0" : "%s:0", text);
	return addr_parse(from, full, NULL) == 0 &&
	       from->ss.ss_family == to->ss.ss_family;
}
