/* SPDX-License-Identifier: Apache-2.0 */
#include "inlet/session_command.h"

#include <assert.h>
#include <stddef.h>

#include "postern/inlet/inlet.h"
#include "postern/io/conn.h"
#include "postern/smtp/smtp_server.h"

#include "inlet/session_auth.h"
#include "inlet/session_state.h"
#include "inlet/session_tls.h"
#include "inlet/session_xclient.h"

enum {
	PRE_TLS = 1 << 0,  /* also where TLS is required and not there yet */
	PRE_AUTH = 1 << 1, /* also where a login is required and was not yet */
};

/* What is not here, or has no function, is the protocol machine's; what is not
 * here is behind all gates.  The verb of a line that follows a 334 is "". */
static const struct verb_row {
	const char *verb;
	int (*run)(struct inlet_session *s, struct str argument,
	    struct smtp_reply *reply);
	unsigned flags;
} rows[] = {
	/* clang-format off */
	{ "EHLO", NULL, PRE_TLS | PRE_AUTH },
	{ "HELO", NULL, PRE_AUTH },
	{ "NOOP", NULL, PRE_TLS | PRE_AUTH },
	{ "RSET", NULL, PRE_AUTH },
	{ "QUIT", NULL, PRE_TLS | PRE_AUTH },
	{ "STARTTLS", session_tls_starttls, PRE_TLS | PRE_AUTH },
	{ "AUTH", session_auth_begin, PRE_AUTH },
	{ "XCLIENT", session_xclient_run, PRE_AUTH },
	{ "", session_auth_line, PRE_TLS | PRE_AUTH },
	/* clang-format on */
};

/* What EHLO says besides the machine's own; NULL: nothing now. */
static const char *(*const offers[])(const struct inlet_session *s) = {
	session_tls_offer,
	session_auth_offer,
	session_xclient_offer,
};
_Static_assert(sizeof offers / sizeof offers[0] <= SESSION_EXTENSIONS_MAX,
    "an EHLO that offers all does not fit");

static const struct verb_row *
find_row(struct str verb)
{
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (str_is(verb, rows[i].verb))
			return &rows[i];
	}
	return NULL;
}

int
session_command_run(struct inlet_session *s, struct str verb,
    struct str argument, struct smtp_reply *reply)
{
	const struct verb_row *row = find_row(verb);
	unsigned flags = row != NULL ? row->flags : 0;

	if (!(flags & PRE_TLS) && session_tls_is_missing(s))
		return smtp_reply_set(
		    reply, 530, "5.7.0", "Must issue a STARTTLS command first");
	if (!(flags & PRE_AUTH) && session_auth_is_missing(s))
		return smtp_reply_set(
		    reply, 530, "5.7.0", "Authentication required");
	if (row == NULL || row->run == NULL)
		return SMTP_PASS;
	return row->run(s, argument, reply);
}

void
session_command_offer(struct inlet_session *s)
{
	size_t n = 0;

	for (size_t i = 0; i < sizeof offers / sizeof offers[0]; i++) {
		const char *line = offers[i](s);

		if (line != NULL)
			s->extensions[n++] = line;
	}
	s->extensions[n] = NULL;
}
