/* SPDX-License-Identifier: Apache-2.0 */
/* Each balancer, with members and chance of the test's making. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "postern/base/rand.h"

#include "relay/balancers.h"

#define N 4

static void
members(struct balancers_member m[N], const uint32_t weights[N])
{
	static const char *const names[N] = { "ses", "sendgrid", "mailgun",
		"backup" };

	for (size_t i = 0; i < N; i++)
		m[i] = (struct balancers_member){ .name = names[i],
			.weight = weights[i],
			.may = weights[i] > 0 };
}

static size_t
pick(enum relay_balance balance, struct balancers_member *m, const char *sender)
{
	const struct balancer *b = balancers_of(balance);
	struct balancers_ask ask = { sender, rand_u64() };
	size_t i = b->pick(m, N, &ask);

	if (i < N && b->note)
		b->note(m, N, i);
	return i;
}

static const uint32_t equal[N] = { 1, 1, 1, 1 };

static void
nobody_may_nobody_is_picked(void **state)
{
	struct balancers_member m[N];

	(void)state;
	members(m, (uint32_t[N]){ 0 });
	for (int b = RELAY_BALANCE_WEIGHTED; b <= RELAY_BALANCE_HASH; b++)
		assert_int_equal(pick((enum relay_balance)b, m, "a@b"), N);
}

static void
the_only_one_is_picked(void **state)
{
	struct balancers_member m[N];

	(void)state;
	members(m, (uint32_t[N]){ 0, 0, 7, 0 });
	m[2].in_flight = 1000;
	m[2].txn_us = 1000000;
	for (int b = RELAY_BALANCE_WEIGHTED; b <= RELAY_BALANCE_HASH; b++)
		assert_int_equal(pick((enum relay_balance)b, m, "a@b"), 2);
}

static void
weights_are_met_exactly_and_evenly(void **state)
{
	struct balancers_member m[N];
	unsigned got[N + 1] = { 0 };
	size_t last = N;
	unsigned run = 0;

	(void)state;
	members(m, (uint32_t[N]){ 5, 3, 2, 0 });
	for (int i = 0; i < 10000; i++) {
		size_t p = pick(RELAY_BALANCE_WEIGHTED, m, "a@b");

		got[p]++;
		run = p == last ? run + 1 : 1;
		last = p;
		assert_in_range(run, 1, 2);
	}
	assert_int_equal(got[0], 5000);
	assert_int_equal(got[1], 3000);
	assert_int_equal(got[2], 2000);
}

/* Away for a while: the others keep their shares, and it owes nothing. */
static void
weights_hold_among_those_that_are_left(void **state)
{
	struct balancers_member m[N];
	unsigned got[N + 1] = { 0 };

	(void)state;
	members(m, (uint32_t[N]){ 5, 3, 2, 0 });
	for (int i = 0; i < 7; i++)
		pick(RELAY_BALANCE_WEIGHTED, m, "a@b");
	m[0].may = false;
	for (int i = 0; i < 1000; i++)
		got[pick(RELAY_BALANCE_WEIGHTED, m, "a@b")]++;
	assert_in_range(got[1], 598, 602);
	m[0].may = true;
	got[0] = 0;
	for (int i = 0; i < 1000; i++)
		got[pick(RELAY_BALANCE_WEIGHTED, m, "a@b")]++;
	assert_in_range(got[0], 498, 502);
}

static void
the_least_busy_per_weight_is_picked(void **state)
{
	struct balancers_member m[N];
	unsigned got[N + 1] = { 0 };

	(void)state;
	members(m, equal);
	m[0].in_flight = 3;
	m[1].in_flight = 1;
	m[2].in_flight = 9;
	m[3].in_flight = 2;
	assert_int_equal(pick(RELAY_BALANCE_LEAST_BUSY, m, "a@b"), 1);
	m[2].weight = 6; /* 10 / 6 against 2 / 1 */
	assert_int_equal(pick(RELAY_BALANCE_LEAST_BUSY, m, "a@b"), 2);
	members(m, equal);
	for (int i = 0; i < 4000; i++)
		got[pick(RELAY_BALANCE_LEAST_BUSY, m, "a@b")]++;
	for (size_t i = 0; i < N; i++)
		assert_in_range(got[i], 850, 1150);
}

