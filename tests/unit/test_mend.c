/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "postern/relay/relay.h"
#include "postern/smtp/outcome.h"

#include "relay/mend.h"

static const struct relay_provider plain = { .tls = RELAY_TLS_OFF };
static const struct relay_provider later = { .tls = RELAY_TLS_VERIFY };
static const struct relay_provider by_token = { .tls = RELAY_TLS_VERIFY,
	.oauth.token_url = "https://example.com/token" };
static const struct relay_provider at_once = { .tls = RELAY_TLS_VERIFY,
	.implicit_tls = true };

/* clang-format off */
static const struct {
	const char *why;
	const struct relay_provider *set;
	struct outcome o;
	enum verdict_class class;
	const char *mend; /* a part of it */
} rows[] = {
	{ "no such name", &later, { OUTCOME_DNS, OUTCOME_LOST, .text = "NXDOMAIN" }, VERDICT_NET, "letter by letter" },
	{ "no answer", &later, { OUTCOME_CONNECT, OUTCOME_TIMED_OUT, .text = "" }, VERDICT_NET, "close port 25" },
	{ "nobody listens", &later, { OUTCOME_CONNECT, OUTCOME_LOST, .text = "connect: Connection refused" }, VERDICT_NET, "nothing listens" },
	{ "no way", &later, { OUTCOME_CONNECT, OUTCOME_LOST, .text = "Network is unreachable" }, VERDICT_NET, "prefer" },
	{ "a reset", &later, { OUTCOME_CONNECT, OUTCOME_LOST, .text = "reset" }, VERDICT_NET, "firewall" },
	{ "many sessions", &plain, { OUTCOME_BANNER, OUTCOME_REPLY, .code = 421 }, VERDICT_CONNS, "max_connections" },
	{ "a blocked address", &plain, { OUTCOME_BANNER, OUTCOME_REPLY, .code = 554 }, VERDICT_BACKOFF, "let its address in" },
	{ "silence before TLS", &later, { OUTCOME_BANNER, OUTCOME_TIMED_OUT, .text = "" }, VERDICT_NET, "implicit" },
	{ "silence under TLS", &at_once, { OUTCOME_BANNER, OUTCOME_TIMED_OUT, .text = "" }, VERDICT_NET, "does not greet" },
	{ "another protocol", &plain, { OUTCOME_BANNER, OUTCOME_NONSENSE, .text = "" }, VERDICT_NET, "no SMTP server" },
	{ "a bad name of ours", &plain, { OUTCOME_EHLO, OUTCOME_REPLY, .code = 550 }, VERDICT_BACKOFF, "helo" },
	{ "clear where TLS was", &at_once, { OUTCOME_TLS, OUTCOME_LOCAL, .text = "TLS: what mx says is no TLS; compare" }, VERDICT_TLS, "starttls" },
	{ "silence in the handshake", &at_once, { OUTCOME_TLS, OUTCOME_TIMED_OUT, .text = "" }, VERDICT_TLS, "starttls" },
	{ "our own words", &later, { OUTCOME_TLS, OUTCOME_LOCAL, .text = "certificate is bad; write ca_file" }, VERDICT_TLS, "write ca_file" },
	{ "a server's words are not", &plain, { OUTCOME_AUTH, OUTCOME_REPLY, .code = 535, .text = "no; run this" }, VERDICT_AUTH, "password_file" },
	{ "TLS that fails else", &later, { OUTCOME_TLS, OUTCOME_LOST, .text = "closed" }, VERDICT_TLS, "tls_name" },
	{ "STARTTLS refused", &later, { OUTCOME_STARTTLS, OUTCOME_REPLY, .code = 454 }, VERDICT_TLS, "tls_mode" },
	{ "no clear password", &plain, { OUTCOME_AUTH, OUTCOME_LOCAL, .text = "no password is sent without TLS" }, VERDICT_AUTH, "allow_clear_auth" },
	{ "no AUTH offered", &later, { OUTCOME_AUTH, OUTCOME_LOCAL, .text = "the server offers no AUTH that" }, VERDICT_AUTH, "takes no login" },
	{ "a dead token", &later, { OUTCOME_AUTH, OUTCOME_LOCAL, .text = "no token: invalid_grant" }, VERDICT_AUTH, "postern token" },
	{ "a login for later", &later, { OUTCOME_AUTH, OUTCOME_REPLY, .code = 454 }, VERDICT_AUTH_TEMP, "try again later" },
	{ "an app password", &later, { OUTCOME_AUTH, OUTCOME_REPLY, .code = 534, .text = "Application-specific password" }, VERDICT_AUTH, "app password" },
	{ "a wrong password", &later, { OUTCOME_AUTH, OUTCOME_REPLY, .code = 535 }, VERDICT_AUTH, "password_file" },
	{ "a refused token", &by_token, { OUTCOME_AUTH, OUTCOME_REPLY, .code = 535 }, VERDICT_AUTH, "scope" },
	{ "a login that is cut", &later, { OUTCOME_AUTH, OUTCOME_LOST, .text = "closed" }, VERDICT_NET, "another mechanism" },
	{ "a login is wanted", &plain, { OUTCOME_MAIL, OUTCOME_REPLY, .code = 530 }, VERDICT_AUTH, "wants a login" },
	{ "a sender", &plain, { OUTCOME_MAIL, OUTCOME_REPLY, .code = 553 }, VERDICT_IDENTITY, "does not take this sender" },
	{ "a ban", &plain, { OUTCOME_MAIL, OUTCOME_REPLY, .code = 550 }, VERDICT_SUSPENDED, "against this account" },
	{ "a quota", &plain, { OUTCOME_MAIL, OUTCOME_REPLY, .code = 452 }, VERDICT_QUOTA, "quota" },
	{ "a rate", &plain, { OUTCOME_RCPT, OUTCOME_REPLY, .code = 451 }, VERDICT_RATE, "lower rate" },
	{ "no relay", &plain, { OUTCOME_RCPT, OUTCOME_REPLY, .code = 554, .text = "Relay access denied" }, VERDICT_RCPT, "relays only" },
	{ "a recipient", &plain, { OUTCOME_RCPT, OUTCOME_REPLY, .code = 550 }, VERDICT_RCPT, "--to" },
	{ "silence", &plain, { OUTCOME_RCPT, OUTCOME_TIMED_OUT, .text = "" }, VERDICT_NET, "silent" },
	{ "rubbish", &plain, { OUTCOME_EHLO, OUTCOME_NONSENSE, .text = "" }, VERDICT_NET, "keep to SMTP" },
	{ "whatever else", &plain, { OUTCOME_RSET, OUTCOME_REPLY, .code = 500 }, VERDICT_BACKOFF, "ask the provider" },
};
/* clang-format on */

static void
each_fault_has_its_mend(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const char *mend =
		    mend_of(rows[i].set, &rows[i].o, rows[i].class);

		if (strstr(mend, rows[i].mend) == NULL)
			fail_msg("%s: %s", rows[i].why, mend);
		assert_true(strlen(mend) < 200);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_fault_has_its_mend),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
