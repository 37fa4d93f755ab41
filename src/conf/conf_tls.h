/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/conf_tls - the group "tls", what the listeners make of it, and the keys
 * of a provider: the
 * certificates are read and checked here, with the rights that a reload has
 * too, so that a mistake is told with its line and nothing can fail later.
 * Listeners that want the same share a context.
 */
#ifndef CONF_CONF_TLS_H
#define CONF_CONF_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include "postern/io/tls.h"

struct conf_entry;
struct conf_listener;
struct conf_provider;
struct conf_read;

/* One a generation; zeroed to begin with. */
struct conf_tls {
	struct tls_server_settings set; /* what all contexts have in common */
	bool broken;                    /* a mistake was told: none is made */
	struct conf_tls_made *made;     /* owned */
	size_t nmade;
};

/* Reads the certificates and checks the group; tells all that is wrong. */
void conf_tls_read(struct conf_tls *t, struct conf_read *r);
/* Fills the listener's tls, tls_use and implicit_tls, and tells what is wrong
 * with them.  e NULL: it is the listener by default. */
void conf_tls_listener(struct conf_tls *t, struct conf_read *r,
    const struct conf_entry *e, struct conf_listener *c);
/* Fills the provider's tls_set, and tells what is wrong with it. */
void conf_tls_provider(
    struct conf_read *r, const struct conf_entry *e, struct conf_provider *c);
void conf_tls_done(struct conf_tls *t);

#endif
