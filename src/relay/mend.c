/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table is looked through in order; the first row that fits says it.  Texts
 * of our own that say themselves what to do, behind "; ", are believed before.
 */
#include "relay/mend.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "postern/base/str.h"
#include "postern/relay/relay.h"
#include "postern/smtp/outcome.h"

#define ANY_CLASS VERDICT_CLASSES
#define ANY_STAGE OUTCOME_STAGES

enum {
	REPLY = 1 << OUTCOME_REPLY,
	LOST = 1 << OUTCOME_LOST,
	TIMED_OUT = 1 << OUTCOME_TIMED_OUT,
	NONSENSE = 1 << OUTCOME_NONSENSE,
	LOCAL = 1 << OUTCOME_LOCAL,
	ANY_IO = REPLY | LOST | TIMED_OUT | NONSENSE | LOCAL
};

enum tls_as { TLS_ANY, TLS_AT_ONCE, TLS_LATER };

struct row {
	enum outcome_stage stage;
	unsigned ios;
	enum verdict_class class;
	enum tls_as tls;
	const char *text; /* found in the outcome's, letter case ignored */
	const char *mend;
};

#define NO_LOGIN_MEND                                                          \
	"write tls = \"verify\"; or, where the network is your own, "          \
	"allow_clear_auth or allow_unverified_auth"
#define NO_TOKEN_MEND                                                          \
	"see what postern token status says; postern token login begins anew"
#define TOKEN_REFUSED_MEND                                                     \
	"is user the account that agreed, may it send by SMTP (at some "       \
	"providers that is switched on for each), is scope right?"
#define BLOCKED_MEND                                                           \
	"ask the provider what it holds against this account, then postern "   \
	"provider resume"
#define SLOWER_MEND                                                            \
	"it is too much for it now: wait; where that lasts lower rate and "    \
	"max_connections"

