/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "postern/relay/oauth.h"

#define HOUR ((uint64_t)3600 * 1000)
#define DAY (24 * HOUR)
#define T0 ((uint64_t)1000000)

static struct oauth
with_token(uint64_t lifetime_ms)
{
	struct oauth o = { 0 };

	assert_int_equal(oauth_want(&o, T0), OAUTH_ASK);
	oauth_asked(&o);
	oauth_got(&o, lifetime_ms, T0, 0);
	return o;
}

static void
only_one_request_is_under_way(void **state)
{
	struct oauth o = { 0 };

	(void)state;
	assert_int_equal(oauth_want(&o, T0), OAUTH_ASK);
	oauth_asked(&o);
	assert_int_equal(oauth_want(&o, T0), OAUTH_WAIT);
	assert_int_equal(oauth_want(&o, T0 + DAY), OAUTH_WAIT);
	assert_true(oauth_due_ms(&o, OAUTH_REFRESH_TOKEN) == UINT64_MAX);
	oauth_got(&o, HOUR, T0, 0);
	assert_int_equal(oauth_want(&o, T0), OAUTH_READY);
}

static const struct {
	const char *why;
	uint64_t life, rnd, ahead;
} ahead[] = {
	{ "a tenth of an hour", HOUR, 0, 360000 },
	{ "at least a minute", 5 * 60000, 0, 60000 },
	{ "half of a life below two minutes", 100000, 0, 50000 },
	{ "never later than half", 2000, 0, 1000 },
	{ "one that is over at once lasts a second", 0, 0, 500 },
	{ "a little earlier by chance", HOUR, 180000, 540000 },
};

static void
it_is_renewed_ahead_of_its_end(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof ahead / sizeof ahead[0]; i++) {
		struct oauth o = { 0 };

		oauth_got(&o, ahead[i].life, T0, ahead[i].rnd);
		(void)oauth_want(&o, T0);
		if (oauth_due_ms(&o, OAUTH_REFRESH_TOKEN) !=
		    o.expires_ms - ahead[i].ahead)
			fail_msg("%s", ahead[i].why);
	}
}

static void
one_that_nobody_uses_is_renewed_once_a_week(void **state)
{
	struct oauth o = with_token(HOUR);

	(void)state;
	assert_true(oauth_due_ms(&o, OAUTH_REFRESH_TOKEN) == T0 + 7 * DAY);
	assert_true(oauth_due_ms(&o, OAUTH_CLIENT_CREDENTIALS) == UINT64_MAX);
}

static void
the_old_one_lives_while_the_endpoint_is_down(void **state)
{
	struct oauth o = with_token(HOUR);
	uint64_t now = T0 + 55 * 60000;

	(void)state;
	assert_int_equal(oauth_want(&o, now), OAUTH_READY);
	oauth_asked(&o);
	oauth_later(&o, "down", 0, now, 0);
	assert_int_equal(oauth_want(&o, now), OAUTH_READY);
	assert_true(oauth_due_ms(&o, OAUTH_REFRESH_TOKEN) > now);
	assert_int_equal(oauth_want(&o, T0 + HOUR), OAUTH_ASK);
}

static void
the_wait_grows_to_five_minutes(void **state)
{
	struct oauth o = { 0 };
	uint64_t most = 0;

	(void)state;
	for (int i = 0; i < 20; i++) {
		oauth_asked(&o);
		oauth_later(&o, "down", 0, T0, UINT64_MAX / 7);
		assert_int_equal(oauth_want(&o, T0), OAUTH_FAILED);
		if (o.next_ms - T0 > most)
			most = o.next_ms - T0;
	}
	assert_in_range(most, 60000, 5 * 60000 + 500);
	assert_string_equal(o.why, "down");
}

