/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inlet/generation - one generation of an inlet's settings, with what is made
 * of them once: networks and address patterns parsed, the protocol machine's
 * settings and the policy a listener.
 * A session keeps the generation it began with.  Belongs to one inlet thread.
 */
#ifndef INLET_GENERATION_H
#define INLET_GENERATION_H

#include <stdbool.h>
#include <stddef.h>

#include "postern/base/err.h"

struct addr;
struct generation;
struct inlet_listener;
struct inlet_settings;
struct policy;
struct smtp_server_settings;

enum generation_list {
	GENERATION_NETWORKS,
	GENERATION_PROXIES,
	GENERATION_XCLIENTS,
	GENERATION_LENIENT,
	GENERATION_LISTS
};

/* s is borrowed until on_old has been called.  -1: networks or patterns of a
 * listener are wrong; *g is made all the same and that listener admits nobody.
 */
MUST_CHECK int generation_new(
    struct generation **g, const struct inlet_settings *s, struct err *err);
struct generation *generation_ref(struct generation *g);
/* The last reference calls on_old. */
void generation_drop(struct generation **g);
void generation_on_old(
    struct generation *g, void (*on_old)(void *arg), void *arg);

const struct inlet_settings *generation_settings(const struct generation *g);
/* NULL: there is no listener of that number (a reload took it away). */
const struct inlet_listener *generation_listener(
    const struct generation *g, size_t listener);
const struct smtp_server_settings *generation_server(
    const struct generation *g, size_t listener);
const struct policy *generation_policy(
    const struct generation *g, size_t listener);
/* Those of its networks, everybody where there are none, and unix sockets. */
bool generation_admits(
    const struct generation *g, size_t listener, const struct addr *peer);
/* Is it in a list of the listener?  A list that is not written has nobody. */
bool generation_has(const struct generation *g, size_t listener,
    enum generation_list list, const struct addr *peer);

#endif
