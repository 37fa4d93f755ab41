/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "postern/admin/oldest.h"
#include "postern/base/clock.h"
#include "postern/base/mem.h"

#include "spool_kit.h"

static struct kit kit;
static struct oldest *oldest;

static int
set_up(void **state)
{
	(void)state;
	kit_init(&kit);
	kit_open(&kit);
	oldest = oldest_new(kit.sp);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	oldest_free(&oldest);
	kit_close(&kit);
	kit_done(&kit);
	return 0;
}

static uint64_t
accept_one(enum spool_hold hold)
{
	struct kit_message m = { .bytes = 100, .nrcpts = 1, .hold = hold };
	uint64_t mid;

	assert_int_equal(kit_accept(&kit, &m, &mid), SPOOL_DONE);
	return mid;
}

static uint64_t
look(void)
{
	struct spool_stats st;
	int64_t arrival_ms, now = clock_wall_ms();
	uint64_t mid;

	spool_stats(kit.sp, &st);
	mid = oldest_look(oldest, &st, &arrival_ms);
	if (mid == 0)
		assert_int_equal(arrival_ms, 0);
	else
		assert_in_range(arrival_ms, now - 600000, now);
	return mid;
}

static void
release(uint64_t mid)
{
	struct spool_key key = kit_key(&kit, mid, 0);
	struct spool_move *m = mem_new(sizeof *m);

	m->mid = mid;
	m->to = (struct spool_delivery){ .route = key.route,
		.priority = key.priority,
		.lane = key.lane,
		.due_ms = key.due_ms };
	(void)kit_op(&kit, &m->op);
	spool_move(kit.sp, m);
	kit_wait(&kit);
	assert_int_equal(kit.last, SPOOL_DONE);
}

static void
the_oldest_that_is_queued_is_found(void **state)
{
	uint64_t first, second, third;

	(void)state;
	assert_int_equal(look(), 0);
	first = accept_one(SPOOL_HOLD_OPERATOR);
	assert_int_equal(look(), 0);
	second = accept_one(SPOOL_HOLD_NONE);
	third = accept_one(SPOOL_HOLD_NONE);
	assert_int_equal(look(), second);
	assert_int_equal(kit_deliver(&kit, second, 0), SPOOL_DONE);
	assert_int_equal(look(), third);
	release(first);
	assert_int_equal(look(), first);
	assert_int_equal(kit_deliver(&kit, first, 0), SPOOL_DONE);
	assert_int_equal(kit_deliver(&kit, third, 0), SPOOL_DONE);
	assert_int_equal(look(), 0);
	first = accept_one(SPOOL_HOLD_NONE);
	assert_int_equal(look(), first);
}

static void
behind_many_it_takes_some_looks(void **state)
{
	uint64_t mid;

	(void)state;
	for (int i = 0; i < 600; i++)
		(void)accept_one(SPOOL_HOLD_OPERATOR);
	mid = accept_one(SPOOL_HOLD_NONE);
	assert_int_equal(look(), 0);
	assert_int_equal(look(), 0);
	assert_int_equal(look(), mid);
	assert_int_equal(kit_deliver(&kit, mid, 0), SPOOL_DONE);
	assert_int_equal(look(), 0);
	mid = accept_one(SPOOL_HOLD_NONE); /* and then at once */
	assert_int_equal(look(), mid);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    the_oldest_that_is_queued_is_found, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    behind_many_it_takes_some_looks, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
