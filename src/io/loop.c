/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/io/loop.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "postern/base/clock.h"
#include "postern/base/mem.h"
#include "postern/base/stat.h"

#include "io/loop_priv.h"

#define SPARES 16  /* buffers kept for the next conn */
#define TOIL_MS 10 /* of a turn may go into what takes long */
#define SPARE_BYTES ((size_t)128 * 1024)     /* at most, each */
#define SPARE_FIRST_BYTES ((size_t)4 * 1024) /* of one made new */

struct spare {
	char *mem;
	size_t cap;
};

struct loop {
	struct ev_loop *ev;
	ev_prepare prepare;
	ev_check check;
	ev_idle idle; /* active: the loop does not sleep */
	ev_async wake;
	bool running;
	uint64_t now_ms;   /* of the turn; 0: ask the clock */
	uint64_t since_us; /* of the turn; 0: none has begun */
	struct stat_histogram turns_us;
	bool has_toiled;    /* loop_has_time() was asked in this turn */
	struct list laters; /* struct later */
	struct list tasks;  /* of this turn's end */
	struct list next;   /* of the next turn */
	struct list at_end; /* of loop_free() */
	void **dead;        /* owned; freed at the turn's end */
	size_t dead_n, dead_cap;
	struct spare spare[SPARES];
	size_t spares;
	char scratch[LOOP_SCRATCH_BYTES];
};

struct later {
	struct list node;
	loop_fn *fn;
	void *arg;
};

void
loop_task_init(struct loop_task *t, loop_fn *fn, void *arg)
{
	list_init(&t->node);
	t->fn = fn;
	t->arg = arg;
}

void
loop_task_later(struct loop *l, struct loop_task *t)
{
	if (list_empty(&t->node))
		list_push(&l->tasks, &t->node);
}

void
loop_task_next(struct loop *l, struct loop_task *t)
{
	if (!list_empty(&t->node))
		return;
	list_push(&l->next, &t->node);
	ev_idle_start(l->ev, &l->idle);
}

void
loop_task_cancel(struct loop_task *t)
{
	list_remove(&t->node);
}

void
loop_task_at_end(struct loop *l, struct loop_task *t)
{
	list_push(&l->at_end, &t->node);
}

static bool
run_one(struct list *tasks)
{
	struct list *n = list_pop(tasks);
	struct loop_task *t;

	if (!n)
		return false;
	t = LIST_OF(n, struct loop_task, node);
	t->fn(t->arg); /* may free t */
	return true;
}

static bool
run_later(struct loop *l)
{
	struct list *n = list_pop(&l->laters);
	struct later *t;
	struct later copy;

	if (!n)
		return false;
	t = LIST_OF(n, struct later, node);
	copy = *t;
	free(t);
	copy.fn(copy.arg);
	return true;
}

static void
end_turn(struct loop *l)
{
	while (run_later(l) || run_one(&l->tasks))
		;
	while (l->dead_n)
		free(l->dead[--l->dead_n]);
}

static void
on_prepare(struct ev_loop *ev, ev_prepare *w, int revents)
{
	struct loop *l = w->data;

	(void)ev;
	(void)revents;
	end_turn(l);
	if (l->since_us != 0)
		stat_observe(&l->turns_us, clock_mono_us() - l->since_us);
}

/* After the poll, before the events' callbacks. */
static void
on_check(struct ev_loop *ev, ev_check *w, int revents)
{
	struct loop *l = w->data;
	struct list now;

	(void)revents;
	l->since_us = clock_mono_us();
	l->now_ms = l->since_us / 1000;
	l->has_toiled = false;
	if (list_empty(&l->next)) {
		ev_idle_stop(ev, &l->idle); /* all were cancelled */
		return;
	}
	/* Only those that are there now: they may put themselves off again. */
	now = l->next;
	now.next->prev = &now;
	now.prev->next = &now;
	list_init(&l->next);
	while (run_one(&now))
		;
	if (list_empty(&l->next))
		ev_idle_stop(ev, &l->idle);
}

static void
on_idle(struct ev_loop *ev, ev_idle *w, int revents)
{
	(void)ev;
	(void)w;
	(void)revents;
}

static void
on_wake(struct ev_loop *ev, ev_async *w, int revents)
{
	(void)ev;
	(void)w;
	(void)revents;
}

/* OpenSSL writes to sockets with write(2), not send(2). */
static void
ignore_sigpipe(void)
{
	struct sigaction sa;

	if (sigaction(SIGPIPE, NULL, &sa) == 0 && sa.sa_handler == SIG_DFL)
		signal(SIGPIPE, SIG_IGN);
}

