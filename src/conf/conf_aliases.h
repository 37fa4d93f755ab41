/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/conf_aliases - reads the aliases file with the daemon's rights and tells
 * its mistakes by its own lines.
 */
#ifndef CONF_CONF_ALIASES_H
#define CONF_CONF_ALIASES_H

struct aliases;
struct conf_read;
struct local;

/* The caller's to free, or NULL: told. */
struct aliases *conf_aliases_load(
    struct conf_read *r, const char *path, const struct local *host);

#endif
