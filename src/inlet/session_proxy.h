/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inlet/session_proxy - the beginning of a connection that a load balancer
 * hands on: its PROXY header is taken, the session becomes the client's, and is
 * greeted.  Whoever is not named by proxy_from is never asked for one.
 */
#ifndef INLET_SESSION_PROXY_H
#define INLET_SESSION_PROXY_H

#include <stdbool.h>

#include "postern/base/err.h"

struct inlet_session;

/* Begins to wait for it. */
void session_proxy_await(struct inlet_session *s);
/* While awaits_proxy.  true: it is greeted, and the input that is left is the
 * client's; false: more is needed, or the session is gone. */
MUST_CHECK bool session_proxy_feed(struct inlet_session *s);

#endif
