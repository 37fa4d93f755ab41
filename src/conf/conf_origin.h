/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/conf_origin - which text gave a key its value, and where it stands: in
 * the provider's own entry, in one that it is like, or in its profile.
 */
#ifndef CONF_CONF_ORIGIN_H
#define CONF_CONF_ORIGIN_H

#include <stddef.h>

#include <libconfig.h>

#include "conf/conf_arena.h"
#include "conf/conf_note.h"

struct conf_key;

#define CONF_ORIGIN_SHOWN 512 /* bytes of a value; a longer one is cut */

struct conf_origin { /* all in the arena */
	const struct conf_key *key;
	const char *value; /* as a file would have it */
	const char *from;  /* "profile ses", "like main"; NULL: its own entry */
	struct conf_place at;
};

struct conf_origins { /* of one entry; zeros are a good start */
	struct conf_origin *row;
	size_t n, cap;
};

/* A later one takes the place of an earlier one of that key. */
void conf_origin_put(struct conf_origins *o, struct conf_arena *a,
    const struct conf_origin *row);
/* NULL: the key has its default. */
const struct conf_origin *conf_origin_find(
    const struct conf_origins *o, const struct conf_key *k);
/* The value in the syntax of a file, in the arena. */
const char *conf_origin_value(const config_setting_t *v, struct conf_arena *a);
const char *conf_origin_quoted(const char *text, struct conf_arena *a);
/* "FILE:LINE", "profile ses, FILE:LINE". */
void conf_origin_text(const struct conf_origin *o, char *out, size_t max);

#endif
