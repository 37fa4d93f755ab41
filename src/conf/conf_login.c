/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/conf_login.h"

#include <string.h>

#include "conf/conf_read.h"
#include "conf/conf_secret.h"
#include "conf/conf_table.h"

void
conf_login_read(
    struct conf_read *r, const struct conf_entry *e, struct conf_provider *c)
{
	const struct conf_secret_key keys[] = {
		{ "providers.password_file", SECRET_SOURCE_FILE,
		    &c->password_file },
		{ "providers.password_env", SECRET_SOURCE_ENV,
		    &c->password_env },
		{ "providers.password_credential", SECRET_SOURCE_CREDENTIAL,
		    &c->password_credential },
	};
	const struct conf_secret s = { keys, sizeof keys / sizeof keys[0] };

	conf_secret_read(r, e, &s, &c->p.password, &c->p.password_source);
}

/* A login by the certificate that is shown. */
static void
check_external(struct conf_read *r, const struct conf_entry *e,
    const struct relay_provider *p, bool secret)
{
	struct conf_place at = conf_read_place(e, "providers.auth");

	if (p->tls_set.own.certificate == NULL)
		conf_note_mistake(&r->notes, at, "providers.auth",
		    "\"external\" is proven by a certificate; write "
		    "certificate = \"/etc/postern/FILE.pem\"; and key");
	if (secret)
		conf_note_mistake(&r->notes, at, "providers.auth",
		    "\"external\" sends no password; take the password away");
}

void
conf_login_check(struct conf_read *r, const struct conf_entry *e,
    const struct conf_provider *c)
{
	const struct relay_provider *p = &c->p;
	bool secret = p->password_source.kind != SECRET_SOURCE_NONE ||
	              p->oauth.client_id != NULL || c->key_file != NULL;
	struct conf_place at = conf_read_place(e, "providers.user");

	if (p->oauth.token_url != NULL && strcmp(p->auth, "auto") != 0 &&
	    strcmp(p->auth, "xoauth2") != 0 &&
	    strcmp(p->auth, "oauthbearer") != 0)
		conf_note_mistake(&r->notes,
		    conf_read_place(e, "providers.auth"), "providers.auth",
		    "\"%s\" takes no token of oauth; write auth = \"auto\";",
		    p->auth);
	if (strcmp(p->auth, "external") == 0) {
		check_external(r, e, p, secret);
		return;
	}
	if (p->user == NULL && secret)
		conf_note_mistake(&r->notes, e->at, "providers.user",
		    "is missing, but there is a password; write user = "
		    "\"...\";");
	if (p->user == NULL)
		return;
	if (!secret)
		conf_note_mistake(&r->notes, at, "providers.user",
		    "has no password; write password_file = \"/etc/postern/"
		    "FILE\";");
	if (p->tls <= RELAY_TLS_OPPORTUNISTIC && !p->allow_clear_auth)
		conf_note_mistake(&r->notes, at, "providers.tls",
		    "the password %s leave in clear; write tls = "
		    "\"verify\"; or allow_clear_auth = true;",
		    p->tls == RELAY_TLS_OFF ? "would" : "may");
	if ((p->tls == RELAY_TLS_OPPORTUNISTIC ||
	        p->tls == RELAY_TLS_REQUIRED) &&
	    !p->allow_unverified_auth)
		conf_note_mistake(&r->notes, at, "providers.tls",
		    "the password would go to whoever answers; write tls = "
		    "\"verify\"; or allow_unverified_auth = true;");
}
