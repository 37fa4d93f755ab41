/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/conf_check.h"

#include <grp.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "postern/io/addr.h"

#include "conf/conf_login.h"
#include "conf/conf_value.h"

void
conf_check_needs(struct conf_read *r, const struct conf_entry *e,
    const char *path, const char *example)
{
	if (conf_read_is_set(e, path))
		return;
	conf_note_mistake(
	    &r->notes, e->at, path, "is missing; write %s", example);
}

/* What metrics call those that have none of their own. */
static bool
is_metrics_word(const char *path, const char *name)
{
	static const struct {
		const char *path, *name;
	} rows[] = {
		{ "listeners.name", "other" },
		{ "providers.name", "other" },
		{ "providers.name", "none" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (strcmp(rows[i].path, path) == 0 &&
		    strcmp(rows[i].name, name) == 0)
			return true;
	}
	return false;
}

void
conf_check_names(struct conf_read *r, const struct conf_entries *list,
    const char *const *names, const char *path)
{
	for (size_t i = 0; i < list->n; i++) {
		size_t k = 0;

		while (k < i && (names[i] == NULL || names[k] == NULL ||
		                    strcmp(names[i], names[k]) != 0))
			k++;
		if (k < i)
			conf_note_mistake(&r->notes,
			    conf_read_place(list->entry[i], path), path,
			    "\"%s\" stands twice; write another name",
			    names[i]);
		if (names[i] != NULL && is_metrics_word(path, names[i]))
			conf_note_mistake(&r->notes,
			    conf_read_place(list->entry[i], path), path,
			    "\"%s\" means something else in metrics; write "
			    "another name",
			    names[i]);
	}
}

/* --- listeners
 * ----------------------------------------------------------------
 */

static bool
same_address(const struct addr *a, const struct addr *b)
{
	char x[ADDR_TEXT], y[ADDR_TEXT];
	const char *port;

	addr_text(a, x);
	addr_text(b, y);
	port = strrchr(x, ':');
	if (!addr_is_unix(a) && port != NULL && strcmp(port, ":0") == 0)
		return false; /* the system chooses: never the same */
	return strcmp(x, y) == 0;
}

static bool
is_taken(const struct conf_listener *listener, size_t i, size_t k)
{
	const struct addr *a = &listener[i].l.addresses[k];

	for (size_t j = 0; j <= i; j++) {
		size_t n = j < i ? listener[j].l.naddresses : k;

		for (size_t m = 0; m < n; m++) {
			if (same_address(&listener[j].l.addresses[m], a))
				return true;
		}
	}
	return false;
}

static void
check_addresses(
    struct conf_read *r, const struct conf_listener *listener, size_t i)
{
	const struct conf_entry *e = r->list[CONF_BASE_LISTENER].entry[i];
	const struct inlet_listener *l = &listener[i].l;
	struct conf_place at = conf_read_place(e, "listeners.address");
	bool closed = conf_read_is_set(e, "listeners.networks") ||
	              l->auth == INLET_AUTH_REQUIRED;

	for (size_t k = 0; k < l->naddresses; k++) {
		char text[ADDR_TEXT];

		addr_text(&l->addresses[k], text);
		if (is_taken(listener, i, k))
			conf_note_mistake(&r->notes, at, "listeners.address",
			    "\"%s\" stands twice; write it once", text);
		if (!closed && !addr_is_loopback(&l->addresses[k]))
			conf_note_mistake(&r->notes, at, "listeners.address",
			    "\"%s\" lets everybody in; write networks = [ "
			    "\"10.0.0.0/8\" ]; with those who may come, or "
			    "auth = \"required\";",
			    text);
	}
	if (conf_read_is_set(e, "listeners.address") && l->naddresses == 0 &&
	    l->addresses != NULL)
		conf_note_mistake(&r->notes, at, "listeners.address",
		    "is empty; write [ \"127.0.0.1:25\" ]");
}

static bool
has_unix(const struct inlet_listener *l)
{
	for (size_t i = 0; i < l->naddresses; i++) {
		if (addr_is_unix(&l->addresses[i]))
			return true;
	}
	return false;
}

/* Keys that say who may use a unix socket, where there is none. */
static void
check_callers(struct conf_read *r, const struct conf_entry *e,
    const struct inlet_listener *l)
{
	static const char *const keys[] = { "listeners.users",
		"listeners.groups", "listeners.mode" };

	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		if (conf_read_is_set(e, keys[i]) && !has_unix(l))
			conf_note_mistake(&r->notes,
			    conf_read_place(e, keys[i]), keys[i],
			    "is for unix sockets; write address = [ "
			    "\"unix:/run/postern/smtp.sock\" ]; or take it "
			    "away");
	}
}

