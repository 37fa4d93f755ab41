/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/conf_users - reads the users file with the daemon's rights and tells its
 * mistakes by its own lines.
 */
#ifndef CONF_CONF_USERS_H
#define CONF_CONF_USERS_H

struct conf_read;
struct users;

/* A reference, or NULL: told. */
struct users *conf_users_load(struct conf_read *r, const char *path);

#endif
