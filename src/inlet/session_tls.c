/* SPDX-License-Identifier: Apache-2.0 */
#include "inlet/session_tls.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/inlet/inlet.h"
#include "postern/io/conn.h"
#include "postern/smtp/smtp_server.h"

#include "inlet/session_auth.h"
#include "inlet/session_lenient.h"
#include "inlet/session_state.h"

static bool
is_offered(const struct inlet_session *s)
{
	return s->listener->tls != NULL && s->tls == SESSION_TLS_NONE;
}

const char *
session_tls_offer(const struct inlet_session *s)
{
	return is_offered(s) ? "STARTTLS" : NULL;
}

bool
session_tls_is_missing(const struct inlet_session *s)
{
	return s->listener->tls_use == INLET_TLS_REQUIRED &&
	       s->tls != SESSION_TLS_SECURE;
}

bool
session_tls_is_due(const struct inlet_session *s)
{
	return s->tls == SESSION_TLS_ASKED;
}

int
session_tls_starttls(
    struct inlet_session *s, struct str argument, struct smtp_reply *reply)
{
	if (s->tls != SESSION_TLS_NONE)
		return smtp_reply_set(
		    reply, 503, "5.5.1", "TLS is in use already");
	if (!is_offered(s))
		return SMTP_PASS; /* a command that is not there */
	if (argument.len > 0)
		return smtp_reply_set(
		    reply, 501, "5.5.4", "No argument is allowed");
	if (s->msg != NULL)
		return smtp_reply_set(
		    reply, 503, "5.5.1", "Not in a transaction");
	s->tls = SESSION_TLS_ASKED;
	smtp_reply_set(reply, 220, "2.0.0", "Ready to start TLS");
	reply->close = true; /* this machine takes no byte more */
	return SMTP_NOW;
}

static struct tls_context *
context_of(const struct inlet_session *s)
{
	const struct inlet_listener *l = s->listener;

	if (l->tls_old != NULL && (session_lenient_words(s) & INLET_OLD_TLS))
		return l->tls_old;
	return l->tls;
}

void
session_tls_start(struct inlet_session *s)
{
	assert(s->tls == SESSION_TLS_NONE || s->tls == SESSION_TLS_ASKED);
	s->tls = SESSION_TLS_HANDSHAKE;
	free(s->helo);
	s->helo = NULL;
	session_auth_reset(s);
	conn_secure_server(s->conn, context_of(s));
}

/* What only a lenient listener takes: TLS 1.0 and 1.1, or 1.2 with a cipher
 * that is no AEAD or has no forward secrecy. */
static bool
is_old(const char *version, const char *cipher)
{
	if (strcmp(version, "TLSv1.3") == 0)
		return false;
	return strcmp(version, "TLSv1.2") != 0 ||
	       strncmp(cipher, "ECDHE-", 6) != 0 ||
	       (strstr(cipher, "GCM") == NULL &&
	           strstr(cipher, "POLY1305") == NULL);
}

void
session_tls_done(struct inlet_session *s)
{
	assert(s->tls == SESSION_TLS_HANDSHAKE);
	s->tls = SESSION_TLS_SECURE;
	if (context_of(s) == s->listener->tls_old &&
	    is_old(conn_tls_version(s->conn), conn_tls_cipher(s->conn)))
		session_lenient_used(s, INLET_OLD_TLS);
}

bool
session_tls_text(const struct inlet_session *s, char out[SESSION_TLS_TEXT])
{
	if (s->tls != SESSION_TLS_SECURE)
		return false;
	(void)snprintf(out, SESSION_TLS_TEXT, "%s %s",
	    conn_tls_version(s->conn), conn_tls_cipher(s->conn));
	return true;
}
