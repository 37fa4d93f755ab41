/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/conf_lines - a file that a key names and that has lines of its own, by
 * which its mistakes are told.
 */
#ifndef CONF_CONF_LINES_H
#define CONF_CONF_LINES_H

#include <stddef.h>

#include "postern/base/err.h"

struct conf_read;
struct str;

struct conf_lines { /* borrowed */
	struct conf_read *read;
	const char *key, *path;
	unsigned number;   /* its place among such files: 0, 1, ... */
	unsigned mistakes; /* told so far */
};

/* A mistake in a line; arg is a struct conf_lines.  The first twenty are told:
 * a file of another kind has one a line. */
void conf_lines_mistake(void *arg, unsigned line, const char *text);
/* How many more there were. */
void conf_lines_rest(const struct conf_lines *l);
/* What is wrong with the file as a whole, where its name stands. */
void conf_lines_unread(const struct conf_lines *l, const struct err *err);
/* All that fd has, the caller's to wipe and free.  -1: also where that is more
 * than max bytes. */
MUST_CHECK int conf_lines_read(const struct conf_lines *l, int fd, size_t max,
    struct str *text, struct err *err);

#endif
