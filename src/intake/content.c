/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/content.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"
#include "postern/spool/body.h"

#define STEP (4u << 10)         /* the budget is taken in pages */
#define SLICE_FIRST (16u << 10) /* a slice's memory doubles from here */

static void stage_answered(struct spool_op *op, void *owner);

void
content_pool_init(struct content_pool *p, struct spool *sp, struct mailbox *mb)
{
	p->sp = sp;
	p->mb = mb;
	p->unanswered = 0;
	p->on_idle = NULL;
	list_init(&p->waiting);
}

void
content_init(struct content *c, struct content_pool *pool, uint64_t mid,
    size_t stage_above, content_fn *fn)
{
	memset(c, 0, sizeof *c);
	list_init(&c->in_waiting);
	c->pool = pool;
	c->fn = fn;
	c->mid = mid;
	c->result = SPOOL_DONE;
	c->stage_above = stage_above;
	if (c->stage_above < SPOOL_STAGE_MIN)
		c->stage_above = SPOOL_STAGE_MIN;
	if (c->stage_above > SPOOL_STAGE_MAX)
		c->stage_above = SPOOL_STAGE_MAX;
	c->body = body_new(c->stage_above);
}

void
content_pool_asked(struct content_pool *p)
{
	p->unanswered++;
}

/* --- the budget --------------------------------------------------------- */

/* Evens out what was taken with what is held; false: the budget is refused. */
static bool
pay(struct content *c)
{
	size_t due = c->held > CONTENT_FREE ? c->held - CONTENT_FREE : 0;

	due = (due + STEP - 1) / STEP * STEP;
	if (due > c->taken && !spool_memory_take(c->pool->sp, due - c->taken))
		return false;
	if (due < c->taken)
		spool_memory_give(c->pool->sp, c->taken - due);
	c->taken = due;
	return true;
}

/* --- slices ------------------------------------------------------------- */

static void
submit(struct content *c, struct spool_stage *s)
{
	s->op.reply_to = c->pool->mb;
	s->op.done = stage_answered;
	s->op.arg = c;
	s->mid = c->mid;
	c->unanswered++;
	content_pool_asked(c->pool);
	c->is_staged = true;
	spool_stage(c->pool->sp, s);
}

static void
submit_slice(struct content *c)
{
	struct spool_stage *s = c->slice;

	c->slice = NULL;
	c->held -= c->slice_room - s->len; /* the rest until the answer */
	c->slice_room = 0;
	submit(c, s);
}

static void
submit_body(struct content *c)
{
	struct str bytes = body_str(c->body);
	struct spool_stage *s = mem_new(sizeof *s + bytes.len);

	s->len = bytes.len;
	memcpy(s->data, bytes.p, bytes.len);
	body_free(&c->body);
	submit(c, s);
}

static void
grow_slice(struct content *c)
{
	size_t room = c->slice == NULL ? SLICE_FIRST : c->slice_room * 2;

	if (c->slice == NULL)
		c->slice = mem_new(sizeof *c->slice + room);
	else
		c->slice = mem_resize(c->slice, sizeof *c->slice + room);
	c->held += room - c->slice_room;
	c->slice_room = room;
}

static void
add_to_slices(struct content *c, const char *p, size_t n)
{
	while (n > 0) {
		size_t room, part;

		if (c->slice == NULL || c->slice->len == c->slice_room)
			grow_slice(c);
		room = c->slice_room - c->slice->len;
		part = n < room ? n : room;
		memcpy(c->slice->data + c->slice->len, p, part);
		c->slice->len += part;
		p += part;
		n -= part;
		if (c->slice->len == CONTENT_SLICE)
			submit_slice(c);
	}
}

/* Bytes in memory that no operation carries yet. */
static size_t
loose(const struct content *c)
{
	if (c->body != NULL)
		return body_str(c->body).len;
	return c->slice == NULL ? 0 : c->slice->len;
}

static void
stage_loose(struct content *c)
{
	if (loose(c) == 0)
		return;
	if (c->body != NULL)
		submit_body(c);
	else
		submit_slice(c);
}

static void
leave_memory(struct content *c)
{
	if (c->body == NULL)
		return;
	stage_loose(c);
	body_free(&c->body); /* an empty one was not staged */
}

static void
free_loose(struct content *c)
{
	if (c->body != NULL)
		c->held -= body_str(c->body).len;
	body_free(&c->body);
	if (c->slice != NULL)
		c->held -= c->slice_room;
	free(c->slice);
	c->slice = NULL;
	c->slice_room = 0;
}

