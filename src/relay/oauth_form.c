/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/relay/oauth_form.h"

#include "postern/base/buf.h"
#include "postern/base/secret.h"
#include "postern/base/str.h"
#include "postern/relay/oauth.h"

#include "postern/relay/jwt.h"

#define GRANT_JWT "urn:ietf:params:oauth:grant-type:jwt-bearer"
#define GRANT_DEVICE "urn:ietf:params:oauth:grant-type:device_code"

/* application/x-www-form-urlencoded; what needs no escape stays. */
static int
add_value(struct buf *out, struct str v)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < v.len; i++) {
		unsigned char c = (unsigned char)v.p[i];
		char three[3] = { '%', hex[c >> 4], hex[c & 15] };
		bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
		             (c >= 'a' && c <= 'z') || c == '-' || c == '.' ||
		             c == '_' || c == '~';

		if (buf_add(out, plain ? (const char *)&c : three,
		        plain ? 1 : 3) != 0)
			return -1;
	}
	return 0;
}

/* Nothing where there is no value. */
static int
add(struct buf *out, const char *key, struct str v)
{
	if (v.len == 0)
		return 0;
	if (buf_str(out).len > 0 && buf_adds(out, "&") != 0)
		return -1;
	return buf_adds(out, key) == 0 && buf_adds(out, "=") == 0
	           ? add_value(out, v)
	           : -1;
}

static int
add_client(struct buf *out, const struct oauth_settings *s)
{
	return add(out, "client_id", str_of(s->client_id)) == 0 &&
	               add(out, "client_secret",
	                   secret_str(s->client_secret)) == 0
	           ? 0
	           : -1;
}

static int
add_assertion(struct buf *out, const struct oauth_settings *s,
    const struct oauth_form_facts *f, struct err *err)
{
	struct jwt_claims c = { .issuer = s->issuer,
		.subject = f->user,
		.audience = s->token_url,
		.scope = s->scope,
		.key_id = s->key_id,
		.now_s = f->now_s };
	struct buf jwt;
	int rc;

	buf_init(&jwt, JWT_MAX);
	rc = jwt_sign(&jwt, &c, s->key, err);
	if (rc == 0 && (add(out, "grant_type", STR(GRANT_JWT)) != 0 ||
	                   add(out, "assertion", buf_str(&jwt)) != 0))
		rc = err_set(err, ERR_LIMIT, "the assertion is too long");
	buf_wipe(&jwt);
	return rc;
}

int
oauth_form_token(struct buf *out, const struct oauth_settings *s,
    const struct oauth_form_facts *f, struct err *err)
{
	bool renews = s->grant == OAUTH_REFRESH_TOKEN;

	if (s->grant == OAUTH_JWT_BEARER)
		return add_assertion(out, s, f, err);
	if (renews && !f->refresh)
		return err_set(err, ERR_CONFIG, "there is no refresh token");
	if (add(out, "grant_type",
	        renews ? STR("refresh_token") : STR("client_credentials")) !=
	        0 ||
	    add_client(out, s) != 0 ||
	    add(out, "refresh_token", secret_str(renews ? f->refresh : NULL)) !=
	        0 ||
	    add(out, "scope", str_of(s->scope)) != 0)
		return err_set(err, ERR_LIMIT, "the request is too long");
	return 0;
}

int
oauth_form_device(struct buf *out, const struct oauth_settings *s)
{
	return add(out, "client_id", str_of(s->client_id)) == 0
	           ? add(out, "scope", str_of(s->scope))
	           : -1;
}

int
oauth_form_poll(
    struct buf *out, const struct oauth_settings *s, const struct secret *code)
{
	return add(out, "grant_type", STR(GRANT_DEVICE)) == 0 &&
	               add_client(out, s) == 0
	           ? add(out, "device_code", secret_str(code))
	           : -1;
}