static void
the_better_of_two_is_picked(void **state)
{
	struct balancers_member m[N];
	unsigned got[N + 1] = { 0 };

	(void)state;
	members(m, equal);
	for (size_t i = 0; i < N; i++)
		m[i].txn_us = i == 2 ? 1000000 : 20000;
	for (int i = 0; i < 3000; i++)
		got[pick(RELAY_BALANCE_P2C_EWMA, m, "a@b")]++;
	assert_int_equal(got[2], 0); /* any other is better */
	assert_in_range(got[0], 850, 1150);
	m[0].in_flight = m[1].in_flight = m[3].in_flight = 60;
	assert_true(got[2] == 0);
	for (int i = 0; i < 3000; i++)
		got[pick(RELAY_BALANCE_P2C_EWMA, m, "a@b")]++;
	assert_in_range(got[2], 1300, 1700); /* whenever it is asked */
}

static void
who_was_not_measured_is_as_fast_as_the_other(void **state)
{
	struct balancers_member m[N];
	unsigned got[N + 1] = { 0 };

	(void)state;
	members(m, (uint32_t[N]){ 1, 1, 0, 0 });
	m[0].txn_us = 50000;
	m[1].in_flight = 1;
	for (int i = 0; i < 100; i++)
		got[pick(RELAY_BALANCE_P2C_EWMA, m, "a@b")]++;
	assert_int_equal(got[0], 100);
	m[0].in_flight = 2;
	assert_int_equal(pick(RELAY_BALANCE_P2C_EWMA, m, "a@b"), 1);
}

#define DOMAINS 4000

static size_t
by_domain(struct balancers_member *m, int i)
{
	char sender[64];

	snprintf(sender, sizeof sender, "news@d%d.example.com", i);
	return pick(RELAY_BALANCE_HASH, m, sender);
}

static void
a_domain_keeps_its_member_and_weights_count(void **state)
{
	struct balancers_member m[N];
	unsigned got[N + 1] = { 0 };

	(void)state;
	members(m, (uint32_t[N]){ 1, 1, 2, 0 });
	for (int i = 0; i < DOMAINS; i++)
		got[by_domain(m, i)]++;
	assert_in_range(got[0], DOMAINS * 23 / 100, DOMAINS * 27 / 100);
	assert_in_range(got[1], DOMAINS * 23 / 100, DOMAINS * 27 / 100);
	assert_in_range(got[2], DOMAINS * 48 / 100, DOMAINS * 52 / 100);
	assert_int_equal(pick(RELAY_BALANCE_HASH, m, "a@Example.COM"),
	    pick(RELAY_BALANCE_HASH, m, "other@example.com"));
	assert_in_range(pick(RELAY_BALANCE_HASH, m, ""), 0, 2);
	assert_int_equal(pick(RELAY_BALANCE_HASH, m, NULL), N);
}

static void
one_that_leaves_moves_only_its_own(void **state)
{
	struct balancers_member m[N];
	size_t before[DOMAINS];
	unsigned moved = 0;

	(void)state;
	members(m, equal);
	for (int i = 0; i < DOMAINS; i++)
		before[i] = by_domain(m, i);
	m[1].may = false;
	for (int i = 0; i < DOMAINS; i++) {
		size_t now = by_domain(m, i);

		assert_int_not_equal(now, 1);
		moved += now != before[i];
		if (before[i] != 1)
			assert_int_equal(now, before[i]);
	}
	assert_in_range(moved, DOMAINS * 22 / 100, DOMAINS * 28 / 100);
}

static int
seed(void **state)
{
	(void)state;
	rand_seed(7);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_may_nobody_is_picked),
		cmocka_unit_test(the_only_one_is_picked),
		cmocka_unit_test(weights_are_met_exactly_and_evenly),
		cmocka_unit_test(weights_hold_among_those_that_are_left),
		cmocka_unit_test(the_least_busy_per_weight_is_picked),
		cmocka_unit_test(the_better_of_two_is_picked),
		cmocka_unit_test(who_was_not_measured_is_as_fast_as_the_other),
		cmocka_unit_test(a_domain_keeps_its_member_and_weights_count),
		cmocka_unit_test(one_that_leaves_moves_only_its_own),
	};

	return cmocka_run_group_tests(tests, seed, NULL);
}
