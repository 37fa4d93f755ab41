/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/conf_read - files to settings: reads the main file and what it includes,
 * walks libconfig's trees along the table, and remembers where each key stood.
 */
#ifndef CONF_CONF_READ_H
#define CONF_CONF_READ_H

#include <stddef.h>

#include <libconfig.h>

#include "postern/base/str.h"

#include "conf/conf_arena.h"
#include "conf/conf_note.h"
#include "conf/conf_table.h"

#define CONF_READ_FILES_MAX 256
#define CONF_READ_KEYS_MAX 384

struct conf_file {
	const char *name; /* in the arena */
	unsigned number;
	config_t tree;
};

struct conf_origins;
struct conf_seen;
struct conf_sublist;

/* The root, or an entry of a list: where it and its keys stand. */
struct conf_entry {
	const struct conf_file *file;
	const config_setting_t *setting; /* NULL: the root */
	struct conf_place at;
	struct conf_place key[CONF_READ_KEYS_MAX]; /* line 0: not written */
	struct conf_sublist *sublists; /* lists inside of it; in the arena */
};

struct conf_entries {
	struct conf_entry **entry; /* in the arena */
	size_t n, cap;
};

struct conf_read {
	struct conf_notes notes;
	struct conf_arena *arena; /* the generation's */
	struct conf_root *root;
	struct conf_seen *seen; /* what is opened is put there before */
	struct conf_file *file[CONF_READ_FILES_MAX]; /* owned */
	size_t nfiles;
	bool broken; /* a file could not be read whole */
	struct conf_entry *root_entry;
	struct conf_entries list[CONF_BASES]; /* by what the entries are */
	struct conf_entries profiles; /* the files of those that were asked */
};

/* How the keys of an entry are taken. */
struct conf_layer {
	const char *prefix; /* the list's path */
	bool quiet; /* mistakes were told, or are, where it is read itself */
	struct conf_origins *origins; /* NULL: not kept */
	const char *from;             /* for them */
	/* Of a profile; NULL elsewhere.  May the key stand here?  If not that
	 * was told. */
	bool (*allows)(
	    void *arg, const struct conf_key *k, struct conf_place at);
	/* 0: the value is as it stands, or *text (in the arena) where that was
	 * set; -1: it does not count. */
	int (*text_of)(void *arg, const struct conf_key *k,
	    const config_setting_t *v, const char **text);
	void *arg;
	/* Keys of the top level may stand among those of the entry; NULL: no.
	 * allows() is asked for each of them. */
	struct conf_root *root;
};

/* The entries that a provider is made of; what is nearer wins. */
struct conf_stack {
	struct conf_entry *own;
	struct conf_entry **like; /* the nearest first */
	size_t nlike;
	struct conf_entry *profile; /* NULL: none */
	bool profile_told;          /* its mistakes were, for another */
};

/* Reads all files into r->root and the lists of entries.  r is zeroed but for
 * arena and root. */
void conf_read_files(struct conf_read *r, const char *path);
/* An entry's keys into base; prefix is its list's path. */
void conf_read_entry(struct conf_read *r, struct conf_entry *e,
    const char *prefix, void *base, bool quiet);
void conf_read_layer(struct conf_read *r, struct conf_entry *e,
    const struct conf_layer *how, void *base);
/* One more of a list, which the arena holds. */
void conf_read_add(
    struct conf_read *r, struct conf_entries *list, struct conf_entry *e);
/* A file whose top level is an entry; its setting is NULL where it cannot be
 * read, which was told. */
struct conf_entry *conf_read_entry_file(
    struct conf_read *r, const char *path, const char *key);
/* A name in a file: what is relative starts at the main file's directory. */
void conf_read_path(
    const struct conf_read *r, const char *name, char *out, size_t max);
/* The defaults of all keys of a base. */
void conf_read_defaults(struct conf_read *r, enum conf_base base, void *fields);
/* Where the key stands, or the entry where it is not written. */
struct conf_place conf_read_place(const struct conf_entry *e, const char *path);
bool conf_read_is_set(const struct conf_entry *e, const char *path);
/* The list of that path inside of an entry that was read, NULL: none is. */
const struct conf_entries *conf_read_list(
    const struct conf_entry *e, const char *path);
void conf_read_done(struct conf_read *r);

#endif
