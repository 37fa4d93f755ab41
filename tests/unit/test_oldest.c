/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "postern/admin/oldest.h"
#include "postern/base/clock.h"
#include "postern/base/id.h"
#include "postern/base/mem.h"

#include "spool_kit.h"

static struct kit kit;
static struct oldest *oldest[SPOOL_PRIORITIES + 1];

static int
set_up(void **state)
{
	(void)state;
	kit_init(&kit);
	kit_open(&kit);
	for (unsigned i = 0; i <= SPOOL_PRIORITIES; i++)
		oldest[i] = oldest_new(kit.sp, i);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	for (unsigned i = 0; i <= SPOOL_PRIORITIES; i++)
		oldest_free(&oldest[i]);
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
look_of(unsigned priority)
{
	struct spool_stats st;
	int64_t arrival_ms, now = clock_wall_ms();
	uint64_t mid;

	spool_stats(kit.sp, &st);
	mid = oldest_look(oldest[priority], &st, &arrival_ms);
	if (mid == 0)
		assert_int_equal(arrival_ms, 0);
	else
		assert_in_range(arrival_ms, now - 600000, now);
	return mid;
}

static uint64_t
look(void)
{
	return look_of(SPOOL_PRIORITIES);
}

static void
move(uint64_t mid, enum spool_priority priority)
{
	struct spool_key key = kit_key(&kit, mid, 0);
	struct spool_move *m = mem_new(sizeof *m);

	m->mid = mid;
	m->to = (struct spool_delivery){ .route = key.route,
		.priority = (uint8_t)priority,
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
	move(first, SPOOL_NORMAL);
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
	uint64_t mid, found = 0;

	(void)state;
	for (int i = 0; i < 600; i++)
		(void)accept_one(SPOOL_HOLD_OPERATOR);
	mid = accept_one(SPOOL_HOLD_NONE);
	for (int i = 0; i < 3 && found == 0; i++)
		found = look();
	assert_int_equal(found, mid);
	assert_int_equal(kit_deliver(&kit, mid, 0), SPOOL_DONE);
	assert_int_equal(look(), 0);
	mid = accept_one(SPOOL_HOLD_NONE); /* and then at once */
	assert_int_equal(look(), mid);
}

static uint64_t
accept_as(const struct kit_message *m)
{
	uint64_t mid;

	assert_int_equal(kit_accept(&kit, m, &mid), SPOOL_DONE);
	return mid;
}

static void
each_priority_has_an_oldest(void **state)
{
	struct kit_message low = { .bytes = 100, .nrcpts = 1, .low = true };
	uint64_t first, second, third;

	(void)state;
	first = accept_one(SPOOL_HOLD_NONE);
	second = accept_as(&low);
	third = accept_as(&low);
	assert_int_equal(look_of(SPOOL_HIGH), 0);
	assert_int_equal(look_of(SPOOL_NORMAL), first);
	assert_int_equal(look_of(SPOOL_LOW), second);
	assert_int_equal(look(), first);
	assert_int_equal(kit_deliver(&kit, first, 0), SPOOL_DONE);
	assert_int_equal(kit_deliver(&kit, second, 0), SPOOL_DONE);
	assert_int_equal(look_of(SPOOL_NORMAL), 0);
	assert_int_equal(look_of(SPOOL_LOW), third);
	assert_int_equal(look(), third);
}

/* Many of another priority wait since an hour. */
static void
where_none_was_queued_it_is_found_at_once(void **state)
{
	struct kit_message old = { .bytes = 100, .nrcpts = 1 };
	struct kit_message low = { .bytes = 100, .nrcpts = 1, .low = true };
	uint64_t mid = id_first(clock_wall_ms() - 3600000);

	(void)state;
	for (int i = 0; i < 600; i++) {
		old.mid = mid++;
		(void)accept_as(&old);
	}
	assert_int_equal(look_of(SPOOL_LOW), 0);
	mid = accept_as(&low);
	assert_int_equal(look_of(SPOOL_LOW), mid);
}

/* It is behind what was looked at. */
static void
another_priority_is_found_out(void **state)
{
	uint64_t mid, found = 0;

	(void)state;
	mid = accept_one(SPOOL_HOLD_NONE);
	(void)accept_one(SPOOL_HOLD_NONE);
	assert_int_equal(look_of(SPOOL_HIGH), 0);
	move(mid, SPOOL_HIGH);
	for (int i = 0; i < 10 && found == 0; i++)
		found = look_of(SPOOL_HIGH);
	assert_int_equal(found, mid);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    the_oldest_that_is_queued_is_found, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    behind_many_it_takes_some_looks, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    each_priority_has_an_oldest, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    where_none_was_queued_it_is_found_at_once, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(
		    another_priority_is_found_out, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
