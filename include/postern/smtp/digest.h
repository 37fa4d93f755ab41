/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp/digest - SHA-256, HMAC and PBKDF2 for logins: the one file that asks
 * OpenSSL's EVP for them.  Pure.
 */
#ifndef SMTP_DIGEST_H
#define SMTP_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/str.h"

enum { DIGEST_LEN = 32 };

void digest_sha256(unsigned char out[DIGEST_LEN], struct str text);
void digest_hmac(
    unsigned char out[DIGEST_LEN], struct str key, struct str text);
/* RFC 8018 5.2 with HMAC-SHA-256: Hi() of RFC 5802. */
void digest_pbkdf2(unsigned char out[DIGEST_LEN], struct str password,
    struct str salt, uint32_t iterations);
/* Takes as long for a difference in the first byte as in the last. */
bool digest_equal(const void *a, const void *b, size_t n);

#endif
