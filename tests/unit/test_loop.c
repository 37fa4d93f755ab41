/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "postern/base/clock.h"
#include "postern/base/mem.h"
#include "postern/base/stat.h"

#include "io/loop_priv.h"

static struct loop *loop;
static char trace[256];

static int
setup(void **state)
{
	struct err err;

	(void)state;
	trace[0] = '\0';
	return loop_new(&loop, &err);
}

static int
teardown(void **state)
{
	(void)state;
	loop_free(&loop);
	loop_free(&loop); /* NULL: harmless */
	return 0;
}

static void
say(void *arg)
{
	strcat(trace, arg);
}

static void
stop(void *arg)
{
	(void)arg;
	loop_stop(loop);
}

static void
say_later(void *arg)
{
	strcat(trace, "(");
	loop_later(loop, say, arg);
	loop_later(loop, stop, NULL);
	strcat(trace, ")");
}

static void
later_calls_run_in_order_and_in_one_phase(void **state)
{
	(void)state;
	loop_later(loop, say, "a");
	loop_later(loop, say, "gone");
	loop_later(loop, say_later, "c");
	loop_later(loop, say, "b");
	loop_cancel_later(loop, say, "gone");
	loop_cancel_later(loop, say, "never there");
	assert_string_equal(trace, "");
	loop_run(loop);
	assert_string_equal(trace, "a()bc");
}

static void
what_is_later_and_never_runs_is_not_lost_memory(void **state)
{
	(void)state;
	loop_discard(loop, mem_new(10));
	loop_later(loop, say, "x"); /* runs in loop_free() */
}

struct ticker {
	struct timer *t;
	uint64_t at;
	const char *name;
};

static void
on_timer(void *arg)
{
	struct ticker *k = arg;

	k->at = clock_mono_ms();
	strcat(trace, k->name);
	if (*k->name == 'z')
		loop_stop(loop);
}

static void
timers_fire_in_order_once_and_not_early(void **state)
{
	struct ticker a = { .name = "a" }, b = { .name = "b" },
	              z = { .name = "z" }, never = { .name = "never" };
	uint64_t start = clock_mono_ms();

	(void)state;
	a.t = timer_new(loop, on_timer, &a);
	b.t = timer_new(loop, on_timer, &b);
	z.t = timer_new(loop, on_timer, &z);
	never.t = timer_new(loop, on_timer, &never);
	timer_set(z.t, 60);
	timer_set(b.t, 1000000000);
	timer_set(b.t, 20); /* sooner */
	timer_set(a.t, 5);
	timer_set(a.t, 40); /* later */
	timer_set(never.t, UINT64_MAX);
	assert_true(timer_is_set(a.t));
	loop_run(loop);
	assert_string_equal(trace, "baz");
	assert_true(b.at - start >= 20 && a.at - start >= 40);
	assert_true(z.at - start >= 60 && z.at - start < 5000);
	assert_false(timer_is_set(a.t));
	timer_set(a.t, 1);
	timer_stop(a.t);
	assert_false(timer_is_set(a.t));
	timer_set(z.t, 10);
	loop_run(loop);
	assert_string_equal(trace, "bazz"); /* a was stopped */
	timer_free(&a.t);
	timer_free(&b.t);
	timer_free(&z.t);
	timer_free(&never.t);
	timer_free(&never.t);
}

static void
free_itself(void *arg)
{
	struct ticker *k = arg;

	timer_free(&k->t);
	loop_stop(loop);
}

static void
a_timer_may_free_itself(void **state)
{
	struct ticker k = { 0 };

	(void)state;
	k.t = timer_new(loop, free_itself, &k);
	timer_set(k.t, 0);
	loop_run(loop);
	assert_null(k.t);
}

static void
now_stands_still_in_a_turn(void *arg)
{
	uint64_t now = loop_now_ms(loop), end = clock_mono_ms() + 5;

	(void)arg;
	while (clock_mono_ms() < end)
		;
	assert_true(loop_now_ms(loop) == now);
	loop_stop(loop);
}

static void
the_time_of_a_turn(void **state)
{
	struct timer *t = timer_new(loop, now_stands_still_in_a_turn, NULL);

	(void)state;
	assert_true(clock_mono_ms() - loop_now_ms(loop) < 1000);
	timer_set(t, 1);
	loop_run(loop);
	timer_free(&t);
}

struct pipe_end {
	int fd[2];
	struct watch *w;
};

static void
on_readable(void *arg, bool readable, bool writable)
{
	struct pipe_end *p = arg;
	char c[2] = { 0 };

	assert_true(readable && !writable);
	assert_int_equal(read(p->fd[0], c, 1), 1);
	strcat(trace, c);
	if (*c == 'q') {
		watch_free(&p->w);
		loop_stop(loop);
	}
}

static void
a_watch_sees_what_it_asked_for(void **state)
{
	struct pipe_end p;

	(void)state;
	assert_int_equal(pipe(p.fd), 0);
	p.w = watch_new(loop, p.fd[0], on_readable, &p);
	assert_int_equal(write(p.fd[1], "abq", 3), 3);
	watch_set(p.w, false, false);
	watch_set(p.w, true, false);
	watch_set(p.w, true, false);
	loop_run(loop);
	assert_string_equal(trace, "abq");
	watch_free(&p.w);
	close(p.fd[0]);
	close(p.fd[1]);
}

