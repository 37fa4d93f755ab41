/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inlet/session_delay - a reply that is held back for a while: who sends too
 * fast is slowed by it, and nobody else.  Meanwhile nothing is taken from the
 * client's input; a client that leaves, and a stop, end the wait.
 */
#ifndef INLET_SESSION_DELAY_H
#define INLET_SESSION_DELAY_H

#include <stdint.h>

struct inlet_session;
struct smtp_reply;

/* What a hook of the protocol machine returns: SMTP_NOW where ms is 0, else
 * SMTP_LATER, and the reply (copied) follows. */
int session_delay(
    struct inlet_session *s, uint64_t ms, const struct smtp_reply *reply);
/* No reply follows any more. */
void session_delay_free(struct inlet_session *s);

#endif
