/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One setting after the other is changed: whose sessions may go on?
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "postern/base/secret.h"
#include "postern/relay/relay.h"

#include "relay/alike.h"

static const unsigned char pin[1][TLS_PIN_LEN] = { { 1 } };
static const unsigned char other_pin[1][TLS_PIN_LEN] = { { 2 } };
static const char *tenant[] = { "tenant" }, *others[] = { "others" };

#define CHANGE(name, what)                                                     \
	static void name(struct relay_provider *p, struct relay_settings *s)   \
	{                                                                      \
		(void)s;                                                       \
		p->what;                                                       \
	}

CHANGE(host, host = "b")
CHANGE(port, port = 465)
CHANGE(tls, tls = RELAY_TLS_REQUIRED)
CHANGE(implicit, implicit_tls = true)
CHANGE(tls_name, tls_name = "c")
CHANGE(ca_file, tls_set.ca_file = "/ca.pem")
CHANGE(other_pins, tls_set.pins = other_pin)
CHANGE(no_pins, tls_set.npins = 0)
CHANGE(version, tls_set.min_version = "1.3")
CHANGE(ciphers, tls_set.ciphers = "HIGH")
CHANGE(suites, tls_set.ciphersuites = "TLS_AES_128_GCM_SHA256")
CHANGE(certificate, tls_set.own.certificate = "/own.pem")
CHANGE(key, tls_set.own.key = "/own.key")
CHANGE(auth, auth = "login")
CHANGE(user, user = "other")
CHANGE(no_user, user = NULL)
CHANGE(clear, allow_clear_auth = true)
CHANGE(unverified, allow_unverified_auth = true)
CHANGE(grant, oauth.grant = OAUTH_JWT_BEARER)
CHANGE(token_url, oauth.token_url = "https://b/")
CHANGE(scope, oauth.scope = "b")
CHANGE(client, oauth.client_id = "b")
CHANGE(connections, max_connections = 3)
CHANGE(messages, max_messages_per_connection = 3)
CHANGE(warm, warm = 1)
CHANGE(idle, idle_timeout_ms = 1)
CHANGE(age, max_age_ms = 1)
CHANGE(source, source_address = "127.0.0.2")
CHANGE(prefer, prefer = DNS_PREFER_IPV6)
CHANGE(helo, helo = "b")
CHANGE(disable, disable = 1)
CHANGE(eight_bit, eight_bit_pass = true)
CHANGE(connect_time, timeouts.connect = 1)
CHANGE(dot_time, timeouts.dot = 1)
CHANGE(quit_time, timeouts.quit = 1)
CHANGE(fewer_limits, nlimits = 0)
CHANGE(other_limit, limits = others)
CHANGE(weight, weight = 2)
CHANGE(rates, nrates = 0)
CHANGE(recipients, max_recipients = 1)
CHANGE(size, max_size = 1)
CHANGE(null_sender, null_sender_refused = true)
CHANGE(breaker, breaker_failures = 1)
CHANGE(replies, nreplies = 0)
CHANGE(slow, slow_factor = 0.1)

static void
client_secret(struct relay_provider *p, struct relay_settings *s)
{
	static struct secret *other;

	(void)s;
	if (!other)
		other = secret_new("other", 5);
	p->oauth.client_secret = other;
}

static void
host_name(struct relay_provider *p, struct relay_settings *s)
{
	p->helo = NULL; /* it says the host's */
	s->hostname = "b";
}

static void
hidden_name(struct relay_provider *p, struct relay_settings *s)
{
	(void)p;
	s->hostname = "b"; /* it has a name of its own */
}

static void
shared(struct relay_provider *p, struct relay_settings *s)
{
	static const struct relay_limit fewer = { .name = "tenant",
		.max_connections = 1 };

	(void)p;
	s->limits = &fewer;
}

