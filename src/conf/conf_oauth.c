/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/conf_oauth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "postern/base/mem.h"
#include "postern/base/secret.h"
#include "postern/base/secret_source.h"
#include "postern/io/http_client.h"
#include "postern/relay/jwt.h"
#include "postern/relay/token_store.h"

#include "conf/conf_secret.h"

#define KEY_FILE_MAX 16384 /* bytes; Google's has 2,400 */
#define URL_MAX 512

static void
mistake(struct conf_read *r, const struct conf_entry *e, const char *path,
    const char *text)
{
	conf_note_mistake(
	    &r->notes, conf_read_place(e, path), path, "%s", text);
}

void
conf_oauth_done(struct oauth_settings *s)
{
	secret_free(&s->client_secret);
	secret_free(&s->seed);
	secret_free(&s->key);
}

/* --- secrets ----------------------------------------------------------------
 */

static const char *
keep(struct conf_read *r, const char *text, const char *own)
{
	if (own != NULL || text[0] == '\0')
		return own;
	return conf_arena_str(r->arena, text);
}

static void
read_key(
    struct conf_read *r, const struct conf_entry *e, struct conf_provider *c)
{
	struct oauth_settings *s = &c->p.oauth;
	char *text = mem_new(KEY_FILE_MAX);
	struct jwt_key k;
	struct err err;
	int rc = secret_source_bytes(c->key_file, text, KEY_FILE_MAX,
	    "the JSON key file of a service account", &err);

	if (rc >= 0) {
		rc = jwt_read_key(&k, (struct str){ text, (size_t)rc }, &err);
		if (rc != 0)
			(void)err_wrap(&err, "%s", c->key_file);
	}
	mem_wipe(text, KEY_FILE_MAX);
	free(text);
	if (rc != 0) {
		mistake(r, e, "providers.oauth.key_file", err.text);
		return;
	}
	s->key = k.key;
	s->key_id = keep(r, k.id, NULL);
	s->issuer = keep(r, k.email, s->issuer);
	s->token_url = keep(r, k.token_url, s->token_url);
}

static void
read_secrets(
    struct conf_read *r, const struct conf_entry *e, struct conf_provider *c)
{
	const struct conf_secret_key keys[] = {
		{ "providers.oauth.client_secret_file", SECRET_SOURCE_FILE,
		    &c->client_secret_file },
		{ "providers.oauth.client_secret_env", SECRET_SOURCE_ENV,
		    &c->client_secret_env },
		{ "providers.oauth.client_secret_credential",
		    SECRET_SOURCE_CREDENTIAL, &c->client_secret_credential },
	};
	const struct conf_secret secret = { keys,
		sizeof keys / sizeof keys[0] };
	struct oauth_settings *s = &c->p.oauth;
	struct secret_source source = { .kind = SECRET_SOURCE_NONE };
	struct err err;

	conf_secret_read(r, e, &secret, &s->client_secret, &source);
	c->has_client_secret = source.kind != SECRET_SOURCE_NONE;
	if (c->refresh_token_file != NULL &&
	    secret_source_read(&s->seed,
	        &SECRET_SOURCE(FILE, c->refresh_token_file), &err) != 0)
		mistake(r, e, "providers.oauth.refresh_token_file", err.text);
	if (c->key_file != NULL)
		read_key(r, e, c);
}

/* --- what follows -----------------------------------------------------------
 */

static enum oauth_grant
grant_of(const struct conf_provider *c)
{
	if (c->p.oauth.grant != OAUTH_AUTO)
		return c->p.oauth.grant;
	if (c->key_file != NULL)
		return OAUTH_JWT_BEARER;
	if (c->refresh_token_file == NULL && c->has_client_secret)
		return OAUTH_CLIENT_CREDENTIALS;
	return OAUTH_REFRESH_TOKEN;
}

