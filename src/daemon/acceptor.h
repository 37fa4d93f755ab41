/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/acceptor - the listening sockets of a generation of settings; a
 * reload keeps those that stay, opens new ones and closes the rest.
 */
#ifndef DAEMON_ACCEPTOR_H
#define DAEMON_ACCEPTOR_H

#include <stddef.h>

#include "postern/base/err.h"
#include "postern/io/addr.h"

struct acceptor;
struct inherit;
struct loop;
struct settings;

/* A connection for that listener; fd is the hook's. */
typedef void acceptor_fn(
    void *arg, size_t listener, int fd, const struct addr *peer);

struct acceptors {
	struct acceptor *first;  /* owned */
	struct inherit *inherit; /* borrowed: sockets to use, or NULL */
	struct loop *loop;       /* NULL: not started */
	acceptor_fn *fn;
	void *arg;
};

/* Opens what the settings want and is not open yet, without accepting.  -1:
 * *err, and what was opened here is closed again. */
MUST_CHECK int acceptor_open(
    struct acceptors *a, const struct settings *s, struct err *err);
/* Could it be done now?  Nothing is opened. */
MUST_CHECK int acceptor_check(
    struct acceptors *a, const struct settings *s, struct err *err);
/* They are not used after all: what was opened for them is closed. */
void acceptor_forget(struct acceptors *a);
/* They are about to be in use: closes what they do not want, whoever has
 * connected there being handed on as a client of the settings before. */
void acceptor_retire(struct acceptors *a);
/* They are: accepts on what they want. */
void acceptor_use(struct acceptors *a);
void acceptor_start(
    struct acceptors *a, struct loop *loop, acceptor_fn *fn, void *arg);
void acceptor_close(struct acceptors *a); /* all */

#endif
