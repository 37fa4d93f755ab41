/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lives that end without a stop: ids go on, what was in flight is counted, and
 * the next life takes the lock.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "postern/base/mem.h"

#include "spool/flight.h"

#include "spool_fault.h"
#include "spool_kit.h"

static int
setup(void **state)
{
	struct kit *k = mem_new(sizeof *k);

	fault_heal();
	kit_init(k);
	*state = k;
	return 0;
}

static int
teardown(void **state)
{
	fault_heal();
	return kit_teardown(state);
}

/* --- ids --- */

static void
send_and_deliver(struct kit *k, uint64_t unused)
{
	struct kit_message m = { .bytes = 10, .nrcpts = 1 };
	uint64_t mid;

	(void)unused;
	for (int i = 0; i < 10; i++)
		if (kit_accept(k, &m, &mid) != SPOOL_DONE ||
		    kit_deliver(k, mid, 0) != SPOOL_DONE)
			_exit(1);
}

static void
abort_a_big_one(struct kit *k, uint64_t unused)
{
	uint64_t mid = spool_mid(k->sp);

	(void)unused;
	for (int i = 0; i < 100; i++)
		mid = spool_mid(k->sp);
	kit_stage(k, mid, 4 << 20, SPOOL_STAGE_MAX);
	spool_abort_staged(k->sp, mid);
	kit_wait(k); /* its content is still being deleted */
}

/* The clock has stepped back, what had come is gone again, and no clean stop
 * wrote the last id down. */
static void
ids_of_what_is_gone_are_not_drawn_again(void **state)
{
	struct kit *k = *state;
	struct kit_message m = { .bytes = 10, .nrcpts = 1 };

	kit_open(k);
	m.mid = spool_mid(k->sp) + (UINT64_C(3600000) << 20);
	assert_int_equal(kit_accept(k, &m, NULL), SPOOL_DONE);
	kit_reopen(k);
	assert_int_equal(kit_deliver(k, m.mid, 0), SPOOL_DONE);
	kit_close(k);
	kit_live_and_die(k, send_and_deliver, 0);
	kit_open(k);
	assert_true(spool_mid(k->sp) > m.mid + 10);
	kit_close(k);
	kit_live_and_die(k, abort_a_big_one, 0);
	kit_open(k);
	assert_true(spool_mid(k->sp) > m.mid + 100);
}

/* --- poison --- */

static uint64_t
poisoned(struct kit *k)
{
	struct spool_stats st;

	spool_stats(k->sp, &st);
	return st.poisoned;
}

static void
three_unclean_stops_in_a_row_are_poison(void **state)
{
	struct kit *k = *state;
	struct kit_message m = { .bytes = 10, .nrcpts = 4, .ndeliveries = 2 };
	struct spool_key keys[4];
	uint64_t mids[2];

	kit_open(k);
	assert_int_equal(kit_accept(k, &m, &mids[0]), SPOOL_DONE);
	assert_int_equal(kit_accept(k, &m, &mids[1]), SPOOL_DONE);
	kit_close(k);
	kit_crash_with(k, mids, 2);
	kit_crash_with(k, mids, 2);
	kit_crash_with(k, mids, 1); /* the second is not in flight: forgiven */
	kit_open(k);
	assert_int_equal(poisoned(k), 1);
	assert_int_equal(
	    spool_parked(k->r, SPOOL_HOLD_POISON, NULL, keys, 4), 2);
	assert_int_equal(keys[0].mid, mids[0]);
	assert_int_equal(keys[1].n, 1);
	kit_audit(k);
	kit_close(k);
	kit_crash_with(k, mids, 2);
	kit_crash_with(k, mids, 2);
	kit_open(k); /* a clean stop breaks the row */
	kit_close(k);
	kit_crash_with(k, mids, 2);
	kit_open(k);
	assert_int_equal(poisoned(k), 0);
	kit_audit(k);
}

static void
put_rubbish(const char *dir)
{
	char *path = mem_printf("%s/flight", dir);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs("rubbish that is no ring of ids at all", f);
	fclose(f);
	free(path);
}

/* Such a stop is counted by the first start that can write it down. */
static void
a_start_that_fails_forgets_nothing(void **state)
{
	struct kit *k = *state;
	struct kit_message m = { .bytes = 10, .nrcpts = 1 };
	struct err err;
	uint64_t mid;

	kit_open(k);
	assert_int_equal(kit_accept(k, &m, &mid), SPOOL_DONE);
	kit_close(k);
	for (int i = 0; i < 3; i++)
		kit_crash_with(k, &mid, 1);
	fault_at(FAULT_SYNC, 0, EIO, false);
	assert_int_equal(spool_open(&k->sp, &k->settings, &err), -1);
	fault_heal();
	kit_open(k);
	assert_int_equal(poisoned(k), 1);
}

static void
the_ring_of_what_is_in_flight_counts_and_overflows(void **state)
{
	struct kit *k = *state;
	uint64_t *ids = mem_array(FLIGHT_SLOTS, sizeof *ids);
	struct flight *f;
	struct err err;
	size_t n = 99;

	assert_int_equal(flight_open(&f, k->dir, ids, &n, &err), 0);
	assert_int_equal(n, 0);
	flight_forget(f);
	flight_add(f, 7);
	flight_add(f, 7); /* two deliveries of one message */
	flight_add(f, 8);
	flight_del(f, 7);
	flight_del(f, 9); /* not there */
	flight_close(&f);
	assert_int_equal(flight_open(&f, k->dir, ids, &n, &err), 0);
	assert_int_equal(n, 2);
	assert_int_equal(ids[0] + ids[1], 15);
	flight_forget(f);
	for (uint64_t i = 1; i <= FLIGHT_SLOTS + 10; i++)
		flight_add(f, i);
	flight_del(f, FLIGHT_SLOTS + 5); /* was not remembered */
	flight_del(f, 1);
	flight_add(f, 4711);
	flight_close(&f);
	assert_int_equal(flight_open(&f, k->dir, ids, &n, &err), 0);
	assert_int_equal(n, FLIGHT_SLOTS);
	assert_int_equal(ids[0], 4711);
	flight_forget(f);
	flight_close(&f);
	put_rubbish(k->dir);
	assert_int_equal(flight_open(&f, k->dir, ids, &n, &err), 0);
	assert_int_equal(n, 0);
	flight_forget(f);
	flight_close(&f);
	flight_close(&f);
	free(ids);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(ids_of_what_is_gone_are_not_drawn_again),
		T(three_unclean_stops_in_a_row_are_poison),
		T(a_start_that_fails_forgets_nothing),
		T(the_ring_of_what_is_in_flight_counts_and_overflows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
