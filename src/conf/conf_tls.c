/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/conf_tls.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "postern/base/clock.h"
#include "postern/base/mem.h"
#include "postern/base/secret.h"
#include "postern/base/secret_source.h"
#include "postern/io/addr.h"

#include "conf/conf_read.h"

/* A context and what is its own. */
struct conf_tls_made {
	const char *client_ca; /* NULL: none */
	bool old;
	struct tls_context *context; /* a reference */
};

/* --- the group ---------------------------------------------------------------
 */

static void
tell_dates(struct conf_read *r, const struct conf_entry *e, const char *path,
    const char *file, const int64_t dates[2])
{
	int64_t from = dates[0], until = dates[1];
	int64_t now = clock_wall_ms() / 1000;
	time_t when = (time_t)(now < from ? from : until);
	char day[32] = "";
	struct tm tm;

	if (now >= from && now < until)
		return;
	if (gmtime_r(&when, &tm) != NULL)
		(void)strftime(day, sizeof day, "%Y-%m-%d %H:%M UTC", &tm);
	conf_note_warning(&r->notes, conf_read_place(e, path), path,
	    now < from ? "%s is not valid before %s; it is refused until then"
	               : "%s has expired on %s; write a newer one there and "
	                 "reload",
	    file, day);
}

/* Both files; the keys of them. */
static void
check_certificate(struct conf_read *r, const struct conf_entry *e,
    const struct tls_certificate *c, const char *certificate, const char *key)
{
	const char *path = key;
	int64_t dates[2];
	struct err err;

	if (secret_source_look(c->key, &err) != 0) {
		conf_note_mistake(
		    &r->notes, conf_read_place(e, path), path, "%s", err.text);
		return;
	}
	if (tls_server_check(c, &dates[0], &dates[1], &err) == 0) {
		tell_dates(r, e, certificate, c->certificate, dates);
		return;
	}
	if (strncmp(err.text, "key ", 4) != 0)
		path = certificate;
	conf_note_mistake(&r->notes, conf_read_place(e, path), path,
	    "%s; write a certificate in PEM, the next ones of its chain behind "
	    "it, and its own key without a passphrase",
	    err.text);
}

static void
needs(struct conf_read *r, const struct conf_entry *e, const char *path,
    const char *example)
{
	if (!conf_read_is_set(e, path))
		conf_note_mistake(
		    &r->notes, e->at, path, "is missing; write %s", example);
}

static void
read_certificates(struct conf_tls *t, struct conf_read *r)
{
	size_t n = r->list[CONF_BASE_CERTIFICATE].n;
	struct tls_certificate *all = conf_arena_new(r->arena, n, sizeof *all);
	const struct conf_entry *root = r->root_entry;

	if (n > TLS_CERTIFICATES_MAX) {
		conf_note_mistake(&r->notes,
		    conf_read_place(root, "tls.certificates"),
		    "tls.certificates",
		    "has %zu groups; write at most %d, each may have many "
		    "names",
		    n, TLS_CERTIFICATES_MAX);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		struct conf_entry *e = r->list[CONF_BASE_CERTIFICATE].entry[i];
		struct conf_certificate c = { 0 };

		conf_read_entry(r, e, "tls.certificates", &c, false);
		needs(r, e, "tls.certificates.certificate",
		    "certificate = \"/etc/postern/FILE.pem\";");
		needs(r, e, "tls.certificates.key",
		    "key = \"/etc/postern/FILE.key\";");
		all[i] = c.c;
		if (c.c.certificate != NULL && c.c.key != NULL)
			check_certificate(r, e, &c.c,
			    "tls.certificates.certificate",
			    "tls.certificates.key");
	}
	t->set.certificates = all;
	t->set.ncertificates = n;
}

static void
check_list(struct conf_read *r, const struct conf_entry *e, const char *path,
    const char *list, int (*check)(const char *list, struct err *err))
{
	struct err err;

	if (list != NULL && check(list, &err) != 0)
		conf_note_mistake(&r->notes, conf_read_place(e, path), path,
		    "OpenSSL has nothing of the name %s; write names of "
		    "\"openssl ciphers -v\" with \":\" between",
		    err.text);
}

void
conf_tls_read(struct conf_tls *t, struct conf_read *r)
{
	const struct conf_root *root = r->root;
	size_t before = r->notes.mistakes;

	read_certificates(t, r);
	check_list(r, r->root_entry, "tls.ciphers", root->ciphers,
	    tls_server_check_ciphers);
	check_list(r, r->root_entry, "tls.ciphersuites", root->ciphersuites,
	    tls_server_check_suites);
	t->set.min_version = root->min_version;
	t->set.ciphers = root->ciphers;
	t->set.ciphersuites = root->ciphersuites;
	t->broken = r->broken || r->notes.mistakes > before;
}

