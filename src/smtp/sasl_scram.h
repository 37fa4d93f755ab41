/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp/sasl_scram - the client's messages of SCRAM (RFC 5802, RFC 7677),
 * without channel binding.  Pure.
 */
#ifndef SMTP_SASL_SCRAM_H
#define SMTP_SASL_SCRAM_H

#include <stdbool.h>

#include "postern/base/buf.h"
#include "postern/base/str.h"
#include "postern/smtp/digest.h"

enum {
	SASL_SCRAM_NONCE_MAX = 64, /* ours */
	SASL_SCRAM_SALT_MAX = 128,
	SASL_SCRAM_ITERATIONS_MIN = 4096, /* RFC 7677 section 4 */
	/* A tenth of a second of the thread that all sessions share. */
	SASL_SCRAM_ITERATIONS_MAX = 200000,
};

struct sasl_scram {
	enum digest_kind kind;
	const char *nonce; /* borrowed; printable, no comma, never used */
	struct str user, password;           /* borrowed */
	unsigned char signature[DIGEST_LEN]; /* that the server has to show */
	bool is_proven;                      /* and has shown */
};

/* A name with its "," and "=" as RFC 5801 section 4 has them. */
MUST_CHECK int sasl_scram_add_name(struct buf *out, struct str name);
/* Message n, 0 to 2, to what the server has said (0: nothing), appended.  NULL,
 * or what is wrong; nothing secret in it. */
const char *sasl_scram_next(
    struct sasl_scram *s, unsigned n, struct str said, struct buf *out);

#endif
