/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/walker.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "postern/base/clock.h"
#include "postern/base/mem.h"

#include "admin/duty.h"
#include "admin/filter.h"
#include "admin/holdup.h"

#define NICE 10
#define WALKS_MAX 64 /* more than there are callers */
#define NAMES_A_LOOK 64
#define ROUTES_MAX 65536 /* ids are given one after the other */

struct walker {
	struct helper *helper;
	struct mailbox *back;
	struct spool *spool;
	struct spool_reader *reader; /* its thread's, as what follows */
	bool is_nice, is_idle;
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

/* Of what might leave now. */
static const struct holdup_reason *
holdup_reason(const struct look *l, const struct spool_row *row)
{
	const struct holdup_reason *r = NULL;

	if (l->walk->holdup != NULL && row->state == SPOOL_ROW_QUEUED &&
	    row->key.due_ms <= l->now_ms)
		r = holdup_of(l->walk->holdup, row->key.route);
	return r != NULL && strcmp(r->state, "ok") != 0 ? r : NULL;
}

static bool
on_row(void *arg, const struct spool_row *row)
{
	const struct look *l = arg;
	struct walk *walk = l->walk;
	struct filter_subject s = { .row = row,
		.route = walker_route(walk->reading.walker, row->key.route),
		.now_ms = l->now_ms,
		.holdup = holdup_reason(l, row) };

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

/* Of this thread alone: mail goes first where they share a processor. */
static void
be_nice(struct walker *w)
{
	int now = getpriority(PRIO_PROCESS, 0);

	if (!w->is_nice)
		w->is_nice = setpriority(PRIO_PROCESS, 0, now + NICE) == 0;
}

/* Who is idle comes back by RLIMIT_NICE alone, or has to stay so. */
static bool
may_return(void)
{
	struct rlimit r;
	int now = getpriority(PRIO_PROCESS, 0);

	return prlimit(0, RLIMIT_NICE, NULL, &r) == 0 &&
	       r.rlim_cur >= (rlim_t)(20 - now);
}

/* For a look alone: who is idle when it has the lock of a queue or a mailbox is
 * off its processor while others wait for that lock. */
static void
stand_back(struct walker *w, bool idle)
{
	const struct sched_param none = { 0 };

	if (idle != w->is_idle &&
	    sched_setscheduler(0, idle ? SCHED_IDLE : SCHED_OTHER, &none) == 0)
		w->is_idle = idle;
}

static uint64_t
worked_us(void)
{
	struct timespec t = { 0 };

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void
run_look(struct helper_job *job)
{
	struct reading *g = (struct reading *)job; /* it lies first */
	struct walker *w = g->walker;
	struct duty_look l = { .rests = g->rests };
	uint64_t worked;

	be_nice(w);
	rest(w);
	l.begin_us = clock_mono_us();
	worked = worked_us();
	stand_back(w, duty_may_idle(&w->duty, l.begin_us) && may_return());
	learn_routes(w);
	g->look(g, w->reader);
	stand_back(w, false);
	l.end_us = clock_mono_us();
	l.worked_us = worked_us() - worked;
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
