/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/inherit - listening sockets that a service manager has opened for us
 * (systemd.socket(5), sd_listen_fds(3): LISTEN_PID, LISTEN_FDS,
 * LISTEN_FDNAMES).  They are kept as long as the daemon lives, so that a
 * listener that a reload takes away can come back without the right to bind.
 */
#ifndef DAEMON_INHERIT_H
#define DAEMON_INHERIT_H

#include <stdbool.h>
#include <stddef.h>

#include "postern/io/addr.h"

struct inherit {
	struct inherited *sockets; /* owned */
	size_t n;
};

/* Takes what the environment tells, and takes it out of the environment: early,
 * before there is another process or thread. */
void inherit_take(struct inherit *in);
void inherit_done(struct inherit *in); /* closes all */
/* The socket with that address, to be borrowed until inherit_done(); -1: there
 * is none. */
int inherit_find(struct inherit *in, const struct addr *a);
/* A reload has taken its listener away; is one of them still there? */
void inherit_tell_left(const struct inherit *in, const struct addr *a);
/* Closes, and tells as mistakes, those that nobody has found. */
void inherit_close_rest(struct inherit *in);
/* For who cannot start until a person has mended something: whoever waits there
 * is told to come again, and who comes while others do.  For one who goes on
 * waiting systemd would start us anew at once, without end. */
void inherit_refuse(const struct inherit *in);

#endif
