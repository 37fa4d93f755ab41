/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/sink_auth - the server's side of AUTH PLAIN and LOGIN (RFC 4954) for
 * one user.  A fake: it compares in clear and not in constant time.
 */
#ifndef TOOLS_SINK_AUTH_H
#define TOOLS_SINK_AUTH_H

#include <stdbool.h>

#include "postern/base/str.h"
#include "postern/smtp/smtp_server.h"

struct sink_auth {
	struct str user, password; /* borrowed; user.p NULL: no AUTH */
	enum sink_auth_step {
		SINK_AUTH_IDLE,
		SINK_AUTH_PLAIN,
		SINK_AUTH_LOGIN_USER,
		SINK_AUTH_LOGIN_PASSWORD,
		SINK_AUTH_DONE,
	} step;
	bool user_fits;
};

/* The argument of AUTH; the reply may be 334, then a line follows. */
void sink_auth_start(
    struct sink_auth *a, struct str argument, struct smtp_reply *r);
void sink_auth_line(struct sink_auth *a, struct str line, struct smtp_reply *r);

#endif
