/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/relay/jwt.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/buf.h"
#include "postern/base/mem.h"
#include "postern/base/secret.h"

#define LIFE_S 3600
#define KEY_BITS_MIN 2048 /* RFC 7518 3.3 */

/* RFC 4648 section 5, without padding. */
static int
add_base64url(struct buf *out, const void *p, size_t n)
{
	static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	                            "abcdefghijklmnopqrstuvwxyz0123456789-_";
	const unsigned char *b = p;

	for (size_t i = 0; i < n; i += 3) {
		size_t left = n - i;
		uint32_t v = (uint32_t)b[i] << 16 |
		             (left > 1 ? (uint32_t)b[i + 1] << 8 : 0) |
		             (left > 2 ? (uint32_t)b[i + 2] : 0);
		char four[4] = { digit[v >> 18 & 63], digit[v >> 12 & 63],
			digit[v >> 6 & 63], digit[v & 63] };

		if (buf_add(out, four, left > 2 ? 4 : left + 1) != 0)
			return -1;
	}
	return 0;
}

static int
add_json(struct buf *out, json_t *o)
{
	char *text = json_dumps(o, JSON_COMPACT);
	int rc = text ? add_base64url(out, text, strlen(text)) : -1;

	free(text);
	json_decref(o);
	return rc;
}

static void
put(json_t *o, const char *key, const char *value)
{
	if (value)
		(void)json_object_set_new(o, key, json_string(value));
}

static json_t *
header(const struct jwt_claims *c)
{
	json_t *o = json_object();

	put(o, "alg", "RS256");
	put(o, "typ", "JWT");
	put(o, "kid", c->key_id);
	return o;
}

static json_t *
claims(const struct jwt_claims *c)
{
	json_t *o = json_object();

	put(o, "iss", c->issuer);
	put(o, "sub", c->subject);
	put(o, "aud", c->audience);
	put(o, "scope", c->scope);
	(void)json_object_set_new(o, "iat", json_integer(c->now_s));
	(void)json_object_set_new(o, "exp", json_integer(c->now_s + LIFE_S));
	return o;
}

static EVP_PKEY *
load(const struct secret *key)
{
	struct str pem = secret_str(key);
	BIO *in = BIO_new_mem_buf(pem.p, (int)pem.len);
	EVP_PKEY *k = in ? PEM_read_bio_PrivateKey(in, NULL, NULL, "") : NULL;

	BIO_free(in);
	return k;
}

static bool
is_good(const struct secret *key)
{
	EVP_PKEY *k = load(key);
	bool good = k && EVP_PKEY_get_base_id(k) == EVP_PKEY_RSA &&
	            EVP_PKEY_get_bits(k) >= KEY_BITS_MIN;

	EVP_PKEY_free(k);
	return good;
}

static void
copy(char *out, size_t max, const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	if (s && strlen(s) < max)
		memcpy(out, s, strlen(s) + 1);
}

int
jwt_read_key(struct jwt_key *k, struct str json, struct err *err)
{
	json_t *o = json_loadb(json.p, json.len, JSON_REJECT_DUPLICATES, NULL);
	json_t *pem = json_object_get(o, "private_key");
	struct jwt_key made = { .key = NULL };

	if (json_is_string(pem)) {
		made.key =
		    secret_new(json_string_value(pem), json_string_length(pem));
		mem_wipe((void *)(uintptr_t)json_string_value(pem),
		    json_string_length(pem)); /* jansson would not */
	}
	copy(made.id, sizeof made.id, o, "private_key_id");
	copy(made.email, sizeof made.email, o, "client_email");
	copy(made.token_url, sizeof made.token_url, o, "token_uri");
	json_decref(o);
	if (!made.key || !is_good(made.key)) {
		secret_free(&made.key);
		return err_set(err, ERR_CONFIG,
		    "has no private_key of RSA with %d bits; write the JSON "
		    "key file of a service account",
		    KEY_BITS_MIN);
	}
	*k = made;
	return 0;
}

static int
add_signature(struct buf *out, EVP_PKEY *k)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	struct str text = buf_str(out);
	unsigned char sig[2048]; /* a key of 16384 bits */
	size_t n = sizeof sig;
	int rc = -1;

	if (ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, k) == 1 &&
	    EVP_DigestSign(
	        ctx, sig, &n, (const unsigned char *)text.p, text.len) == 1 &&
	    buf_adds(out, ".") == 0)
		rc = add_base64url(out, sig, n);
	EVP_MD_CTX_free(ctx);
	return rc;
}

int
jwt_sign(struct buf *out, const struct jwt_claims *c, const struct secret *key,
    struct err *err)
{
	EVP_PKEY *k = load(key);
	struct buf jwt;
	int rc = -1;

	if (!k)
		return err_set(err, ERR_CONFIG, "the key is no RSA key in PEM");
	buf_init(&jwt, JWT_MAX);
	if (add_json(&jwt, header(c)) == 0 && buf_adds(&jwt, ".") == 0 &&
	    add_json(&jwt, claims(c)) == 0 && add_signature(&jwt, k) == 0)
		rc = buf_add(out, buf_at(&jwt), buf_str(&jwt).len);
	buf_wipe(&jwt);
	EVP_PKEY_free(k);
	return rc == 0 ? 0
	               : err_set(err, ERR_LIMIT, "the JWT cannot be signed");
}