static const struct {
	const char *why;
	void (*change)(struct relay_provider *p, struct relay_settings *s);
	bool goes_on;
} rows[] = {
	{ "another host", host, false },
	{ "another port", port, false },
	{ "another kind of TLS", tls, false },
	{ "TLS from the start", implicit, false },
	{ "another name in the certificate", tls_name, false },
	{ "other CAs", ca_file, false },
	{ "another pin", other_pins, false },
	{ "no pin", no_pins, false },
	{ "a newer TLS", version, false },
	{ "other ciphers", ciphers, false },
	{ "other suites", suites, false },
	{ "a certificate of its own", certificate, false },
	{ "another key", key, false },
	{ "another mechanism", auth, false },
	{ "another user", user, false },
	{ "no user", no_user, false },
	{ "a password in clear", clear, false },
	{ "a password for anybody", unverified, false },
	{ "another grant", grant, false },
	{ "another endpoint", token_url, false },
	{ "another scope", scope, false },
	{ "another client", client, false },
	{ "another secret of the client", client_secret, false },
	{ "fewer sessions", connections, false },
	{ "fewer messages on each", messages, false },
	{ "sessions that stay", warm, false },
	{ "less idle", idle, false },
	{ "not so old", age, false },
	{ "from another address", source, false },
	{ "to another address", prefer, false },
	{ "another EHLO", helo, false },
	{ "another host's name in EHLO", host_name, false },
	{ "an extension not to be used", disable, false },
	{ "8-bit content to anybody", eight_bit, false },
	{ "less time to connect", connect_time, false },
	{ "less time for the dot", dot_time, false },
	{ "less time for the end", quit_time, false },
	{ "no shared limit", fewer_limits, false },
	{ "another shared limit", other_limit, false },
	{ "a shared limit that allows fewer sessions", shared, false },
	{ "nothing", NULL, true },
	{ "a host's name that it does not say", hidden_name, true },
	{ "its weight", weight, true },
	{ "its rates", rates, true },
	{ "recipients of a transaction", recipients, true },
	{ "the size of messages", size, true },
	{ "bounces' sender", null_sender, true },
	{ "its breaker", breaker, true },
	{ "what its replies mean", replies, true },
	{ "how it is slowed", slow, true },
};

static void
sessions_go_on_where_nothing_changed_that_they_see(void **state)
{
	struct secret *secret = secret_new("secret", 6);
	const struct relay_limit limit = { .name = "tenant",
		.max_connections = 2 };
	const struct relay_settings s = {
		.hostname = "a", .limits = &limit, .nlimits = 1
	};
	const struct relay_provider p = { .host = "a",
		.port = 587,
		.tls = RELAY_TLS_VERIFY,
		.tls_set = { .pins = pin, .npins = 1 },
		.auth = "auto",
		.user = "user",
		.helo = "me",
		.oauth = { .client_secret = secret, .scope = "a" },
		.max_connections = 10,
		.limits = tenant,
		.nlimits = 1,
		.nrates = 1,
		.nreplies = 1 };
	const struct alike now = { .of = &s, .set = &p };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct relay_settings of = s;
		struct relay_provider set = p;
		const struct alike next = { .of = &of, .set = &set };

		if (rows[i].change)
			rows[i].change(&set, &of);
		if (alike_sessions(&now, &next) != rows[i].goes_on)
			fail_msg("%s", rows[i].why);
	}
	secret_free(&secret);
}

static void
secrets_are_compared_by_what_they_are(void **state)
{
	struct secret *a = secret_new("secret", 6);
	struct secret *b = secret_new("secret", 6);
	struct secret *c = secret_new("Secret", 6);

	(void)state;
	assert_true(alike_secrets(a, b));
	assert_false(alike_secrets(a, c));
	assert_false(alike_secrets(a, NULL));
	assert_true(alike_secrets(NULL, NULL));
	secret_free(&a);
	secret_free(&b);
	secret_free(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    sessions_go_on_where_nothing_changed_that_they_see),
		cmocka_unit_test(secrets_are_compared_by_what_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
