/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/holdup.h"

#include <stdlib.h>
#include <string.h>

#include "postern/base/map.h"
#include "postern/base/mem.h"
#include "postern/base/str.h"
#include "postern/relay/relay_view.h"

#define CONNECT "connect: " /* what failed, where it was a call of ours */
#define SUSPENDED "delivery temporarily suspended: "

struct own { /* a provider's */
	struct holdup_reason reason;
	char *name, *text; /* owned */
};

struct holdup {
	size_t n;
	struct own *own;    /* owned, of the view's order; then that of none */
	struct map *routes; /* of reasons, by id */
	const struct holdup_reason *standard;
};

/* Of what it did last: is that why it is not used? */
static bool
is_cause(const struct relay_view_provider *p)
{
	static const struct {
		const char *state, *class;
	} causes[] = {
		{ "quota", "quota" },
		{ "throttled", "rate" },
		{ "throttled", "conns" },
		{ "waiting", "auth" },
	};

	if (p->trouble.at_ms == 0)
		return false;
	if (p->why != NULL)
		return strcmp(p->why, p->trouble.class) == 0;
	for (size_t i = 0; i < sizeof causes / sizeof causes[0]; i++) {
		if (strcmp(p->state, causes[i].state) == 0 &&
		    strcmp(p->trouble.class, causes[i].class) == 0)
			return true;
	}
	return false;
}

static char *
words_of(const struct relay_view_provider *p)
{
	const struct relay_view_trouble *t = &p->trouble;
	struct str text = str_of(t->text);

	if (t->code > 0)
		return mem_printf(SUSPENDED "host %s:%u said: %u%s%s %s",
		    p->host, p->port, t->code, t->enhanced[0] ? " " : "",
		    t->enhanced, t->text);
	if (strcmp(t->stage, "connect") != 0)
		return mem_printf(SUSPENDED "host %s:%u, at %s: %s", p->host,
		    p->port, t->stage, t->text);
	if (str_starts_case(text, STR(CONNECT)))
		text.p += sizeof CONNECT - 1;
	return mem_printf(
	    SUSPENDED "connect to %s:%u: %s", p->host, p->port, text.p);
}

static char *
text_of(const struct relay_view_provider *p, bool with_words)
{
	static const struct {
		const char *state, *text;
	} texts[] = {
		{ "paused", "is paused" },
		{ "quota", "takes no more for now" },
		{ "throttled", "wants less at once" },
		{ "waiting", "waits for its limits or its login" },
	};

	if (p->is_usable)
		return mem_str("");
	if (strcmp(p->state, "paused") != 0 && with_words && is_cause(p))
		return words_of(p);
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		if (strcmp(p->state, texts[i].state) == 0)
			return mem_printf(
			    SUSPENDED "provider %s %s", p->name, texts[i].text);
	}
	return mem_printf(SUSPENDED "provider %s is not used: %s", p->name,
	    p->why != NULL ? p->why : p->state);
}

static void
look(struct own *o, const struct relay_view_provider *p, bool with_words)
{
	o->name = mem_str(p->name);
	o->text = text_of(p, with_words);
	o->reason = (struct holdup_reason){ o->name,
		p->is_usable ? "ok" : p->state, o->text };
}

struct holdup *
holdup_new(const struct relay_view *v, bool with_words)
{
	struct holdup *h = mem_new(sizeof *h);

	h->n = v->n;
	h->own = mem_array(v->n + 1, sizeof *h->own);
	for (size_t i = 0; i < v->n; i++)
		look(&h->own[i], &v->providers[i], with_words);
	h->own[v->n].reason = (struct holdup_reason){ "", "missing",
		"no provider is configured for its route" };
	h->routes = map_new();
	h->standard = &h->own[v->n].reason;
	for (size_t i = 0; i < v->nroutes; i++) {
		const struct relay_view_route *y = &v->routes[i];

		(void)map_put(h->routes, y->id, &h->own[y->at].reason);
		if (y->id == v->route)
			h->standard = &h->own[y->at].reason;
	}
	return h;
}

void
holdup_free(struct holdup **hp)
{
	struct holdup *h = *hp;

	*hp = NULL;
	if (h == NULL)
		return;
	for (size_t i = 0; i < h->n; i++) {
		free(h->own[i].name);
		free(h->own[i].text);
	}
	free(h->own);
	map_free(&h->routes);
	free(h);
}

const struct holdup_reason *
holdup_of(const struct holdup *h, uint32_t route)
{
	const struct holdup_reason *r = map_get(h->routes, route);

	return r != NULL ? r : h->standard;
}
