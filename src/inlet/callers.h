/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inlet/callers - which users of this host may use a listener's unix sockets.
 * The kernel says who calls: the process that connected, with all of its
 * groups, as it was then.
 */
#ifndef INLET_CALLERS_H
#define INLET_CALLERS_H

#include <stdbool.h>

struct inlet_listener;

/* True for connections that are none of a unix socket, too. */
bool callers_admit(const struct inlet_listener *l, int fd);

#endif
