/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/control_queue.h"

#include <assert.h>
#include <stdlib.h>
#include <sysexits.h>

#include "postern/base/buf.h"
#include "postern/base/mem.h"

#include "admin/control_call.h"
#include "admin/control_walk.h"
#include "admin/filter.h"
#include "admin/queue_groups.h"
#include "admin/queue_row.h"
#include "admin/queue_sort.h"

/* Bytes, some ten rows; such a page is full.  Who reads it works on it in one
 * go, while mail waits for that processor. */
#define PAGE_HIGH (4u << 10)
#define PAGE_MAX (PAGE_HIGH + (1u << 20)) /* with the row that made it so */

/* --- queue.list --------------------------------------------------------------
 */

struct listing {
	struct control_walk w; /* lies first */
	struct buf page;
	uint64_t left; /* so many may still come */
};

static bool
take_row(struct walk *walk, const struct filter_subject *s)
{
	struct listing *l = (struct listing *)walk;
	int rc =
	    control_call_line(&l->page, queue_row_json(s, QUEUE_ROW_RCPTS));

	assert(rc == 0); /* each of a row's texts has stood within a page */
	l->left--;
	return l->left > 0 && l->page.len < PAGE_HIGH;
}

static void
tell_rows(struct control_walk *w)
{
	struct listing *l = (struct listing *)w;

	control_call_lines(w->call, buf_str(&l->page));
	buf_clear(&l->page);
	if (l->left == 0)
		control_walk_end(w);
	else
		control_walk_go_on(w);
}

static void
free_listing(struct control_walk *w)
{
	buf_done(&((struct listing *)w)->page);
	free(w);
}

static void
list(struct control_call *call, enum spool_walk_where where)
{
	struct listing *l = mem_new(sizeof *l);

	l->w = (struct control_walk){ .page = tell_rows, .free = free_listing };
	l->w.tells_holdup = where == SPOOL_WALK_ALL;
	l->w.walk.take = take_row;
	l->w.walk.is_told = true;
	l->w.walk.where = where;
	l->w.walk.without_dead = where == SPOOL_WALK_ALL;
	if (!control_call_number(call, "limit", &l->left) || l->left == 0)
		l->left = UINT64_MAX;
	buf_init(&l->page, PAGE_MAX);
	control_walk_start(&l->w, call);
}

struct sorted {
	struct control_walk w; /* lies first */
	struct queue_sort *sort;
};

static bool
take_sorted(struct walk *walk, const struct filter_subject *s)
{
	queue_sort_add(((struct sorted *)walk)->sort, s);
	return true;
}

static void
tell_line(void *arg, struct str line)
{
	control_call_lines(arg, line);
}

static void
tell_sorted(struct control_walk *w)
{
	if (w->walk.mark.over)
		queue_sort_each(((struct sorted *)w)->sort, tell_line, w->call);
	control_walk_go_on(w);
}

static void
free_sorted(struct control_walk *w)
{
	queue_sort_free(&((struct sorted *)w)->sort);
	free(w);
}

static void
list_sorted(struct control_call *call, const char *by)
{
	struct queue_sort *sort = NULL;
	uint64_t limit = 0;
	struct sorted *x;
	struct err err;

	(void)control_call_number(call, "limit", &limit);
	if (queue_sort_new(&sort, str_of(by), limit, &err) != 0) {
		control_call_fail(call, EX_USAGE, err.text);
		return;
	}
	x = mem_new(sizeof *x);
	x->w =
	    (struct control_walk){ .page = tell_sorted, .free = free_sorted };
	x->w.tells_holdup = true;
	x->w.walk.take = take_sorted;
	x->w.walk.without_dead = true;
	x->sort = sort;
	control_walk_start(&x->w, call);
}

void
control_queue_list(struct control_call *call)
{
	const char *by = control_call_word(call, "sort");

	if (by != NULL)
		list_sorted(call, by);
	else
		list(call, SPOOL_WALK_ALL);
}

void
control_queue_dead(struct control_call *call)
{
	list(call, SPOOL_WALK_DEAD);
}

/* --- queue.count -------------------------------------------------------------
 */

struct count {
	struct control_walk w; /* lies first */
	struct queue_groups *groups;
};

static bool
take_count(struct walk *walk, const struct filter_subject *s)
{
	queue_groups_add(((struct count *)walk)->groups, s);
	return true;
}

static void
tell_group(void *arg, json_t *row)
{
	control_call_row(arg, row);
}

static void
tell_groups(struct control_walk *w)
{
	if (w->walk.mark.over)
		queue_groups_each(
		    ((struct count *)w)->groups, tell_group, w->call);
	control_walk_go_on(w);
}

static void
free_count(struct control_walk *w)
{
	queue_groups_free(&((struct count *)w)->groups);
	free(w);
}

void
control_queue_count(struct control_call *call)
{
	const char *by = control_call_word(call, "group_by");
	struct queue_groups *groups = NULL;
	struct count *c;
	struct err err;

	if (queue_groups_new(&groups, str_of(by), &err) != 0) {
		control_call_fail(call, EX_USAGE, err.text);
		return;
	}
	c = mem_new(sizeof *c);
	c->w = (struct control_walk){ .page = tell_groups, .free = free_count };
	c->w.walk.take = take_count;
	c->w.walk.without_dead = true;
	c->groups = groups;
	control_walk_start(&c->w, call);
}
