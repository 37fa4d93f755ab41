/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inlet/session_command - the commands that the session answers and not the
 * protocol machine: one table of verbs behind command() of smtp_server, with
 * the gates before TLS (RFC 3207 4) and before a login (RFC 4954 4); and the
 * lines of EHLO that depend on the session's state.
 */
#ifndef INLET_SESSION_COMMAND_H
#define INLET_SESSION_COMMAND_H

#include "postern/base/str.h"

struct inlet_session;
struct smtp_reply;

/* SMTP_PASS: the protocol machine's; SMTP_NOW: *reply is filled; SMTP_LATER. */
int session_command_run(struct inlet_session *s, struct str verb,
    struct str argument, struct smtp_reply *reply);
/* Fills s->extensions as of now. */
void session_command_offer(struct inlet_session *s);

#endif
