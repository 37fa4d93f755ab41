/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io/tls - OpenSSL 3 contexts.  A context is reference-counted and may be used
 * by connections of several threads.
 */
#ifndef IO_TLS_H
#define IO_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/err.h"

struct tls_context;

enum tls_verify {
	TLS_VERIFY_NONE, /* encrypted, whoever it is */
	TLS_VERIFY_FULL, /* chain and name (RFC 6125) */
};

#define TLS_PIN_LEN 32 /* SHA-256 of a public key */

struct tls_certificate {
	const char *certificate, *key; /* PEM files, the chain in the first */
};
#define TLS_CERTIFICATES_MAX 64

struct tls_client_settings {
	enum tls_verify verify;
	const char *ca_file; /* NULL: the system's store */
	/* With FULL, in place of chain and name: the server's key is one of
	 * these. */
	const unsigned char (*pins)[TLS_PIN_LEN];
	size_t npins;
	const char *min_version;  /* "1.2" or "1.3"; NULL: 1.2 */
	const char *ciphers;      /* of TLS 1.2; NULL: OpenSSL's */
	const char *ciphersuites; /* of TLS 1.3; NULL: OpenSSL's */
	/* Shown to a server that asks for one; certificate NULL: none is. */
	struct tls_certificate own;
};

struct tls_server_settings {
	/* The first is shown to who asks for no name, or for one that none of
	 * them has; of those that have the name, the first of each kind of
	 * key (RSA, ECDSA, ...). */
	const struct tls_certificate *certificates;
	size_t ncertificates;    /* 1 .. TLS_CERTIFICATES_MAX */
	const char *min_version; /* "1.2" or "1.3"; NULL: 1.2 */
	/* What the server likes best comes first; its order wins.  NULL: only
	 * forward secrecy with AEAD. */
	const char *ciphers;      /* of TLS 1.2 */
	const char *ciphersuites; /* of TLS 1.3 */
	const char *client_ca;    /* NULL: clients need no certificate */
	bool old; /* TLS 1.0 and 1.1, and ciphers that are weak */
};

struct tls_facts {       /* of a server's certificate, for people */
	char names[160]; /* "a, b, c and 4 more" */
	char issuer[40];
	char until[40], left[40]; /* "2027-01-31 12:00 UTC", "62 days" */
	char pin[48];
};

MUST_CHECK int tls_client_new(struct tls_context **t,
    const struct tls_client_settings *s, struct err *err);
MUST_CHECK int tls_server_new(struct tls_context **t,
    const struct tls_server_settings *s, struct err *err);
/* Of a client: were CA certificates, own certificate and key the same when they
 * were read?  Each may be NULL.  (Of the system's CA certificates nothing is
 * known.) */
bool tls_has_same_files(
    const struct tls_context *a, const struct tls_context *b);
struct tls_context *tls_ref(struct tls_context *t);
void tls_free(struct tls_context **t); /* drops one reference */

/* A pin is the SHA-256 of a public key (its SubjectPublicKeyInfo):
 * 44 characters.  0; -1 it is none. */
MUST_CHECK int tls_pin_parse(unsigned char pin[TLS_PIN_LEN], const char *text);

/* What tls_server_new() would say of one certificate alone; 0: it is good from
 * *from until *until (seconds since 1970). */
MUST_CHECK int tls_server_check(const struct tls_certificate *c, int64_t *from,
    int64_t *until, struct err *err);
/* ... and of the names in a list: -1 names the first that is none. */
MUST_CHECK int tls_server_check_ciphers(const char *list, struct err *err);
MUST_CHECK int tls_server_check_suites(const char *list, struct err *err);

#endif
