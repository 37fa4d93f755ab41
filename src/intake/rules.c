/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/rules.h"

#include <assert.h>
#include <stdlib.h>

#include "postern/base/mem.h"
#include "postern/intake/routes.h"

struct rules *
rules_new(const struct intake_settings *s, void (*let_go)(void *arg), void *arg)
{
	struct rules *r = mem_new(sizeof *r);

	r->s = *s;
	r->s.routes = s->routes != NULL ? routes_ref(s->routes) : routes_new();
	r->refs = 1;
	r->let_go = let_go;
	r->arg = arg;
	return r;
}

struct rules *
rules_ref(struct rules *r)
{
	r->refs++;
	return r;
}

void
rules_drop(struct rules **rp)
{
	struct rules *r = *rp;

	*rp = NULL;
	if (r == NULL)
		return;
	assert(r->refs > 0);
	if (--r->refs > 0)
		return;
	routes_free(&r->s.routes);
	if (r->let_go != NULL)
		r->let_go(r->arg);
	free(r);
}
