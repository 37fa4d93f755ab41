/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inlet/session_auth - a session's login (RFC 4954): the exchange is
 * smtp/sasl_server's, who may log in stands in inlet/users, what may be tried
 * says inlet/logins, passwords are hashed by inlet/provers.  A login that fails
 * is told only after a while, in which nothing is taken from the client.
 */
#ifndef INLET_SESSION_AUTH_H
#define INLET_SESSION_AUTH_H

#include <stdbool.h>

#include "postern/base/str.h"

struct inlet_session;
struct smtp_reply;

enum { SESSION_AUTH_DELAY_MS = 2000 };

/* Rows of session_command's table: AUTH, and the lines that follow a 334. */
int session_auth_begin(
    struct inlet_session *s, struct str argument, struct smtp_reply *reply);
int session_auth_line(
    struct inlet_session *s, struct str line, struct smtp_reply *reply);
/* EHLO's line where the client may log in, or NULL. */
const char *session_auth_offer(const struct inlet_session *s);
/* The listener requires a login, and there was none. */
bool session_auth_is_missing(const struct inlet_session *s);
/* XCLIENT: that user has logged in with who hands the session on.  He need not
 * be in the users file; where he is, what it says of him counts. */
void session_auth_be(struct inlet_session *s, struct str user);
/* A reload has taken the user away, or changed the secret that he has logged in
 * with: who has that may be a thief.  It is logged. */
bool session_auth_is_over(const struct inlet_session *s);
/* Nobody is logged in any more, and nothing is under way. */
void session_auth_reset(struct inlet_session *s);

#endif
