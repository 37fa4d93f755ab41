/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp/sasl_server_scram - SCRAM-SHA-256 (RFC 5802 section 5, RFC 7677): three
 * messages of the client, the last one empty, because SMTP has no place for
 * the server's signature in its 235 (RFC 4954 section 4).
 *
 * An unknown user gets the same answers up to the proof, which nobody can give.
 */
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "postern/base/mem.h"
#include "postern/smtp/base64.h"

#include "smtp/sasl_server_state.h"

/* Attributes stand between commas, not behind the last one. */
static bool
is_list(struct str message)
{
	return message.len > 0 && message.p[message.len - 1] != ',';
}

/* "X=value": the value; false: it is another attribute. */
static bool
attribute(struct str word, char letter, struct str *value)
{
	if (word.len < 2 || word.p[0] != letter || word.p[1] != '=')
		return false;
	*value = (struct str){ word.p + 2, word.len - 2 };
	return true;
}

/* Attributes that may follow and mean nothing to us: ALPHA "=" value. */
static bool
is_extension(struct str word)
{
	return word.len > 2 && word.p[1] == '=' && word.p[0] != 'm' &&
	       ((word.p[0] >= 'a' && word.p[0] <= 'z') ||
	           (word.p[0] >= 'A' && word.p[0] <= 'Z'));
}

/* saslname: "=2C" is a comma, "=3D" an equals sign, no other "=" is allowed. */
static bool
take_name(char out[SASL_SERVER_USER_MAX], size_t *n, struct str text)
{
	*n = 0;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.p[i];

		if (c == '=') {
			if (text.len - i < 3 ||
			    (memcmp(text.p + i, "=2C", 3) &&
			        memcmp(text.p + i, "=3D", 3)))
				return false;
			c = text.p[i + 1] == '2' ? ',' : '=';
			i += 2;
		}
		if (c == '\0' || *n == SASL_SERVER_USER_MAX)
			return false;
		out[(*n)++] = c;
	}
	return *n > 0;
}

static bool
is_nonce(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f)
			return false;
	}
	return s.len > 0 && s.len <= SASL_SERVER_NONCE_MAX;
}

/* --- client-first-message
 * -----------------------------------------------------
 */

/* Did it ask for channel binding, which is not offered here?  "y" says that it
 * could have and believes that we cannot: true. */
static enum sasl_server_state
take_binding(struct str flag)
{
	if (str_eq(flag, STR("n")) || str_eq(flag, STR("y")))
		return SASL_SERVER_MORE;
	return flag.len > 2 && memcmp(flag.p, "p=", 2) == 0
	           ? SASL_SERVER_WRONG
	           : SASL_SERVER_SYNTAX;
}

/* "n,," or "n,a=NAME,": what comes before client-first-message-bare. */
static enum sasl_server_state
take_header(struct str *rest, struct str *authzid)
{
	enum sasl_server_state state = take_binding(str_cut(rest, ','));
	struct str word = str_cut(rest, ',');

	*authzid = STR("");
	if (state != SASL_SERVER_MORE || word.len == 0)
		return state;
	return attribute(word, 'a', authzid) ? state : SASL_SERVER_SYNTAX;
}

static bool
take_bare(struct sasl_server *s, struct str rest)
{
	char name[SASL_SERVER_USER_MAX];
	struct str user, nonce;
	size_t n;

	if (!attribute(str_cut(&rest, ','), 'n', &user) ||
	    !attribute(str_cut(&rest, ','), 'r', &nonce) || !is_nonce(nonce) ||
	    !take_name(name, &n, user) ||
	    !sasl_server_set_user(s, (struct str){ name, n }))
		return false;
	while (rest.len > 0) {
		if (!is_extension(str_cut(&rest, ',')))
			return false;
	}
	memcpy(s->nonce, nonce.p, nonce.len);
	s->nnonce = nonce.len;
	return true;
}

static bool
is_own_name(const struct sasl_server *s, struct str authzid)
{
	char name[SASL_SERVER_USER_MAX];
	size_t n;

	return authzid.len == 0 ||
	       (take_name(name, &n, authzid) &&
	           str_eq((struct str){ name, n }, sasl_server_user(s)));
}

/* server-first-message: into AuthMessage and the challenge. */
static void
answer_first(struct sasl_server *s)
{
	const struct scram_verifier *v = &s->verifier;
	struct buf b, salt;
	size_t n = strlen(s->settings.nonce);
	int rc;

	assert(n > 0 && n <= 32);
	memcpy(s->nonce + s->nnonce, s->settings.nonce, n);
	s->nnonce += n;
	buf_init(&b, SASL_SERVER_CHALLENGE_MAX);
	buf_init(&salt, SCRAM_TEXT_MAX);
	rc = base64_add(
	    &salt, (struct str){ (const char *)v->salt, v->salt_len });
	assert(rc == 0);
	rc = buf_addf(&b, "r=%.*s,s=%.*s,i=%" PRIu32, (int)s->nnonce, s->nonce,
	    (int)salt.len, buf_at(&salt), v->iterations);
	assert(rc == 0);
	sasl_server_ask(s, buf_str(&b));
	rc = buf_addf(&s->message, ",%.*s,", (int)b.len, buf_at(&b));
	assert(rc == 0);
	buf_done(&salt);
	buf_done(&b);
}

