/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "inlet/logins.h"

#define NAME_MAX 10
#define NAME_BACK_MS 60000 /* one of them is forgotten */
#define CLIENT_MAX 100
#define CLIENT_BACK_MS 6000

static const struct logins_limits usual = {
	.name = { RATE_LOGINS, NAME_MAX, NAME_MAX *NAME_BACK_MS, false, 0 },
	.client = { RATE_LOGINS, CLIENT_MAX, CLIENT_MAX *CLIENT_BACK_MS, false,
	    0 },
};

static struct login
login(uint64_t client, const char *user, const char *password)
{
	return (struct login){ .client = client,
		.serial = 1,
		.user = str_of(user),
		.password = str_of(password),
		.limits = usual };
}

static int
begin(void **state)
{
	(void)state;
	logins_forget();
	return 0;
}

static enum logins_answer
ask(uint64_t client, const char *user, const char *password, uint64_t now)
{
	struct login l = login(client, user, password);

	return logins_ask(&l, now);
}

static bool
wrong(uint64_t client, const char *user, uint64_t now)
{
	struct login l = login(client, user, "wrong");

	return logins_wrong(&l, now);
}

static void
right(uint64_t client, const char *user, const char *password, uint64_t now)
{
	struct login l = login(client, user, password);

	logins_right(&l, now);
}

static void
a_right_login_is_remembered_for_its_time(void **state)
{
	struct login other = login(1, "ann", "pw");

	(void)state;
	assert_int_equal(ask(1, "ann", "pw", 0), LOGINS_TRY);
	right(1, "ann", "pw", 0);
	assert_int_equal(ask(1, "ann", "pw", 1), LOGINS_PROVEN);
	assert_int_equal(ask(2, "ann", "pw", 1), LOGINS_PROVEN);
	assert_int_equal(ask(1, "ann", "pW", 1), LOGINS_TRY);
	assert_int_equal(ask(1, "an", "npw", 1), LOGINS_TRY);
	assert_int_equal(
	    ask(1, "ann", "pw", LOGINS_PROOF_MS - 1), LOGINS_PROVEN);
	assert_int_equal(ask(1, "ann", "pw", LOGINS_PROOF_MS), LOGINS_TRY);
	right(1, "ann", "pw", LOGINS_PROOF_MS);
	other.serial = 2; /* the file was read again */
	assert_int_equal(logins_ask(&other, LOGINS_PROOF_MS + 1), LOGINS_TRY);
}

static void
what_had_no_password_is_not_remembered(void **state)
{
	(void)state;
	right(1, "ann", "", 0);
	assert_int_equal(ask(1, "ann", "", 0), LOGINS_TRY);
}

static void
only_so_many_proofs_are_kept(void **state)
{
	char user[32];

	(void)state;
	for (int i = 0; i <= LOGINS_PROOFS_MAX; i++) {
		snprintf(user, sizeof user, "user%d", i);
		right(1, user, "pw", 0);
	}
	assert_int_equal(ask(1, "user0", "pw", 1), LOGINS_TRY);
	assert_int_equal(ask(1, "user1", "pw", 1), LOGINS_PROVEN);
	assert_int_equal(ask(1, user, "pw", 1), LOGINS_PROVEN);
}

static void
a_name_is_stopped_for_its_client_alone(void **state)
{
	(void)state;
	for (int i = 1; i <= NAME_MAX; i++) {
		assert_int_equal(ask(1, "ann", "x", 0), LOGINS_TRY);
		assert_int_equal(wrong(1, "ann", 0), i == NAME_MAX);
	}
	assert_int_equal(ask(1, "ann", "x", 0), LOGINS_LIMITED);
	assert_int_equal(ask(1, "bob", "x", 0), LOGINS_TRY);
	assert_int_equal(ask(2, "ann", "x", 0), LOGINS_TRY);
}

static void
one_try_comes_back_after_its_time(void **state)
{
	(void)state;
	for (int i = 0; i < NAME_MAX; i++)
		(void)wrong(1, "ann", 0);
	assert_int_equal(ask(1, "ann", "x", NAME_BACK_MS - 1), LOGINS_LIMITED);
	assert_int_equal(ask(1, "ann", "x", NAME_BACK_MS), LOGINS_TRY);
	assert_true(wrong(1, "ann", NAME_BACK_MS + 1));
	assert_int_equal(
	    ask(1, "ann", "x", 2 * NAME_BACK_MS - 1), LOGINS_LIMITED);
	assert_int_equal(ask(1, "ann", "x", 2 * NAME_BACK_MS), LOGINS_TRY);
	/* all are back after all of the time */
	for (int i = 1; i < NAME_MAX; i++)
		assert_false(wrong(1, "ann", 100ull * NAME_BACK_MS));
}

/* Three an hour, of which one was forgotten after twenty minutes; another
 * listener may be stricter. */
static void
a_listener_has_its_own_limits(void **state)
{
	struct login l = login(1, "ann", "x");

	(void)state;
	l.limits.name = (struct rate){ RATE_LOGINS, 3, 3600000, false, 0 };
	assert_false(logins_wrong(&l, 0));
	assert_false(logins_wrong(&l, 0));
	assert_int_equal(logins_ask(&l, 0), LOGINS_TRY);
	assert_true(logins_wrong(&l, 0));
	assert_int_equal(logins_ask(&l, 1199999), LOGINS_LIMITED);
	assert_int_equal(logins_ask(&l, 1200000), LOGINS_TRY);
	assert_true(logins_wrong(&l, 1200000));
	assert_int_equal(logins_ask(&l, 2399999), LOGINS_LIMITED);
	assert_int_equal(logins_ask(&l, 2400000), LOGINS_TRY);
	l.limits.name.count = 2;
	assert_int_equal(logins_ask(&l, 2400000), LOGINS_LIMITED);
	l.limits = usual;
	assert_int_equal(logins_ask(&l, 2400000), LOGINS_TRY);
}

