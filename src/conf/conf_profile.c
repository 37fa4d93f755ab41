/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/conf_profile.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "postern/base/buf.h"
#include "postern/conf/conf_seen.h"

#include "conf/conf_hint.h"
#include "conf/conf_read.h"
#include "conf/conf_value.h"

#define KEY "providers.profile"
#define PREFIX "providers."
#define ENDING ".conf"
#define PATH_BYTES 4096
#define LIST_MAX 400   /* bytes of the names that a mistake shows */
#define TEXT_MAX 1024  /* bytes of a text with its names replaced */
#define NAMES_MAX 1000 /* files of a directory that are looked at */

/* What can be true of every account.  A secret, what an operator decides and
 * what differs by account is none of them.  A name that ends in '.' stands for
 * all keys of that group. */
static const char *const allowed[] = { "providers.host", "providers.port",
	"providers.tls", "providers.tls_mode", "providers.tls_name",
	"providers.auth", "providers.user", "providers.region",
	"providers.rate", "providers.quota_page", "providers.max_connections",
	"providers.max_messages_per_connection", "providers.max_recipients",
	"providers.max_size", "providers.idle_timeout", "providers.max_age",
	"providers.null_sender", "providers.disable", "providers.eight_bit",
	"providers.timeouts.", "providers.breaker.", "providers.replies",
	"providers.oauth.token_url", "providers.oauth.device_url",
	"providers.oauth.scope" };

static const char *
text_in(const config_setting_t *group, const char *path)
{
	const config_setting_t *v =
	    config_setting_lookup((config_setting_t *)group, path);

	return v != NULL && config_setting_type(v) == CONFIG_TYPE_STRING
	           ? config_setting_get_string(v)
	           : NULL;
}

static bool
is_in(const config_setting_t *group, const char *path)
{
	return config_setting_lookup((config_setting_t *)group, path) != NULL;
}

/* --- the file ---------------------------------------------------------------
 */

static const char *const *
directories(const struct conf_read *r, size_t *n)
{
	static const char *const usual[] = { SYSCONFDIR "/postern/providers.d",
		PROFILEDIR };

	*n = r->root->nprofile_directories;
	if (*n > 0)
		return r->root->profile_directories;
	*n = sizeof usual / sizeof usual[0];
	return usual;
}

static bool
find_file(const struct conf_read *r, const char *name, char path[PATH_BYTES])
{
	size_t n;
	const char *const *dir = directories(r, &n);

	for (size_t i = 0; i < n; i++) {
		char full[PATH_BYTES];
		int len;

		conf_read_path(r, dir[i], full, sizeof full);
		len = snprintf(path, PATH_BYTES, "%s/%s" ENDING, full, name);
		if (len <= 0 || len >= PATH_BYTES)
			continue;
		conf_seen_file(r->seen, path);
		if (access(path, F_OK) == 0)
			return true;
	}
	return false;
}

/* The names of a directory's profiles; hint sees all of them, the list those
 * that fit. */
static void
list_names(const char *path, const char *word, struct conf_arena *a,
    struct conf_hint *hint, struct buf *list)
{
	DIR *d = opendir(path);
	const struct dirent *e;

	for (int i = 0; d != NULL && i < NAMES_MAX; i++) {
		char name[64];
		size_t n;

		e = readdir(d);
		if (e == NULL)
			break;
		n = strlen(e->d_name);
		if (n <= strlen(ENDING) || n - strlen(ENDING) >= sizeof name ||
		    strcmp(e->d_name + n - strlen(ENDING), ENDING) != 0)
			continue;
		(void)snprintf(name, sizeof name, "%.*s",
		    (int)(n - strlen(ENDING)), e->d_name);
		conf_hint_offer(hint, word, conf_arena_str(a, name));
		if (buf_addf(list, "%s%s", list->len > 0 ? " " : "", name) != 0)
			continue;
	}
	if (d != NULL)
		(void)closedir(d);
}

