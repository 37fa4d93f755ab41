/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io/tls - OpenSSL 3 contexts.  A context is reference-counted and may be used
 * by connections of several threads.
 */
#ifndef IO_TLS_H
#define IO_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include "postern/base/err.h"

struct tls_context;

enum tls_verify {
	TLS_VERIFY_NONE, /* encrypted, whoever it is */
	TLS_VERIFY_FULL, /* chain and name (RFC 6125) */
};

struct tls_client_settings {
	enum tls_verify verify;
	const char *ca_file;     /* NULL: the system's store */
	const char *min_version; /* "1.2" or "1.3"; NULL: 1.2 */
};

struct tls_server_settings {
	const char *certificate, *key; /* PEM files, chain in the first */
	const char *min_version;
};

MUST_CHECK int tls_client_new(struct tls_context **t,
    const struct tls_client_settings *s, struct err *err);
MUST_CHECK int tls_server_new(struct tls_context **t,
    const struct tls_server_settings *s, struct err *err);
struct tls_context *tls_ref(struct tls_context *t);
void tls_free(struct tls_context **t); /* drops one reference */

#endif
