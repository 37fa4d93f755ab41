/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inlet/inlet_session - one client: its connection, the protocol machine and
 * the message it is handing in.  Belongs to the inlet's thread; ends itself.
 *
 * What may be read is decided in one place, session_feed(): nothing while an
 * answer of the spool is awaited, while intake wants a pause, or while the
 * client does not take our replies; the connection then stops reading when its
 * input is full.
 */
#ifndef INLET_INLET_SESSION_H
#define INLET_INLET_SESSION_H

#include <stdbool.h>
#include <stddef.h>

struct addr;
struct inlet;

/* Takes the descriptor.  A client over a limit gets its 421 and is gone.  drop:
 * the drop file that it hands on, or "". */
void inlet_session_open(struct inlet *in, size_t listener, int fd,
    const struct addr *peer, const char *drop);
/* Shutting down: 421 to all but those whose content is arriving (is_over:
 * those too) and those whose message is with the spool. */
void inlet_session_drain_all(struct inlet *in, bool is_over);
/* Ends all, without a word. */
void inlet_session_cut_all(struct inlet *in);

#endif