static void
tell_unknown(struct conf_read *r, struct conf_place at, const char *name)
{
	struct conf_hint hint = { 0 };
	struct buf list;
	size_t n;
	const char *const *dir = directories(r, &n);

	buf_init(&list, LIST_MAX);
	for (size_t i = 0; i < n; i++) {
		char full[PATH_BYTES];

		conf_read_path(r, dir[i], full, sizeof full);
		list_names(full, name, r->arena, &hint, &list);
	}
	if (list.len == 0)
		conf_note_mistake(&r->notes, at, KEY,
		    "there is no profile \"%s\", nor any in %.200s; write "
		    "profile_directories = [ \"DIRECTORY\" ];",
		    name, dir[n - 1]);
	else
		conf_note_mistake(&r->notes, at, KEY,
		    "there is no profile \"%s\"; %s%s%swrite one of: %.*s",
		    name, hint.best != NULL ? "did you mean \"" : "",
		    hint.best != NULL ? hint.best : "",
		    hint.best != NULL ? "\"? Else " : "", (int)list.len,
		    buf_at(&list));
	buf_done(&list);
}

/* Read once, however many providers have it. */
static struct conf_entry *
load(struct conf_read *r, const char *path, struct conf_place at, bool *again)
{
	struct conf_entry *e;

	for (size_t i = 0; i < r->profiles.n; i++) {
		e = r->profiles.entry[i];
		*again = true;
		if (strcmp(e->file->name, path) == 0)
			return e->setting != NULL ? e : NULL;
	}
	*again = false;
	if (r->nfiles == CONF_READ_FILES_MAX) {
		conf_note_mistake(&r->notes, at, KEY,
		    "would be more than %d files; join some of those that "
		    "include names",
		    CONF_READ_FILES_MAX - 1);
		return NULL;
	}
	e = conf_read_entry_file(r, path, KEY);
	conf_read_add(r, &r->profiles, e);
	return e->setting != NULL ? e : NULL;
}

/* The nearest entry that has one. */
static const struct conf_entry *
owner_of(const struct conf_stack *s)
{
	for (size_t i = 0; i <= s->nlike; i++) {
		const struct conf_entry *e = i == 0 ? s->own : s->like[i - 1];

		if (is_in(e->setting, "profile"))
			return e;
	}
	return NULL;
}

static const char *
find(struct conf_read *r, struct conf_stack *s)
{
	const struct conf_entry *e = owner_of(s);
	const char *name = e != NULL ? text_in(e->setting, "profile") : NULL;
	char path[PATH_BYTES];
	struct conf_place at;
	struct err err;

	/* What is no name is told where the entry is read. */
	if (name == NULL || conf_value_name(str_of(name), &err) != 0)
		return NULL;
	at = e->at;
	at.line = (int)config_setting_source_line(
	    config_setting_get_member(e->setting, "profile"));
	if (!find_file(r, name, path)) {
		if (e == s->own)
			tell_unknown(r, at, name);
		return name;
	}
	s->profile = load(r, path, at, &s->profile_told);
	if (s->profile == NULL && e == s->own)
		conf_note_mistake(&r->notes, at, KEY,
		    "%s cannot be read, as said there; mend it, or write "
		    "another profile",
		    path);
	return name;
}

/* --- its keys ---------------------------------------------------------------
 */

struct look {
	struct conf_read *r;
	const struct conf_stack *stack;
	struct conf_provider *provider;
	const char *name;
};

static bool
allows(void *arg, const struct conf_key *k, struct conf_place at)
{
	const struct look *l = arg;

	if (conf_table_is_among(k, allowed, sizeof allowed / sizeof allowed[0]))
		return true;
	if (!l->stack->profile_told)
		conf_note_mistake(&l->r->notes, at, k->path,
		    "is not for profiles, which have what is true of every "
		    "account; write it in the provider's own entry");
	return false;
}

/* Does the provider's own entry, or one that it is like, have it? */
static bool
is_given(const struct conf_stack *s, const char *path)
{
	bool found = is_in(s->own->setting, path);

	for (size_t i = 0; i < s->nlike; i++)
		found = found || is_in(s->like[i]->setting, path);
	return found;
}

