/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inlet/clients - how many connections each listener and each of its clients
 * has open.  One table with one mutex for all inlets: a limit holds for the
 * process, not for a thread.  Counts are kept by the listener's name, so they
 * outlive a reload.
 *
 * A client is an IPv4 address, the /64 of an IPv6 address (one host has that
 * many at will), or a user of this host on a unix socket.
 */
#ifndef INLET_CLIENTS_H
#define INLET_CLIENTS_H

#include <stdint.h>

#include "postern/base/err.h"

struct addr;

enum clients_room {
	CLIENTS_OK,
	CLIENTS_LISTENER_FULL,
	CLIENTS_CLIENT_FULL,
};

struct clients_limits {
	uint32_t listener_max, client_max; /* 0: no bound */
};

/* One number for one client, of that process. */
uint64_t clients_key(const struct addr *a);
/* CLIENTS_OK: counted, to be given back.  Any thread. */
MUST_CHECK enum clients_room clients_take(const char *listener,
    const struct addr *peer, const struct clients_limits *limits);
#define CLIENTS_NAME 128
/* The client as a text, "192.0.2.1", "2001:db8::/64", where text is what the
 * log calls it. */
void clients_name(
    const struct addr *peer, const char *text, char out[CLIENTS_NAME]);
void clients_give(const char *listener, const struct addr *peer);

#endif
