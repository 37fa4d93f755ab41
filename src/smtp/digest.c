/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/smtp/digest.h"

#include <assert.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

static const EVP_MD *
hash_of(enum digest_kind kind)
{
	switch (kind) {
	case DIGEST_MD5:
		return EVP_md5();
	case DIGEST_SHA1:
		return EVP_sha1();
	case DIGEST_SHA256:
		break;
	}
	return EVP_sha256();
}

size_t
digest_len(enum digest_kind kind)
{
	return (size_t)EVP_MD_get_size(hash_of(kind));
}

/* Each of these can only fail for want of memory. */

void
digest_of(enum digest_kind kind, unsigned char out[DIGEST_LEN], struct str text)
{
	int rc = EVP_Digest(text.p, text.len, out, NULL, hash_of(kind), NULL);

	assert(rc == 1);
}

void
digest_mac(enum digest_kind kind, unsigned char out[DIGEST_LEN], struct str key,
    struct str text)
{
	/* Without a key HMAC() takes the one it had. */
	const unsigned char *mac = HMAC(hash_of(kind), key.len > 0 ? key.p : "",
	    (int)key.len, (const unsigned char *)text.p, text.len, out, NULL);

	assert(mac != NULL);
}

void
digest_stretch(enum digest_kind kind, unsigned char out[DIGEST_LEN],
    struct str password, struct str salt, uint32_t iterations)
{
	int rc = PKCS5_PBKDF2_HMAC(password.len > 0 ? password.p : "",
	    (int)password.len, (const unsigned char *)salt.p, (int)salt.len,
	    (int)iterations, hash_of(kind), (int)digest_len(kind), out);

	assert(rc == 1);
}

void
digest_sha256(unsigned char out[DIGEST_LEN], struct str text)
{
	digest_of(DIGEST_SHA256, out, text);
}

void
digest_hmac(unsigned char out[DIGEST_LEN], struct str key, struct str text)
{
	digest_mac(DIGEST_SHA256, out, key, text);
}

void
digest_pbkdf2(unsigned char out[DIGEST_LEN], struct str password,
    struct str salt, uint32_t iterations)
{
	digest_stretch(DIGEST_SHA256, out, password, salt, iterations);
}

bool
digest_equal(const void *a, const void *b, size_t n)
{
	return CRYPTO_memcmp(a, b, n) == 0;
}
