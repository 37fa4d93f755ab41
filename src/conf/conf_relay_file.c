/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/conf/conf_relay_file.h"

#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"
#include "postern/base/secret.h"
#include "postern/conf/conf_seen.h"

#include "conf/conf_login.h"
#include "conf/conf_read.h"
#include "conf/conf_table.h"
#include "conf/conf_tls.h"
#include "conf/conf_value.h"

#define PREFIX "providers."

/* What matters to who sends a message and ends. A name that ends in '.' stands
 * for all keys of that group. */
static const char *const allowed[] = { "domain", "providers.host",
	"providers.port", "providers.tls", "providers.tls_mode",
	"providers.tls_name", "providers.ca_file", "providers.pins",
	"providers.min_version", "providers.ciphers", "providers.ciphersuites",
	"providers.certificate", "providers.key", "providers.auth",
	"providers.user", "providers.password_file", "providers.password_env",
	"providers.password_credential", "providers.allow_clear_auth",
	"providers.allow_unverified_auth", "providers.source_address",
	"providers.prefer", "providers.helo", "providers.eight_bit",
	"providers.disable", "providers.timeouts." };

struct whole { /* what a struct conf_relay_file is the front of */
	struct conf_relay_file f;
	struct conf_arena arena;
};

static bool
allows(void *arg, const struct conf_key *k, struct conf_place at)
{
	struct conf_read *r = arg;

	if (conf_table_is_among(k, allowed, sizeof allowed / sizeof allowed[0]))
		return true;
	conf_note_mistake(&r->notes, at, k->path,
	    "has no meaning without a daemon; take it away "
	    "(postern-sendmail(8) has the keys)");
	return false;
}

static void
check(struct conf_read *r, const struct conf_entry *e,
    const struct conf_provider *c)
{
	if (!conf_read_is_set(e, "providers.host"))
		conf_note_mistake(&r->notes, e->at, "providers.host",
		    "is missing; write host = \"relay.example.com\";");
	if (c->p.tls == RELAY_TLS_OPPORTUNISTIC)
		conf_note_mistake(&r->notes,
		    conf_read_place(e, "providers.tls"), "providers.tls",
		    "\"opportunistic\" is not for a relay file, since whoever "
		    "breaks the handshake would read the mail; write "
		    "\"verify\", \"required\" or \"off\"");
}

static void
read_keys(struct conf_read *r, struct conf_entry *e, struct conf_provider *c)
{
	struct conf_layer how = { .prefix = "providers",
		.allows = allows,
		.arg = r,
		.root = r->root };

	conf_read_defaults(r, CONF_BASE_PROVIDER, c);
	conf_read_layer(r, e, &how, c);
	if (c->p.port == 0)
		c->p.port = c->p.implicit_tls ? 465 : 587;
	conf_login_read(r, e, c);
	conf_tls_provider(r, e, c);
	conf_login_check(r, e, c);
	check(r, e, c);
}

static void
build(struct whole *w, struct conf_read *r, const char *path)
{
	struct conf_provider *c = conf_arena_new(&w->arena, 1, sizeof *c);
	struct conf_entry *e = conf_read_entry_file(r, path, "file");

	if (e->setting != NULL)
		read_keys(r, e, c);
	w->f.hostname =
	    c->p.helo != NULL ? c->p.helo : conf_value_own_host(&w->arena);
	w->f.domain = r->root->s.inlet.intake.domain;
	if (w->f.domain == NULL)
		w->f.domain = w->f.hostname;
	w->f.relay = c->p;
}

int
conf_relay_file_read(
    struct conf_relay_file **f, const char *path, struct conf_report *report)
{
	struct whole *w = mem_new(sizeof *w);
	struct conf_relay_file *made = &w->f;
	struct conf_read *r = mem_new(sizeof *r);

	r->arena = &w->arena;
	r->root = conf_arena_new(&w->arena, 1, sizeof *r->root);
	r->seen = conf_seen_new();
	r->notes.under = PREFIX;
	build(w, r, path);
	conf_note_report(&r->notes, report);
	report->seen = r->seen;
	conf_read_done(r);
	free(r);
	if (report->nmistakes > 0) {
		conf_relay_file_free(&made);
		return -1;
	}
	*f = made;
	return 0;
}

void
conf_relay_file_free(struct conf_relay_file **f)
{
	struct whole *w = (struct whole *)(void *)*f;

	*f = NULL;
	if (w == NULL)
		return;
	secret_free(&w->f.relay.password);
	conf_arena_done(&w->arena);
	free(w);
}
