/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/jwt - a signed assertion for a grant (RFC 7523, RS256 of RFC 7518
 * 3.3), and the JSON key file of a service account.  Pure.
 */
#ifndef RELAY_JWT_H
#define RELAY_JWT_H

#include <stdint.h>

#include "postern/base/err.h"
#include "postern/base/str.h"

struct buf;
struct secret;

struct jwt_claims {
	const char *issuer, *subject, *audience, *scope; /* NULL: left out */
	const char *key_id;                              /* NULL: left out */
	int64_t now_s; /* issued; lasts an hour, the most that Google takes */
};

#define JWT_MAX 8192

/* Appends header.claims.signature. */
MUST_CHECK int jwt_sign(struct buf *out, const struct jwt_claims *c,
    const struct secret *key, struct err *err);
/* A service account's file, as Google gives it out. */
struct jwt_key {
	struct secret *key; /* PEM; owned by the caller from then on */
	char id[128], email[256], token_url[256]; /* "" where it has none */
};
/* -1: "what is wrong; what to write". */
MUST_CHECK int jwt_read_key(
    struct jwt_key *k, struct str json, struct err *err);

#endif
