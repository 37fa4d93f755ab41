/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/trace_find.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/map.h"
#include "postern/base/mem.h"
#include "postern/spool/spool.h"

#define NAMES 2 /* as it was written, and in <> */

struct ring {
	size_t max, n; /* n: in all */
	uint64_t *mid; /* owned: the newest */
	struct map *is_in;
};

struct trace_find {
	const char *own;      /* this client's mail alone; "": all */
	uint32_t name[NAMES]; /* fingerprints */
	size_t nnames;
	struct ring found;
	struct ring mine; /* with own: what this client handed in */
};

static void
ring_init(struct ring *r, size_t max)
{
	r->max = max;
	r->mid = mem_array(max, sizeof *r->mid);
	r->is_in = map_new();
}

static void
ring_done(struct ring *r)
{
	free(r->mid);
	map_free(&r->is_in);
}

static bool
ring_has(const struct ring *r, uint64_t mid)
{
	return map_get(r->is_in, mid) != NULL;
}

static void
ring_add(struct ring *r, uint64_t mid)
{
	uint64_t *at = &r->mid[r->n % r->max];

	if (ring_has(r, mid))
		return;
	if (r->n >= r->max)
		(void)map_del(r->is_in, *at);
	*at = mid;
	r->n++;
	(void)map_put(r->is_in, mid, r);
}

struct trace_find *
trace_find_new(const char *own)
{
	struct trace_find *f = mem_new(sizeof *f);

	f->own = own;
	ring_init(&f->found, TRACE_FIND_MAX);
	ring_init(&f->mine, TRACE_FIND_OWN);
	return f;
}

void
trace_find_free(struct trace_find **fp)
{
	struct trace_find *f = *fp;

	*fp = NULL;
	if (f == NULL)
		return;
	ring_done(&f->found);
	ring_done(&f->mine);
	free(f);
}

void
trace_find_name(struct trace_find *f, struct str name)
{
	char *in_brackets = mem_printf("<%.*s>", (int)name.len, name.p);

	assert(f->nnames == 0);
	f->name[f->nnames++] = spool_fingerprint(name);
	f->name[f->nnames++] = spool_fingerprint(str_of(in_brackets));
	free(in_brackets);
}

void
trace_find_id(struct trace_find *f, uint64_t mid)
{
	ring_add(&f->found, mid);
}

/* Does the caller see it?  Of what came with no event that is known: no. */
static bool
is_seen(struct trace_find *f, const struct spool_event *e)
{
	if (f->own[0] == '\0')
		return true;
	if (e->kind == SPOOL_EVENT_ACCEPTED && strcmp(e->client, f->own) == 0)
		ring_add(&f->mine, e->mid);
	return ring_has(&f->mine, e->mid);
}

static bool
is_meant(const struct trace_find *f, const struct spool_event *e)
{
	for (size_t i = 0; i < f->nnames; i++) {
		if (spool_event_names(e, f->name[i]))
			return true;
	}
	return false;
}

void
trace_find_event(struct trace_find *f, const struct spool_event *e)
{
	if (is_seen(f, e) && is_meant(f, e))
		ring_add(&f->found, e->mid);
}

bool
trace_find_is_shown(struct trace_find *f, const struct spool_event *e)
{
	return ring_has(&f->found, e->mid) && is_seen(f, e);
}

size_t
trace_find_count(const struct trace_find *f)
{
	return f->found.n < f->found.max ? f->found.n : f->found.max;
}

uint64_t
trace_find_mid(const struct trace_find *f, size_t i)
{
	return f->found.mid[i];
}
