/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "postern/io/helper.h"

#define JOBS 1000

struct world {
	struct loop *loop;
	struct mailbox *box;
	int left, elsewhere;
};

struct job {
	struct helper_job job;
	pthread_t ran_on;
	sem_t *gate, *started; /* or NULL */
	int result;
};

static void
run(struct helper_job *arg)
{
	struct job *j = (struct job *)arg;

	if (j->started)
		sem_post(j->started);
	if (j->gate)
		sem_wait(j->gate);
	j->ran_on = pthread_self();
	j->result += 42;
}

static void
deliver(struct mailbox_item *item, void *owner)
{
	struct job *j = (struct job *)item;
	struct world *w = owner;

	assert_int_equal(j->result, 42);
	w->elsewhere += !pthread_equal(j->ran_on, pthread_self());
	if (--w->left == 0)
		loop_stop(w->loop);
}

static void
open_world(struct world *w)
{
	struct err err;

	assert_int_equal(loop_new(&w->loop, &err), 0);
	w->box = mailbox_new(w->loop, w);
}

static void
close_world(struct world *w)
{
	mailbox_free(&w->box);
	loop_free(&w->loop);
}

static void
prepare(struct job *j, struct world *w)
{
	*j = (struct job){ .job = { .item.deliver = deliver,
		               .reply_to = w->box,
		               .run = run } };
}

static void
jobs_run_on_helpers_and_come_back(void **state)
{
	static struct job jobs[JOBS];
	struct world w = { .left = JOBS };
	struct helper *h = helper_new("test", 3, JOBS);

	(void)state;
	open_world(&w);
	for (int i = 0; i < JOBS; i++) {
		prepare(&jobs[i], &w);
		assert_int_equal(helper_submit(h, &jobs[i].job), 0);
	}
	loop_run(w.loop);
	assert_int_equal(w.elsewhere, JOBS);
	helper_free(&h);
	helper_free(&h);
	close_world(&w);
}

struct pool {
	const char *name;
	int64_t waiting;
};

static void
note(void *arg, const char *name, uint64_t waiting)
{
	struct pool *p = arg;

	if (strcmp(p->name, name) == 0)
		p->waiting = (int64_t)waiting;
}

/* As any thread is told; -1: there is no such pool. */
static int64_t
waiting(const char *name)
{
	struct pool p = { name, -1 };

	helper_each(note, &p);
	return p.waiting;
}

static void
a_full_queue_refuses(void **state)
{
	struct world w = { .left = 3 };
	struct helper *h = helper_new("test", 1, 2);
	struct job busy, queued[2], refused;
	sem_t gate, started;

	(void)state;
	open_world(&w);
	sem_init(&gate, 0, 0);
	sem_init(&started, 0, 0);
	prepare(&busy, &w);
	busy.gate = &gate;
	busy.started = &started;
	assert_int_equal(helper_submit(h, &busy.job), 0);
	sem_wait(&started); /* taken out of the queue */
	for (int i = 0; i < 2; i++) {
		prepare(&queued[i], &w);
		assert_int_equal(helper_submit(h, &queued[i].job), 0);
	}
	prepare(&refused, &w);
	assert_int_equal(helper_submit(h, &refused.job), -1);
	assert_int_equal(waiting("test"), 2);
	helper_before(h, 5);
	assert_int_equal(waiting("test"), 7);
	assert_int_equal(waiting("other"), -1);
	sem_post(&gate);
	helper_free(&h); /* runs what is queued */
	assert_int_equal(refused.result, 0);
	assert_int_equal(queued[1].result, 42);
	assert_int_equal(waiting("test"), -1);
	assert_int_equal(w.left, 3);
	close_world(&w); /* delivers */
	assert_int_equal(w.left, 0);
	sem_destroy(&gate);
	sem_destroy(&started);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(jobs_run_on_helpers_and_come_back),
		cmocka_unit_test(a_full_queue_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
