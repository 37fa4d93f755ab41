/* SPDX-License-Identifier: Apache-2.0 */
/* The table of deadlines: who has an entry, in what order, and when it goes.
 * The audit looks for entries of those that must have none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "postern/base/clock.h"
#include "postern/base/mem.h"

#include "spool_kit.h"

static size_t
count(struct kit *k)
{
	struct spool_deadline all[64];
	int n = spool_deadlines(k->r, NULL, INT64_MAX, all, 64);

	kit_audit(k);
	assert_true(n >= 0);
	return (size_t)n;
}

static int64_t
in(int64_t seconds)
{
	return clock_wall_ms() + seconds * 1000;
}

static uint64_t
send_by(struct kit *k, int64_t by_ms, uint32_t flags)
{
	struct kit_message m = {
		.bytes = 50, .nrcpts = 2, .by_ms = by_ms, .flags = flags
	};
	uint64_t mid;

	assert_int_equal(kit_accept(k, &m, &mid), SPOOL_DONE);
	return mid;
}

static void
they_come_in_order_and_by_pages(void **state)
{
	struct kit *k = *state;
	struct spool_deadline got[4];
	int64_t now = in(0);
	uint64_t third = send_by(k, now + 30000, 0);
	uint64_t first = send_by(k, now + 10000, ENVELOPE_BY_RETURN);
	uint64_t second = send_by(k, now + 10000, 0);

	send_by(k, 0, 0); /* it has none */
	kit_reopen(k);
	assert_int_equal(count(k), 3);
	assert_int_equal(spool_deadlines(k->r, NULL, now + 9999, got, 4), 0);
	assert_int_equal(spool_deadlines(k->r, NULL, now + 10000, got, 4), 2);
	assert_int_equal(got[0].mid, first);
	assert_int_equal(got[1].mid, second);
	assert_true(got[0].by_ms == now + 10000);
	assert_int_equal(spool_deadlines(k->r, NULL, now + 60000, got, 1), 1);
	assert_int_equal(got[0].mid, first);
	assert_int_equal(spool_deadlines(k->r, got, now + 60000, got, 1), 1);
	assert_int_equal(got[0].mid, second);
	assert_int_equal(spool_deadlines(k->r, got, now + 60000, got, 1), 1);
	assert_int_equal(got[0].mid, third);
	assert_int_equal(spool_deadlines(k->r, got, now + 60000, got, 1), 0);
}

static void
it_comes_back_with_the_message(void **state)
{
	struct kit *k = *state;
	int64_t by = in(10);
	uint64_t mid = send_by(k, by, ENVELOPE_BY_RETURN | ENVELOPE_BY_TRACE);
	struct spool_loaded l;
	struct err err = { 0 };

	kit_reopen(k);
	assert_int_equal(spool_load(k->r, mid, 0, &l, &err), 0);
	assert_true(l.env->by_ms == by);
	assert_int_equal(l.env->flags, ENVELOPE_BY_RETURN | ENVELOPE_BY_TRACE);
	envelope_free(&l.env);
}

static void
one_that_is_past_says_nothing_unless_it_ends_it(void **state)
{
	struct kit *k = *state;

	send_by(k, in(-5), 0);
	assert_int_equal(count(k), 0);
	send_by(k, in(-5), ENVELOPE_BY_RETURN);
	assert_int_equal(count(k), 1);
}

static void
it_goes_with_its_delivery(void **state)
{
	struct kit *k = *state;
	struct kit_message m = {
		.bytes = 50, .nrcpts = 4, .ndeliveries = 2, .by_ms = in(10)
	};
	struct spool_move *remove = mem_new(sizeof *remove);
	uint64_t mid;

	assert_int_equal(kit_accept(k, &m, &mid), SPOOL_DONE);
	assert_int_equal(count(k), 2);
	assert_int_equal(kit_deliver(k, mid, 1), SPOOL_DONE);
	assert_int_equal(count(k), 1);
	kit_op(k, &remove->op);
	remove->mid = mid;
	remove->remove = true;
	spool_move(k->sp, remove);
	kit_wait(k);
	assert_int_equal(count(k), 0);
}

static struct spool_settle *
deferred(struct kit *k, uint64_t mid)
{
	struct spool_key key = kit_key(k, mid, 0);
	struct spool_settle *s = kit_settle_new(k, &key, 1);

	s->next_due_ms = key.due_ms + 500;
	s->results[0].index = 0;
	s->results[0].state = ENVELOPE_QUEUED;
	s->results[0].code = 450;
	return s;
}

static void
it_stays_while_it_is_tried_again_until_it_is_dealt_with(void **state)
{
	struct kit *k = *state;
	int64_t by = in(10);
	uint64_t mid = send_by(k, by, 0);
	struct spool_settle *s;

	assert_int_equal(kit_settle(k, deferred(k, mid)), SPOOL_DONE);
	assert_int_equal(count(k), 1);
	s = deferred(k, mid);
	s->by_ms = by;
	assert_int_equal(kit_settle(k, s), SPOOL_DONE);
	assert_int_equal(count(k), 0);
	kit_key(k, mid, 0); /* it is still there */
}

static void
a_dead_letter_has_none(void **state)
{
	struct kit *k = *state;
	uint64_t mid = send_by(k, in(10), ENVELOPE_BY_RETURN);
	struct spool_key key = kit_key(k, mid, 0);
	struct spool_settle *s = kit_settle_new(k, &key, 2);

	s->keep_dead = true;
	for (uint32_t i = 0; i < 2; i++) {
		s->results[i].index = i;
		s->results[i].state = ENVELOPE_DEAD;
	}
	assert_int_equal(kit_settle(k, s), SPOOL_DONE);
	assert_int_equal(count(k), 0);
}

static void
move(struct kit *k, uint64_t mid, enum spool_hold hold)
{
	struct spool_move *m = mem_new(sizeof *m);

	kit_op(k, &m->op);
	m->mid = mid;
	m->to.hold = hold;
	m->to.due_ms = in(0);
	spool_move(k->sp, m);
	kit_wait(k);
	assert_int_equal(k->last, SPOOL_DONE);
}

static void
what_an_operator_holds_has_none_until_it_is_released(void **state)
{
	struct kit *k = *state;
	struct kit_message held = { .bytes = 50,
		.nrcpts = 1,
		.hold = SPOOL_HOLD_OPERATOR,
		.by_ms = in(10) };
	uint64_t mid, other = send_by(k, in(20), ENVELOPE_BY_RETURN);

	assert_int_equal(kit_accept(k, &held, &mid), SPOOL_DONE);
	assert_int_equal(count(k), 1);
	move(k, mid, SPOOL_HOLD_NONE);
	assert_int_equal(count(k), 2);
	move(k, other, SPOOL_HOLD_OPERATOR);
	assert_int_equal(count(k), 1);
	move(k, other, SPOOL_HOLD_SIZE); /* that is no operator's */
	assert_int_equal(count(k), 2);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)
	const struct CMUnitTest tests[] = {
		T(they_come_in_order_and_by_pages),
		T(it_comes_back_with_the_message),
		T(one_that_is_past_says_nothing_unless_it_ends_it),
		T(it_goes_with_its_delivery),
		T(it_stays_while_it_is_tried_again_until_it_is_dealt_with),
		T(a_dead_letter_has_none),
		T(what_an_operator_holds_has_none_until_it_is_released),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
