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

int
sasl_next(struct sasl *s, struct buf *out)
{
	switch (s->mechanism) {
	case SASL_PLAIN:
		return next_plain(s, out);
	case SASL_LOGIN:
		return next_login(s, out);
	case SASL_NONE:
		break;
	}
	return -1;
}
