/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp/scram - what a server keeps of a password for SCRAM-SHA-256 (RFC 5802,
 * 7677): the verifier, as text "SCRAM-SHA-256$ITERATIONS$SALT$STORED$SERVER"
 * (salt and keys in base64).  Pure.
 */
#ifndef SMTP_SCRAM_H
#define SMTP_SCRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/base/err.h"
#include "postern/base/str.h"
#include "postern/smtp/digest.h"

#define SCRAM_PREFIX "SCRAM-SHA-256$"

enum {
	SCRAM_ITERATIONS_MIN = 4096, /* RFC 7677 section 4 */
	/* One guess then takes seconds: more is a slip of the pen. */
	SCRAM_ITERATIONS_MAX = 10000000,
	SCRAM_SALT_MIN = 8,
	SCRAM_SALT_MAX = 64, /* octets */
	SCRAM_TEXT_MAX = 256,
};

struct scram_verifier {
	uint32_t iterations;
	uint8_t salt_len;
	unsigned char salt[SCRAM_SALT_MAX];
	unsigned char stored[DIGEST_LEN]; /* StoredKey */
	unsigned char server[DIGEST_LEN]; /* ServerKey */
};

/* -1: "what is wrong; what to write". */
MUST_CHECK int scram_parse(
    struct scram_verifier *v, struct str text, struct err *err);
/* The text, NUL ended. */
void scram_text(const struct scram_verifier *v, char out[SCRAM_TEXT_MAX]);
/* From a password: v has iterations and salt and gets its keys. */
void scram_make(struct scram_verifier *v, struct str password);
/* Is it the password's?  As expensive as the iterations say. */
bool scram_fits(const struct scram_verifier *v, struct str password);
/* ClientProof of RFC 5802 section 3 over that AuthMessage? */
bool scram_proves(const struct scram_verifier *v, struct str message,
    const unsigned char proof[DIGEST_LEN]);
/* ServerSignature over it. */
void scram_sign(const struct scram_verifier *v, struct str message,
    unsigned char out[DIGEST_LEN]);

#endif
