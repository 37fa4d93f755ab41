/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/conf/conf.h"

#include <netdb.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"
#include "postern/base/secret.h"
#include "postern/conf/conf_seen.h"
#include "postern/inlet/users.h"
#include "postern/intake/routes.h"
#include "postern/io/addr.h"
#include "postern/mail/aliases.h"
#include "postern/smtp/smtp_client.h"

#include "conf/conf_aliases.h"
#include "conf/conf_check.h"
#include "conf/conf_dkim.h"
#include "conf/conf_field.h"
#include "conf/conf_hash.h"
#include "conf/conf_login.h"
#include "conf/conf_oauth.h"
#include "conf/conf_owner.h"
#include "conf/conf_origin.h"
#include "conf/conf_profile.h"
#include "conf/conf_read.h"
#include "conf/conf_replies.h"
#include "conf/conf_routes.h"
#include "conf/conf_submission.h"
#include "conf/conf_table.h"
#include "conf/conf_tls.h"
#include "conf/conf_users.h"
#include "conf/conf_value.h"

#define STAGE_ABOVE (256u << 10) /* bytes; DESIGN section 4 */

/* The words of providers.disable are in the order of the bits. */
_Static_assert(SMTP_CAP_PIPELINING == 1 << 0 && SMTP_CAP_CHUNKING == 1 << 1 &&
                   SMTP_CAP_SIZE == 1 << 2 && SMTP_CAP_8BITMIME == 1 << 3 &&
                   SMTP_CAP_SMTPUTF8 == 1 << 4 && SMTP_CAP_DSN == 1 << 5 &&
                   SMTP_CAP_MT_PRIORITY == 1 << 6 &&
                   SMTP_CAP_REQUIRETLS == 1 << 7 && SMTP_CAP_LIMITS == 1 << 8 &&
                   SMTP_CAP_BINARYMIME == 1 << 9 &&
                   SMTP_CAP_DELIVERBY == 1 << 10,
    "conf_table.c has the words in another order");

/* What a struct settings is the front of. */
struct generation {
	struct conf_root root; /* its first member is the settings */
	_Atomic unsigned refs;
	struct conf_arena arena;
	struct conf_tls tls;
	struct relay_provider *providers; /* in the arena */
	struct conf_origins *origins;     /* of each */
	size_t nproviders;
	struct conf_routes routes;
	struct aliases *aliases; /* owned; or NULL */
};

static struct generation *
generation_of(struct settings *s)
{
	return (struct generation *)(void *)s;
}

struct settings *
conf_ref(struct settings *s)
{
	atomic_fetch_add(&generation_of(s)->refs, 1);
	return s;
}

void
conf_free(struct settings **s)
{
	struct generation *g = *s != NULL ? generation_of(*s) : NULL;

	*s = NULL;
	if (g == NULL || atomic_fetch_sub(&g->refs, 1) != 1)
		return;
	for (size_t i = 0; i < g->nproviders; i++) {
		secret_free(&g->providers[i].password);
		conf_oauth_done(&g->providers[i].oauth);
		conf_dkim_done(g->providers[i].dkim, g->providers[i].ndkim);
	}
	conf_tls_done(&g->tls);
	users_free(&g->root.s.inlet.users);
	aliases_free(&g->aliases);
	for (size_t i = 0; i < g->routes.n; i++)
		conf_dkim_done(
		    g->routes.route[i].dkim, g->routes.route[i].ndkim);
	routes_free(&g->routes.rules);
	conf_arena_done(&g->arena);
	free(g);
}

void
conf_set_route(struct settings *s, size_t i, uint32_t id)
{
	struct conf_routes *r = &generation_of(s)->routes;

	r->route[i].id = id;
	routes_set_id(r->rules, routes_find(r->rules, r->route[i].name), id);
	if (strcmp(r->route[i].name, ROUTES_DEFAULT) == 0)
		s->relay.route = id;
}

/* --- listeners
 * ----------------------------------------------------------------
 */

