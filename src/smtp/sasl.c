/* SPDX-License-Identifier: Apache-2.0 */
#include "smtp/sasl.h"

#include <assert.h>
#include <string.h>

#include "postern/base/mem.h"
#include "postern/smtp/base64.h"
#include "postern/smtp/digest.h"
#include "postern/smtp/smtp_client.h"

/* A command line with its CRLF (RFC 5321 4.5.3.1.4). */
enum { COMMAND_MAX = 512 };

#define NO_MORE "the server asks for more than the mechanism has to say"
#define NO_ROOM "the lines of AUTH are too long"

/* A response, by its turn: without what it is wrapped in. */
typedef const char *respond_fn(
    struct sasl *s, unsigned turn, struct str said, struct buf *out);

static respond_fn scram, cram_md5, plain, login, external, bearer;

/* clang-format off */
static const struct mechanism {
	const char *name, *word; /* on the wire, in the configuration */
	uint32_t offer;
	bool is_first;     /* the client speaks first: in the command */
	bool is_long;      /* and as long as it likes */
	bool reads;        /* what the server says, which is base64 */
	respond_fn *respond;
} mechanisms[] = {
[SASL_NONE] =          { "", "", 0, false, false, false, NULL },
[SASL_SCRAM_SHA_256] = { "SCRAM-SHA-256", "scram-sha-256", SMTP_CAP_AUTH_SCRAM_SHA_256, true, false, true, scram },
[SASL_SCRAM_SHA_1] =   { "SCRAM-SHA-1", "scram-sha-1", SMTP_CAP_AUTH_SCRAM_SHA_1, true, false, true, scram },
[SASL_CRAM_MD5] =      { "CRAM-MD5", "cram-md5", SMTP_CAP_AUTH_CRAM_MD5, false, false, true, cram_md5 },
[SASL_PLAIN] =         { "PLAIN", "plain", SMTP_CAP_AUTH_PLAIN, true, false, false, plain },
[SASL_LOGIN] =         { "LOGIN", "login", SMTP_CAP_AUTH_LOGIN, false, false, false, login },
[SASL_EXTERNAL] =      { "EXTERNAL", "external", SMTP_CAP_AUTH_EXTERNAL, true, false, false, external },
[SASL_XOAUTH2] =       { "XOAUTH2", "xoauth2", SMTP_CAP_AUTH_XOAUTH2, true, true, false, bearer },
[SASL_OAUTHBEARER] =   { "OAUTHBEARER", "oauthbearer", SMTP_CAP_AUTH_OAUTHBEARER, true, true, false, bearer },
};
/* clang-format on */

static enum sasl_mechanism
strongest(enum sasl_mechanism from, enum sasl_mechanism to, uint32_t offered)
{
	for (enum sasl_mechanism m = from; m <= to; m++) {
		if (offered & mechanisms[m].offer)
			return m;
	}
	return SASL_NONE;
}

enum sasl_mechanism
sasl_choose(const char *wanted, uint32_t offered)
{
	struct str w = str_of(wanted);

	if (w.len == 0 || str_is(w, "auto"))
		return strongest(SASL_SCRAM_SHA_256, SASL_LOGIN, offered);
	if (str_is(w, "bearer"))
		return strongest(SASL_XOAUTH2, SASL_OAUTHBEARER, offered);
	for (enum sasl_mechanism m = SASL_NONE + 1; m <= SASL_OAUTHBEARER;
	     m++) {
		if (str_is(w, mechanisms[m].word))
			return strongest(m, m, offered);
	}
	return SASL_NONE;
}

const char *
sasl_fault(struct str user, struct str password)
{
	if (user.len > SASL_CREDENTIAL_MAX)
		return "the user name is too long";
	if (password.len > SASL_CREDENTIAL_MAX)
		return "the password is too long";
	if (user.len > 0 && memchr(user.p, '\0', user.len) != NULL)
		return "the user name holds a NUL";
	if (password.len > 0 && memchr(password.p, '\0', password.len) != NULL)
		return "the password holds a NUL";
	return NULL;
}

