/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/conf_check - what no single key can tell: keys that are missing, stand
 * against each other, or name what is not there.  Tells all into the notes.
 */
#ifndef CONF_CONF_CHECK_H
#define CONF_CONF_CHECK_H

#include "conf/conf_read.h"

/* listener[i] was filled from r->listeners.entry[i]; provider likewise. */
void conf_check_listeners(
    struct conf_read *r, const struct conf_listener *listener);
void conf_check_providers(
    struct conf_read *r, const struct conf_provider *provider);
/* identity: user and group have to exist. */
void conf_check_root(struct conf_read *r, bool identity);
/* A key that has to be written; example: "name = \"main\";". */
void conf_check_needs(struct conf_read *r, const struct conf_entry *e,
    const char *path, const char *example);
/* prefix: of the keys, "retry". */
void conf_check_retry(struct conf_read *r, const struct conf_entry *e,
    const char *prefix, const struct relay_retry *t);
/* Two entries with one name: the later one is told. */
void conf_check_names(struct conf_read *r, const struct conf_entries *list,
    const char *const *names, const char *path);

#endif