static void
finish_listener(struct conf_listener *c)
{
	c->l.chunking = (c->disable & CONF_DISABLE_CHUNKING) == 0;
	c->l.dsn = (c->disable & CONF_DISABLE_DSN) == 0;
	c->l.smtputf8 = (c->disable & CONF_DISABLE_SMTPUTF8) == 0;
	c->l.eight_bit = (c->disable & CONF_DISABLE_8BITMIME) == 0;
	c->l.mt_priority = (c->disable & CONF_DISABLE_MT_PRIORITY) == 0;
	c->l.require_tls = (c->disable & CONF_DISABLE_REQUIRETLS) == 0;
	c->l.limits = (c->disable & CONF_DISABLE_LIMITS) == 0;
	c->l.deliver_by = (c->disable & CONF_DISABLE_DELIVERBY) == 0;
}

/* Without "listeners": port 25 of both loopbacks. */
static void
default_listener(struct conf_read *r, struct conf_listener *c)
{
	static const char *const texts[] = { "127.0.0.1:25", "[::1]:25" };
	struct addr *a = conf_arena_new(r->arena, 2, sizeof *a);
	struct err err;

	c->l.name = "local";
	for (size_t i = 0; i < 2; i++) {
		if (addr_parse(&a[i], texts[i], &err) == 0)
			c->l.naddresses++;
	}
	c->l.addresses = a;
}

static void
read_listener(
    struct conf_read *r, struct conf_tls *t, size_t i, struct conf_listener *c)
{
	struct conf_entry *e = i < r->list[CONF_BASE_LISTENER].n
	                           ? r->list[CONF_BASE_LISTENER].entry[i]
	                           : NULL;

	conf_read_defaults(r, CONF_BASE_LISTENER, c);
	if (e != NULL)
		conf_read_entry(r, e, "listeners", c, false);
	else
		default_listener(r, c);
	finish_listener(c);
	conf_tls_listener(t, r, e, c);
}

static void
read_submission(
    struct conf_read *r, struct conf_tls *t, struct conf_listener *c)
{
	conf_read_defaults(r, CONF_BASE_LISTENER, c);
	conf_submission_read(r, c);
	finish_listener(c);
	conf_tls_listener(t, r, NULL, c);
}

static void
build_listeners(struct conf_read *r, struct conf_tls *t)
{
	struct settings *s = &r->root->s;
	size_t n = r->list[CONF_BASE_LISTENER].n, last;
	struct conf_listener *c = conf_arena_new(r->arena, n + 2, sizeof *c);
	struct inlet_listener *l = conf_arena_new(r->arena, n + 2, sizeof *l);
	const char **names = conf_arena_new(r->arena, n, sizeof *names);

	for (size_t i = 0; i <= n; i++) {
		read_listener(r, t, i, &c[i]);
		l[i] = c[i].l;
		if (i < n)
			names[i] = l[i].name;
	}
	conf_check_listeners(r, c);
	conf_check_names(
	    r, &r->list[CONF_BASE_LISTENER], names, "listeners.name");
	conf_submission_check(r, names);
	s->listeners_by_default =
	    n == 0 && !conf_read_is_set(r->root_entry, "listeners");
	last = s->listeners_by_default ? 1 : n;
	read_submission(r, t, &c[last]);
	l[last] = c[last].l;
	s->inlet.listeners = l;
	s->inlet.nlisteners = last + 1;
}

/* --- providers
 * ----------------------------------------------------------------
 */

/* The entry of that name, or NULL. */
static struct conf_entry *
provider_entry(struct conf_read *r, const char *name)
{
	for (size_t i = 0; i < r->list[CONF_BASE_PROVIDER].n; i++) {
		struct conf_entry *e = r->list[CONF_BASE_PROVIDER].entry[i];
		const char *text = NULL;

		(void)config_setting_lookup_string(e->setting, "name", &text);
		if (text != NULL && strcmp(text, name) == 0)
			return e;
	}
	return NULL;
}

static const char *
like_of(const struct conf_entry *e)
{
	const char *text = NULL;

	(void)config_setting_lookup_string(e->setting, "like", &text);
	return text;
}

/* The entries that e is like, the nearest first, into chain.  A name that is
 * not there and a circle are told, at e. */
