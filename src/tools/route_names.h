/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/route_names - the names of a spool's routes, by their ids and back.
 */
#ifndef TOOLS_ROUTE_NAMES_H
#define TOOLS_ROUTE_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "postern/base/err.h"
#include "postern/spool/spool.h"

struct route_names {
	struct spool_route_name *v; /* by id */
	size_t n, cap;
};

void route_names_load(struct route_names *r, struct spool_reader *reader);
void route_names_done(struct route_names *r);
/* A letter_json_route_fn: or "route-7", of one whose name cannot be read. */
const char *route_names_of(void *arg, uint32_t id);
/* The id of a name, made in the spool where there is none. */
MUST_CHECK int route_names_id(struct route_names *r, struct spool *sp,
    const char *name, uint32_t *id, struct err *err);

#endif
