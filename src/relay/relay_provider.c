/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/relay/relay_provider.h"

#include <stdio.h>
#include <string.h>

#include "postern/base/rand.h"
#include "postern/io/addr.h"
#include "postern/smtp/smtp_client.h"

static void
draw_nonce(char out[RELAY_PROVIDER_NONCE])
{
	unsigned char raw[(RELAY_PROVIDER_NONCE - 1) / 2];

	rand_bytes(raw, sizeof raw);
	for (size_t i = 0; i < sizeof raw; i++)
		(void)snprintf(out + 2 * i, 3, "%02x", raw[i]);
}

void
relay_provider_client(struct smtp_client_settings *s,
    const struct relay_provider *set, char nonce[RELAY_PROVIDER_NONCE])
{
	static const enum smtp_client_tls tls[] = { [RELAY_TLS_OFF] =
		                                        SMTP_TLS_OFF,
		[RELAY_TLS_OPPORTUNISTIC] = SMTP_TLS_OPPORTUNISTIC,
		[RELAY_TLS_REQUIRED] = SMTP_TLS_STARTTLS,
		[RELAY_TLS_VERIFY] = SMTP_TLS_STARTTLS };

	draw_nonce(nonce);
	*s = (struct smtp_client_settings){ .user = set->user,
		.auth_clear = set->allow_clear_auth,
		.auth = set->auth,
		.nonce = nonce,
		.disable = set->disable,
		.eight_bit_pass = set->eight_bit_pass };
	if (!set->user && strcmp(set->auth, "external") == 0)
		s->user = ""; /* as the certificate says */
	s->tls = set->implicit_tls ? SMTP_TLS_IMPLICIT : tls[set->tls];
}

int
relay_provider_tls(
    struct tls_context **t, const struct relay_provider *set, struct err *err)
{
	struct tls_client_settings s = set->tls_set;

	s.verify =
	    set->tls == RELAY_TLS_VERIFY ? TLS_VERIFY_FULL : TLS_VERIFY_NONE;
	return set->tls == RELAY_TLS_OFF ? 0 : tls_client_new(t, &s, err);
}

const char *
relay_provider_no_login(const struct relay_provider *set)
{
	bool is_unverified =
	    set->tls != RELAY_TLS_OFF && set->tls != RELAY_TLS_VERIFY;

	if (set->user && is_unverified && !set->allow_unverified_auth)
		return "no password is sent without a verified certificate";
	return NULL;
}

bool
relay_provider_source(
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

/* After a connection's timeout nothing is read from it any more: where some are
 * kept warm it is the pool that looks for the time (relay_session_idled()). */
static uint64_t
when_idle(const struct relay_provider *set)
{
	return set->warm > 0 ? 0 : set->idle_timeout_ms;
}

uint64_t
relay_provider_patience(
    const struct relay_provider *set, enum outcome_stage stage)
{
	const struct relay_timeouts *t = &set->timeouts;

	switch (stage) {
	case OUTCOME_CONNECT:
		return t->connect;
	case OUTCOME_BANNER:
		return t->banner;
	case OUTCOME_STARTTLS:
	case OUTCOME_TLS:
		return t->starttls;
	case OUTCOME_AUTH:
		return t->auth;
	case OUTCOME_DATA:
		return t->data;
	case OUTCOME_BODY:
		return t->block;
	case OUTCOME_DOT:
		return t->dot;
	case OUTCOME_QUIT:
		return t->quit;
	case OUTCOME_IDLE:
		return when_idle(set);
	default:
		return t->command;
	}
}