/* --- pause and resume --------------------------------------------------- */

static void
wait_in_line(struct content *c)
{
	list_remove(&c->in_waiting);
	list_push(&c->pool->waiting, &c->in_waiting);
}

/* May it take more bytes?  If not, it is where something will wake it: its own
 * slice's answer, or the line of those who wait. */
static bool
may_go(struct content *c)
{
	struct content_pool *pool = c->pool;

	if (c->result != SPOOL_DONE)
		return true;
	if (c->unanswered >= CONTENT_SLICES)
		return false;
	if (!pay(c)) {
		if (loose(c) >= CONTENT_EARLY || pool->unanswered == 0)
			stage_loose(c);
		else if (c->unanswered == 0)
			wait_in_line(c);
		return false;
	}
	if (pool->unanswered > c->unanswered && spool_is_busy(pool->sp)) {
		wait_in_line(c);
		return false;
	}
	return true;
}

static void
go_on(struct content *c)
{
	if (!c->is_paused || !may_go(c))
		return;
	list_remove(&c->in_waiting);
	c->is_paused = false;
	c->fn(c, CONTENT_RESUME);
}

/* Lets the first in the line go on.  If it cannot, it keeps its place or has
 * staged something. */
static bool
wake_first(struct content_pool *pool)
{
	struct list *first = list_pop(&pool->waiting);
	struct content *c;

	if (first == NULL)
		return false;
	c = LIST_OF(first, struct content, in_waiting);
	if (!may_go(c)) {
		if (!list_empty(first)) {
			list_remove(first);
			list_insert(&pool->waiting, first);
		}
		return false;
	}
	c->is_paused = false;
	c->fn(c, CONTENT_RESUME);
	return true;
}

static void
answered(struct content_pool *p)
{
	while (wake_first(p))
		continue;
	if (p->unanswered == 0 && p->on_idle != NULL)
		p->on_idle(p->arg);
}

void
content_pool_answered(struct content_pool *p)
{
	assert(p->unanswered > 0);
	p->unanswered--;
	answered(p);
}

static void
settle(struct content *c, const struct spool_stage *s)
{
	assert(c->unanswered > 0);
	c->unanswered--;
	c->held -= s->len;
	if (s->op.result != SPOOL_DONE && c->result == SPOOL_DONE) {
		c->result = s->op.result;
		free_loose(c);
	}
	pay(c);
}

static void
stage_answered(struct spool_op *op, void *owner)
{
	struct spool_stage *s = (struct spool_stage *)(void *)op;
	struct content *c = op->arg;
	struct content_pool *pool = c->pool;

	(void)owner;
	settle(c, s);
	free(s);
	pool->unanswered--;
	if (!c->is_over)
		go_on(c);
	else if (c->unanswered == 0)
		c->fn(c, CONTENT_SETTLED);
	answered(pool);
}

/* --- bytes ---------------------------------------------------------------- */

bool
content_add(struct content *c, const char *p, size_t n)
{
	assert(!c->is_over);
	if (c->result != SPOOL_DONE)
		return false;
	if (c->body != NULL && body_add(c->body, p, n) == 0) {
		c->held += n;
	} else {
		leave_memory(c);
		add_to_slices(c, p, n);
	}
	c->is_paused = !may_go(c);
	return c->is_paused;
}

bool
content_end(struct content *c)
{
	c->is_over = true;
	list_remove(&c->in_waiting);
	if (c->is_staged && c->result == SPOOL_DONE)
		stage_loose(c);
	return c->unanswered == 0;
}

bool
content_drop(struct content *c)
{
	if (!c->is_over) {
		c->is_over = true;
		list_remove(&c->in_waiting);
		free_loose(c);
		pay(c);
		if (c->is_staged)
			spool_abort_staged(c->pool->sp, c->mid);
	}
	return c->unanswered == 0;
}

struct body *
content_body(struct content *c)
{
	struct body *b = c->body;

	assert(c->is_over && !c->is_staged);
	c->body = NULL;
	if (c->taken > 0)
		spool_memory_own(c->pool->sp, b, c->taken);
	c->held = c->taken = 0;
	return b;
}

void
content_done(struct content *c)
{
	assert(c->unanswered == 0);
	list_remove(&c->in_waiting);
	free_loose(c);
	pay(c);
	assert(c->held == 0 && c->taken == 0);
}
