/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inlet/callers - which users of this host may use a listener's unix sockets.
 * The kernel says who calls: the process that connected, with all of its
 * groups, as it was then.
 */
#ifndef INLET_CALLERS_H
#define INLET_CALLERS_H

#include <stdbool.h>
#include <sys/types.h>

struct inlet_listener;

/* True for connections that are none of a unix socket, too. */
bool callers_admit(const struct inlet_listener *l, int fd);
/* The same of who has left a drop file, by the system's tables of groups: it
 * may wait for those. */
bool callers_admit_user(const struct inlet_listener *l, uid_t uid);

#endif