static bool
has_tcp(const struct inlet_listener *l)
{
	for (size_t i = 0; i < l->naddresses; i++) {
		if (!addr_is_unix(&l->addresses[i]))
			return true;
	}
	return false;
}

/* Who hands on the clients of others brings them in over loopback, too. */
static void
check_carriers(struct conf_read *r, const struct conf_entry *e,
    const struct inlet_listener *l)
{
	static const char *const keys[] = { "listeners.proxy_from",
		"listeners.xclient_from" };
	bool closed = conf_read_is_set(e, "listeners.networks") ||
	              l->auth == INLET_AUTH_REQUIRED;

	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		struct conf_place at = conf_read_place(e, keys[i]);

		if (!conf_read_is_set(e, keys[i]))
			continue;
		if (!closed)
			conf_note_mistake(&r->notes, at, keys[i],
			    "lets everybody in whom they hand on; write "
			    "networks = [ \"10.0.0.0/8\" ]; with the clients "
			    "that may come, or auth = \"required\";");
		if (!has_tcp(l))
			conf_note_mistake(&r->notes, at, keys[i],
			    "is not for unix sockets, whose callers have no "
			    "address; take it away");
	}
}

/* What weakens the way in goes to those who are named, and to nobody else. */
static void
check_lenient(struct conf_read *r, const struct conf_entry *e,
    const struct inlet_listener *l)
{
	const uint32_t weak = INLET_OLD_TLS | INLET_CLEAR_AUTH | INLET_ANY_AUTH;

	if ((l->lenient & weak) != 0 && l->lenient_networks == NULL)
		conf_note_mistake(&r->notes,
		    conf_read_place(e, "listeners.lenient"),
		    "listeners.lenient",
		    "old-tls, clear-auth and any-auth are for named clients "
		    "only; write lenient_networks = [ \"192.0.2.7\" ]; too");
	if (l->lenient == 0 && l->lenient_networks != NULL)
		conf_note_mistake(&r->notes,
		    conf_read_place(e, "listeners.lenient_networks"),
		    "listeners.lenient_networks",
		    "nobody is treated leniently; write lenient = [ ... ]; or "
		    "take it away");
}

static void
check_auth(struct conf_read *r, const struct conf_entry *e,
    const struct inlet_listener *l)
{
	struct conf_place at = conf_read_place(e, "listeners.auth");
	bool clear = l->allow_clear_auth || (l->lenient & INLET_CLEAR_AUTH);

	if (l->auth == INLET_AUTH_OFF)
		return;
	if (r->root->users_file == NULL)
		conf_note_mistake(&r->notes, at, "listeners.auth",
		    "nobody can log in without users_file; write users_file = "
		    "\"/etc/postern/users\"; at the top, or auth = \"off\";");
	if (l->tls_use == INLET_TLS_OFF && !clear && !inlet_is_local(l))
		conf_note_mistake(&r->notes, at, "listeners.auth",
		    "nobody can log in without TLS from another host; write "
		    "tls = \"required\"; or allow_clear_auth = true;");
}

