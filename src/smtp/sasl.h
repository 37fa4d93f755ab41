/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp/sasl - the client's lines of AUTH (RFC 4954): PLAIN (RFC 4616), LOGIN,
 * CRAM-MD5 (RFC 2195), SCRAM-SHA-1 and SCRAM-SHA-256 (RFC 5802, 7677),
 * EXTERNAL (RFC 4422 appendix A); with tokens XOAUTH2 and OAUTHBEARER (RFC
 * 7628).  The lines hold secrets: they are built in a buffer that the caller
 * wipes.  Pure.
 */
#ifndef SMTP_SASL_H
#define SMTP_SASL_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/base/buf.h"
#include "postern/base/str.h"

#include "smtp/sasl_scram.h"

enum sasl_mechanism {
	SASL_NONE,
	SASL_SCRAM_SHA_256,
	SASL_SCRAM_SHA_1,
	SASL_CRAM_MD5,
	SASL_PLAIN,
	SASL_LOGIN,
	SASL_EXTERNAL,   /* the certificate of the connection */
	SASL_XOAUTH2,    /* Google's: the password is an access token */
	SASL_OAUTHBEARER /* RFC 7628, the same */
};

enum {
	SASL_CREDENTIAL_MAX = 4096, /* octets of user or password */
	SASL_LINE_MAX = 12288,      /* RFC 4954 section 4, CRLF included */
	SASL_STATUS = 32,
};

struct sasl_settings {
	enum sasl_mechanism mechanism;
	struct str user, password; /* borrowed */
	const char *nonce;         /* of SCRAM; borrowed */
};

struct sasl {
	struct sasl_settings set;
	struct sasl_scram scram;
	bool begun;
	bool two_steps;           /* no initial response */
	unsigned turn;            /* responses given */
	const char *fault;        /* why sasl_next() has none */
	char status[SASL_STATUS]; /* that a token was refused with, or "" */
};

/* What is wanted and offered (enum smtp_capability).  Wanted: "auto", the
 * strongest that takes a password (their order above); "bearer", any that takes
 * a token; or one by its name.  SASL_NONE when nothing fits. */
enum sasl_mechanism sasl_choose(const char *wanted, uint32_t offered);
/* NULL, or what is wrong with the credentials (nothing of them in it). */
const char *sasl_fault(struct str user, struct str password);
void sasl_init(struct sasl *s, const struct sasl_settings *set);
/* An initial response was refused as a line (500, 501): true, and the same
 * begins anew without one. */
bool sasl_shorten(struct sasl *s);
/* Appends the next line with its CRLF: first "AUTH ...", then an answer to each
 * 334, whose text is handed in.  0 done; -1 there is nothing more to say:
 * s->fault. */
MUST_CHECK int sasl_next(struct sasl *s, struct str challenge, struct buf *out);
const char *sasl_name(const struct sasl *s); /* on the wire */
/* For a mechanism that was refused though the password may be right, because
 * the server keeps a hash that it has no use for: the word of one that would
 * do, and is offered.  NULL: there is none. */
const char *sasl_plainer(const struct sasl *s, uint32_t offered);
/* May a 235 be believed?  Not where the server has to prove something, too. */
bool sasl_is_done(const struct sasl *s);

#endif
