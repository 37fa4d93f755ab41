/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/conf_read.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "postern/base/buf.h"
#include "postern/base/mem.h"
#include "postern/conf/conf_seen.h"

#include "conf/conf_field.h"
#include "conf/conf_hint.h"
#include "conf/conf_origin.h"
#include "conf/conf_scan.h"

#define PATH_MAX_KEY 160

/* A list inside of an entry. */
struct conf_sublist {
	const struct conf_key *key;
	struct conf_entries entries;
	struct conf_sublist *next;
};

/* What a walk through one group carries. */
struct walk {
	struct conf_read *r;
	const struct conf_file *file;
	struct conf_entry *entry;
	void *base;
	const struct conf_layer *how;
};

static struct conf_place
place_in(const struct conf_file *f, const config_setting_t *v)
{
	return (struct conf_place){ .file = f->name,
		.number = f->number,
		.line = v != NULL ? (int)config_setting_source_line(v) : 0 };
}

static void
path_of(char path[PATH_MAX_KEY], const char *prefix, const char *name)
{
	(void)snprintf(path, PATH_MAX_KEY, "%s%s%.60s", prefix,
	    prefix[0] != '\0' ? "." : "", name);
}

/* --- unknown keys ------------------------------------------------------------
 */

/* "listeners, providers": the groups that have a key of that name. */
static void
homes_of(const char *name, char *out, size_t max)
{
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < conf_table_n; i++) {
		const struct conf_key *k = &conf_table[i];
		const char *leaf = conf_table_leaf(k);
		int more;

		if (strcmp(leaf, name) != 0 || n >= max)
			continue;
		if (leaf == k->path)
			more = snprintf(out + n, max - n, "%sthe top level",
			    n > 0 ? ", " : "");
		else
			more = snprintf(out + n, max - n, "%s%.*s",
			    n > 0 ? ", " : "", (int)(leaf - k->path) - 1,
			    k->path);
		n += more > 0 ? (size_t)more : 0;
	}
}

static void
unknown_key(struct walk *w, const config_setting_t *v, const char *prefix)
{
	const char *name = config_setting_name(v);
	struct conf_place at = place_in(w->file, v);
	struct conf_hint h = { 0 };
	char homes[128], path[PATH_MAX_KEY];

	path_of(path, prefix, name);
	for (size_t i = 0; i < conf_table_n; i++) {
		if (conf_table_is_in(&conf_table[i], prefix))
			conf_hint_offer(
			    &h, name, conf_table_leaf(&conf_table[i]));
	}
	homes_of(name, homes, sizeof homes);
	if (w->how->root != NULL)
		homes[0] = '\0'; /* it has no such places */
	if (homes[0] != '\0')
		conf_note_mistake(&w->r->notes, at, path,
		    "is no key here; write it in %s", homes);
	else if (h.best != NULL)
		conf_note_mistake(&w->r->notes, at, path,
		    "is no key; did you mean \"%s\"?", h.best);
	else
		conf_note_mistake(&w->r->notes, at, path,
		    "is no key; take it away (postern.conf(5) has them all)");
}

/* --- one key
 * ------------------------------------------------------------------
 */

/* The same key in two files: which one would hold?  False: refused. */
static bool
first_time(struct walk *w, const struct conf_key *k, const config_setting_t *v)
{
	struct conf_place *seen = &w->entry->key[k - conf_table];

	if (w->how->quiet)
		return true;
	if (seen->line != 0 && k->type != CONF_GROUP && k->type != CONF_LIST) {
		conf_note_mistake(&w->r->notes, place_in(w->file, v), k->path,
		    "is set in %s:%d already; keep one of them", seen->file,
		    seen->line);
		return false;
	}
	*seen = place_in(w->file, v);
	return true;
}

static void
keep_origin(struct walk *w, const struct conf_key *k, const config_setting_t *v,
    const char *text)
{
	struct conf_arena *a = w->r->arena;
	struct conf_origin o = {
		.key = k, .from = w->how->from, .at = place_in(w->file, v)
	};

	if (w->how->origins == NULL)
		return;
	o.value = text != NULL ? conf_origin_quoted(text, a)
	                       : conf_origin_value(v, a);
	conf_origin_put(w->how->origins, a, &o);
}

/* It is opened later, by who knows what stands in it. */
static void
keep_seen(struct walk *w, const struct conf_key *k, const void *base)
{
	if (k->type == CONF_FILE)
		conf_seen_file(w->r->seen,
		    *(const char *const *)(const void *)((const char *)base +
		                                         k->at));
}

/* A key of the top level among those of an entry. */
static bool
is_of_root(const struct walk *w, const struct conf_key *k)
{
	return w->how->root != NULL && strchr(k->path, '.') == NULL;
}