void
conf_check_listeners(struct conf_read *r, const struct conf_listener *listener)
{
	for (size_t i = 0; i < r->list[CONF_BASE_LISTENER].n; i++) {
		const struct conf_entry *e =
		    r->list[CONF_BASE_LISTENER].entry[i];

		conf_check_needs(r, e, "listeners.name", "name = \"local\";");
		conf_check_needs(r, e, "listeners.address",
		    "address = [ \"127.0.0.1:25\" ];");
		check_addresses(r, listener, i);
		check_callers(r, e, &listener[i].l);
		check_carriers(r, e, &listener[i].l);
		check_lenient(r, e, &listener[i].l);
		check_auth(r, e, &listener[i].l);
	}
}

/* --- providers
 * ----------------------------------------------------------------
 */

static void
check_warm(struct conf_read *r, const struct conf_entry *e,
    const struct relay_provider *p)
{
	if (p->warm > p->max_connections)
		conf_note_mistake(&r->notes,
		    conf_read_place(e, "providers.warm"), "providers.warm",
		    "is more than max_connections, which is %u; write at most "
		    "that",
		    p->max_connections);
}

static void
check_timing(struct conf_read *r, const struct conf_entry *e,
    const struct relay_provider *p)
{
	if (p->breaker_open_ms > p->breaker_open_max_ms)
		conf_note_mistake(&r->notes,
		    conf_read_place(e, "providers.breaker.open"),
		    "providers.breaker.open",
		    "is longer than breaker.open_max; write it shorter");
}

static void
check_notices(struct conf_read *r, const struct conf_entry *e,
    const struct relay_provider *p)
{
	if (p->null_sender_refused && r->root->s.relay.bounce_from == NULL &&
	    strcmp(r->root->bounce_to, "none") != 0)
		conf_note_warning(&r->notes,
		    conf_read_place(e, "providers.null_sender"), "bounce.from",
		    "is not set: bounces through this provider leave as "
		    "postmaster@%s; write a sender that it accepts",
		    r->root->s.hostname);
}

static void
check_ramp(struct conf_read *r, const struct conf_entry *e,
    const struct relay_ramp *ramp)
{
	if (ramp->start_ms != 0 && !ramp->first)
		conf_note_mistake(&r->notes,
		    conf_read_place(e, "providers.ramp.start"),
		    "providers.ramp.first",
		    "is missing; write first = \"200 msg/day\";");
	if (ramp->start_ms == 0 && ramp->first)
		conf_note_mistake(&r->notes,
		    conf_read_place(e, "providers.ramp.first"),
		    "providers.ramp.start",
		    "is missing; write start = \"2026-12-01\"; with the first "
		    "day");
}

static void
check_identity_policy(struct conf_read *r, const struct conf_entry *e,
    const struct relay_provider *p)
{
	static const char path[] = "providers.identity_policy";
	struct conf_place at = conf_read_place(e, path);

	if (p->nidentities == 0 && conf_read_is_set(e, path))
		conf_note_mistake(&r->notes, at, path,
		    "says what happens to senders outside of identities; write "
		    "identities = [ \"example.com\" ]; too");
	if (p->nidentities > 0 &&
	    p->identity_policy == RELAY_IDENTITY_REWRITE &&
	    (p->rewrite.sender == NULL || p->rewrite.header.from == NULL))
		conf_note_mistake(&r->notes, at, path,
		    "needs what others become; write rewrite = { sender = "
		    "\"...\"; from = \"...\"; };");
}

/* What a profile cannot know. */
static void
check_quota(struct conf_read *r, const struct conf_entry *e,
    const struct conf_provider *c)
{
	if (c->quota_page != NULL && c->p.nrates == 0 && c->p.nlimits == 0 &&
	    !conf_read_is_set(e, "providers.rate"))
		conf_note_hint(&r->notes, e->at, "providers.rate",
		    "is not set, so the pace follows the provider's replies; "
		    "read what your account may send (%s) and write rate = [ "
		    "\"14 msg/s\", \"50000 msg/day\" ];",
		    c->quota_page);
}

