/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/conf_routes - limits, groups and routes: the lists that name entries of
 * each other, and of the providers.
 */
#ifndef CONF_CONF_ROUTES_H
#define CONF_CONF_ROUTES_H

#include <stddef.h>
#include <stdint.h>

#include "conf/conf_note.h"

struct conf_read;
struct relay_route;
struct routes;

/* The routes of a generation, in its arena but for the rules, which it owns;
 * "default" is always one of them. */
struct conf_routes {
	struct relay_route *route;
	const char **at; /* "FILE:LINE", or "" */
	size_t n;
	struct routes *rules;
};

/* After listeners, users, providers and the root's keys: fills the settings,
 * and tells all that is wrong. */
void conf_routes_read(struct conf_routes *to, struct conf_read *r);

#endif
