/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp/sasl_server - the server's side of one AUTH (RFC 4954): PLAIN (RFC
 * 4616), LOGIN, SCRAM-SHA-256 (RFC 5802, 7677) and EXTERNAL (RFC 4422 appendix
 * A).  Pure: no socket, no clock, no log, no randomness.  A new object for each
 * AUTH; what it was told is wiped when it goes.
 *
 * Begin with what stands behind "AUTH", then hand in a line for each
 * SASL_SERVER_MORE.  After any other state only the questions and
 * sasl_server_free() may be called.
 */
#ifndef SMTP_SASL_SERVER_H
#define SMTP_SASL_SERVER_H

#include <stdbool.h>
#include <stddef.h>

#include "postern/base/str.h"

struct sasl_server;
struct scram_verifier;

/* Mechanisms, as bits. */
enum {
	SASL_SERVER_PLAIN = 1 << 0,
	SASL_SERVER_LOGIN = 1 << 1,
	SASL_SERVER_SCRAM = 1 << 2, /* SCRAM-SHA-256 */
	SASL_SERVER_EXTERNAL = 1 << 3,
};

enum {
	SASL_SERVER_LINE_MAX = 12288, /* RFC 4954 section 4, CRLF included */
	SASL_SERVER_USER_MAX = 255,
	/* crypt(3) takes no more (CRYPT_MAX_PASSPHRASE_SIZE). */
	SASL_SERVER_PASSWORD_MAX = 511,
	SASL_SERVER_NONCE_MAX = 128, /* of the client */
	/* "r=" nonces ",s=" salt ",i=" iterations, in base64, in one reply */
	SASL_SERVER_CHALLENGE_MAX = 396,
};

enum sasl_server_state {
	SASL_SERVER_MORE,   /* 334 and the challenge; the next line is ours */
	SASL_SERVER_PROVE,  /* user and password are to be proven */
	SASL_SERVER_PROVEN, /* the user has proven himself */
	SASL_SERVER_WRONG,  /* he has not */
	SASL_SERVER_SYNTAX, /* no base64, or not the mechanism's grammar */
	SASL_SERVER_CANCELLED, /* "*" */
	SASL_SERVER_UNKNOWN,   /* a mechanism that is not offered */
};

struct sasl_server_settings {
	unsigned offered; /* bits */
	/* EXTERNAL: whom the connection has proven already.  Borrowed. */
	const char *external;
	/* SCRAM: the server's part of the nonce, printable ASCII without a
	 * comma, at most 32 octets, never used before.  Borrowed until the
	 * first call that follows has returned. */
	const char *nonce;
	/* SCRAM: true: *v is the user's.  false: there is no such user; *v is
	 * one that looks as if there were. */
	bool (*verifier)(void *arg, struct str user, struct scram_verifier *v);
	void *arg;
};

struct sasl_server *sasl_server_new(const struct sasl_server_settings *s);
void sasl_server_free(struct sasl_server **s);
/* "MECHANISM" or "MECHANISM initial-response", as it came behind AUTH. */
enum sasl_server_state sasl_server_begin(
    struct sasl_server *s, struct str argument);
enum sasl_server_state sasl_server_line(struct sasl_server *s, struct str line);
/* In base64, at most SASL_SERVER_CHALLENGE_MAX; borrowed until the next call.
 */
struct str sasl_server_challenge(const struct sasl_server *s);
/* What is known so far; empty before.  Borrowed from s. */
struct str sasl_server_user(const struct sasl_server *s);
struct str sasl_server_password(const struct sasl_server *s);
const char *sasl_server_mechanism(const struct sasl_server *s); /* "" before */

#endif
