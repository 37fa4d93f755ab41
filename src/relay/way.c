/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/way.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"
#include "postern/relay/relay.h"

#include "relay/balancers.h"
#include "relay/provider.h"

struct ways {
	size_t ngroups; /* those of the settings, then one a provider */
	struct way_group *groups;
	size_t nways;
	struct way *ways;
	size_t standard; /* the default's place */
};

static struct provider *
find(const struct relay_settings *set, struct provider **providers,
    const char *name)
{
	for (size_t i = 0; i < set->nproviders; i++) {
		if (strcmp(set->providers[i].name, name) == 0)
			return providers[i];
	}
	return NULL;
}

static void
join(struct way_group *g, struct provider *p)
{
	struct balancers_member *m = &g->members[g->n];

	m->name = p->set->name;
	m->weight = p->set->weight;
	g->providers[g->n++] = p;
}

static void
group_init(
    struct way_group *g, const char *name, enum relay_balance balance, size_t n)
{
	g->name = name;
	g->balancer = balancers_of(balance);
	g->providers = mem_array(n, sizeof(struct provider *));
	g->members = mem_array(n, sizeof *g->members);
}

static void
make_groups(struct ways *w, const struct relay_settings *set,
    struct provider **providers)
{
	w->ngroups = set->ngroups + set->nproviders;
	w->groups = mem_array(w->ngroups, sizeof *w->groups);
	for (size_t i = 0; i < set->ngroups; i++) {
		const struct relay_group *from = &set->groups[i];

		group_init(
		    &w->groups[i], from->name, from->balance, from->nmembers);
		for (size_t k = 0; k < from->nmembers; k++)
			join(&w->groups[i],
			    find(set, providers, from->members[k]));
	}
	for (size_t i = 0; i < set->nproviders; i++) {
		struct way_group *g = &w->groups[set->ngroups + i];

		group_init(
		    g, set->providers[i].name, RELAY_BALANCE_P2C_EWMA, 1);
		join(g, providers[i]);
	}
}

static struct way_group *
group_of(struct ways *w, const char *name)
{
	for (size_t i = 0; i < w->ngroups; i++) {
		if (strcmp(w->groups[i].name, name) == 0)
			return &w->groups[i];
	}
	assert(false && "conf has checked the names");
	return NULL;
}

static void
add_provider(struct way *y, struct provider *p)
{
	for (size_t i = 0; i < y->nproviders; i++) {
		if (y->providers[i] == p)
			return;
	}
	y->providers[y->nproviders++] = p;
}

static void
make_way(struct ways *w, struct way *y, const struct relay_route *set,
    size_t nproviders)
{
	y->set = set;
	y->nuse = set->nuse;
	y->use = mem_array(set->nuse, sizeof(struct way_group *));
	y->providers = mem_array(nproviders, sizeof(struct provider *));
	for (size_t i = 0; i < set->nuse; i++) {
		struct way_group *g = group_of(w, set->use[i]);

		y->use[i] = g;
		for (size_t k = 0; k < g->n; k++)
			add_provider(y, g->providers[k]);
	}
}

struct ways *
way_all(const struct relay_settings *set, struct provider **providers)
{
	struct ways *w = mem_new(sizeof *w);

	assert(set->nroutes > 0);
	make_groups(w, set, providers);
	w->nways = set->nroutes;
	w->ways = mem_array(w->nways, sizeof *w->ways);
	for (size_t i = 0; i < w->nways; i++) {
		make_way(w, &w->ways[i], &set->routes[i], set->nproviders);
		if (set->routes[i].id == set->route)
			w->standard = i;
	}
	return w;
}

void
way_free(struct ways **wp)
{
	struct ways *w = *wp;

	*wp = NULL;
	if (!w)
		return;
	for (size_t i = 0; i < w->ngroups; i++) {
		free(w->groups[i].providers);
		free(w->groups[i].members);
	}
	for (size_t i = 0; i < w->nways; i++) {
		free(w->ways[i].use);
		free(w->ways[i].providers);
	}
	free(w->groups);
	free(w->ways);
	free(w);
}

const struct way *
way_of(const struct ways *w, uint32_t id)
{
	for (size_t i = 0; i < w->nways; i++) {
		if (w->ways[i].set->id == id)
			return &w->ways[i];
	}
	return &w->ways[w->standard];
}