/* clang-format off */
static const struct row rows[] = {
{ OUTCOME_DNS, ANY_IO, ANY_CLASS, TLS_ANY, NULL,
  "compare host, letter by letter; can this machine resolve other names?" },
{ OUTCOME_CONNECT, TIMED_OUT, ANY_CLASS, TLS_ANY, NULL,
  "is a firewall between? many networks close port 25: try port = 587, or 465" },
{ OUTCOME_CONNECT, ANY_IO, ANY_CLASS, TLS_ANY, "refused",
  "nothing listens there: compare host and port with the provider's documents" },
{ OUTCOME_CONNECT, ANY_IO, ANY_CLASS, TLS_ANY, "unreachable",
  "has this machine a way there? prefer = \"ipv4\" leaves IPv6 alone" },
{ OUTCOME_CONNECT, ANY_IO, ANY_CLASS, TLS_ANY, NULL,
  "compare host and port, and the firewall between" },
{ ANY_STAGE, ANY_IO, VERDICT_SUSPENDED, TLS_ANY, NULL, BLOCKED_MEND },
{ OUTCOME_BANNER, REPLY, VERDICT_CONNS, TLS_ANY, NULL,
  "others hold the account's connections: wait, or lower max_connections" },
{ OUTCOME_BANNER, REPLY, VERDICT_RATE, TLS_ANY, NULL, SLOWER_MEND },
{ OUTCOME_BANNER, REPLY, ANY_CLASS, TLS_ANY, NULL,
  "it turns this machine away: have the provider let its address in (source_address says which one is used)" },
{ OUTCOME_BANNER, TIMED_OUT, ANY_CLASS, TLS_LATER, NULL,
  "it may wait for TLS from the first byte: write tls_mode = \"implicit\"; (port 465), else it is down" },
{ OUTCOME_BANNER, NONSENSE, ANY_CLASS, TLS_ANY, NULL,
  "no SMTP server listens there: compare host and port" },
{ OUTCOME_BANNER, ANY_IO, ANY_CLASS, TLS_ANY, NULL,
  "it does not greet this machine: is its address let in, is tls_mode right?" },
{ OUTCOME_EHLO, REPLY, ANY_CLASS, TLS_ANY, NULL,
  "it does not take our name: write helo, a name that resolves to this machine's address" },
{ OUTCOME_TLS, LOCAL | LOST, ANY_CLASS, TLS_AT_ONCE, "is no TLS",
  "the port begins in clear: write tls_mode = \"starttls\"; or the port that begins with TLS (465)" },
{ OUTCOME_TLS, TIMED_OUT | LOST, ANY_CLASS, TLS_AT_ONCE, NULL,
  "it says nothing to a TLS handshake: write tls_mode = \"starttls\"; or the port that begins with TLS (465)" },
{ OUTCOME_STARTTLS, ANY_IO, ANY_CLASS, TLS_ANY, NULL,
  "its TLS does not work now: compare port and tls_mode, or ask the provider" },
{ OUTCOME_TLS, ANY_IO, ANY_CLASS, TLS_ANY, NULL,
  "compare host, port, tls_mode, tls_name and ca_file, or ask the provider" },
{ OUTCOME_AUTH, LOCAL, ANY_CLASS, TLS_ANY, "no password is sent", NO_LOGIN_MEND },
{ OUTCOME_AUTH, LOCAL, ANY_CLASS, TLS_ANY, "offers no auth",
  "it takes no login here: compare port and tls, let auth = \"auto\"; or leave user out" },
{ OUTCOME_AUTH, LOCAL | LOST, ANY_CLASS, TLS_ANY, "token", NO_TOKEN_MEND },
{ OUTCOME_AUTH, REPLY, VERDICT_AUTH_TEMP, TLS_ANY, NULL,
  "it cannot look at logins now: try again later" },
{ OUTCOME_AUTH, REPLY, ANY_CLASS, TLS_ANY, "app",
  "make an app password at the provider, or use oauth" },
{ OUTCOME_AUTH, REPLY, VERDICT_AUTH, TLS_ANY, NULL,
  "compare user and password_file with what the provider shows (its SMTP user, an API key); then postern reload" },
{ OUTCOME_AUTH, ANY_IO, ANY_CLASS, TLS_ANY, NULL,
  "its login does not work now: try again later, or force another mechanism by auth" },
{ OUTCOME_MAIL, REPLY, VERDICT_AUTH, TLS_ANY, NULL,
  "it wants a login: write user and password_file" },
{ ANY_STAGE, REPLY, VERDICT_RATE, TLS_ANY, NULL, SLOWER_MEND },
{ ANY_STAGE, REPLY, VERDICT_QUOTA, TLS_ANY, NULL,
  "its quota is used up: wait, or ask the provider for more; write it as rate" },
{ OUTCOME_MAIL, REPLY, ANY_CLASS, TLS_ANY, NULL,
  "it does not take this sender: verify address or domain at the provider, or ask with another --from; identities say which it takes" },
{ OUTCOME_RCPT, REPLY, ANY_CLASS, TLS_ANY, "relay",
  "it relays only for those it knows: write user and password_file, or have it let this machine's address in" },
{ OUTCOME_RCPT, REPLY, VERDICT_AUTH, TLS_ANY, NULL,
  "it wants a login: write user and password_file" },
{ OUTCOME_RCPT, REPLY, VERDICT_IDENTITY, TLS_ANY, NULL,
  "it does not take this sender: verify address or domain at the provider, or ask with another --from" },
{ OUTCOME_RCPT, REPLY, ANY_CLASS, TLS_ANY, NULL,
  "it refuses this recipient: ask with another --to; a new account may mail to verified addresses only" },
{ ANY_STAGE, TIMED_OUT, ANY_CLASS, TLS_ANY, NULL,
  "it has fallen silent: it is slow or down, or its answer takes longer than timeouts say" },
{ ANY_STAGE, NONSENSE, ANY_CLASS, TLS_ANY, NULL,
  "what answers does not keep to SMTP: compare host and port, or ask the provider" },
{ ANY_STAGE, ANY_IO, ANY_CLASS, TLS_ANY, NULL,
  "ask the provider what it means" },
};
/* clang-format on */

static bool
fits(const struct row *r, const struct relay_provider *set,
    const struct outcome *o, enum verdict_class class)
{
	bool at_once = set->tls != RELAY_TLS_OFF && set->implicit_tls;

	if (r->stage != ANY_STAGE && r->stage != o->stage)
		return false;
	if (!(r->ios & 1u << o->io))
		return false;
	if (r->class != ANY_CLASS && r->class != class)
		return false;
	if (r->tls != TLS_ANY && (r->tls == TLS_AT_ONCE) != at_once)
		return false;
	return r->text == NULL ||
	       str_has_case(str_of(o->text), str_of(r->text));
}

/* "what is wrong; what to write" */
static const char *
own_words(const struct outcome *o)
{
	const char *at = strstr(o->text, "; ");

	return o->io == OUTCOME_LOCAL && at != NULL ? at + 2 : NULL;
}

const char *
mend_of(const struct relay_provider *set, const struct outcome *o,
    enum verdict_class class)
{
	const char *own = own_words(o);
	size_t i = 0;

	if (own != NULL && o->stage == OUTCOME_TLS &&
	    strstr(o->text, "is no TLS") == NULL)
		return own;
	if (own != NULL && o->stage != OUTCOME_TLS)
		return own;
	if (set->oauth.token_url && class == VERDICT_AUTH &&
	    o->stage == OUTCOME_AUTH && o->io == OUTCOME_REPLY)
		return TOKEN_REFUSED_MEND;
	while (!fits(&rows[i], set, o, class)) /* the last one fits all */
		i++;
	return rows[i].mend;
}
