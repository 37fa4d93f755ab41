/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long looks at the store last, as another thread is told.
 */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "postern/base/clock.h"

#include "spool_kit.h"

/* Longer than it has lasted so far: for the clock to turn. */
static void
wait_longer(struct spool *sp, uint64_t than_ms)
{
	uint64_t begun_ms = clock_mono_ms();

	while (spool_reader_ms(sp) <= than_ms)
		assert_in_range(clock_mono_ms() - begun_ms, 0, 10000);
}

static bool
on_row(void *arg, const struct spool_row *row)
{
	struct kit *k = arg;

	assert_int_equal(row->state, SPOOL_ROW_QUEUED);
	wait_longer(k->sp, 0);
	wait_longer(k->sp, 2);
	return true;
}

static void
a_look_is_seen_as_long_as_it_lasts(void **state)
{
	struct kit *k = *state;
	struct spool_walk w = { .n = -1, .fn = on_row, .arg = k };
	struct spool_mark mark = { 0 };
	struct spool_reader *another = spool_reader_new(k->sp);
	uint64_t mid;

	assert_int_equal(
	    kit_accept(
	        k, &(struct kit_message){ .bytes = 9, .nrcpts = 1 }, &mid),
	    SPOOL_DONE);
	assert_int_equal(spool_reader_ms(k->sp), 0);
	assert_int_equal(spool_walk(k->r, &w, &mark), 0);
	assert_int_equal(spool_reader_ms(k->sp), 0);
	mark = (struct spool_mark){ 0 };
	assert_int_equal(spool_walk(another, &w, &mark), 0);
	spool_reader_free(&another);
	assert_int_equal(spool_reader_ms(k->sp), 0);
}

struct copy {
	struct kit *k;
	int fd;
};

static void *
copy_it(void *arg)
{
	struct copy *c = arg;
	struct err err;

	(void)!spool_copy(c->k->sp, c->fd, &err); /* it cannot be synced */
	(void)close(c->fd);
	return NULL;
}

/* Nobody reads the pipe that it goes to. */
static void
a_copy_that_hangs_is_seen(void **state)
{
	struct kit *k = *state;
	struct copy c = { .k = k };
	char path[200], sink[4096];
	pthread_t thread;
	uint64_t mid;
	int from;

	for (int i = 0; i < 4; i++)
		assert_int_equal(
		    kit_accept(k,
		        &(struct kit_message){ .bytes = 100000, .nrcpts = 1 },
		        &mid),
		    SPOOL_DONE);
	(void)snprintf(path, sizeof path, "%s/pipe", k->dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	from = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	c.fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(from >= 0 && c.fd >= 0);
	assert_int_equal(fcntl(from, F_SETFL, 0), 0);
	assert_int_equal(pthread_create(&thread, NULL, copy_it, &c), 0);
	wait_longer(k->sp, 2);
	while (read(from, sink, sizeof sink) > 0)
		;
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(spool_reader_ms(k->sp), 0);
	(void)close(from);
	(void)unlink(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_look_is_seen_as_long_as_it_lasts, kit_setup,
		    kit_teardown),
		cmocka_unit_test_setup_teardown(
		    a_copy_that_hangs_is_seen, kit_setup, kit_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
