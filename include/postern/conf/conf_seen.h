/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/conf_seen - the files that a reading of the configuration looked at, and
 * how they were just before: does another reading find something else?  Names
 * are followed as the reading follows them, through symbolic links of files and
 * directories.  One thread at a time.
 */
#ifndef CONF_CONF_SEEN_H
#define CONF_CONF_SEEN_H

#include <stdint.h>

struct conf_seen;

struct conf_seen *conf_seen_new(void);
void conf_seen_free(struct conf_seen **s); /* NULL is fine */

/* Before it is opened.  It may be missing; a second time changes nothing. */
void conf_seen_file(struct conf_seen *s, const char *path);
/* The names that fit count, not what stands in the files. */
void conf_seen_pattern(struct conf_seen *s, const char *pattern);

/* A number for the state of all: then, and now. */
uint64_t conf_seen_then(const struct conf_seen *s);
uint64_t conf_seen_now(const struct conf_seen *s);
/* The first that is not as it was, or NULL; borrowed. */
const char *conf_seen_changed(const struct conf_seen *s);

#endif
