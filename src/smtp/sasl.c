/* SPDX-License-Identifier: Apache-2.0 */
#include "smtp/sasl.h"

#include <string.h>

#include "postern/base/mem.h"
#include "postern/smtp/smtp_client.h"
#include "smtp/base64.h"

/* A command line with its CRLF (RFC 5321 4.5.3.1.4). */
enum { COMMAND_MAX = 512 };

enum sasl_mechanism
sasl_choose(const char *wanted, uint32_t offered)
{
	struct str w = str_of(wanted);
	bool any = w.len == 0 || str_is(w, "auto");

	if ((any || str_is(w, "plain")) && (offered & SMTP_CAP_AUTH_PLAIN))
		return SASL_PLAIN;
	if ((any || str_is(w, "login")) && (offered & SMTP_CAP_AUTH_LOGIN))
		return SASL_LOGIN;
	any = str_is(w, "bearer");
	if ((any || str_is(w, "xoauth2")) && (offered & SMTP_CAP_AUTH_XOAUTH2))
		return SASL_XOAUTH2;
	if ((any || str_is(w, "oauthbearer")) &&
	    (offered & SMTP_CAP_AUTH_OAUTHBEARER))
		return SASL_OAUTHBEARER;
	return SASL_NONE;
}

const char *
sasl_fault(struct str user, struct str password)
{
	if (user.len > SASL_CREDENTIAL_MAX)
		return "the user name is too long";
	if (password.len > SASL_CREDENTIAL_MAX)
		return "the password is too long";
	if (memchr(user.p, '\0', user.len) != NULL)
		return "the user name holds a NUL";
	if (password.len > 0 && memchr(password.p, '\0', password.len) != NULL)
		return "the password holds a NUL";
	return NULL;
}

void
sasl_init(
    struct sasl *s, enum sasl_mechanism m, struct str user, struct str password)
{
	*s =
	    (struct sasl){ .mechanism = m, .user = user, .password = password };
}

/* NUL user NUL password (RFC 4616 section 2; no other identity). */
static int
add_plain(struct sasl *s, struct buf *out)
{
	char raw[2 + 2 * SASL_CREDENTIAL_MAX];
	size_t n = 0;
	int res;

	raw[n++] = '\0';
	memcpy(raw + n, s->user.p, s->user.len);
	n += s->user.len;
	raw[n++] = '\0';
	if (s->password.len > 0)
		memcpy(raw + n, s->password.p, s->password.len);
	n += s->password.len;
	res = base64_add(out, (struct str){ raw, n });
	mem_wipe(raw, n);
	return res;
}

/* The initial response where it fits a command line, else behind a 334. */
static int
next_plain(struct sasl *s, struct buf *out)
{
	size_t n = base64_len(2 + s->user.len + s->password.len);
	bool fits = n + sizeof "AUTH PLAIN \r\n" - 1 <= COMMAND_MAX;

	switch (s->step++) {
	case 0:
		if (buf_adds(out, fits ? "AUTH PLAIN " : "AUTH PLAIN") != 0 ||
		    (fits && add_plain(s, out) != 0))
			return -1;
		return buf_adds(out, "\r\n");
	case 1:
		if (fits || add_plain(s, out) != 0)
			return -1;
		return buf_adds(out, "\r\n");
	default:
		return -1;
	}
}

/* Two questions, whatever their text (draft-murchison-sasl-login). */
static int
next_login(struct sasl *s, struct buf *out)
{
	switch (s->step++) {
	case 0:
		return buf_adds(out, "AUTH LOGIN\r\n");
	case 1:
	case 2:
		if (base64_add(out, s->step == 2 ? s->user : s->password) != 0)
			return -1;
		return buf_adds(out, "\r\n");
	default:
		return -1;
	}
}

/* RFC 5801 4: "," and "=" in a name. */
static int
add_saslname(struct buf *out, struct str name)
{
	for (size_t i = 0; i < name.len; i++) {
		const char *p = name.p + i;
		bool odd = *p == ',' || *p == '=';

		if (odd ? buf_adds(out, *p == ',' ? "=2C" : "=3D") != 0
		        : buf_add(out, p, 1) != 0)
			return -1;
	}
	return 0;
}

static int
add_bearer(struct sasl *s, struct buf *out)
{
	bool google = s->mechanism == SASL_XOAUTH2;
	struct buf raw;
	int rc = -1;

	buf_init(&raw, SASL_LINE_MAX);
	if (buf_room(&raw, SASL_LINE_MAX) != NULL &&
	    buf_adds(&raw, google ? "user=" : "n,a=") == 0 &&
	    (google ? buf_add(&raw, s->user.p, s->user.len)
	            : add_saslname(&raw, s->user)) == 0 &&
	    buf_adds(&raw, google ? "\001auth=Bearer " : ",\001auth=Bearer ") ==
	        0 &&
	    buf_add(&raw, s->password.p, s->password.len) == 0 &&
	    buf_adds(&raw, "\001\001") == 0)
		rc = base64_add(out, buf_str(&raw));
	buf_wipe(&raw);
	return rc == 0 ? buf_adds(out, "\r\n") : -1;
}

/* The response, in the command or behind an empty 334; a 334 behind it tells
 * what was wrong, and wants a last word before the refusal: an empty line
 * (Google), or ^A (RFC 7628 3.2.3). */
static int
next_bearer(struct sasl *s, struct buf *out)
{
	bool google = s->mechanism == SASL_XOAUTH2;
	uint8_t step = s->step++;

	if (step == 0) {
		if (buf_adds(
		        out, google ? "AUTH XOAUTH2" : "AUTH OAUTHBEARER") != 0)
			return -1;
		if (s->two_steps)
			return buf_adds(out, "\r\n");
		return buf_adds(out, " ") == 0 ? add_bearer(s, out) : -1;
	}
	if (step == 1 && s->two_steps)
		return add_bearer(s, out);
	if (step > (s->two_steps ? 2 : 1))
		return -1;
	return buf_adds(out, google ? "\r\n" : "AQ==\r\n");
}

bool
sasl_shorten(struct sasl *s)
{
	bool bearer =
	    s->mechanism == SASL_XOAUTH2 || s->mechanism == SASL_OAUTHBEARER;

	if (!bearer || s->two_steps || s->step != 1)
		return false;
	s->two_steps = true;
	s->step = 0;
	return true;
}

int
sasl_next(struct sasl *s, struct buf *out)
{
	switch (s->mechanism) {
	case SASL_PLAIN:
		return next_plain(s, out);
	case SASL_LOGIN:
		return next_login(s, out);
	case SASL_XOAUTH2:
	case SASL_OAUTHBEARER:
		return next_bearer(s, out);
	case SASL_NONE:
		break;
	}
	return -1;
}