void
sasl_init(struct sasl *s, const struct sasl_settings *set)
{
	bool is_scram = mechanisms[set->mechanism].respond == scram;

	assert(!is_scram || (set->nonce != NULL && set->nonce[0] != '\0'));
	*s = (struct sasl){ .set = *set };
	s->scram =
	    (struct sasl_scram){ .kind = set->mechanism == SASL_SCRAM_SHA_1
		                             ? DIGEST_SHA1
		                             : DIGEST_SHA256,
		    .nonce = set->nonce,
		    .user = set->user,
		    .password = set->password };
}

/* --- mechanisms -------------------------------------------------------------
 */

static const char *
scram(struct sasl *s, unsigned turn, struct str said, struct buf *out)
{
	return sasl_scram_next(&s->scram, turn, said, out);
}

/* NUL user NUL password (RFC 4616 section 2; no other identity). */
static const char *
plain(struct sasl *s, unsigned turn, struct str said, struct buf *out)
{
	(void)said;
	if (turn > 0)
		return NO_MORE;
	if (buf_add(out, "", 1) != 0 ||
	    buf_add(out, s->set.user.p, s->set.user.len) != 0 ||
	    buf_add(out, "", 1) != 0 ||
	    buf_add(out, s->set.password.p, s->set.password.len) != 0)
		return NO_ROOM;
	return NULL;
}

/* Two questions, whatever their text (draft-murchison-sasl-login). */
static const char *
login(struct sasl *s, unsigned turn, struct str said, struct buf *out)
{
	struct str word = turn == 0 ? s->set.user : s->set.password;

	(void)said;
	if (turn > 1)
		return NO_MORE;
	return buf_add(out, word.p, word.len) == 0 ? NULL : NO_ROOM;
}

/* user SP keyed digest in hex (RFC 2195 section 2). */
static const char *
cram_md5(struct sasl *s, unsigned turn, struct str said, struct buf *out)
{
	unsigned char mac[DIGEST_LEN];
	int rc;

	if (turn > 0)
		return NO_MORE;
	digest_mac(DIGEST_MD5, mac, s->set.password, said);
	rc = buf_add(out, s->set.user.p, s->set.user.len);
	if (rc == 0)
		rc = buf_add(out, " ", 1);
	for (size_t i = 0; rc == 0 && i < digest_len(DIGEST_MD5); i++)
		rc = buf_addf(out, "%02x", mac[i]);
	return rc == 0 ? NULL : NO_ROOM;
}

/* As whom; empty: as the certificate says. */
static const char *
external(struct sasl *s, unsigned turn, struct str said, struct buf *out)
{
	(void)said;
	if (turn > 0)
		return NO_MORE;
	return buf_add(out, s->set.user.p, s->set.user.len) == 0 ? NULL
	                                                         : NO_ROOM;
}

static bool
is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '_';
}

/* {"status":"401",...} or "invalid_token": a word, in quotes or not. */
static void
take_status(struct sasl *s, struct str said)
{
	char text[512];
	const char *at;
	struct buf b;
	size_t n = 0;

	buf_init(&b, sizeof text - 1);
	if (base64_take(&b, said) != 0)
		buf_clear(&b);
	memcpy(text, b.len > 0 ? buf_at(&b) : "", b.len);
	text[b.len] = '\0';
	buf_done(&b);
	at = strstr(text, "\"status\"");
	if (at == NULL)
		return;
	for (at += 8; *at != '\0' && strchr(" :\"", *at) != NULL; at++)
		;
	for (; is_word(*at) && n + 1 < sizeof s->status; at++)
		s->status[n++] = *at;
	s->status[n] = '\0';
}

/* The token; a 334 behind it tells what was wrong, and wants a last word before
 * the refusal: an empty line (Google), or ^A (RFC 7628 3.2.3). */