static void
set_key(struct walk *w, const struct conf_key *k, const config_setting_t *v)
{
	struct conf_arena *a = w->r->arena;
	void *base = is_of_root(w, k) ? w->how->root : w->base;
	const char *text = NULL;
	struct err err;
	int rc = 0;

	if (w->how->text_of != NULL)
		rc = w->how->text_of(w->how->arg, k, v, &text);
	if (rc < 0)
		return;
	rc = text != NULL ? conf_field_set_text(k, base, text, a, &err)
	                  : conf_field_set(k, base, v, a, &err);
	if (rc == 0) {
		keep_origin(w, k, v, text);
		keep_seen(w, k, base);
	} else if (!w->how->quiet && err.text[0] != '\0')
		conf_note_mistake(&w->r->notes, place_in(w->file, v), k->path,
		    "%s", err.text);
}

static struct conf_entry *
new_entry(
    struct conf_read *r, const struct conf_file *f, const config_setting_t *v)
{
	struct conf_entry *e = conf_arena_new(r->arena, 1, sizeof *e);

	e->file = f;
	e->setting = v;
	e->at = place_in(f, v);
	return e;
}

void
conf_read_add(
    struct conf_read *r, struct conf_entries *list, struct conf_entry *e)
{
	if (list->n == list->cap) {
		struct conf_entry **old = list->entry;

		list->cap = list->cap > 0 ? list->cap * 2 : 8;
		list->entry =
		    conf_arena_new(r->arena, list->cap, sizeof(void *));
		if (list->n > 0)
			memcpy(list->entry, old, list->n * sizeof(void *));
	}
	list->entry[list->n++] = e;
}

static struct conf_sublist *
sublist(const struct conf_entry *e, const struct conf_key *k)
{
	struct conf_sublist *s = e->sublists;

	while (s != NULL && s->key != k)
		s = s->next;
	return s;
}

/* Of the root's lists, or of the entry's own. */
static struct conf_entries *
list_for(struct walk *w, const struct conf_key *k)
{
	struct conf_sublist *s;

	if (w->entry == w->r->root_entry)
		return &w->r->list[k->base];
	s = conf_arena_new(w->r->arena, 1, sizeof *s);
	s->key = k;
	s->next = w->entry->sublists;
	w->entry->sublists = s;
	return &s->entries;
}

/* An entry that others are like is walked more than once; its lists are taken
 * (and what is wrong with them told) the first time. */
static void
take_list(struct walk *w, const struct conf_key *k, const config_setting_t *v)
{
	struct conf_entries *list;
	int n = config_setting_length(v);

	if (sublist(w->entry, k) != NULL)
		return;
	list = list_for(w, k);
	if (config_setting_is_list(v) == CONFIG_FALSE &&
	    (config_setting_is_array(v) == CONFIG_FALSE || n > 0)) {
		conf_note_mistake(&w->r->notes, place_in(w->file, v), k->path,
		    "has to be a list of groups; write %s = ( { ... } );",
		    conf_table_leaf(k));
		return;
	}
	for (int i = 0; i < n; i++) {
		const config_setting_t *e =
		    config_setting_get_elem(v, (unsigned)i);

		if (config_setting_is_group(e) == CONFIG_FALSE)
			conf_note_mistake(&w->r->notes, place_in(w->file, e),
			    k->path,
			    "has something else than groups in it; write "
			    "{ key = value; }");
		else
			conf_read_add(w->r, list, new_entry(w->r, w->file, e));
	}
}

static bool
is_told(const config_setting_t *v)
{
	const char *name = config_setting_name(v);

	return name == NULL || name[0] == '*' ||
	       (config_setting_type(v) == CONFIG_TYPE_INT64 &&
	           config_setting_get_int64(v) == CONF_SCAN_TOLD);
}

static bool
may_stand(struct walk *w, const struct conf_key *k, const config_setting_t *v)
{
	return w->how->allows == NULL ||
	       w->how->allows(w->how->arg, k, place_in(w->file, v));
}

static const struct conf_key *
find_key(const struct walk *w, const char *prefix, const char *name)
{
	char path[PATH_MAX_KEY];
	const struct conf_key *k;

	path_of(path, prefix, name);
	k = conf_table_find(path);
	if (k != NULL || w->how->root == NULL ||
	    strcmp(prefix, w->how->prefix) != 0)
		return k;
	return conf_table_find(name);
}