static enum sasl_server_state
take_first(struct sasl_server *s, struct str message)
{
	struct str rest = message, authzid;
	enum sasl_server_state state = take_header(&rest, &authzid);

	if (!is_list(message))
		return SASL_SERVER_SYNTAX;
	if (state != SASL_SERVER_MORE)
		return state;
	s->ngs2 = message.len - rest.len;
	if (!take_bare(s, rest) ||
	    buf_add(&s->message, message.p, message.len) != 0)
		return SASL_SERVER_SYNTAX;
	if (!is_own_name(s, authzid))
		return SASL_SERVER_WRONG;
	s->is_known = s->settings.verifier(
	    s->settings.arg, sasl_server_user(s), &s->verifier);
	answer_first(s);
	return SASL_SERVER_MORE;
}

/* --- client-final-message ---------------------------------------------------
 */

/* "c=" has to be the gs2 header as it came: nobody has changed it on the way.
 */
static bool
is_same_header(const struct sasl_server *s, struct str text)
{
	struct buf b;
	bool same;

	buf_init(&b, s->ngs2);
	same = base64_take(&b, text) == 0 &&
	       str_eq(buf_str(&b),
	           (struct str){ buf_str(&s->message).p, s->ngs2 });
	buf_done(&b);
	return same;
}

static bool
take_proof(unsigned char out[DIGEST_LEN], struct str text)
{
	struct buf b;
	bool whole;

	buf_init(&b, DIGEST_LEN);
	whole = base64_take(&b, text) == 0 && b.len == DIGEST_LEN;
	if (whole)
		memcpy(out, buf_at(&b), DIGEST_LEN);
	buf_wipe(&b);
	return whole;
}

/* The proof stands last; *n: how much stands before its comma. */
static bool
find_proof(struct str rest, const char *begin, struct str *proof, size_t *n)
{
	while (rest.len > 0) {
		struct str word;

		*n = (size_t)(rest.p - begin) - 1;
		word = str_cut(&rest, ',');
		if (attribute(word, 'p', proof))
			return rest.len == 0;
		if (!is_extension(word))
			return false;
	}
	return false;
}

static enum sasl_server_state
answer_final(struct sasl_server *s)
{
	unsigned char signature[DIGEST_LEN];
	struct str m = buf_str(&s->message);
	struct buf b;
	int rc;

	m.p += s->ngs2;
	m.len -= s->ngs2;
	scram_sign(&s->verifier, m, signature);
	buf_init(&b, SASL_SERVER_CHALLENGE_MAX);
	rc = buf_adds(&b, "v=");
	assert(rc == 0);
	rc = base64_add(
	    &b, (struct str){ (const char *)signature, sizeof signature });
	assert(rc == 0);
	sasl_server_ask(s, buf_str(&b));
	buf_done(&b);
	return SASL_SERVER_MORE;
}

static enum sasl_server_state
take_final(struct sasl_server *s, struct str message)
{
	unsigned char proof[DIGEST_LEN];
	struct str rest = message, header, nonce, text, m;
	size_t n = 0;
	bool proves;

	if (!is_list(message) ||
	    !attribute(str_cut(&rest, ','), 'c', &header) ||
	    !attribute(str_cut(&rest, ','), 'r', &nonce) ||
	    !find_proof(rest, message.p, &text, &n) ||
	    !take_proof(proof, text) || buf_add(&s->message, message.p, n) != 0)
		return SASL_SERVER_SYNTAX;
	if (!is_same_header(s, header) ||
	    !str_eq(nonce, (struct str){ s->nonce, s->nnonce }))
		return SASL_SERVER_WRONG;
	m = buf_str(&s->message);
	m.p += s->ngs2;
	m.len -= s->ngs2;
	proves = scram_proves(&s->verifier, m, proof);
	mem_wipe(proof, sizeof proof);
	return proves && s->is_known ? answer_final(s) : SASL_SERVER_WRONG;
}

enum sasl_server_state
sasl_server_scram_take(struct sasl_server *s, struct str message)
{
	switch (s->step) {
	case 0:
		return take_first(s, message);
	case 1:
		return take_final(s, message);
	default: /* it has seen our signature */
		return message.len == 0 ? SASL_SERVER_PROVEN
		                        : SASL_SERVER_SYNTAX;
	}
}