void
conf_check_providers(struct conf_read *r, const struct conf_provider *provider)
{
	for (size_t i = 0; i < r->list[CONF_BASE_PROVIDER].n; i++) {
		const struct conf_entry *e =
		    r->list[CONF_BASE_PROVIDER].entry[i];
		const struct conf_provider *c = &provider[i];

		conf_check_needs(r, e, "providers.name", "name = \"main\";");
		if (c->p.host == NULL &&
		    !conf_read_is_set(e, "providers.host") && c->like == NULL &&
		    !c->is_blamed)
			conf_check_needs(r, e, "providers.host",
			    "host = \"smtp.example.com\";");
		conf_login_check(r, e, c);
		check_timing(r, e, &c->p);
		check_warm(r, e, &c->p);
		check_identity_policy(r, e, &c->p);
		check_ramp(r, e, &c->p.ramp);
		check_notices(r, e, &c->p);
		check_quota(r, e, c);
	}
}

/* --- the rest
 * -----------------------------------------------------------------
 */

static void
check_identity(struct conf_read *r)
{
	const struct settings *s = &r->root->s;
	const struct conf_entry *e = r->root_entry;

	if (getpwnam(s->user) == NULL)
		conf_note_mistake(&r->notes, conf_read_place(e, "user"), "user",
		    "there is no user \"%s\"; create it, or write user = "
		    "\"...\";",
		    s->user);
	if (s->group != NULL && getgrnam(s->group) == NULL)
		conf_note_mistake(&r->notes, conf_read_place(e, "group"),
		    "group",
		    "there is no group \"%s\"; create it, or write group = "
		    "\"...\";",
		    s->group);
}

/* One key of a group of times that is not shorter than another. */
static void
tell_longer(struct conf_read *r, const struct conf_entry *e, const char *prefix,
    const char *leaf, const char *text)
{
	char path[64];

	(void)snprintf(path, sizeof path, "%s.%s", prefix, leaf);
	conf_note_mistake(&r->notes, conf_read_place(e, path), path,
	    "is %s; write it shorter", text);
}

void
conf_check_retry(struct conf_read *r, const struct conf_entry *e,
    const char *prefix, const struct relay_retry *t)
{
	if (t->min_ms > t->max_ms)
		tell_longer(r, e, prefix, "min", "longer than retry.max");
	if (t->warn_after_ms >= t->give_up_ms)
		tell_longer(
		    r, e, prefix, "warn_after", "not before retry.give_up");
}

static void
check_http(struct conf_read *r)
{
	const struct http_settings *s = &r->root->s.http;
	const struct conf_entry *e = r->root_entry;
	struct conf_place at = conf_read_place(e, "http.address");

	if (!conf_read_is_set(e, "http.address"))
		return;
	if (!http_is_there())
		conf_note_mistake(&r->notes, at, "http.address",
		    "this Postern was built without libmicrohttpd; install one "
		    "with it, or take http away");
	else if (!s->allow_remote && !addr_is_loopback(&s->address))
		conf_note_mistake(&r->notes, at, "http.address",
		    "lets everybody read who can connect, it knows no login; "
		    "write a loopback or unix address, or allow_remote = "
		    "true;");
}

void
conf_check_root(struct conf_read *r, bool identity)
{
	const struct conf_entry *e = r->root_entry;

	if (r->broken)
		return;
	if (identity)
		check_identity(r);
	conf_check_retry(r, e, "retry", &r->root->s.relay.retry);
	if (r->root->s.inlet.intake.local.root == NULL)
		conf_note_hint(&r->notes, e->at, "root",
		    "is not set, so mail for users of this host without an "
		    "alias is kept as dead letters; write root = "
		    "\"ops@example.com\"; with who reads it");
	check_http(r);
	if (r->list[CONF_BASE_PROVIDER].n == 0 && r->notes.mistakes == 0)
		conf_note_warning(&r->notes, e->at, "providers",
		    "no provider configured: mail is accepted and held; write "
		    "providers = ( { name = \"main\"; host = \"...\"; } );");
}