static const char *
given_text(const struct conf_stack *s, const char *path)
{
	const char *text = text_in(s->own->setting, path);

	for (size_t i = 0; text == NULL && i < s->nlike; i++)
		text = text_in(s->like[i]->setting, path);
	return text != NULL ? text : text_in(s->profile->setting, path);
}

static void
tell_missing(
    const struct look *l, const char *path, const char *leaf, const char *text)
{
	char full[128];

	if (is_given(l->stack, path))
		return; /* no text: that is told */
	(void)snprintf(full, sizeof full, PREFIX "%s", path);
	conf_note_mistake(&l->r->notes, l->stack->own->at, full,
	    "is missing: profile %s has %s = \"%s\"; write %s = \"...\";",
	    l->name, leaf, text, path);
}

/* One "%{path}" of text, which begins at *s.  -1: told. */
static int
replace(const struct look *l, const struct conf_key *k, const char **s,
    const char *text, struct buf *out)
{
	const char *end = strchr(*s, '}'), *value;
	char path[64], full[80];
	struct str name = { *s + 2, end != NULL ? (size_t)(end - *s) - 2 : 0 };

	(void)snprintf(path, sizeof path, "%.*s",
	    (int)(name.len < 63 ? name.len : 63), name.p);
	(void)snprintf(full, sizeof full, PREFIX "%s", path);
	if (end == NULL || conf_table_find(full) == NULL) {
		if (!l->stack->profile_told)
			conf_note_mistake(&l->r->notes, l->stack->profile->at,
			    k->path,
			    "\"%s\" has no key of a provider in it; write one "
			    "such as %%{region}",
			    text);
		return -1;
	}
	value = given_text(l->stack, path);
	if (value == NULL) {
		tell_missing(l, path, k->path + strlen(PREFIX), text);
		return -1;
	}
	*s = end + 1;
	return buf_adds(out, value);
}

static int
expand(const struct look *l, const struct conf_key *k, const char *text,
    const char **made)
{
	struct buf out;
	int rc = 0;

	buf_init(&out, TEXT_MAX);
	for (const char *s = text; rc == 0 && *s != '\0';) {
		if (s[0] == '%' && s[1] == '{')
			rc = replace(l, k, &s, text, &out);
		else
			rc = buf_add(&out, s++, 1);
	}
	if (rc == 0 && buf_add(&out, "", 1) == 0)
		*made = conf_arena_str(l->r->arena, buf_at(&out));
	else
		l->provider->is_blamed = true;
	buf_done(&out);
	return *made != NULL ? 0 : -1;
}

static int
text_of(void *arg, const struct conf_key *k, const config_setting_t *v,
    const char **text)
{
	const struct look *l = arg;

	/* Of what a login with tokens needs, nothing without such a login; its
	 * %{tenant} is conf_oauth's. */
	if (strncmp(k->path, "providers.oauth.", 16) == 0)
		return is_given(l->stack, "oauth") ? 0 : -1;
	if (config_setting_type(v) != CONFIG_TYPE_STRING ||
	    strstr(config_setting_get_string(v), "%{") == NULL)
		return 0;
	if (is_given(l->stack, k->path + strlen(PREFIX)))
		return -1;
	return expand(l, k, config_setting_get_string(v), text);
}

void
conf_profile_read(struct conf_read *r, struct conf_stack *s,
    struct conf_provider *c, struct conf_origins *o)
{
	struct look l = { .r = r, .stack = s, .provider = c };
	char from[80];

	l.name = find(r, s);
	c->is_blamed = s->profile == NULL && owner_of(s) != NULL;
	if (s->profile == NULL)
		return;
	(void)snprintf(from, sizeof from, "profile %s", l.name);
	conf_read_layer(r, s->profile,
	    &(struct conf_layer){ .prefix = "providers",
	        .quiet = s->profile_told,
	        .origins = o,
	        .from = conf_arena_str(r->arena, from),
	        .allows = allows,
	        .text_of = text_of,
	        .arg = &l },
	    c);
}
