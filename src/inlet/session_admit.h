/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inlet/session_admit - may this client come in at all: networks, users of unix
 * sockets, room.
 */
#ifndef INLET_SESSION_ADMIT_H
#define INLET_SESSION_ADMIT_H

#include <stdbool.h>

#include "postern/base/err.h"

struct inlet_session;
struct smtp_reply;

/* true: it is counted, and logged (where it still awaits a PROXY header, it is
 * only counted).  false: *r is what it gets, and why is logged. */
MUST_CHECK bool session_admit(struct inlet_session *s, struct smtp_reply *r);

#endif
