/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/walker.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "postern/base/clock.h"
#include "postern/base/mem.h"

#include "admin/duty.h"
#include "admin/filter.h"

#define NICE 10
#define WALKS_MAX 64 /* more than there are callers */
#define NAMES_A_LOOK 64
#define ROUTES_MAX 65536 /* ids are given one after the other */

struct walker {
	struct helper *helper;
	struct mailbox *back;
	struct spool *spool;
	struct spool_reader *reader; /* its thread's, as what follows */
	bool is_nice;
	struct duty duty;
	struct spool_route_name *route;
	size_t nroutes, cap;
};

/* --- names of routes ---------------------------------------------------------
 */

/* Those that came since the last page. */
static void
learn_routes(struct walker *w)
{
	int n = NAMES_A_LOOK;

	while (n == NAMES_A_LOOK && w->nroutes < ROUTES_MAX) {
		uint32_t last =
		    w->nroutes > 0 ? w->route[w->nroutes - 1].id : 0;

		if (w->cap - w->nroutes < NAMES_A_LOOK) {
			w->cap += NAMES_A_LOOK;
			w->route =
			    mem_resize(w->route, w->cap * sizeof *w->route);
		}
		n = spool_route_names(
		    w->reader, last, w->route + w->nroutes, NAMES_A_LOOK);
		w->nroutes += n > 0 ? (size_t)n : 0;
	}
}

static int
compare_id(const void *key, const void *at)
{
	uint32_t id = *(const uint32_t *)key;
	uint32_t is = ((const struct spool_route_name *)at)->id;

	return (id > is) - (id < is);
}

const char *
walker_route(const struct walker *w, uint32_t id)
{
	const struct spool_route_name *found = NULL;

	if (w->nroutes > 0)
		found = bsearch(
		    &id, w->route, w->nroutes, sizeof *w->route, compare_id);
	return found != NULL ? found->name : "";
}

/* --- a page ------------------------------------------------------------------
 */

struct look {
	struct walk *walk;
	int64_t now_ms;
};

static bool
on_row(void *arg, const struct spool_row *row)
{
	const struct look *l = arg;
	struct walk *walk = l->walk;
	struct filter_subject s = { .row = row,
		.route = walker_route(walk->reading.walker, row->key.route),
		.now_ms = l->now_ms };

	if (walk->without_dead && row->state == SPOOL_ROW_DEAD)
		return true;
	if (walk->own[0] != '\0' && !str_is(row->client, walk->own))
		return true;
	if (walk->filter != NULL && !filter_fits(walk->filter, &s))
		return true;
	return walk->take(walk, &s);
}

static void
look_page(struct reading *g, struct spool_reader *r)
{
	struct walk *walk = (struct walk *)g; /* it lies first */
	struct look look = { .walk = walk, .now_ms = clock_wall_ms() };
	struct spool_walk w = { .where = walk->where,
		.mid = walk->mid,
		.n = -1,
		.fn = on_row,
		.arg = &look };

	walk->has_failed = spool_walk(r, &w, &walk->mark) != 0;
}

static void
on_page(struct reading *g)
{
	struct walk *walk = (struct walk *)g;

	walk->page(walk);
}

static void
rest(const struct walker *w)
{
	uint64_t now = clock_mono_us(), next = duty_next_us(&w->duty);
	struct timespec t = { 0 };

	if (now >= next)
		return;
	t.tv_nsec = (long)(next - now) * 1000; /* DUTY_REST_MAX_US */
	(void)nanosleep(&t, NULL);
}

static void
run_look(struct helper_job *job)
{
	struct reading *g = (struct reading *)job; /* it lies first */
	struct walker *w = g->walker;
	struct duty_look l = { .rests = g->rests };

	/* Of this thread alone: mail goes first where they share a core. */
	if (!w->is_nice)
		w->is_nice = nice(NICE) != -1;
	rest(w);
	l.begin_us = clock_mono_us();
	learn_routes(w);
	g->look(g, w->reader);
	l.end_us = clock_mono_us();
	l.commits = spool_commits(w->spool);
	duty_took(&w->duty, &l);
}

static void
deliver_back(struct mailbox_item *item, void *owner)
{
	struct reading *g = (struct reading *)item; /* they lie first */

	(void)owner;
	g->back(g);
}

/* --- life --------------------------------------------------------------------
 */

struct walker *
walker_new(struct spool *sp, struct mailbox *back)
{
	struct walker *w = mem_new(sizeof *w);

	w->back = back;
	w->spool = sp;
	w->reader = spool_reader_new(sp);
	w->helper = helper_new("listing", 1, WALKS_MAX);
	return w;
}

void
walker_free(struct walker **wp)
{
	struct walker *w = *wp;

	if (w == NULL)
		return;
	*wp = NULL;
	helper_free(&w->helper);
	spool_reader_free(&w->reader);
	free(w->route);
	free(w);
}

static int
submit(struct walker *w, struct reading *g, unsigned rests)
{
	if (w == NULL)
		return -1;
	g->walker = w;
	g->rests = rests;
	g->job.reply_to = w->back;
	g->job.run = run_look;
	g->job.item.deliver = deliver_back;
	return helper_submit(w->helper, &g->job);
}

int
walker_read(struct walker *w, struct reading *g)
{
	return submit(w, g, DUTY_RESTS);
}

int
walker_next(struct walker *w, struct walk *walk)
{
	walk->reading.look = look_page;
	walk->reading.back = on_page;
	return submit(
	    w, &walk->reading, walk->is_told ? DUTY_RESTS_TOLD : DUTY_RESTS);
}
