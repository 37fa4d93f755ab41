/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/route_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"

#define A_LOOK 64
#define ROUTES_MAX 65536 /* ids are given one after the other */

static void
make_room(struct route_names *r, size_t n)
{
	if (r->cap - r->n >= n)
		return;
	r->cap += n > A_LOOK ? n : A_LOOK;
	r->v = mem_resize(r->v, r->cap * sizeof *r->v);
}

void
route_names_load(struct route_names *r, struct spool_reader *reader)
{
	int n = A_LOOK;

	*r = (struct route_names){ .n = 0 };
	while (n == A_LOOK && r->n < ROUTES_MAX) {
		uint32_t last = r->n > 0 ? r->v[r->n - 1].id : 0;

		make_room(r, A_LOOK);
		n = spool_route_names(reader, last, r->v + r->n, A_LOOK);
		r->n += n > 0 ? (size_t)n : 0;
	}
}

void
route_names_done(struct route_names *r)
{
	free(r->v);
	*r = (struct route_names){ .n = 0 };
}

static struct spool_route_name *
add(struct route_names *r, uint32_t id)
{
	make_room(r, 1);
	r->v[r->n].id = id;
	return &r->v[r->n++];
}

const char *
route_names_of(void *arg, uint32_t id)
{
	struct route_names *r = arg;
	struct spool_route_name *name;

	for (size_t i = 0; i < r->n; i++) {
		if (r->v[i].id == id)
			return r->v[i].name;
	}
	name = add(r, id);
	(void)snprintf(name->name, sizeof name->name, "route-%u", (unsigned)id);
	return name->name;
}

int
route_names_id(struct route_names *r, struct spool *sp, const char *name,
    uint32_t *id, struct err *err)
{
	for (size_t i = 0; i < r->n; i++) {
		if (strcmp(r->v[i].name, name) == 0) {
			*id = r->v[i].id;
			return 0;
		}
	}
	if (spool_route(sp, name, id, err) != 0)
		return -1;
	(void)snprintf(add(r, *id)->name, SPOOL_ROUTE_NAME, "%s", name);
	return 0;
}
