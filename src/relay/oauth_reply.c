/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/relay/oauth_reply.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "postern/base/mem.h"

#include "relay/member.h"

#define LIFETIME_S 300 /* where the reply does not say (relay.md 4) */
#define LIFETIME_MAX_S (365u * 86400)
#define WORD_MAX 40  /* longer ones in an error may be a token */
#define INTERVAL_S 5 /* RFC 8628 3.5 */
#define DEVICE_S 900

/* --- values -----------------------------------------------------------------
 */

/* A number, or a text that is one (Microsoft has said both). */
static uint64_t
seconds_of(const json_t *o, const char *key, uint64_t def)
{
	const json_t *v = json_object_get(o, key);
	double real = json_is_number(v) ? json_number_value(v) : -1;
	uint64_t n;

	if (real >= 0)
		return real < LIFETIME_MAX_S ? (uint64_t)real : LIFETIME_MAX_S;
	if (!str_u64(member_text(o, key), &n))
		return def;
	return n < LIFETIME_MAX_S ? n : LIFETIME_MAX_S;
}

/* Only what a line of AUTH and a form may hold (RFC 6750 2.1, RFC 6749 A.12:
 * visible ASCII). */
static bool
is_token(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] <= ' ' || s.p[i] > '~')
			return false;
	}
	return s.len > 0 && s.len <= OAUTH_REPLY_TOKEN_MAX;
}

/* jansson frees without wiping. */
static void
wipe(const json_t *o, const char *key)
{
	json_t *v = json_object_get(o, key);

	if (json_is_string(v))
		mem_wipe((void *)(uintptr_t)json_string_value(v),
		    json_string_length(v));
}

static json_t *
load(struct str body)
{
	json_t *o = json_loadb(
	    body.len > 0 ? body.p : "", body.len, JSON_REJECT_DUPLICATES, NULL);

	if (json_is_object(o))
		return o;
	json_decref(o);
	return NULL;
}

static void
unload(json_t *o)
{
	static const char *const secrets[] = { "access_token", "refresh_token",
		"id_token", "device_code" };

	for (size_t i = 0; o && i < sizeof secrets / sizeof secrets[0]; i++)
		wipe(o, secrets[i]);
	json_decref(o);
}

/* --- errors -----------------------------------------------------------------
 */

/* Appends printable words; one that could be a token becomes "...". */
static size_t
put_words(char *out, size_t max, struct str s)
{
	size_t n = 0;

	while (s.len > 0 && n + 2 < max) {
		struct str word = str_cut(&s, ' ');

		if (word.len == 0)
			continue;
		if (n > 0)
			out[n++] = ' ';
		if (word.len > WORD_MAX)
			word = STR("...");
		n += str_escape(out + n, max - n, word);
	}
	return n;
}

static void
describe(struct oauth_reply *r, long status, const json_t *o)
{
	char word[64] = "", more[184] = "";

	(void)put_words(more, sizeof more, member_text(o, "error_description"));
	if (member_text(o, "error").len <= WORD_MAX)
		(void)str_escape(word, sizeof word, member_text(o, "error"));
	if (word[0] != '\0')
		(void)snprintf(r->why, sizeof r->why, "%s%s%s", word,
		    more[0] != '\0' ? ": " : "", more);
	else
		(void)snprintf(r->why, sizeof r->why,
		    "the token endpoint answered %ld without a reason", status);
}