static size_t
like_chain(struct conf_read *r, struct conf_entry *e, struct conf_entry **chain)
{
	struct conf_place at = e->at;
	struct conf_entry *next = e;
	size_t n = 0;

	if (config_setting_get_member(e->setting, "like") != NULL)
		at.line = (int)config_setting_source_line(
		    config_setting_get_member(e->setting, "like"));
	while (like_of(next) != NULL) {
		const char *name = like_of(next);

		next = provider_entry(r, name);
		if (next == NULL && r->broken)
			return 0; /* it may stand where we cannot read */
		if (next == NULL || next == e ||
		    n == r->list[CONF_BASE_PROVIDER].n) {
			conf_note_mistake(&r->notes, at, "providers.like",
			    next == NULL
			        ? "there is no provider \"%.64s\"; write the "
			          "name of one"
			        : "\"%.64s\" leads back to this provider; "
			          "write the keys themselves",
			    name);
			return 0;
		}
		chain[n++] = next;
	}
	return n;
}

static void
read_like(struct conf_read *r, const struct conf_stack *s,
    struct conf_provider *c, struct conf_origins *o)
{
	for (size_t i = s->nlike; i > 0; i--) {
		struct conf_entry *e = s->like[i - 1];
		const char *name = NULL;
		char from[80];

		(void)config_setting_lookup_string(e->setting, "name", &name);
		(void)snprintf(from, sizeof from, "like %.64s", name);
		conf_read_layer(r, e,
		    &(struct conf_layer){ .prefix = "providers",
		        .quiet = true,
		        .origins = o,
		        .from = conf_arena_str(r->arena, from) },
		    c);
	}
	c->p.name = NULL;
	c->like = NULL;
}

static void
read_provider(struct conf_read *r, struct conf_stack *s,
    struct conf_provider *c, struct conf_origins *o)
{
	struct conf_entry *e = s->own;

	s->nlike = like_chain(r, e, s->like);
	conf_read_defaults(r, CONF_BASE_PROVIDER, c);
	conf_profile_read(r, s, c, o);
	read_like(r, s, c, o);
	conf_read_layer(r, e,
	    &(struct conf_layer){ .prefix = "providers", .origins = o }, c);
	conf_replies_read(r, s, c, o);
	conf_dkim_provider(r, s, c, o);
	if (c->p.port == 0)
		c->p.port = c->p.implicit_tls ? 465 : 587;
}

static void
build_providers(struct conf_read *r, struct generation *g)
{
	size_t n = r->list[CONF_BASE_PROVIDER].n;
	struct conf_provider *c = conf_arena_new(r->arena, n, sizeof *c);
	struct conf_entry **chain = conf_arena_new(r->arena, n, sizeof *chain);
	const char **names = conf_arena_new(r->arena, n, sizeof *names);

	g->providers = conf_arena_new(r->arena, n, sizeof g->providers[0]);
	g->origins = conf_arena_new(r->arena, n, sizeof g->origins[0]);
	for (size_t i = 0; i < n; i++) {
		struct conf_entry *e = r->list[CONF_BASE_PROVIDER].entry[i];
		struct conf_stack s = { .own = e, .like = chain };

		read_provider(r, &s, &c[i], &g->origins[i]);
		conf_login_read(r, e, &c[i]);
		conf_oauth_read(r, e, &c[i]);
		conf_tls_provider(r, e, &c[i]);
		g->providers[i] = c[i].p;
		names[i] = c[i].p.name;
	}
	g->nproviders = n;
	conf_check_providers(r, c);
	conf_check_names(
	    r, &r->list[CONF_BASE_PROVIDER], names, "providers.name");
	g->root.s.relay.providers = g->providers;
	g->root.s.relay.nproviders = n;
}

/* --- the whole
 * ------------------------------------------------------------------
 */

/* The largest of the listeners' limits: a message is held to its listener's by
 * the session. */
static void
finish_intake(struct settings *s)
{
	struct intake_settings *i = &s->inlet.intake;

	i->hostname = s->hostname;
	if (i->domain == NULL)
		i->domain = s->hostname;
	i->stage_above = STAGE_ABOVE;
	for (size_t k = 0; k < s->inlet.nlisteners; k++) {
		const struct inlet_listener *l = &s->inlet.listeners[k];

		if (l->size_max > i->size_max)
			i->size_max = l->size_max;
		if (l->recipients_max > i->recipients_max)
			i->recipients_max = l->recipients_max;
	}
}

/* It was there when the key was read. */
static bool
find_group(const char *name, uint32_t *gid)
{
	struct err err;

	return name != NULL && conf_owner_group(name, gid, &err) == 0;
}

