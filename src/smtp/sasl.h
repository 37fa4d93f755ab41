/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp/sasl - the client's lines of AUTH (RFC 4954): PLAIN (RFC 4616) and
 * LOGIN.  The lines hold secrets: they are built in a buffer that the caller
 * wipes.  Tokens: XOAUTH2 and OAUTHBEARER (RFC 7628).
 */
#ifndef SMTP_SASL_H
#define SMTP_SASL_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/base/buf.h"
#include "postern/base/str.h"

enum sasl_mechanism {
	SASL_NONE,
	SASL_PLAIN,
	SASL_LOGIN,
	SASL_XOAUTH2,    /* Google's: the password is an access token */
	SASL_OAUTHBEARER /* RFC 7628, the same */
};

enum {
	SASL_CREDENTIAL_MAX = 4096, /* octets of user or password */
	SASL_LINE_MAX = 12288,      /* RFC 4954 section 4, CRLF included */
};

struct sasl {
	enum sasl_mechanism mechanism;
	struct str user, password; /* borrowed */
	uint8_t step;
	bool two_steps; /* no initial response */
};

/* What is wanted ("auto", "plain", "login", "xoauth2", "oauthbearer", or
 * "bearer": any that takes a token) and offered (enum
 * smtp_capability): PLAIN before LOGIN; SASL_NONE when nothing fits. */
enum sasl_mechanism sasl_choose(const char *wanted, uint32_t offered);
/* NULL, or what is wrong with the credentials (nothing of them in it). */
const char *sasl_fault(struct str user, struct str password);
void sasl_init(struct sasl *s, enum sasl_mechanism m, struct str user,
    struct str password);
/* Appends the next line with its CRLF: first "AUTH ..." then an answer to each
 * 334.  0 done; -1 there is nothing more to say, or no room. */
/* An initial response was refused as a line (500, 501): true, and the same
 * begins anew without one. */
bool sasl_shorten(struct sasl *s);
MUST_CHECK int sasl_next(struct sasl *s, struct buf *out);

#endif