static const char *
bearer(struct sasl *s, unsigned turn, struct str said, struct buf *out)
{
	bool google = s->set.mechanism == SASL_XOAUTH2;
	struct str user = s->set.user, token = s->set.password;

	if (turn > 1)
		return NO_MORE;
	if (turn == 1) {
		take_status(s, said);
		return google || buf_adds(out, "\001") == 0 ? NULL : NO_ROOM;
	}
	if (buf_adds(out, google ? "user=" : "n,a=") != 0 ||
	    (google ? buf_add(out, user.p, user.len)
	            : sasl_scram_add_name(out, user)) != 0 ||
	    buf_adds(out, google ? "\001auth=Bearer " : ",\001auth=Bearer ") !=
	        0 ||
	    buf_add(out, token.p, token.len) != 0 ||
	    buf_adds(out, "\001\001") != 0)
		return NO_ROOM;
	return NULL;
}

/* --- lines ------------------------------------------------------------------
 */

static const struct mechanism *
row(const struct sasl *s)
{
	return &mechanisms[s->set.mechanism];
}

/* What the mechanism says next, raw. */
static int
respond(struct sasl *s, struct str said, struct buf *raw)
{
	const struct mechanism *m = row(s);

	buf_init(raw, SASL_LINE_MAX);
	s->fault = buf_room(raw, SASL_LINE_MAX) != NULL
	               ? m->respond(s, s->turn, said, raw)
	               : NO_ROOM;
	if (s->fault == NULL)
		return 0;
	buf_wipe(raw);
	return -1;
}

/* Appended in base64 with its CRLF; an empty one in a command is "=". */
static int
put(struct sasl *s, struct buf *raw, bool in_command, struct buf *out)
{
	int rc = in_command ? buf_adds(out, raw->len > 0 ? " " : " =") : 0;

	if (rc == 0)
		rc = base64_add(out, buf_str(raw));
	if (rc == 0)
		rc = buf_adds(out, "\r\n");
	buf_wipe(raw);
	s->fault = NO_ROOM;
	s->turn++;
	return rc;
}

static int
begin(struct sasl *s, struct buf *out)
{
	const struct mechanism *m = row(s);
	size_t n = strlen(m->name) + sizeof "AUTH  \r\n" - 1;
	struct buf raw;

	s->begun = true;
	s->fault = NO_ROOM;
	if (buf_addf(out, "AUTH %s", m->name) != 0)
		return -1;
	if (!m->is_first || s->two_steps)
		return buf_adds(out, "\r\n");
	if (respond(s, STR(""), &raw) != 0)
		return -1;
	if (m->is_long || n + base64_len(raw.len) <= COMMAND_MAX)
		return put(s, &raw, true, out);
	buf_wipe(&raw);
	s->two_steps = true;
	return buf_adds(out, "\r\n");
}

/* With two steps the first 334 asks for the initial response. */
static bool
is_asked_to_begin(const struct sasl *s)
{
	return row(s)->is_first && s->turn == 0;
}

static int
answer(struct sasl *s, struct str challenge, struct buf *out)
{
	struct buf said, raw;
	int rc = 0;

	buf_init(&said, SASL_LINE_MAX);
	if (row(s)->reads && !is_asked_to_begin(s)) {
		rc = base64_take(&said, challenge);
		challenge = buf_str(&said);
		s->fault = "the server's question is no base64";
	}
	if (rc == 0)
		rc = respond(s, challenge, &raw);
	if (rc == 0)
		rc = put(s, &raw, false, out);
	buf_done(&said);
	return rc;
}

bool
sasl_shorten(struct sasl *s)
{
	if (!row(s)->is_first || s->two_steps || s->turn != 1)
		return false;
	s->two_steps = true;
	s->begun = false;
	s->turn = 0;
	return true;
}

int
sasl_next(struct sasl *s, struct str challenge, struct buf *out)
{
	if (s->set.mechanism == SASL_NONE) {
		s->fault = NO_MORE;
		return -1;
	}
	return s->begun ? answer(s, challenge, out) : begin(s, out);
}

const char *
sasl_name(const struct sasl *s)
{
	return row(s)->name;
}

const char *
sasl_plainer(const struct sasl *s, uint32_t offered)
{
	enum sasl_mechanism m = strongest(SASL_PLAIN, SASL_LOGIN, offered);

	return s->set.mechanism < SASL_PLAIN && m != SASL_NONE
	           ? mechanisms[m].word
	           : NULL;
}

bool
sasl_is_done(const struct sasl *s)
{
	return row(s)->respond != scram || s->scram.is_proven;
}