static void
start_watchers(struct loop *l)
{
	ev_prepare_init(&l->prepare, on_prepare);
	ev_check_init(&l->check, on_check);
	/* Before what other threads have sent: libev feeds that while it calls
	 * the watchers of the highest priority. */
	ev_set_priority(&l->check, EV_MAXPRI);
	ev_idle_init(&l->idle, on_idle);
	ev_async_init(&l->wake, on_wake);
	l->prepare.data = l->check.data = l;
	ev_prepare_start(l->ev, &l->prepare);
	ev_check_start(l->ev, &l->check);
	ev_async_start(l->ev, &l->wake);
}

int
loop_new(struct loop **loop, struct err *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct ev_loop *ev =
	    ev_loop_new(EVFLAG_NOENV | EVFLAG_SIGNALFD | EVBACKEND_EPOLL);
	struct loop *l;

	if (!ev)
		return err_sys(err, "epoll");
	pthread_once(&once, ignore_sigpipe);
	l = mem_new(sizeof *l);
	l->ev = ev;
	list_init(&l->laters);
	list_init(&l->tasks);
	list_init(&l->next);
	list_init(&l->at_end);
	start_watchers(l);
	*loop = l;
	return 0;
}

void
loop_free(struct loop **loop)
{
	struct loop *l = *loop;

	if (!l)
		return;
	assert(!l->running);
	while (run_one(&l->at_end))
		;
	end_turn(l);
	ev_loop_destroy(l->ev);
	while (l->spares)
		free(l->spare[--l->spares].mem);
	free(l->dead);
	free(l);
	*loop = NULL;
}

void
loop_run(struct loop *l)
{
	l->running = true;
	ev_run(l->ev, 0);
	end_turn(l);
	l->running = false;
	l->now_ms = l->since_us = 0;
}

void
loop_stop(struct loop *l)
{
	ev_break(l->ev, EVBREAK_ALL);
}

void
loop_wake(struct loop *l)
{
	ev_async_send(l->ev, &l->wake);
}

bool
loop_has_time(struct loop *l)
{
	bool is_first = !l->has_toiled;

	l->has_toiled = true;
	return is_first || clock_mono_ms() - loop_now_ms(l) < TOIL_MS;
}

uint64_t
loop_now_ms(struct loop *l)
{
	return l->now_ms ? l->now_ms : clock_mono_ms();
}

const struct stat_histogram *
loop_turns_us(const struct loop *l)
{
	return &l->turns_us;
}

void
loop_later(struct loop *l, loop_fn *fn, void *arg)
{
	struct later *t = mem_new(sizeof *t);

	t->fn = fn;
	t->arg = arg;
	list_push(&l->laters, &t->node);
}

void
loop_cancel_later(struct loop *l, loop_fn *fn, void *arg)
{
	struct list *n = l->laters.next;

	while (n != &l->laters) {
		struct later *t = LIST_OF(n, struct later, node);

		n = n->next;
		if (t->fn != fn || t->arg != arg)
			continue;
		list_remove(&t->node);
		free(t);
	}
}

struct ev_loop *
loop_ev(struct loop *l)
{
	return l->ev;
}

char *
loop_scratch(struct loop *l)
{
	return l->scratch;
}

void
loop_discard(struct loop *l, void *p)
{
	if (l->dead_n == l->dead_cap) {
		l->dead_cap = l->dead_cap ? l->dead_cap * 2 : 64;
		l->dead = mem_resize(l->dead, l->dead_cap * sizeof *l->dead);
	}
	l->dead[l->dead_n++] = p;
}

void
loop_buf_get(struct loop *l, struct buf *b)
{
	assert(!b->mem);
	if (l->spares) {
		struct spare *s = &l->spare[--l->spares];

		b->mem = s->mem;
		b->cap = s->cap;
	} else {
		b->cap = SPARE_FIRST_BYTES;
		b->mem = mem_resize(NULL, b->cap);
	}
}

void
loop_buf_put(struct loop *l, struct buf *b)
{
	assert(b->len == 0);
	if (b->mem && l->spares < SPARES && b->cap <= SPARE_BYTES) {
		l->spare[l->spares++] = (struct spare){ b->mem, b->cap };
		b->mem = NULL;
		b->cap = 0;
		b->start = 0;
	}
	buf_done(b);
}
