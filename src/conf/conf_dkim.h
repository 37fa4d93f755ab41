/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/conf_dkim - providers.dkim and routes.dkim: what signs, and its keys.
 */
#ifndef CONF_CONF_DKIM_H
#define CONF_CONF_DKIM_H

#include <stdbool.h>
#include <stddef.h>

struct conf_entry;
struct conf_origins;
struct conf_provider;
struct conf_read;
struct conf_stack;
struct dkim_rule;
struct relay_route;

/* Those of the provider's own entry, which was read; where it has none, those
 * of the nearest entry that it is like. */
void conf_dkim_provider(struct conf_read *r, const struct conf_stack *s,
    struct conf_provider *c, struct conf_origins *o);
void conf_dkim_route(
    struct conf_read *r, const struct conf_entry *e, struct relay_route *route);
/* The keys of a list, which goes with the arena itself. */
void conf_dkim_done(const struct dkim_rule *list, size_t n);

#endif
