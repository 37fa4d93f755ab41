/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io/tls_peer - the server at the other end, as a client sees it: is it the one
 * that was meant, and if not, what can a person do about it?
 */
#ifndef IO_TLS_PEER_H
#define IO_TLS_PEER_H

#include <stdbool.h>

struct tls_context;

#define TLS_TEXT 256 /* the log cuts at 200, so what to do comes early */

struct tls_peer {
	char *name;           /* for SNI and verification */
	char fault[TLS_TEXT]; /* why its certificate was refused, "" it was not
	                       */
};

struct tls_peer *tls_peer_new(const char *name);
void tls_peer_free(struct tls_peer **p);
/* The context's connections are verified from now on: by its pins where it has
 * some, else by chain and name. */
void tls_peer_verify(struct tls_context *t);
/* Why a handshake with p failed (reason: OpenSSL's, 0: none), in words that say
 * what to do.  false: nothing is known that it does not say itself. */
bool tls_peer_explain(const struct tls_context *t, const struct tls_peer *p,
    int reason, char out[TLS_TEXT]);

struct ssl_st;
struct tls_facts;
/* false: it has shown none. */
bool tls_peer_facts(const struct ssl_st *ssl, struct tls_facts *f);

#endif