static const struct {
	const char *error;
	enum oauth_reply_kind kind;
} errors[] = {
	{ "invalid_grant", OAUTH_REPLY_DENIED },
	{ "invalid_client", OAUTH_REPLY_DENIED },
	{ "unauthorized_client", OAUTH_REPLY_DENIED },
	{ "unsupported_grant_type", OAUTH_REPLY_DENIED },
	{ "invalid_scope", OAUTH_REPLY_DENIED },
	{ "invalid_request", OAUTH_REPLY_DENIED },
	{ "invalid_resource", OAUTH_REPLY_DENIED },
	{ "access_denied", OAUTH_REPLY_DENIED },
	{ "authorization_declined", OAUTH_REPLY_DENIED },
	{ "interaction_required", OAUTH_REPLY_DENIED },
	{ "consent_required", OAUTH_REPLY_DENIED },
	{ "expired_token", OAUTH_REPLY_DENIED },
	{ "bad_verification_code", OAUTH_REPLY_DENIED },
	{ "authorization_pending", OAUTH_REPLY_PENDING },
	{ "slow_down", OAUTH_REPLY_SLOW_DOWN },
};

static enum oauth_reply_kind
kind_of(long status, const json_t *o)
{
	struct str error = member_text(o, "error");

	if (status == 429 || status >= 500)
		return OAUTH_REPLY_LATER;
	for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
		if (str_is(error, errors[i].error))
			return errors[i].kind;
	}
	return OAUTH_REPLY_LATER;
}

/* --- replies ----------------------------------------------------------------
 */

static bool
take_token(struct oauth_reply *r, const json_t *o)
{
	struct str type = member_text(o, "token_type");
	struct str access = member_text(o, "access_token");
	struct str refresh = member_text(o, "refresh_token");

	if (!is_token(access) || (type.len > 0 && !str_is(type, "bearer")) ||
	    (refresh.len > 0 && !is_token(refresh)))
		return false;
	r->kind = OAUTH_REPLY_TOKEN;
	r->access = secret_new(access.p, access.len);
	if (refresh.len > 0)
		r->refresh = secret_new(refresh.p, refresh.len);
	r->lifetime_ms = seconds_of(o, "expires_in", LIFETIME_S) * 1000;
	return true;
}

void
oauth_reply_read(
    struct oauth_reply *r, long status, struct str body, uint64_t retry_after_s)
{
	json_t *o = load(body);

	*r = (struct oauth_reply){ .kind = OAUTH_REPLY_LATER,
		.wait_ms = retry_after_s * 1000 };
	if (o && member_text(o, "error").len > 0) {
		r->kind = kind_of(status, o);
		describe(r, status, o);
	} else if (status == 200 && o && take_token(r, o)) {
		r->wait_ms = 0;
	} else {
		(void)snprintf(r->why, sizeof r->why,
		    "the token endpoint answered %ld %s", status,
		    status == 200 ? "and no token" : "without a reason");
	}
	unload(o);
}

void
oauth_reply_done(struct oauth_reply *r)
{
	secret_free(&r->access);
	secret_free(&r->refresh);
}

/* What goes to a terminal. */
static bool
copy_text(char *out, size_t max, struct str s)
{
	if (!is_token(s) || s.len >= max)
		return false;
	memcpy(out, s.p, s.len);
	out[s.len] = '\0';
	return true;
}

bool
oauth_reply_device(
    struct oauth_device *d, long status, struct str body, char why[256])
{
	json_t *o = load(body);
	struct str code = member_text(o, "device_code");
	struct str url = member_text(o, "verification_uri");
	struct oauth_reply r = { 0 };
	bool good;

	*d = (struct oauth_device){ 0 };
	if (url.len == 0)
		url = member_text(o, "verification_url"); /* Google's word */
	good = status == 200 && is_token(code) &&
	       copy_text(d->user_code, sizeof d->user_code,
	           member_text(o, "user_code")) &&
	       copy_text(d->url, sizeof d->url, url);
	if (good) {
		d->code = secret_new(code.p, code.len);
		d->interval_ms = seconds_of(o, "interval", INTERVAL_S) * 1000;
		d->lifetime_ms = seconds_of(o, "expires_in", DEVICE_S) * 1000;
	} else {
		describe(&r, status, o);
		(void)snprintf(why, 256, "%s", r.why);
	}
	unload(o);
	return good;
}

void
oauth_reply_device_done(struct oauth_device *d)
{
	secret_free(&d->code);
}
