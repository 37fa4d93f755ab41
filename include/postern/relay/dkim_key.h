/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/dkim_key - a private key for DKIM: RSA (rsa-sha256, RFC 6376) or
 * Ed25519 (ed25519-sha256, RFC 8463).  Once read it does not change: any
 * thread, and several at once.
 */
#ifndef RELAY_DKIM_KEY_H
#define RELAY_DKIM_KEY_H

#include <stddef.h>

#include "postern/base/buf.h"
#include "postern/base/str.h"

#define DKIM_KEY_BITS_MIN 1024     /* of RSA, RFC 8301 3.2 */
#define DKIM_KEY_BITS_ADVISED 2048 /* the same */
#define DKIM_KEY_BITS_MAX 4096     /* its record still fits one answer of DNS */
#define DKIM_KEY_FILE_MAX 16384    /* octets of PEM */

struct dkim_key;

/* -1: "what is wrong with it; what to write". */
MUST_CHECK int dkim_key_read(
    struct dkim_key **k, struct str pem, struct err *err);
void dkim_key_free(struct dkim_key **k); /* wipes */
/* Of RSA; 0: Ed25519, which has one size. */
unsigned dkim_key_bits(const struct dkim_key *k);
const char *dkim_key_algorithm(const struct dkim_key *k); /* of a= */

/* A new one in PEM, of so many bits (0: Ed25519); wipe it. */
MUST_CHECK int dkim_key_make(struct buf *pem, unsigned bits, struct err *err);
/* What DNS says of it: "v=DKIM1; k=rsa; p=..." */
MUST_CHECK int dkim_key_record(const struct dkim_key *k, struct buf *out);
/* The signature of a text in base64.  -1: it cannot be made, or out is full. */
MUST_CHECK int dkim_key_sign(
    const struct dkim_key *k, struct str text, struct buf *out);

/* The SHA-256 of what passes. */
struct dkim_key_hash;
struct dkim_key_hash *dkim_key_hash_new(void);
void dkim_key_hash_free(struct dkim_key_hash **h);
void dkim_key_hash_add(struct dkim_key_hash *h, const char *p, size_t n);
/* In base64; then it is used up.  -1: it cannot be made, or out is full. */
MUST_CHECK int dkim_key_hash_end(struct dkim_key_hash *h, struct buf *out);

#endif
