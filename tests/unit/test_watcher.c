/* SPDX-License-Identifier: Apache-2.0 */
/* The files are those of a file system that answers when the test lets it. */
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/mem.h"
#include "postern/conf/conf.h"
#include "postern/conf/conf_seen.h"
#include "postern/io/loop.h"
#include "postern/io/mailbox.h"

#include "daemon/watcher.h"

/* --- the files ---------------------------------------------------------------
 */

struct conf_seen {
	uint64_t then;
};

static struct {
	pthread_t main;
	_Atomic uint64_t now; /* their state */
	_Atomic bool hangs;
	sem_t asked, go; /* of a look that hangs */
	sem_t freed;
	_Atomic unsigned looks;
} files;

static void
files_open(void)
{
	files.main = pthread_self();
	files.now = 1;
	files.hangs = false;
	files.looks = 0;
	assert_int_equal(sem_init(&files.asked, 0, 0), 0);
	assert_int_equal(sem_init(&files.go, 0, 0), 0);
	assert_int_equal(sem_init(&files.freed, 0, 0), 0);
}

static struct conf_seen *
seen_new(void)
{
	struct conf_seen *s = mem_new(sizeof *s);

	s->then = files.now;
	return s;
}

void
conf_seen_free(struct conf_seen **s)
{
	if (*s != NULL)
		sem_post(&files.freed);
	free(*s);
	*s = NULL;
}

uint64_t
conf_seen_then(const struct conf_seen *s)
{
	return s->then;
}

uint64_t
conf_seen_now(const struct conf_seen *s)
{
	(void)s;
	assert_false(pthread_equal(pthread_self(), files.main));
	files.looks++;
	if (files.hangs) {
		sem_post(&files.asked);
		sem_wait(&files.go);
	}
	return files.now;
}

const char *
conf_seen_changed(const struct conf_seen *s)
{
	return s->then != files.now ? "postern.conf" : NULL;
}

/* --- who watches -------------------------------------------------------------
 */

struct world {
	struct loop *loop;
	struct mailbox *box;
	struct watcher *watcher;
	struct timer *timer;
	unsigned told, turns, looks;
};

static void
on_change(void *arg, const char *path)
{
	struct world *w = arg;

	assert_string_equal(path, "postern.conf");
	w->told++;
	loop_stop(w->loop);
}

static void
on_turn(void *arg)
{
	struct world *w = arg;

	if (++w->turns >= 4 && files.looks >= w->looks)
		loop_stop(w->loop);
	else
		timer_set(w->timer, 200);
}

/* Longer than two looks take, and until there were as many. */
static void
pass_looks(struct world *w, unsigned looks)
{
	w->turns = 0;
	w->looks = files.looks + looks;
	timer_set(w->timer, 200);
	loop_run(w->loop);
	assert_true(w->turns >= 4);
}

static void
use(struct world *w, bool on)
{
	struct conf_report r = { .seen = seen_new() };

	watcher_use(w->watcher, &r, on);
	assert_null(r.seen);
}

static int
set_up(void **state)
{
	struct world *w = mem_new(sizeof *w);
	struct err err;

	files_open();
	assert_int_equal(loop_new(&w->loop, &err), 0);
	w->box = mailbox_new(w->loop, w);
	w->timer = timer_new(w->loop, on_turn, w);
	w->watcher = watcher_new(w->loop, w->box, on_change, w);
	*state = w;
	return 0;
}

/* A hung look may come back only now. */
static int
tear_down(void **state)
{
	struct world *w = *state;

	watcher_free(&w->watcher);
	watcher_free(&w->watcher); /* twice is harmless */
	timer_free(&w->timer);
	mailbox_free(&w->box);
	loop_free(&w->loop);
	free(w);
	return 0;
}

static void
a_change_is_told_once_it_is_at_rest(void **state)
{
	struct world *w = *state;

	use(w, true);
	pass_looks(w, 2);
	assert_int_equal(w->told, 0);
	files.now = 2;
	loop_run(w->loop);
	assert_int_equal(w->told, 1);
	use(w, true); /* it was read */
	pass_looks(w, 2);
	assert_int_equal(w->told, 1);
}

static void
nobody_looks_unless_it_is_wanted(void **state)
{
	struct world *w = *state;

	use(w, false);
	files.now = 2;
	pass_looks(w, 0);
	assert_int_equal(files.looks, 0);
	use(w, true);
	pass_looks(w, 2);
	assert_int_equal(w->told, 0);
}

static void
a_file_system_that_hangs_holds_nobody(void **state)
{
	struct world *w = *state;

	files.hangs = true;
	use(w, true);
	pass_looks(w, 0);
	sem_wait(&files.asked);
	assert_int_equal(files.looks, 1); /* no others pile up behind it */
	files.now = 2;
	use(w, true); /* read by an operator's word meanwhile */
	pass_looks(w, 0);
	files.hangs = false;
	sem_post(&files.go);
	pass_looks(w, 3);
	assert_int_equal(w->told, 0); /* what the first one saw is old */
	files.now = 3;
	loop_run(w->loop);
	assert_int_equal(w->told, 1);
}

static void
the_end_does_not_wait_for_it(void **state)
{
	struct world *w = *state;

	files.hangs = true;
	use(w, true);
	pass_looks(w, 0);
	sem_wait(&files.asked);
	use(w, true); /* waits behind the first one */
	pass_looks(w, 0);
	watcher_free(&w->watcher);
	mailbox_free(&w->box);
	w->box = mailbox_new(w->loop, w);
	sem_post(&files.go);
	sem_wait(&files.freed); /* both, by the thread */
	sem_wait(&files.freed);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_change_is_told_once_it_is_at_rest),
		TEST(nobody_looks_unless_it_is_wanted),
		TEST(a_file_system_that_hangs_holds_nobody),
		TEST(the_end_does_not_wait_for_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