static void
finish_control(struct conf_arena *a, struct conf_root *root)
{
	struct settings *s = &root->s;
	const char *slash;
	char *path;

	s->control.has_group =
	    find_group(root->control_group, &s->control.group);
	s->control.has_admin_group =
	    find_group(root->control_admin_group, &s->control.admin_group);
	s->control.socket = root->control_socket;
	s->control_by_default = root->control_socket == NULL;
	if (root->control_socket != NULL || root->submission_socket == NULL)
		return;
	slash = strrchr(root->submission_socket, '/'); /* it is absolute */
	path = mem_printf("%.*s/control.sock",
	    (int)(slash - root->submission_socket), root->submission_socket);
	s->control.socket = conf_arena_str(a, path);
	free(path);
}

static void
finish_local(struct conf_read *r, struct generation *g)
{
	struct settings *s = &g->root.s;
	struct local *l = &s->inlet.intake.local;
	struct conf_arena *a = r->arena;

	if (l->domains == NULL) {
		l->domains = conf_arena_new(a, 2, sizeof *l->domains);
		l->domains[0] = s->hostname;
		l->domains[1] = "localhost";
		l->ndomains = 2;
	}
	if (g->root.aliases_file != NULL)
		g->aliases = conf_aliases_load(r, g->root.aliases_file, l);
	l->aliases = g->aliases;
	s->relay.local = *l;
}

static void
finish_relay(struct conf_root *root)
{
	struct relay_settings *s = &root->s.relay;

	s->hostname = root->s.hostname;
	s->bounce_to = RELAY_BOUNCE_ADDRESS;
	if (strcmp(root->bounce_to, "sender") == 0)
		s->bounce_to = RELAY_BOUNCE_SENDER;
	else if (strcmp(root->bounce_to, "none") == 0)
		s->bounce_to = RELAY_BOUNCE_NONE;
	else
		s->bounce_address = root->bounce_to;
}

/* Do all providers refuse others than their identities, one of them at MAIL? */
static bool
is_sender_judged(const struct relay_settings *s)
{
	bool refuses = false;

	for (size_t i = 0; i < s->nproviders; i++) {
		const struct relay_provider *p = &s->providers[i];

		if (p->nidentities == 0 || p->rewrite.header.nmasquerade > 0 ||
		    p->identity_policy == RELAY_IDENTITY_REWRITE)
			return false;
		refuses |= p->identity_policy == RELAY_IDENTITY_REFUSE;
	}
	for (size_t i = 0; i < s->nroutes; i++) {
		if (s->routes[i].rewrite.sender != NULL ||
		    s->routes[i].rewrite.header.nmasquerade > 0)
			return false;
	}
	return refuses;
}

static void
finish_identities(struct conf_arena *a, struct settings *s)
{
	const struct relay_settings *r = &s->relay;
	struct intake_settings *i = &s->inlet.intake;
	size_t n = 0;

	if (!is_sender_judged(r))
		return;
	for (size_t k = 0; k < r->nproviders; k++)
		n += r->providers[k].nidentities;
	i->identities = conf_arena_new(a, n, sizeof *i->identities);
	for (size_t k = 0; k < r->nproviders; k++) {
		const struct relay_provider *p = &r->providers[k];

		for (size_t j = 0; j < p->nidentities; j++)
			i->identities[i->nidentities++] = p->identities[j];
	}
}

static void
build(
    struct conf_read *r, struct generation *g, const char *file, bool identity)
{
	struct settings *s = &g->root.s;

	s->file = conf_arena_str(r->arena, file);
	conf_read_files(r, file);
	if (s->hostname == NULL)
		s->hostname = conf_value_own_host(r->arena);
	s->inlet.hostname = s->hostname;
	if (g->root.users_file != NULL)
		s->inlet.users = conf_users_load(r, g->root.users_file);
	conf_tls_read(&g->tls, r);
	build_listeners(r, &g->tls);
	build_providers(r, g);
	conf_routes_read(&g->routes, r);
	conf_check_root(r, identity);
	finish_intake(s);
	finish_relay(&g->root);
	finish_local(r, g);
	finish_control(&g->arena, &g->root);
	finish_identities(r->arena, s);
}

static struct conf_read *
begin(struct generation *g)
{
	struct conf_read *r = mem_new(sizeof *r);

	atomic_init(&g->refs, 1);
	r->arena = &g->arena;
	r->root = &g->root;
	r->seen = conf_seen_new();
	return r;
}