/* Inner groups are at most two deep in the table: no peer decides the depth. */
static void
walk_group(struct walk *w, const config_setting_t *g, const char *prefix)
{
	int n = config_setting_length(g);

	for (int i = 0; i < n; i++) {
		const config_setting_t *v =
		    config_setting_get_elem(g, (unsigned)i);
		const char *name = config_setting_name(v);
		const struct conf_key *k;

		if (name == NULL || name[0] == '*')
			continue;
		k = find_key(w, prefix, name);
		if (k == NULL && !w->how->quiet)
			unknown_key(w, v, prefix);
		if (k == NULL || !first_time(w, k, v) || is_told(v))
			continue;
		if ((k->type != CONF_GROUP || is_of_root(w, k)) &&
		    !may_stand(w, k, v))
			continue;
		if (k->type == CONF_LIST)
			take_list(w, k, v);
		else if (k->type != CONF_GROUP)
			set_key(w, k, v);
		else if (config_setting_is_group(v) != CONFIG_FALSE)
			walk_group(w, v, k->path);
		else if (!w->how->quiet)
			conf_note_mistake(&w->r->notes, place_in(w->file, v),
			    k->path, "has to be a group; write %s = { ... };",
			    conf_table_leaf(k));
	}
}

void
conf_read_layer(struct conf_read *r, struct conf_entry *e,
    const struct conf_layer *how, void *base)
{
	struct walk w = {
		.r = r, .file = e->file, .entry = e, .base = base, .how = how
	};

	walk_group(&w, e->setting, how->prefix);
}

void
conf_read_entry(struct conf_read *r, struct conf_entry *e, const char *prefix,
    void *base, bool quiet)
{
	struct conf_layer how = { .prefix = prefix, .quiet = quiet };

	conf_read_layer(r, e, &how, base);
}

void
conf_read_defaults(struct conf_read *r, enum conf_base base, void *fields)
{
	for (size_t i = 0; i < conf_table_n; i++) {
		if (conf_table[i].base == base)
			conf_field_default(&conf_table[i], fields, r->arena);
	}
}

struct conf_place
conf_read_place(const struct conf_entry *e, const char *path)
{
	const struct conf_key *k = conf_table_find(path);

	if (k != NULL && e->key[k - conf_table].line != 0)
		return e->key[k - conf_table];
	return e->at;
}

bool
conf_read_is_set(const struct conf_entry *e, const char *path)
{
	const struct conf_key *k = conf_table_find(path);

	return k != NULL && e->key[k - conf_table].line != 0;
}

const struct conf_entries *
conf_read_list(const struct conf_entry *e, const char *path)
{
	const struct conf_sublist *s = sublist(e, conf_table_find(path));

	return s != NULL ? &s->entries : NULL;
}

/* --- files
 * --------------------------------------------------------------------
 */

/* The text of a file into *b.  -1: *err. */
static int
read_text(const char *path, struct buf *b, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	ssize_t n = -1;
	char *room;

	if (fd < 0)
		return err_sys(err, "cannot be read");
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		(void)close(fd);
		return err_set(err, ERR_CONFIG, "is no regular file");
	}
	while ((room = buf_room(b, 4096)) != NULL) {
		n = read(fd, room, 4096);
		if (n <= 0)
			break;
		buf_wrote(b, (size_t)n);
	}
	if (n < 0 && room != NULL) {
		(void)err_sys(err, "cannot be read");
		(void)close(fd);
		return -1;
	}
	(void)close(fd);
	if (room == NULL)
		return err_set(err, ERR_CONFIG,
		    "is larger than 1 MiB; split it with include");
	return 0;
}

/* Text, scanned and mended, into the file's tree.  -1: told. */
static int
parse_text(struct conf_read *r, struct conf_file *f, struct str text)
{
	struct conf_place at = { .file = f->name, .number = f->number };
	struct buf mended;
	size_t before = r->notes.mistakes;
	int rc;

	buf_init(&mended, CONF_SCAN_OUT_MAX);
	if (conf_scan(text, at, &r->notes, &mended) != 0) {
		buf_done(&mended);
		return -1;
	}
	rc = config_read_string(&f->tree, buf_at(&mended));
	buf_done(&mended);
	if (rc == CONFIG_TRUE)
		return 0;
	at.line = config_error_line(&f->tree);
	if (r->notes.mistakes == before)
		conf_note_mistake(&r->notes, at, "syntax",
		    "%s here or on the line above; write key = value; with "
		    "texts in quotes, or take it away",
		    config_error_text(&f->tree));
	return -1;
}

static struct conf_file *
add_file(struct conf_read *r, const char *path)
{
	struct conf_file *f = mem_new(sizeof *f);

	assert(r->nfiles < CONF_READ_FILES_MAX);
	f->name = conf_arena_str(r->arena, path);
	f->number = (unsigned)r->nfiles;
	config_init(&f->tree);
	r->file[r->nfiles++] = f;
	return f;
}