static void
retry_after_is_kept_up_to_an_hour(void **state)
{
	struct oauth o = { 0 };

	(void)state;
	oauth_asked(&o);
	oauth_later(&o, "429", 90000, T0, 0);
	assert_int_equal(oauth_want(&o, T0 + 89999), OAUTH_FAILED);
	assert_true(oauth_wake_ms(&o, T0) == o.next_ms);
	assert_true(oauth_wake_ms(&o, o.next_ms) == 0);
	assert_int_equal(oauth_want(&o, T0 + 90500), OAUTH_ASK);
	oauth_asked(&o);
	oauth_later(&o, "429", 30 * DAY, T0, 0);
	assert_int_equal(oauth_want(&o, T0 + HOUR + 500), OAUTH_ASK);
}

static void
a_dead_grant_is_news_once_and_asked_seldom(void **state)
{
	struct oauth o = { 0 };

	(void)state;
	oauth_asked(&o);
	assert_true(oauth_denied(&o, "invalid_grant", T0));
	assert_int_equal(oauth_want(&o, T0 + 5 * 60000 - 1), OAUTH_FAILED);
	assert_int_equal(oauth_want(&o, T0 + 5 * 60000), OAUTH_ASK);
	assert_true(oauth_due_ms(&o, OAUTH_REFRESH_TOKEN) == UINT64_MAX);
	for (int i = 0; i < 9; i++) {
		oauth_asked(&o);
		assert_false(oauth_denied(&o, "invalid_grant", T0));
	}
	assert_int_equal(oauth_want(&o, T0 + HOUR - 1), OAUTH_FAILED);
	assert_int_equal(oauth_want(&o, T0 + HOUR), OAUTH_ASK);
	oauth_renew(&o);
	assert_int_equal(oauth_want(&o, T0), OAUTH_ASK);
}

static void
a_refused_token_is_replaced_once(void **state)
{
	struct oauth o = with_token(HOUR);
	uint64_t first = o.serial;

	(void)state;
	assert_true(oauth_refused(&o, first));
	assert_int_equal(oauth_want(&o, T0), OAUTH_ASK);
	oauth_asked(&o);
	oauth_got(&o, HOUR, T0, 0);
	assert_true(oauth_refused(&o, first)); /* a late word of the old one */
	assert_int_equal(oauth_want(&o, T0), OAUTH_READY);
	assert_false(oauth_refused(&o, o.serial)); /* the account's fault */
	assert_int_equal(oauth_want(&o, T0), OAUTH_READY);
	assert_false(oauth_refused(&o, o.serial));       /* its second try */
	assert_int_equal(oauth_want(&o, T0), OAUTH_ASK); /* and its last */
}

static void
an_accepted_one_begins_anew(void **state)
{
	struct oauth o = with_token(HOUR);

	(void)state;
	assert_true(oauth_refused(&o, o.serial));
	oauth_asked(&o);
	oauth_got(&o, HOUR, T0, 0);
	oauth_accepted(&o, o.serial);
	assert_true(oauth_refused(&o, o.serial)); /* revoked, hours later */
}

static void
a_stored_one_is_used_until_its_end(void **state)
{
	struct oauth o = { 0 };

	(void)state;
	oauth_recall(&o, 10 * 60000, HOUR, T0);
	assert_int_equal(oauth_want(&o, T0), OAUTH_READY);
	assert_true(
	    oauth_due_ms(&o, OAUTH_CLIENT_CREDENTIALS) == T0 + 9 * 60000);
	assert_int_equal(oauth_want(&o, T0 + 10 * 60000), OAUTH_ASK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_one_request_is_under_way),
		cmocka_unit_test(it_is_renewed_ahead_of_its_end),
		cmocka_unit_test(one_that_nobody_uses_is_renewed_once_a_week),
		cmocka_unit_test(the_old_one_lives_while_the_endpoint_is_down),
		cmocka_unit_test(the_wait_grows_to_five_minutes),
		cmocka_unit_test(retry_after_is_kept_up_to_an_hour),
		cmocka_unit_test(a_dead_grant_is_news_once_and_asked_seldom),
		cmocka_unit_test(a_refused_token_is_replaced_once),
		cmocka_unit_test(an_accepted_one_begins_anew),
		cmocka_unit_test(a_stored_one_is_used_until_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
