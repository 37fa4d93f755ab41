/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp/digest - SHA-256, HMAC and PBKDF2 for logins, and the older hashes that
 * mechanisms are made of: the one file that asks OpenSSL's EVP for them.  Pure.
 */
#ifndef SMTP_DIGEST_H
#define SMTP_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/str.h"

enum { DIGEST_LEN = 32 }; /* of SHA-256; no other is longer */

enum digest_kind { DIGEST_MD5, DIGEST_SHA1, DIGEST_SHA256 };

size_t digest_len(enum digest_kind kind);
void digest_of(
    enum digest_kind kind, unsigned char out[DIGEST_LEN], struct str text);
/* HMAC. */
void digest_mac(enum digest_kind kind, unsigned char out[DIGEST_LEN],
    struct str key, struct str text);
/* RFC 8018 5.2 with HMAC: Hi() of RFC 5802. */
void digest_stretch(enum digest_kind kind, unsigned char out[DIGEST_LEN],
    struct str password, struct str salt, uint32_t iterations);

/* The same with SHA-256. */

void digest_sha256(unsigned char out[DIGEST_LEN], struct str text);
void digest_hmac(
    unsigned char out[DIGEST_LEN], struct str key, struct str text);
void digest_pbkdf2(unsigned char out[DIGEST_LEN], struct str password,
    struct str salt, uint32_t iterations);
/* Takes as long for a difference in the first byte as in the last. */
bool digest_equal(const void *a, const void *b, size_t n);

#endif
