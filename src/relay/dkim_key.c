/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/relay/dkim_key.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdlib.h>

#include "postern/base/mem.h"

#define SIGNATURE_MAX 1024 /* octets; of RSA with 8192 bits */
#define ED25519_OCTETS 32

_Static_assert(DKIM_KEY_BITS_MAX / 8 <= SIGNATURE_MAX, "no room");

struct dkim_key {
	EVP_PKEY *key; /* owned */
};

static bool
is_rsa(const struct dkim_key *k)
{
	return EVP_PKEY_get_base_id(k->key) == EVP_PKEY_RSA;
}

unsigned
dkim_key_bits(const struct dkim_key *k)
{
	return is_rsa(k) ? (unsigned)EVP_PKEY_get_bits(k->key) : 0;
}

const char *
dkim_key_algorithm(const struct dkim_key *k)
{
	return is_rsa(k) ? "rsa-sha256" : "ed25519-sha256";
}

static int
check(const struct dkim_key *k, struct err *err)
{
	unsigned bits;

	if (EVP_PKEY_get_base_id(k->key) == EVP_PKEY_ED25519)
		return 0;
	if (!is_rsa(k))
		return err_set(err, ERR_CONFIG,
		    "is neither an RSA nor an Ed25519 key; run: postern dkim "
		    "genkey");
	bits = dkim_key_bits(k);
	if (bits < DKIM_KEY_BITS_MIN)
		return err_set(err, ERR_CONFIG,
		    "has %u bits, which nobody accepts; take one of %d (run: "
		    "postern dkim genkey)",
		    bits, DKIM_KEY_BITS_ADVISED);
	if (bits > DKIM_KEY_BITS_MAX)
		return err_set(err, ERR_CONFIG,
		    "has %u bits, more than receivers look at; take one of %d "
		    "(run: postern dkim genkey)",
		    bits, DKIM_KEY_BITS_ADVISED);
	return 0;
}

int
dkim_key_read(struct dkim_key **k, struct str pem, struct err *err)
{
	BIO *in = BIO_new_mem_buf(pem.p, (int)pem.len);
	struct dkim_key *made = mem_new(sizeof *made);
	int rc;

	made->key = in ? PEM_read_bio_PrivateKey(in, NULL, NULL, "") : NULL;
	BIO_free(in);
	if (made->key)
		rc = check(made, err);
	else
		rc = err_set(err, ERR_CONFIG,
		    "is no private key in PEM without a passphrase; run: "
		    "postern dkim genkey");
	if (rc == 0)
		*k = made;
	else
		dkim_key_free(&made);
	return rc;
}

void
dkim_key_free(struct dkim_key **kp)
{
	struct dkim_key *k = *kp;

	*kp = NULL;
	if (!k)
		return;
	EVP_PKEY_free(k->key);
	free(k);
}

int
dkim_key_make(struct buf *pem, unsigned bits, struct err *err)
{
	EVP_PKEY *key = bits > 0
	                    ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits)
	                    : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	BIO *out = BIO_new(BIO_s_secmem());
	char *p = NULL;
	long n = 0;
	int rc = -1;

	if (key && out &&
	    PEM_write_bio_PKCS8PrivateKey(
	        out, key, NULL, NULL, 0, NULL, NULL) == 1)
		n = BIO_get_mem_data(out, &p);
	if (n > 0)
		rc = buf_add(pem, p, (size_t)n);
	BIO_free(out); /* wipes */
	EVP_PKEY_free(key);
	return rc == 0 ? 0 : err_set(err, ERR_SYSTEM, "a key cannot be made");
}

/* --- base64 ----------------------------------------------------------------
 */

static int
add_base64(struct buf *out, const unsigned char *p, size_t n)
{
	size_t len = (n + 2) / 3 * 4;
	char *room = buf_room(out, len + 1); /* a NUL behind it */

	if (room == NULL)
		return -1;
	(void)EVP_EncodeBlock((unsigned char *)room, p, (int)n);
	buf_wrote(out, len);
	return 0;
}

/* --- what DNS has ----------------------------------------------------------
 */

/* RSA: SubjectPublicKeyInfo; Ed25519: its 32 octets (RFC 8463 4.2). */
static int
add_public(const struct dkim_key *k, struct buf *out)
{
	unsigned char raw[ED25519_OCTETS], *der = NULL;
	size_t n = sizeof raw;
	int len, rc;

	if (!is_rsa(k))
		return EVP_PKEY_get_raw_public_key(k->key, raw, &n) == 1
		           ? add_base64(out, raw, n)
		           : -1;
	len = i2d_PUBKEY(k->key, &der);
	rc = len > 0 ? add_base64(out, der, (size_t)len) : -1;
	OPENSSL_free(der);
	return rc;
}

int
dkim_key_record(const struct dkim_key *k, struct buf *out)
{
	if (buf_addf(out, "v=DKIM1; k=%s; p=", is_rsa(k) ? "rsa" : "ed25519"))
		return -1;
	return add_public(k, out);
}

/* --- signing ---------------------------------------------------------------
 */

/* Ed25519 signs the text's SHA-256, as if that were the text (RFC 8463 3). */
static int
make(const struct dkim_key *k, struct str text, unsigned char *sig, size_t *n)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const unsigned char *p = (const unsigned char *)text.p;
	const EVP_MD *md = is_rsa(k) ? EVP_sha256() : NULL;
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	int ok = ctx != NULL;

	if (ok && !md) {
		ok = EVP_Digest(
		    text.p, text.len, hash, &len, EVP_sha256(), NULL);
		p = hash;
		text.len = len;
	}
	ok = ok && EVP_DigestSignInit(ctx, NULL, md, NULL, k->key) == 1 &&
	     EVP_DigestSign(ctx, sig, n, p, text.len) == 1;
	EVP_MD_CTX_free(ctx);
	return ok ? 0 : -1;
}

int
dkim_key_sign(const struct dkim_key *k, struct str text, struct buf *out)
{
	unsigned char sig[SIGNATURE_MAX];
	size_t n = sizeof sig;

	return make(k, text, sig, &n) == 0 ? add_base64(out, sig, n) : -1;
}

/* --- the body's hash -------------------------------------------------------
 */

struct dkim_key_hash {
	EVP_MD_CTX *ctx; /* owned */
	bool ok;
};

struct dkim_key_hash *
dkim_key_hash_new(void)
{
	struct dkim_key_hash *h = mem_new(sizeof *h);

	h->ctx = EVP_MD_CTX_new();
	h->ok = h->ctx && EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL) == 1;
	return h;
}

void
dkim_key_hash_free(struct dkim_key_hash **hp)
{
	struct dkim_key_hash *h = *hp;

	*hp = NULL;
	if (!h)
		return;
	EVP_MD_CTX_free(h->ctx);
	free(h);
}

void
dkim_key_hash_add(struct dkim_key_hash *h, const char *p, size_t n)
{
	h->ok = h->ok && EVP_DigestUpdate(h->ctx, p, n) == 1;
}

int
dkim_key_hash_end(struct dkim_key_hash *h, struct buf *out)
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	h->ok = h->ok && EVP_DigestFinal_ex(h->ctx, hash, &n) == 1;
	return h->ok ? add_base64(out, hash, n) : -1;
}
