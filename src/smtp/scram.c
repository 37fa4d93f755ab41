/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/smtp/scram.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "postern/base/buf.h"
#include "postern/base/mem.h"
#include "postern/smtp/base64.h"

static struct str
bytes(const unsigned char *p, size_t n)
{
	return (struct str){ (const char *)p, n };
}

/* --- as text ---------------------------------------------------------------
 */

/* Base64 of min to max octets into out; how many, 0: it is none of that. */
static size_t
take_octets(unsigned char *out, struct str text, size_t min, size_t max)
{
	struct buf b;
	size_t n = 0;

	buf_init(&b, max);
	if (base64_take(&b, text) == 0 && b.len >= min) {
		n = b.len;
		memcpy(out, buf_at(&b), n);
	}
	buf_wipe(&b);
	return n;
}

static bool
take_key(unsigned char out[DIGEST_LEN], struct str text)
{
	return take_octets(out, text, DIGEST_LEN, DIGEST_LEN) == DIGEST_LEN;
}

static const char *
parse(struct scram_verifier *v, struct str rest)
{
	struct str salt;
	uint64_t n;

	if (!str_u64(str_cut(&rest, '$'), &n) || n < SCRAM_ITERATIONS_MIN ||
	    n > SCRAM_ITERATIONS_MAX)
		return "the iterations are no number from 4096 to 10000000";
	salt = str_cut(&rest, '$');
	v->iterations = (uint32_t)n;
	v->salt_len =
	    (uint8_t)take_octets(v->salt, salt, SCRAM_SALT_MIN, SCRAM_SALT_MAX);
	if (v->salt_len == 0)
		return "the salt is not base64 of 8 to 64 octets";
	if (!take_key(v->stored, str_cut(&rest, '$')))
		return "the stored key is not base64 of 32 octets";
	if (!take_key(v->server, rest))
		return "the server key is not base64 of 32 octets";
	return NULL;
}

int
scram_parse(struct scram_verifier *v, struct str text, struct err *err)
{
	struct str prefix = STR(SCRAM_PREFIX), rest = text;
	struct scram_verifier got = { 0 };
	const char *fault = "it does not begin with " SCRAM_PREFIX;

	if (str_starts_case(text, prefix)) {
		rest.p += prefix.len;
		rest.len -= prefix.len;
		fault = parse(&got, rest);
	}
	if (fault != NULL) {
		mem_wipe(&got, sizeof got);
		return err_set(err, ERR_FORMAT,
		    "this SCRAM verifier cannot be used: %s; let postern "
		    "passwd --scram make one",
		    fault);
	}
	*v = got;
	mem_wipe(&got, sizeof got);
	return 0;
}

static void
add(struct buf *b, const unsigned char *p, size_t n)
{
	int rc = buf_add(b, "$", 1);

	assert(rc == 0);
	rc = base64_add(b, bytes(p, n));
	assert(rc == 0);
}

void
scram_text(const struct scram_verifier *v, char out[SCRAM_TEXT_MAX])
{
	struct buf b;
	int rc;

	buf_init(&b, SCRAM_TEXT_MAX - 1);
	rc = buf_addf(&b, "%s%" PRIu32, SCRAM_PREFIX, v->iterations);
	assert(rc == 0);
	add(&b, v->salt, v->salt_len);
	add(&b, v->stored, DIGEST_LEN);
	add(&b, v->server, DIGEST_LEN);
	memcpy(out, buf_at(&b), b.len);
	out[b.len] = '\0';
	buf_wipe(&b);
}

/* --- RFC 5802 section 3 ------------------------------------------------------
 */

void
scram_make(struct scram_verifier *v, struct str password)
{
	unsigned char salted[DIGEST_LEN], client[DIGEST_LEN];

	digest_pbkdf2(
	    salted, password, bytes(v->salt, v->salt_len), v->iterations);
	digest_hmac(client, bytes(salted, DIGEST_LEN), STR("Client Key"));
	digest_sha256(v->stored, bytes(client, DIGEST_LEN));
	digest_hmac(v->server, bytes(salted, DIGEST_LEN), STR("Server Key"));
	mem_wipe(salted, sizeof salted);
	mem_wipe(client, sizeof client);
}

bool
scram_fits(const struct scram_verifier *v, struct str password)
{
	struct scram_verifier made = *v;
	bool same;

	scram_make(&made, password);
	same = digest_equal(made.stored, v->stored, DIGEST_LEN) &&
	       digest_equal(made.server, v->server, DIGEST_LEN);
	mem_wipe(&made, sizeof made);
	return same;
}

bool
scram_proves(const struct scram_verifier *v, struct str message,
    const unsigned char proof[DIGEST_LEN])
{
	unsigned char key[DIGEST_LEN], stored[DIGEST_LEN];
	bool same;

	digest_hmac(key, bytes(v->stored, DIGEST_LEN), message);
	for (size_t i = 0; i < DIGEST_LEN; i++)
		key[i] ^= proof[i];
	digest_sha256(stored, bytes(key, DIGEST_LEN));
	same = digest_equal(stored, v->stored, DIGEST_LEN);
	mem_wipe(key, sizeof key);
	mem_wipe(stored, sizeof stored);
	return same;
}

void
scram_sign(const struct scram_verifier *v, struct str message,
    unsigned char out[DIGEST_LEN])
{
	digest_hmac(out, bytes(v->server, DIGEST_LEN), message);
}