/* %{tenant} becomes the tenant. */
static void
expand(struct conf_read *r, const struct conf_entry *e, const char *path,
    const char **url, const char *tenant)
{
	static const char mark[] = "%{tenant}";
	const char *at = *url != NULL ? strstr(*url, mark) : NULL;
	char text[URL_MAX];

	if (at == NULL)
		return;
	if (tenant == NULL) {
		mistake(r, e, "providers.oauth.tenant",
		    "is missing; write tenant = \"...\"; with the directory's "
		    "id or domain");
		return;
	}
	if (snprintf(text, sizeof text, "%.*s%s%s", (int)(at - *url), *url,
	        tenant, at + sizeof mark - 1) >= (int)sizeof text)
		mistake(r, e, path, "is too long with the tenant in it");
	else
		*url = conf_arena_str(r->arena, text);
}

static void
check_url(struct conf_read *r, const struct conf_entry *e, const char *path,
    const char *url)
{
	struct err err;

	if (url != NULL && strstr(url, "%{tenant}") == NULL &&
	    http_client_check_url(url, &err) != 0)
		mistake(r, e, path, err.text);
}

static void
check_urls(
    struct conf_read *r, const struct conf_entry *e, struct oauth_settings *s)
{
	expand(r, e, "providers.oauth.token_url", &s->token_url, s->tenant);
	expand(r, e, "providers.oauth.device_url", &s->device_url, s->tenant);
	if (s->token_url == NULL)
		mistake(r, e, "providers.oauth.token_url",
		    "is missing; write token_url = \"https://...\";");
	check_url(r, e, "providers.oauth.token_url", s->token_url);
	check_url(r, e, "providers.oauth.device_url", s->device_url);
	if (s->ca_file != NULL && access(s->ca_file, R_OK) != 0)
		mistake(r, e, "providers.oauth.ca_file",
		    "cannot be read; write a file with certificates in PEM");
}

static void
check_grant(struct conf_read *r, const struct conf_entry *e,
    const struct conf_provider *c)
{
	const struct oauth_settings *s = &c->p.oauth;
	bool jwt = s->grant == OAUTH_JWT_BEARER;

	if (jwt && c->key_file == NULL)
		mistake(r, e, "providers.oauth.key_file",
		    "is missing; write key_file = \"/etc/postern/KEY.json\";");
	if (jwt && s->key != NULL && s->issuer == NULL)
		mistake(r, e, "providers.oauth.issuer",
		    "is missing, and key_file has no client_email; write "
		    "issuer = \"...\";");
	if (!jwt && s->client_id == NULL)
		mistake(r, e, "providers.oauth.client_id",
		    "is missing; write client_id = \"...\";");
	if (s->grant == OAUTH_CLIENT_CREDENTIALS && !c->has_client_secret)
		mistake(r, e, "providers.oauth.client_secret_file",
		    "is missing; write client_secret_file = \"/etc/postern/"
		    "FILE\";");
}

static void
check_place(struct conf_read *r, const struct conf_entry *e)
{
	struct err err;

	if (!http_client_is_there())
		mistake(r, e, "providers.oauth",
		    "this Postern was built without libcurl; install one with "
		    "it, or write password_file = \"...\";");
	if (r->root->s.relay.token_directory != NULL &&
	    token_store_check(r->root->s.relay.token_directory, &err) != 0)
		conf_note_mistake(&r->notes,
		    conf_read_place(r->root_entry, "token_directory"),
		    "token_directory", "%s", err.text);
}

void
conf_oauth_read(
    struct conf_read *r, struct conf_entry *e, struct conf_provider *c)
{
	struct oauth_settings *s = &c->p.oauth;

	if (s->client_id == NULL && c->key_file == NULL) {
		s->token_url = NULL;
		return;
	}
	if (c->p.password_source.kind != SECRET_SOURCE_NONE)
		mistake(r, e, "providers.oauth",
		    "stands beside a password; keep one of them");
	read_secrets(r, e, c);
	s->grant = grant_of(c);
	check_grant(r, e, c);
	check_urls(r, e, s);
	check_place(r, e);
}
