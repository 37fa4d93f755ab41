/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io/tls_priv - what io/conn needs of a TLS context.
 */
#ifndef IO_TLS_PRIV_H
#define IO_TLS_PRIV_H

#include <stddef.h>

#include "postern/io/tls.h"

struct ssl_st;

#define TLS_TEXT 200

/* A TLS object on fd.  name: of the server, NULL on the server's side; borrowed
 * until the object is freed. */
struct ssl_st *tls_attach(struct tls_context *t, int fd, const char *name);
/* Why the handshake (or a call after it) failed, in one sentence. */
void tls_explain(
    const struct ssl_st *ssl, const char *name, char out[TLS_TEXT]);

#endif
