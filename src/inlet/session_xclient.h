/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inlet/session_xclient - a filter or proxy of the listener's xclient_from
 * hands on its own client: the session becomes that client's, is judged anew
 * and greeted again, as on a new connection.
 */
#ifndef INLET_SESSION_XCLIENT_H
#define INLET_SESSION_XCLIENT_H

#include <stdbool.h>

#include "postern/base/err.h"
#include "postern/base/str.h"

struct inlet_session;
struct smtp_reply;

/* EHLO's line for those who may, or NULL. */
const char *session_xclient_offer(const struct inlet_session *s);
/* A row of session_command's table. */
int session_xclient_run(
    struct inlet_session *s, struct str argument, struct smtp_reply *reply);
/* The session begins anew; false: it is gone, the client may not come in. */
MUST_CHECK bool session_xclient_restart(struct inlet_session *s);

#endif