static void
a_signal_arrives_in_the_loop(void **state)
{
	struct loop_signal *s = loop_signal_new(loop, SIGUSR1, stop, NULL);

	(void)state;
	raise(SIGUSR1);
	loop_run(loop);
	loop_signal_free(&s);
	loop_signal_free(&s);
}

static void *
wake_it(void *arg)
{
	(void)arg;
	loop_wake(loop);
	return NULL;
}

static void
on_check(struct ev_loop *ev, ev_check *w, int revents)
{
	(void)ev;
	(void)w;
	(void)revents;
	strcat(trace, "woken");
	loop_stop(loop);
}

static void
another_thread_wakes_the_loop(void **state)
{
	pthread_t thread;
	ev_check check;

	(void)state;
	ev_check_init(&check, on_check);
	ev_check_start(loop_ev(loop), &check);
	pthread_create(&thread, NULL, wake_it, NULL);
	loop_run(loop); /* nothing else would end its sleep */
	assert_string_equal(trace, "woken");
	pthread_join(thread, NULL);
	ev_check_stop(loop_ev(loop), &check);
}

static int again_n;

static void
put_off_again(void *arg)
{
	struct loop_task *t = arg;

	if (++again_n == 3)
		loop_stop(loop);
	loop_task_next(loop, t);
	loop_task_next(loop, t); /* twice is once */
}

static void
a_task_put_off_runs_once_a_turn(void **state)
{
	struct loop_task t, cancelled;

	(void)state;
	loop_task_init(&t, put_off_again, &t);
	loop_task_init(&cancelled, say, "x");
	loop_task_next(loop, &t);
	loop_task_next(loop, &cancelled);
	loop_task_cancel(&cancelled);
	loop_run(loop);
	assert_int_equal(again_n, 3);
	assert_string_equal(trace, "");
	loop_task_cancel(&t);
}

static void
the_loop_sleeps_when_all_was_cancelled(void **state)
{
	struct timer *timer = timer_new(loop, stop, loop);
	struct loop_task t;
	unsigned before = ev_iteration(loop_ev(loop));

	(void)state;
	loop_task_init(&t, say, "x");
	loop_task_next(loop, &t);
	loop_task_cancel(&t);
	timer_set(timer, 50);
	loop_run(loop);
	assert_string_equal(trace, "");
	assert_in_range(ev_iteration(loop_ev(loop)) - before, 1, 20);
	timer_free(&timer);
}

static struct {
	int turns, steps;
} toil;

/* More than can be done in a turn; each turn one step at least. */
static void
toil_on(void *arg)
{
	uint64_t begin = clock_mono_ms();

	toil.turns++;
	while (loop_has_time(loop)) {
		toil.steps++;
		while (clock_mono_ms() - begin < 4u * (unsigned)toil.steps)
			;
		if (toil.steps == 100)
			break;
	}
	assert_true(toil.steps > 0 && toil.steps < 100);
	assert_false(loop_has_time(loop));
	toil.steps = 0;
	if (toil.turns == 3)
		loop_stop(loop);
	else
		loop_task_next(loop, arg);
}

static void
a_turn_has_only_so_much_time_for_what_takes_long(void **state)
{
	struct loop_task t;

	(void)state;
	loop_task_init(&t, toil_on, &t);
	loop_task_next(loop, &t);
	loop_run(loop);
	assert_int_equal(toil.turns, 3);
}

#define DAWDLE_US 20000
#define SLEEP_MS 50

static void
dawdle(void *arg)
{
	struct timer **t = arg;
	uint64_t until = clock_mono_us() + DAWDLE_US;

	while (clock_mono_us() < until)
		;
	timer_free(t);
	*t = timer_new(loop, stop, NULL);
	timer_set(*t, SLEEP_MS);
}

static void
how_long_turns_take_is_known_and_sleep_is_none(void **state)
{
	const struct stat_histogram *h = loop_turns_us(loop);
	struct timer *t = timer_new(loop, dawdle, &t);
	uint64_t began = clock_mono_us();

	(void)state;
	timer_set(t, 1);
	loop_run(loop);
	assert_in_range(stat_get(&h->sum), DAWDLE_US,
	    clock_mono_us() - began - (SLEEP_MS - 2) * 1000);
	assert_true(stat_get(&h->count) >= 1);
	timer_free(&t);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(later_calls_run_in_order_and_in_one_phase),
		TEST(what_is_later_and_never_runs_is_not_lost_memory),
		TEST(timers_fire_in_order_once_and_not_early),
		TEST(a_timer_may_free_itself),
		TEST(the_time_of_a_turn),
		TEST(a_watch_sees_what_it_asked_for),
		TEST(a_signal_arrives_in_the_loop),
		TEST(another_thread_wakes_the_loop),
		TEST(a_task_put_off_runs_once_a_turn),
		TEST(the_loop_sleeps_when_all_was_cancelled),
		TEST(a_turn_has_only_so_much_time_for_what_takes_long),
		TEST(how_long_turns_take_is_known_and_sleep_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
