/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "postern/base/clock.h"
#include "postern/base/mem.h"
#include "postern/io/mailbox.h"

#define SENDERS 4
#define EACH 20000

struct parcel {
	struct mailbox_item item;
	unsigned sender, n;
};

struct receiver {
	struct loop *loop;
	struct mailbox *box;
	unsigned next[SENDERS];
	unsigned left;
};

static void
deliver(struct mailbox_item *item, void *owner)
{
	struct parcel *p = (struct parcel *)item;
	struct receiver *r = owner;

	assert_int_equal(p->n, r->next[p->sender]++); /* in order */
	free(p);
	if (--r->left == 0)
		loop_stop(r->loop);
}

static struct parcel *
make(unsigned sender, unsigned n)
{
	struct parcel *p = mem_new(sizeof *p);

	p->item.deliver = deliver;
	p->sender = sender;
	p->n = n;
	return p;
}

struct sender {
	pthread_t thread;
	struct mailbox *box;
	unsigned number;
};

/* Every third put is a chain of three. */
static void *
run_sender(void *arg)
{
	struct sender *s = arg;
	unsigned n = 0;

	while (n < EACH) {
		struct parcel *a = make(s->number, n++), *b, *c;

		if (n % 3 || n + 2 > EACH) {
			mailbox_put(s->box, &a->item);
			continue;
		}
		b = make(s->number, n++);
		c = make(s->number, n++);
		a->item.next = &b->item;
		b->item.next = &c->item;
		mailbox_put_chain(s->box, &a->item, &c->item);
	}
	return NULL;
}

static void
everything_arrives_in_each_senders_order(void **state)
{
	struct receiver r = { .left = SENDERS * EACH };
	struct sender s[SENDERS];
	struct err err;

	(void)state;
	assert_int_equal(loop_new(&r.loop, &err), 0);
	r.box = mailbox_new(r.loop, &r);
	for (unsigned i = 0; i < SENDERS; i++) {
		s[i].box = r.box;
		s[i].number = i;
		pthread_create(&s[i].thread, NULL, run_sender, &s[i]);
	}
	loop_run(r.loop);
	for (unsigned i = 0; i < SENDERS; i++)
		pthread_join(s[i].thread, NULL);
	mailbox_free(&r.box);
	mailbox_free(&r.box);
	loop_free(&r.loop);
}

static void
what_is_undelivered_is_delivered_at_the_end(void **state)
{
	struct receiver r = { .left = 3 };
	struct err err;

	(void)state;
	assert_int_equal(loop_new(&r.loop, &err), 0);
	r.box = mailbox_new(r.loop, &r);
	mailbox_put(r.box, &make(0, 0)->item);
	mailbox_put(r.box, &make(0, 1)->item);
	mailbox_free(&r.box);
	assert_int_equal(r.left, 1);
	loop_free(&r.loop);
}

struct other {
	pthread_t thread, where;
	struct mailbox *box;
	struct loop *loop;
	int steps;
};

static void
step(void *arg)
{
	struct other *o = arg;

	o->steps++;
	o->where = pthread_self();
}

static void
stop(void *arg)
{
	struct other *o = arg;

	o->steps++;
	loop_stop(o->loop);
}

static void *
call_it(void *arg)
{
	struct other *o = arg;

	mailbox_call(o->box, step, o, 1);
	if (o->steps != 1) /* it has run when the call returns */
		return o;
	mailbox_call(o->box, stop, o, 0);
	return NULL;
}

static void
a_call_runs_in_the_receivers_loop(void **state)
{
	struct other o = { 0 };
	struct err err;
	void *bad;

	(void)state;
	assert_int_equal(loop_new(&o.loop, &err), 0);
	o.box = mailbox_new(o.loop, NULL);
	pthread_create(&o.thread, NULL, call_it, &o);
	loop_run(o.loop);
	pthread_join(o.thread, &bad);
	assert_null(bad);
	assert_int_equal(o.steps, 2);
	assert_true(pthread_equal(o.where, pthread_self()));
	mailbox_free(&o.box);
	loop_free(&o.loop);
}

struct idler {
	struct loop *loop;
	struct mailbox *box;
	pthread_t thread;
	uint64_t late_ms; /* the loop's time behind the clock's */
};

static void
compare_clocks(void *arg)
{
	struct idler *i = arg;

	i->late_ms = clock_mono_ms() - loop_now_ms(i->loop);
}

static void
stop_it(void *arg)
{
	loop_stop(arg);
}

static void *
let_it_idle(void *arg)
{
	struct idler *i = arg;
	struct timespec idle = { .tv_nsec = 300000000 };

	mailbox_call(i->box, compare_clocks, i, 1);
	nanosleep(&idle, NULL); /* the loop sleeps; time is what is tested */
	mailbox_call(i->box, compare_clocks, i, 1);
	mailbox_call(i->box, stop_it, i->loop, 0);
	return NULL;
}

static void
what_arrives_after_a_long_sleep_sees_the_time(void **state)
{
	struct idler i = { 0 };
	struct err err;

	(void)state;
	assert_int_equal(loop_new(&i.loop, &err), 0);
	i.box = mailbox_new(i.loop, NULL);
	pthread_create(&i.thread, NULL, let_it_idle, &i);
	loop_run(i.loop);
	pthread_join(i.thread, NULL);
	assert_true(i.late_ms < 200);
	mailbox_free(&i.box);
	loop_free(&i.loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_arrives_after_a_long_sleep_sees_the_time),
		cmocka_unit_test(everything_arrives_in_each_senders_order),
		cmocka_unit_test(what_is_undelivered_is_delivered_at_the_end),
		cmocka_unit_test(a_call_runs_in_the_receivers_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
