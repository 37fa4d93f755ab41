/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sink_auth.h"

#include <string.h>

#include <openssl/evp.h>

#define DECODED_MAX 1024

/* Base64, padded (RFC 4648 4); -1: it is none, or too long. */
static int
decode(struct str text, unsigned char out[DECODED_MAX])
{
	int n;

	if (text.len % 4 != 0 || text.len / 4 * 3 > DECODED_MAX)
		return -1;
	if (text.len == 0)
		return 0;
	n = EVP_DecodeBlock(out, (const unsigned char *)text.p, (int)text.len);
	for (size_t i = text.len; n > 0 && i > 0 && text.p[i - 1] == '='; i--)
		n--;
	return n;
}

static void
end(struct sink_auth *a, bool fits, struct smtp_reply *r)
{
	a->step = fits ? SINK_AUTH_DONE : SINK_AUTH_IDLE;
	if (fits)
		smtp_reply_set(r, 235, "2.7.0", "Authentication successful");
	else
		smtp_reply_set(r, 535, "5.7.8", "Wrong user or password");
}

static void
cancel(struct sink_auth *a, struct smtp_reply *r, const char *why)
{
	a->step = SINK_AUTH_IDLE;
	smtp_reply_set(r, 501, "5.5.2", "%s", why);
}

/* [authzid] NUL user NUL password (RFC 4616), of exactly that length. */
static void
plain(struct sink_auth *a, struct str text, struct smtp_reply *r)
{
	unsigned char d[DECODED_MAX];
	int n = decode(text, d);
	struct str rest, user;

	if (n < 0) {
		cancel(a, r, "Not base64");
		return;
	}
	rest = (struct str){ (const char *)d, (size_t)n };
	str_cut(&rest, '\0');
	user = str_cut(&rest, '\0');
	end(a, str_eq(user, a->user) && str_eq(rest, a->password), r);
}

static void
login_user(struct sink_auth *a, struct str text, struct smtp_reply *r)
{
	unsigned char d[DECODED_MAX];
	int n = decode(text, d);

	if (n < 0) {
		cancel(a, r, "Not base64");
		return;
	}
	a->user_fits =
	    str_eq((struct str){ (const char *)d, (size_t)n }, a->user);
	a->step = SINK_AUTH_LOGIN_PASSWORD;
	smtp_reply_set(r, 334, "", "UGFzc3dvcmQ6");
}

static void
login_password(struct sink_auth *a, struct str text, struct smtp_reply *r)
{
	unsigned char d[DECODED_MAX];
	int n = decode(text, d);

	if (n < 0)
		cancel(a, r, "Not base64");
	else
		end(a,
		    a->user_fits &&
		        str_eq((struct str){ (const char *)d, (size_t)n },
		            a->password),
		    r);
}

void
sink_auth_start(struct sink_auth *a, struct str argument, struct smtp_reply *r)
{
	struct str rest = argument, mechanism = str_cut(&rest, ' ');
	struct str initial = str_is(rest, "=") ? STR("") : rest;

	if (a->step == SINK_AUTH_DONE) {
		smtp_reply_set(r, 503, "5.5.1", "Already authenticated");
	} else if (str_is(mechanism, "PLAIN")) {
		a->step = SINK_AUTH_PLAIN;
		if (rest.len > 0)
			plain(a, initial, r);
		else
			smtp_reply_set(r, 334, "", " ");
	} else if (str_is(mechanism, "LOGIN")) {
		a->step = SINK_AUTH_LOGIN_USER;
		if (rest.len > 0)
			login_user(a, initial, r);
		else
			smtp_reply_set(r, 334, "", "VXNlcm5hbWU6");
	} else {
		smtp_reply_set(r, 504, "5.5.4", "PLAIN or LOGIN");
	}
}

void
sink_auth_line(struct sink_auth *a, struct str line, struct smtp_reply *r)
{
	if (str_is(line, "*"))
		cancel(a, r, "Cancelled");
	else if (a->step == SINK_AUTH_PLAIN)
		plain(a, line, r);
	else if (a->step == SINK_AUTH_LOGIN_USER)
		login_user(a, line, r);
	else
		login_password(a, line, r);
}