static void
end(struct conf_read *r, struct conf_report *report)
{
	conf_note_report(&r->notes, report);
	report->seen = r->seen;
	conf_read_done(r);
	free(r);
}

int
conf_load(struct settings **s, const char *file, bool identity,
    struct conf_report *report)
{
	struct generation *g = mem_new(sizeof *g);
	struct settings *made = &g->root.s;
	struct conf_read *r = begin(g);
	char hash[CONF_HASH_TEXT];

	build(r, g, file, identity);
	conf_hash(r, hash);
	made->hash = conf_arena_str(r->arena, hash);
	end(r, report);
	if (report->nmistakes > 0) {
		conf_free(&made);
		return -1;
	}
	*s = made;
	return 0;
}

char *
conf_control_socket(const char *file, struct conf_report *report)
{
	struct generation *g = mem_new(sizeof *g);
	struct settings *made = &g->root.s;
	struct conf_read *r = begin(g);
	char *path;

	conf_read_files(r, file);
	finish_control(&g->arena, &g->root);
	path = mem_str(made->control.socket);
	end(r, report);
	conf_free(&made);
	return path;
}

void
conf_needs_restart(const struct settings *old, const struct settings *new,
    void (*fn)(void *arg, const char *key), void *arg)
{
	for (size_t i = 0; i < conf_table_n; i++) {
		const struct conf_key *k = &conf_table[i];

		if (k->restart && !conf_field_equal(k, old, new))
			fn(arg, k->path);
	}
}

static void
keep(struct settings *s, const struct settings *old, const struct conf_key *k)
{
	const char *from = (const char *)old + k->at, *text;
	char *to = (char *)s + k->at;
	size_t n = conf_field_width(k);

	if (n > 0) {
		memcpy(to, from, n);
		return;
	}
	memcpy(&text, from, sizeof text);
	if (text != NULL)
		text = conf_arena_str(&generation_of(s)->arena, text);
	memcpy(to, &text, sizeof text);
}

void
conf_keep_until_restart(const struct settings *old, struct settings *new,
    void (*fn)(void *arg, const char *key), void *arg)
{
	for (size_t i = 0; i < conf_table_n; i++) {
		const struct conf_key *k = &conf_table[i];

		if (!k->restart || conf_field_equal(k, old, new))
			continue;
		fn(arg, k->path);
		keep(new, old, k);
	}
}

int
conf_size(const char *text, uint64_t *bytes, struct err *err)
{
	return conf_value_size(str_of(text), bytes, err);
}

int
conf_duration(const char *text, uint64_t *ms, struct err *err)
{
	return conf_value_duration(str_of(text), ms, err);
}

/* What no key says: the port that goes with how TLS begins. */
static const char *
default_of(const struct conf_key *k, const struct relay_provider *p)
{
	if (strcmp(k->path, "providers.port") == 0)
		return p->port == 465 ? "465" : "587";
	return k->def;
}

void
conf_provider_values(const struct settings *s, size_t i,
    void (*fn)(void *arg, const struct conf_value *v), void *arg)
{
	const struct generation *g = (const struct generation *)(const void *)s;

	for (size_t n = 0; n < conf_table_n; n++) {
		const struct conf_key *k = &conf_table[n];
		const struct conf_origin *o =
		    conf_origin_find(&g->origins[i], k);
		char origin[CONF_ORIGIN_SHOWN] = "default";
		struct conf_value v = { .key = k->path + strlen("providers."),
			.origin = origin };

		if (o == NULL && k->base != CONF_BASE_PROVIDER)
			continue;
		v.value = o != NULL ? o->value
		                    : default_of(k, &s->relay.providers[i]);
		if (o != NULL)
			conf_origin_text(o, origin, sizeof origin);
		if (v.value != NULL)
			fn(arg, &v);
	}
}

void
conf_keys(FILE *out)
{
	for (size_t i = 0; i < conf_table_n; i++) {
		const struct conf_key *k = &conf_table[i];
		const char *def = k->def != NULL ? k->def : k->told;

		(void)fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\n", k->path,
		    conf_table_type(k), def != NULL ? def : "-",
		    k->range != NULL ? k->range : "-",
		    k->unit != NULL ? k->unit : "-",
		    k->restart ? "restart" : "reload");
	}
}
