/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/way - the routes of a generation, with its providers in the place of
 * names.  A provider that stands in `use` by itself is a group of one.
 */
#ifndef RELAY_WAY_H
#define RELAY_WAY_H

#include <stddef.h>
#include <stdint.h>

struct balancer;
struct balancers_member;
struct provider;
struct relay_route;
struct relay_settings;

struct way_group {
	const char *name; /* of the group or the provider */
	const struct balancer *balancer;
	size_t n;
	struct provider **providers;      /* owned array of borrowed ones */
	struct balancers_member *members; /* owned; of the same order */
};

struct way {
	const struct relay_route *set;
	size_t nuse;
	struct way_group **use; /* owned array of borrowed ones */
	size_t nproviders;      /* each once */
	struct provider **providers;
};

struct ways;

/* providers: of the settings, in their order; borrowed. */
struct ways *way_all(
    const struct relay_settings *set, struct provider **providers);
void way_free(struct ways **w);
/* An id that no route has (any more) goes the default's way. */
const struct way *way_of(const struct ways *w, uint32_t id);

#endif
