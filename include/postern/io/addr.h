/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io/addr - socket addresses: "127.0.0.1:25", "[::1]:25", "unix:/path".
 */
#ifndef IO_ADDR_H
#define IO_ADDR_H

#include <stdbool.h>
#include <sys/socket.h>

#include "postern/base/err.h"

struct addr {
	struct sockaddr_storage ss;
	socklen_t len;
};

#define ADDR_TEXT 128 /* "[address]:port" or "unix:/path", with NUL */

/* A numeric address with a port, or unix:/path. */
MUST_CHECK int addr_parse(struct addr *a, const char *text, struct err *err);
void addr_text(const struct addr *a, char out[ADDR_TEXT]);
/* The address alone: "192.0.2.1", "2001:db8::1" or "local" (unix). */
void addr_host_text(const struct addr *a, char out[ADDR_TEXT]);
bool addr_is_loopback(const struct addr *a); /* unix counts as loopback */
bool addr_is_unix(const struct addr *a);

#endif
