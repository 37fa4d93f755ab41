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
/* Two entries with one name: the later one is told. */
void conf_check_names(struct conf_read *r, const struct conf_entries *list,
    const char *const *names, const char *path);

#endif