/* --- listeners
 * ----------------------------------------------------------------
 */

static struct tls_context *
find(const struct conf_tls *t, const char *client_ca, bool old)
{
	for (size_t i = 0; i < t->nmade; i++) {
		const struct conf_tls_made *m = &t->made[i];
		bool same_ca = client_ca == NULL || m->client_ca == NULL
		                   ? client_ca == m->client_ca
		                   : strcmp(client_ca, m->client_ca) == 0;

		if (same_ca && m->old == old)
			return m->context;
	}
	return NULL;
}

/* -1: *err.  A context for listeners that ask clients for certificates of that
 * CA, or not; and that let old TLS in, or not. */
static int
context_for(struct conf_tls *t, const char *client_ca, bool old,
    struct tls_context **context, struct err *err)
{
	struct tls_server_settings set = t->set;
	struct conf_tls_made *m;

	*context = find(t, client_ca, old);
	if (*context != NULL)
		return 0;
	set.client_ca = client_ca;
	set.old = old;
	if (tls_server_new(context, &set, err) != 0)
		return -1;
	t->made = mem_resize(t->made, (t->nmade + 1) * sizeof *t->made);
	m = &t->made[t->nmade++];
	*m = (struct conf_tls_made){ client_ca, old, *context };
	return 0;
}

static void
tell(struct conf_read *r, const struct conf_entry *e, const char *path,
    const char *text)
{
	conf_note_mistake(
	    &r->notes, conf_read_place(e, path), path, "%s", text);
}

/* What the listener wants, against what there is. */
static void
check_listener(const struct conf_tls *t, struct conf_read *r,
    const struct conf_entry *e, const struct conf_listener *c)
{
	const struct inlet_listener *l = &c->l;
	bool wants = l->tls_use != INLET_TLS_OFF || l->implicit_tls;

	if (wants && t->set.ncertificates == 0 && !r->broken)
		tell(r, e,
		    l->implicit_tls ? "listeners.tls_mode" : "listeners.tls",
		    "needs a certificate; write tls = { certificates = ( { "
		    "certificate = \"...\"; key = \"...\"; } ); }; at the top");
	if (l->implicit_tls && l->tls_use == INLET_TLS_OFF)
		tell(r, e, "listeners.tls_mode",
		    "\"implicit\" needs TLS; write tls = \"required\"; or take "
		    "tls_mode away");
	if (l->implicit_tls && l->tls_use == INLET_TLS_OPTIONAL)
		tell(r, e, "listeners.tls",
		    "is not \"optional\" from the first byte on; write tls = "
		    "\"required\";");
	if ((l->lenient & INLET_OLD_TLS) != 0 && !wants)
		tell(r, e, "listeners.lenient",
		    "\"old-tls\" is nothing without TLS; write tls = "
		    "\"optional\"; or take the word away");
	if (c->client_ca != NULL && !wants)
		tell(r, e, "listeners.client_ca",
		    "is not asked for without TLS; write tls = \"required\"; "
		    "or take client_ca away");
}

static void
use(struct conf_tls *t, struct conf_read *r, const struct conf_entry *e,
    struct conf_listener *c)
{
	const char *path =
	    c->client_ca != NULL ? "listeners.client_ca" : "listeners.tls";
	struct err err;

	bool old = (c->l.lenient & INLET_OLD_TLS) != 0;

	if (context_for(t, c->client_ca, false, &c->l.tls, &err) != 0 ||
	    (old &&
	        context_for(t, c->client_ca, true, &c->l.tls_old, &err) != 0))
		conf_note_mistake(&r->notes, conf_read_place(e, path), path,
		    "%s; write a file with certificates in PEM", err.text);
}

void
conf_tls_listener(struct conf_tls *t, struct conf_read *r,
    const struct conf_entry *e, struct conf_listener *c)
{
	struct inlet_listener *l = &c->l;
	bool has = t->set.ncertificates > 0;

	if (e == NULL) {
		l->tls_use = INLET_TLS_OFF; /* loopback, and nobody said so */
		return;
	}
	if (!conf_read_is_set(e, "listeners.tls")) {
		l->tls_use = has && !inlet_is_local(l) ? INLET_TLS_OPTIONAL
		                                       : INLET_TLS_OFF;
		if (l->implicit_tls && l->tls_use == INLET_TLS_OPTIONAL)
			l->tls_use = INLET_TLS_REQUIRED;
	}
	check_listener(t, r, e, c);
	if (has && !t->broken && l->tls_use != INLET_TLS_OFF)
		use(t, r, e, c);
}

