/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/alike.h"

#include <string.h>

#include "postern/base/secret.h"
#include "postern/relay/relay.h"

#include "relay/flow.h"

bool
alike_texts(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

bool
alike_secrets(const struct secret *a, const struct secret *b)
{
	return a && b ? str_eq(secret_str(a), secret_str(b)) : a == b;
}

bool
alike_hosts(const struct relay_provider *a, const struct relay_provider *b)
{
	return alike_texts(a->host, b->host) && a->port == b->port;
}

static bool
are_pins(
    const struct tls_client_settings *a, const struct tls_client_settings *b)
{
	return a->npins == b->npins &&
	       (a->npins == 0 ||
	           memcmp(a->pins, b->pins, a->npins * sizeof *a->pins) == 0);
}

static bool
is_tls(const struct relay_provider *a, const struct relay_provider *b)
{
	const struct tls_client_settings *s = &a->tls_set, *t = &b->tls_set;

	return a->tls == b->tls && a->implicit_tls == b->implicit_tls &&
	       alike_texts(a->tls_name, b->tls_name) && are_pins(s, t) &&
	       alike_texts(s->ca_file, t->ca_file) &&
	       alike_texts(s->min_version, t->min_version) &&
	       alike_texts(s->ciphers, t->ciphers) &&
	       alike_texts(s->ciphersuites, t->ciphersuites) &&
	       alike_texts(s->own.certificate, t->own.certificate) &&
	       alike_texts(s->own.key, t->own.key);
}

static bool
is_oauth(const struct oauth_settings *a, const struct oauth_settings *b)
{
	return a->grant == b->grant &&
	       alike_texts(a->token_url, b->token_url) &&
	       alike_texts(a->scope, b->scope) &&
	       alike_texts(a->tenant, b->tenant) &&
	       alike_texts(a->client_id, b->client_id) &&
	       alike_texts(a->issuer, b->issuer) &&
	       alike_texts(a->key_id, b->key_id) &&
	       alike_secrets(a->client_secret, b->client_secret) &&
	       alike_secrets(a->seed, b->seed) && alike_secrets(a->key, b->key);
}

static bool
is_login(const struct relay_provider *a, const struct relay_provider *b)
{
	return alike_texts(a->auth, b->auth) && alike_texts(a->user, b->user) &&
	       a->allow_clear_auth == b->allow_clear_auth &&
	       a->allow_unverified_auth == b->allow_unverified_auth &&
	       is_oauth(&a->oauth, &b->oauth);
}

/* How many there may be, and how long. */
static bool
is_life(const struct relay_provider *a, const struct relay_provider *b)
{
	return a->max_connections == b->max_connections &&
	       a->max_messages_per_connection ==
	           b->max_messages_per_connection &&
	       a->warm == b->warm && a->idle_timeout_ms == b->idle_timeout_ms &&
	       a->max_age_ms == b->max_age_ms;
}

static bool
is_time(const struct relay_timeouts *a, const struct relay_timeouts *b)
{
	return a->connect == b->connect && a->banner == b->banner &&
	       a->command == b->command && a->starttls == b->starttls &&
	       a->auth == b->auth && a->data == b->data &&
	       a->block == b->block && a->dot == b->dot && a->quit == b->quit;
}

static const char *
helo(const struct alike *a)
{
	return a->set->helo ? a->set->helo : a->of->hostname;
}

static bool
is_talk(const struct alike *a, const struct alike *b)
{
	const struct relay_provider *s = a->set, *t = b->set;

	return alike_texts(helo(a), helo(b)) && s->disable == t->disable &&
	       alike_texts(s->source_address, t->source_address) &&
	       s->prefer == t->prefer && s->eight_bit_pass == t->eight_bit_pass;
}

static uint32_t
most_of(const struct alike *a, size_t i)
{
	const struct relay_limit *l = flow_limit(a->of, a->set->limits[i]);

	return l ? l->max_connections : 0;
}

/* What it shares with others bounds its sessions, too. */
static bool
is_share(const struct alike *a, const struct alike *b)
{
	if (a->set->nlimits != b->set->nlimits)
		return false;
	for (size_t i = 0; i < a->set->nlimits; i++) {
		if (!alike_texts(a->set->limits[i], b->set->limits[i]) ||
		    most_of(a, i) != most_of(b, i))
			return false;
	}
	return true;
}

bool
alike_sessions(const struct alike *a, const struct alike *b)
{
	return alike_hosts(a->set, b->set) && is_tls(a->set, b->set) &&
	       is_login(a->set, b->set) && is_life(a->set, b->set) &&
	       is_time(&a->set->timeouts, &b->set->timeouts) && is_talk(a, b) &&
	       is_share(a, b);
}
