/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io/addr - socket addresses: "127.0.0.1:25", "[::1]:25", "unix:/path".
 */
#ifndef IO_ADDR_H
#define IO_ADDR_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "postern/base/err.h"

struct addr {
	struct sockaddr_storage ss;
	socklen_t len;
};

#define ADDR_TEXT 128 /* "[address]:port" or "unix:/path", with NUL */

/* A numeric address with a port, or unix:/path. */
MUST_CHECK int addr_parse(struct addr *a, const char *text, struct err *err);
void addr_text(const struct addr *a, char out[ADDR_TEXT]);
/* The address alone: "192.0.2.1", "2001:db8::1"; of a unix socket "uid=33"
 * where the user is known (addr_of_uid()), else "local". */
void addr_host_text(const struct addr *a, char out[ADDR_TEXT]);
bool addr_is_loopback(const struct addr *a); /* unix counts as loopback */
bool addr_is_unix(const struct addr *a);
/* "::ffff:192.0.2.1", what a socket for both families has, is 192.0.2.1. */
void addr_unmap(struct addr *a);
/* Who is at the other end of a unix socket, in place of a path: what the
 * kernel says (SO_PEERCRED), never what the other side bound. */
void addr_of_uid(struct addr *a, uid_t uid);
bool addr_uid(const struct addr *a, uid_t *uid);

#endif