/* The file's tree, or NULL: told. */
static struct conf_file *
load_file(struct conf_read *r, const char *path, const char *key)
{
	struct conf_file *f = add_file(r, path);
	struct conf_place at = { .file = f->name, .number = f->number };
	size_t before = r->notes.mistakes;
	struct buf text;
	struct err err;
	int rc = 0;

	conf_seen_file(r->seen, path);
	/* One read more than the limit, so that its end is seen. */
	buf_init(&text, CONF_SCAN_FILE_MAX + 4096);
	if (read_text(path, &text, &err) != 0)
		conf_note_mistake(&r->notes, at, key, "%s", err.text);
	if (r->notes.mistakes > before || parse_text(r, f, buf_str(&text)) != 0)
		rc = -1;
	buf_done(&text);
	return rc == 0 ? f : NULL;
}

static void
read_file(struct conf_read *r, const char *path, const char *key)
{
	struct conf_file *f = load_file(r, path, key);
	struct conf_layer how = { .prefix = "" };
	struct walk w = { .r = r,
		.file = f,
		.entry = r->root_entry,
		.base = r->root,
		.how = &how };

	if (f == NULL)
		r->broken = true;
	else
		walk_group(&w, config_root_setting(&f->tree), "");
}

struct conf_entry *
conf_read_entry_file(struct conf_read *r, const char *path, const char *key)
{
	const struct conf_file *f = load_file(r, path, key);
	struct conf_entry *e = new_entry(r, r->file[r->nfiles - 1], NULL);

	if (f != NULL)
		e->setting = config_root_setting(&f->tree);
	return e;
}

/* --- include
 * ------------------------------------------------------------------
 */

void
conf_read_path(
    const struct conf_read *r, const char *pattern, char *out, size_t max)
{
	const char *main_file = r->file[0]->name;
	const char *slash = strrchr(main_file, '/');

	if (pattern[0] == '/' || slash == NULL)
		(void)snprintf(out, max, "%s", pattern);
	else
		(void)snprintf(out, max, "%.*s/%s", (int)(slash - main_file),
		    main_file, pattern);
}

static bool
is_read(const struct conf_read *r, const char *path)
{
	struct stat a, b;

	for (size_t i = 0; i < r->nfiles; i++) {
		if (stat(r->file[i]->name, &a) == 0 && stat(path, &b) == 0 &&
		    a.st_dev == b.st_dev && a.st_ino == b.st_ino)
			return true;
	}
	return false;
}

static void
include_one(struct conf_read *r, const char *path, struct conf_place at)
{
	if (is_read(r, path)) {
		conf_note_mistake(&r->notes, at, "include",
		    "%s is read already; name it once", path);
		return;
	}
	if (r->nfiles == CONF_READ_FILES_MAX) {
		conf_note_mistake(&r->notes, at, "include",
		    "names more than %d files; join some of them",
		    CONF_READ_FILES_MAX - 1);
		return;
	}
	read_file(r, path, "include");
}

static void
include_pattern(struct conf_read *r, const char *pattern, struct conf_place at)
{
	char full[4096];
	glob_t g = { 0 };
	int rc;

	conf_read_path(r, pattern, full, sizeof full);
	conf_seen_pattern(r->seen, full);
	rc = glob(full, 0, NULL, &g);
	if (rc == GLOB_NOMATCH && strpbrk(pattern, "*?[") == NULL)
		conf_note_mistake(&r->notes, at, "include",
		    "%s is not there; write the name of a file that is", full);
	else if (rc != 0 && rc != GLOB_NOMATCH)
		conf_note_mistake(&r->notes, at, "include",
		    "%s cannot be looked up; write a directory that can be "
		    "read",
		    full);
	for (size_t i = 0; rc == 0 && i < g.gl_pathc; i++)
		include_one(r, g.gl_pathv[i], at);
	globfree(&g);
}

void
conf_read_files(struct conf_read *r, const char *path)
{
	const char **patterns;
	struct conf_place at;
	size_t n;

	assert(conf_table_n <= CONF_READ_KEYS_MAX);
	r->root_entry = conf_arena_new(r->arena, 1, sizeof *r->root_entry);
	conf_read_defaults(r, CONF_BASE_ROOT, r->root);
	read_file(r, path, "file");
	r->root_entry->at = (struct conf_place){ .file = r->file[0]->name };
	n = r->root->ninclude;
	patterns = r->root->include;
	at = conf_read_place(r->root_entry, "include");
	for (size_t i = 0; i < n; i++)
		include_pattern(r, patterns[i], at);
}

void
conf_read_done(struct conf_read *r)
{
	for (size_t i = 0; i < r->nfiles; i++) {
		config_destroy(&r->file[i]->tree);
		free(r->file[i]);
	}
	r->nfiles = 0;
}
