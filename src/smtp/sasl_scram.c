/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names and passwords are sent as they are: RFC 5802 asks for SASLprep, which
 * changes nothing in ASCII; elsewhere the operator writes the normal form.
 */
#include "smtp/sasl_scram.h"

#include <string.h>

#include "postern/base/mem.h"
#include "postern/smtp/base64.h"

#define NO_ROOM "the lines of SCRAM are too long"
#define WRONG "the server's line of SCRAM makes no sense"
#define HEADER "n,,"         /* no channel binding, no other identity */
#define HEADER_BASE64 "biws" /* the same */

enum { TEXT_MAX = 16384 };

static struct str
bytes(const unsigned char *p, size_t n)
{
	return (struct str){ (const char *)p, n };
}

static bool
attribute(struct str word, char letter, struct str *value)
{
	if (word.len < 2 || word.p[0] != letter || word.p[1] != '=')
		return false;
	*value = (struct str){ word.p + 2, word.len - 2 };
	return true;
}

int
sasl_scram_add_name(struct buf *out, struct str name)
{
	for (size_t i = 0; i < name.len; i++) {
		const char *p = name.p + i;
		int rc = *p == ','   ? buf_adds(out, "=2C")
		         : *p == '=' ? buf_adds(out, "=3D")
		                     : buf_add(out, p, 1);

		if (rc != 0)
			return -1;
	}
	return 0;
}

/* client-first-message-bare */
static int
add_bare(const struct sasl_scram *s, struct buf *out)
{
	if (buf_adds(out, "n=") != 0 || sasl_scram_add_name(out, s->user) != 0)
		return -1;
	return buf_addf(out, ",r=%s", s->nonce);
}

/* --- server-first-message ----------------------------------------------------
 */

struct first {
	struct str nonce;
	struct buf salt;
	uint64_t iterations;
};

static const char *
take_first(const struct sasl_scram *s, struct str said, struct first *f)
{
	struct str own = str_of(s->nonce), salt, n;

	if (!attribute(str_cut(&said, ','), 'r', &f->nonce) ||
	    !attribute(str_cut(&said, ','), 's', &salt) ||
	    !attribute(str_cut(&said, ','), 'i', &n) ||
	    base64_take(&f->salt, salt) != 0 || f->salt.len == 0 ||
	    !str_u64(n, &f->iterations))
		return WRONG;
	if (f->nonce.len <= own.len || memcmp(f->nonce.p, own.p, own.len) != 0)
		return "the server's line of SCRAM is no answer to ours";
	if (f->iterations < SASL_SCRAM_ITERATIONS_MIN)
		return "the server wants fewer than 4096 iterations of SCRAM, "
		       "which are easily guessed; another mechanism can be "
		       "written as auth";
	if (f->iterations > SASL_SCRAM_ITERATIONS_MAX)
		return "the server wants more than 200000 iterations of SCRAM; "
		       "another mechanism can be written as auth";
	return NULL;
}

/* --- client-final-message ----------------------------------------------------
 */

/* RFC 5802 section 3: the proof, and what the server has to show for it. */
static void
prove(struct sasl_scram *s, const struct first *f, struct str message,
    unsigned char proof[DIGEST_LEN])
{
	size_t n = digest_len(s->kind);
	unsigned char salted[DIGEST_LEN], key[DIGEST_LEN], stored[DIGEST_LEN];

	digest_stretch(s->kind, salted, s->password, buf_str(&f->salt),
	    (uint32_t)f->iterations);
	digest_mac(s->kind, key, bytes(salted, n), STR("Client Key"));
	digest_of(s->kind, stored, bytes(key, n));
	digest_mac(s->kind, proof, bytes(stored, n), message);
	for (size_t i = 0; i < n; i++)
		proof[i] ^= key[i];
	digest_mac(s->kind, key, bytes(salted, n), STR("Server Key"));
	digest_mac(s->kind, s->signature, bytes(key, n), message);
	mem_wipe(salted, sizeof salted);
	mem_wipe(key, sizeof key);
	mem_wipe(stored, sizeof stored);
}

static const char *
final(struct sasl_scram *s, const struct first *f, struct str said,
    struct buf *out)
{
	unsigned char proof[DIGEST_LEN];
	const char *fault = NO_ROOM;
	struct buf message;

	buf_init(&message, TEXT_MAX);
	if (buf_addf(out, "c=" HEADER_BASE64 ",r=%.*s", (int)f->nonce.len,
	        f->nonce.p) == 0 &&
	    add_bare(s, &message) == 0 && buf_add(&message, ",", 1) == 0 &&
	    buf_add(&message, said.p, said.len) == 0 &&
	    buf_add(&message, ",", 1) == 0 &&
	    buf_add(&message, buf_at(out), out->len) == 0) {
		prove(s, f, buf_str(&message), proof);
		if (buf_adds(out, ",p=") == 0 &&
		    base64_add(out, bytes(proof, digest_len(s->kind))) == 0)
			fault = NULL;
		mem_wipe(proof, sizeof proof);
	}
	buf_done(&message);
	return fault;
}

static const char *
answer(struct sasl_scram *s, struct str said, struct buf *out)
{
	struct first f;
	const char *fault;

	buf_init(&f.salt, SASL_SCRAM_SALT_MAX);
	fault = take_first(s, said, &f);
	if (fault == NULL)
		fault = final(s, &f, said, out);
	buf_done(&f.salt);
	return fault;
}

/* --- server-final-message ----------------------------------------------------
 */

static const char *
verify(struct sasl_scram *s, struct str said)
{
	size_t n = digest_len(s->kind);
	struct str text;
	struct buf b;

	if (attribute(said, 'e', &text))
		return NULL; /* its refusal says so, too */
	if (!attribute(str_cut(&said, ','), 'v', &text))
		return WRONG;
	buf_init(&b, DIGEST_LEN);
	s->is_proven = base64_take(&b, text) == 0 && b.len == n &&
	               digest_equal(buf_at(&b), s->signature, n);
	buf_done(&b);
	return s->is_proven ? NULL
	                    : "the server does not know the password itself: "
	                      "somebody else may have answered";
}

const char *
sasl_scram_next(
    struct sasl_scram *s, unsigned n, struct str said, struct buf *out)
{
	switch (n) {
	case 0:
		return buf_adds(out, HEADER) == 0 && add_bare(s, out) == 0
		           ? NULL
		           : NO_ROOM;
	case 1:
		return answer(s, said, out);
	case 2:
		return verify(s, said);
	default:
		return WRONG;
	}
}
