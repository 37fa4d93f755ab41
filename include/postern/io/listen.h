/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io/listen - a listening socket.  Out of descriptors: accepting pauses for
 * 100 ms, and a reserve descriptor serves to tell clients 421 (the hook gets
 * fd and full = true: it writes its word and closes).
 */
#ifndef IO_LISTEN_H
#define IO_LISTEN_H

#include <stdbool.h>
#include <sys/types.h>

#include "postern/base/err.h"
#include "postern/io/addr.h"

struct listen;
struct loop;

/* fd is the hook's; non-blocking, close-on-exec, TCP_NODELAY.  The peer of a
 * unix socket is its user (addr_uid()). */
typedef void listen_fn(void *arg, int fd, const struct addr *peer, bool full);

/* Binds and listens but accepts nothing yet: any thread, before privileges are
 * dropped.  A unix socket that nobody listens on is replaced.  -1: errno tells
 * why, too. */
MUST_CHECK int listen_open(
    struct listen **l, const struct addr *a, struct err *err);
/* Could it be bound now?  Nobody can connect meanwhile.  Of a unix path nothing
 * is looked at.  -1: errno tells why, too. */
MUST_CHECK int listen_check(const struct addr *a, struct err *err);
/* A socket that listens already.  It stays the caller's, who closes it after
 * listen_close(): closing a copy of it instead would leave it with epoll, which
 * knows sockets and not descriptors. */
MUST_CHECK int listen_adopt(struct listen **l, int fd, struct err *err);
/* Of the path of a unix socket that was opened here; else nothing is done. */
MUST_CHECK int listen_mode(struct listen *l, mode_t mode, struct err *err);
void listen_start(
    struct listen *l, struct loop *loop, listen_fn *fn, void *arg);
/* The hook gets all who have connected by now: before a close, which would cut
 * them off. */
void listen_drain(struct listen *l);
void listen_stop(struct listen *l);    /* accepts no more; keeps the socket */
void listen_close(struct listen **l);  /* a unix path is removed */
int listen_fd(const struct listen *l); /* borrowed */
const struct addr *listen_addr(const struct listen *l); /* port 0 resolved */

#endif
