/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io/tls_priv - the inside of a TLS context, and what io/conn needs of it.
 * tls.c: contexts, the client's side; tls_peer.c: whom it talks to;
 * tls_server.c: the server's; tls_tickets.c: the keys of its session tickets.
 */
#ifndef IO_TLS_PRIV_H
#define IO_TLS_PRIV_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "postern/base/list.h"
#include "postern/io/tls.h"

#include "io/tls_peer.h"

struct ssl_ctx_st;
struct ssl_method_st;
struct ssl_st;
struct tls_pair;

struct tls_context {
	struct ssl_ctx_st *ctx;
	atomic_uint refs;
	bool is_client, verify;
	/* a client's */
	pthread_mutex_t lock; /* for the sessions */
	struct list sessions; /* the newest last */
	size_t sessions_n;
	unsigned char (*pins)[TLS_PIN_LEN]; /* owned */
	size_t npins;
	unsigned char files[TLS_PIN_LEN]; /* SHA-256 of what they held */
	/* a server's */
	struct tls_pair *pairs; /* owned */
	size_t npairs;
};

/* tls.c */
struct tls_context *tls_make(const struct ssl_method_st *method);
/* err_set() with OpenSSL's own reason behind; empties its queue. */
int tls_fail(struct err *err, const char *what, const char *of);
MUST_CHECK int tls_floor(
    struct ssl_ctx_st *ctx, const char *version, struct err *err);
/* A TLS object on fd.  peer: the server, NULL on the server's side; borrowed
 * until the object is freed. */
struct ssl_st *tls_attach(struct tls_context *t, int fd, struct tls_peer *peer);
/* Why the handshake (or a call after it) failed, in one sentence. */
void tls_explain(const struct tls_context *t, const struct ssl_st *ssl,
    const struct tls_peer *peer, char out[TLS_TEXT]);

/* tls_server.c */
/* A certificate, its chain and its key for all connections of ctx. */
MUST_CHECK int tls_server_use(
    struct ssl_ctx_st *ctx, const struct tls_certificate *c, struct err *err);
void tls_server_done(struct tls_context *t);

#endif
