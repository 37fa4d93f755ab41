/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/conf_secret - a secret that one of several keys says the place of.
 */
#ifndef CONF_CONF_SECRET_H
#define CONF_CONF_SECRET_H

#include <stddef.h>

#include "postern/base/secret_source.h"

struct conf_entry;
struct conf_read;

struct conf_secret_key {
	const char *path; /* of the key */
	enum secret_source_kind kind;
	const char **at; /* what is written there; NULL: nothing */
};

struct conf_secret {
	const struct conf_secret_key *keys;
	size_t nkeys;
};

/* What the entry itself says goes before what it is like.  The secret is read
 * into *out; where none is written *out and *source stay untouched.  More than
 * one, and one that cannot be read, are mistakes. */
void conf_secret_read(struct conf_read *r, const struct conf_entry *e,
    const struct conf_secret *s, struct secret **out,
    struct secret_source *source);

#endif