/* --- providers
 * ----------------------------------------------------------------
 */

#define PINS_MAX 16

/* Keys that mean nothing without TLS, or without verification. */
static void
check_needless(struct conf_read *r, const struct conf_entry *e,
    const struct conf_provider *c)
{
	static const struct {
		const char *path;
		enum relay_tls least;
	} rows[] = {
		{ "providers.min_version", RELAY_TLS_OPPORTUNISTIC },
		{ "providers.ciphers", RELAY_TLS_OPPORTUNISTIC },
		{ "providers.ciphersuites", RELAY_TLS_OPPORTUNISTIC },
		{ "providers.certificate", RELAY_TLS_OPPORTUNISTIC },
		{ "providers.tls_name", RELAY_TLS_VERIFY },
		{ "providers.ca_file", RELAY_TLS_VERIFY },
		{ "providers.pins", RELAY_TLS_VERIFY },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const char *path = rows[i].path;

		if (c->p.tls >= rows[i].least || !conf_read_is_set(e, path))
			continue;
		conf_note_mistake(&r->notes, conf_read_place(e, path), path,
		    "is nothing without tls = \"verify\"; write that, or take "
		    "%s away",
		    strchr(path, '.') + 1);
	}
	if (c->p.tls < RELAY_TLS_REQUIRED && c->p.implicit_tls)
		tell(r, e, "providers.tls_mode",
		    "\"implicit\" needs TLS; write tls = \"verify\"; or take "
		    "tls_mode away");
}

static void
read_pins(
    struct conf_read *r, const struct conf_entry *e, struct conf_provider *c)
{
	unsigned char(*pins)[TLS_PIN_LEN];

	if (c->npins == 0)
		return;
	if (c->npins > PINS_MAX) {
		conf_note_mistake(&r->notes,
		    conf_read_place(e, "providers.pins"), "providers.pins",
		    "has %zu of them; write at most %d", c->npins, PINS_MAX);
		return;
	}
	if (c->p.tls_set.ca_file != NULL)
		tell(r, e, "providers.pins",
		    "stands beside ca_file, which nobody asks then; keep one "
		    "of them");
	pins = conf_arena_new(r->arena, c->npins, sizeof *pins);
	for (size_t i = 0; i < c->npins; i++) {
		if (tls_pin_parse(pins[i], c->pins[i]) == 0)
			continue;
		conf_note_mistake(&r->notes,
		    conf_read_place(e, "providers.pins"), "providers.pins",
		    "\"%.60s\" is no pin; write the SHA-256 of the server's "
		    "public key in base64, 44 characters",
		    c->pins[i]);
	}
	c->p.tls_set.pins = (const unsigned char(*)[TLS_PIN_LEN])pins;
	c->p.tls_set.npins = c->npins;
}

static void
check_own(
    struct conf_read *r, const struct conf_entry *e, struct conf_provider *c)
{
	const struct tls_certificate *own = &c->p.tls_set.own;

	if (own->certificate == NULL && own->key == NULL)
		return;
	if (own->key == NULL)
		tell(r, e, "providers.certificate",
		    "has no key; write key = \"/etc/postern/FILE.key\";");
	else if (own->certificate == NULL)
		tell(r, e, "providers.key",
		    "has no certificate; write certificate = "
		    "\"/etc/postern/FILE.pem\";");
	else
		check_certificate(
		    r, e, own, "providers.certificate", "providers.key");
}

void
conf_tls_provider(
    struct conf_read *r, const struct conf_entry *e, struct conf_provider *c)
{
	const struct tls_client_settings *s = &c->p.tls_set;
	struct tls_client_settings ca = { .verify = TLS_VERIFY_FULL,
		.ca_file = s->ca_file };
	struct tls_context *t = NULL;
	struct err err;

	check_needless(r, e, c);
	read_pins(r, e, c);
	check_own(r, e, c);
	check_list(
	    r, e, "providers.ciphers", s->ciphers, tls_server_check_ciphers);
	check_list(r, e, "providers.ciphersuites", s->ciphersuites,
	    tls_server_check_suites);
	if (s->ca_file == NULL || c->p.tls != RELAY_TLS_VERIFY)
		return;
	if (tls_client_new(&t, &ca, &err) != 0)
		conf_note_mistake(&r->notes,
		    conf_read_place(e, "providers.ca_file"),
		    "providers.ca_file",
		    "%s; write a file with certificates in PEM", err.text);
	tls_free(&t);
}

void
conf_tls_done(struct conf_tls *t)
{
	for (size_t i = 0; i < t->nmade; i++)
		tls_free(&t->made[i].context);
	free(t->made);
}