/* More than one a millisecond, and the longest time: nothing wraps. */
static void
the_widest_limits_count_right(void **state)
{
	struct login l = login(1, "ann", "x");

	(void)state;
	l.limits.name.count = RATE_COUNT_MAX;
	l.limits.name.period_ms = RATE_PERIOD_MAX_MS;
	assert_false(logins_wrong(&l, 0));
	assert_false(logins_wrong(&l, RATE_PERIOD_MAX_MS - 1));
	assert_int_equal(logins_ask(&l, UINT64_MAX), LOGINS_TRY);
	l.limits.name.count = 1;
	assert_int_equal(logins_ask(&l, RATE_PERIOD_MAX_MS), LOGINS_LIMITED);
	l.limits.name.period_ms = 1000;
	assert_int_equal(logins_ask(&l, RATE_PERIOD_MAX_MS + 999), LOGINS_TRY);
}

static void
a_right_one_forgives_the_name(void **state)
{
	(void)state;
	for (int round = 0; round < 3; round++) {
		for (int i = 1; i < NAME_MAX; i++)
			assert_false(wrong(1, "ann", 0));
		right(1, "ann", "pw", 0);
	}
	assert_int_equal(ask(1, "ann", "x", 0), LOGINS_TRY);
}

/* Names that nobody has: each fails once. */
static void
spray(uint64_t client, int n, uint64_t now)
{
	char user[32];

	for (int i = 0; i < n; i++) {
		snprintf(user, sizeof user, "guess%d", i);
		(void)wrong(client, user, now);
	}
}

static void
a_client_is_stopped_for_all_names(void **state)
{
	(void)state;
	spray(1, CLIENT_MAX - 1, 0);
	assert_int_equal(ask(1, "ann", "x", 0), LOGINS_TRY);
	assert_true(wrong(1, "ann", 0));
	assert_int_equal(ask(1, "bob", "x", 0), LOGINS_LIMITED);
	assert_int_equal(ask(2, "bob", "x", 0), LOGINS_TRY);
	assert_int_equal(ask(1, "bob", "x", CLIENT_BACK_MS), LOGINS_TRY);
}

static void
a_stopped_client_keeps_those_who_were_right(void **state)
{
	(void)state;
	right(1, "ann", "pw", 0);
	spray(1, CLIENT_MAX, 0);
	assert_int_equal(ask(1, "ann", "pw", 0), LOGINS_PROVEN);
	/* and nobody finds out the password that way */
	for (int i = 0; i < NAME_MAX; i++)
		assert_int_equal(ask(1, "ann", "guess", 0), LOGINS_LIMITED);
	assert_int_equal(ask(1, "ann", "pw", 0), LOGINS_LIMITED);
	assert_int_equal(ask(2, "ann", "pw", 0), LOGINS_PROVEN);
}

static void
a_client_is_known_for_a_day(void **state)
{
	(void)state;
	assert_false(logins_is_known(1, 0));
	(void)wrong(1, "ann", 0);
	assert_false(logins_is_known(1, 0));
	right(1, "ann", "", 5); /* SCRAM counts, too */
	assert_true(logins_is_known(1, 5));
	assert_false(logins_is_known(2, 5));
	assert_true(logins_is_known(1, 4 + LOGINS_KNOWN_MS));
	assert_false(logins_is_known(1, 5 + LOGINS_KNOWN_MS));
}

static void
only_so_many_clients_are_known(void **state)
{
	(void)state;
	for (uint64_t c = 1; c <= LOGINS_KNOWN_MAX; c++)
		right(c, "ann", "pw", 0);
	right(1, "ann", "pw", 1); /* the newest again */
	right(LOGINS_KNOWN_MAX + 1, "ann", "pw", 1);
	assert_true(logins_is_known(1, 1));
	assert_false(logins_is_known(2, 1));
	assert_true(logins_is_known(3, 1));
}

static void
only_so_many_failures_are_remembered(void **state)
{
	(void)state;
	for (int i = 0; i < NAME_MAX; i++)
		(void)wrong(1, "ann", 0);
	/* each client takes two places: the name's and its own */
	for (uint64_t c = 2; c < 2 + LOGINS_FAILURES_MAX / 2 - 1; c++)
		(void)wrong(c, "x", 0);
	assert_int_equal(ask(1, "ann", "x", 0), LOGINS_LIMITED);
	(void)wrong(UINT64_MAX, "x", 0);
	assert_int_equal(ask(1, "ann", "x", 0), LOGINS_TRY);
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_right_login_is_remembered_for_its_time),
		TEST(what_had_no_password_is_not_remembered),
		TEST(only_so_many_proofs_are_kept),
		TEST(a_name_is_stopped_for_its_client_alone),
		TEST(one_try_comes_back_after_its_time),
		TEST(a_listener_has_its_own_limits),
		TEST(the_widest_limits_count_right),
		TEST(a_right_one_forgives_the_name),
		TEST(a_client_is_stopped_for_all_names),
		TEST(a_stopped_client_keeps_those_who_were_right),
		TEST(a_client_is_known_for_a_day),
		TEST(only_so_many_clients_are_known),
		TEST(only_so_many_failures_are_remembered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
