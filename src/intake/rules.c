/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/rules.h"

#include <assert.h>
#include <stdlib.h>

#include "postern/base/mem.h"
#include "postern/intake/routes.h"

struct rules *
rules_new(const struct intake_settings *s)
{
	struct rules *r = mem_new(sizeof *r);

	r->s = *s;
	r->s.hostname = mem_str(s->hostname);
	r->s.domain = mem_str(s->domain);
	r->s.routes = s->routes != NULL ? routes_ref(s->routes) : routes_new();
	r->refs = 1;
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
	free((char *)(uintptr_t)r->s.hostname);
	free((char *)(uintptr_t)r->s.domain);
	routes_free(&r->s.routes);
	free(r);
}
