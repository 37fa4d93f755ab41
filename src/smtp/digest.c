/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/smtp/digest.h"

#include <assert.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

/* Each of these can only fail for want of memory. */

void
digest_sha256(unsigned char out[DIGEST_LEN], struct str text)
{
	int rc = EVP_Digest(text.p, text.len, out, NULL, EVP_sha256(), NULL);

	assert(rc == 1);
}

void
digest_hmac(unsigned char out[DIGEST_LEN], struct str key, struct str text)
{
	const unsigned char *mac = HMAC(EVP_sha256(), key.p, (int)key.len,
	    (const unsigned char *)text.p, text.len, out, NULL);

	assert(mac != NULL);
}

void
digest_pbkdf2(unsigned char out[DIGEST_LEN], struct str password,
    struct str salt, uint32_t iterations)
{
	int rc = PKCS5_PBKDF2_HMAC(password.p, (int)password.len,
	    (const unsigned char *)salt.p, (int)salt.len, (int)iterations,
	    EVP_sha256(), DIGEST_LEN, out);

	assert(rc == 1);
}

bool
digest_equal(const void *a, const void *b, size_t n)
{
	return CRYPTO_memcmp(a, b, n) == 0;
}
