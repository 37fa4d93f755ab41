/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/str.h"
#include "postern/spool/spool.h"

#include "intake/quota.h"

#define HOUR_MS (INT64_C(3600) * 1000)
#define DAY_MS (24 * HOUR_MS)
#define STORED_MAX 8000

/* --- a clock and a store -----------------------------------------------------
 */

static int64_t now_ms = 20000 * DAY_MS;

int64_t __wrap_clock_wall_ms(void);

int64_t
__wrap_clock_wall_ms(void)
{
	return now_ms;
}

static struct {
	char owner[SPOOL_OWNER_MAX];
	struct spool_quota q;
} stored[STORED_MAX];
static size_t nstored;

void
spool_reserve(struct spool *sp, struct spool_reserve *r)
{
	size_t i = 0;

	(void)sp;
	while (i < nstored && (strcmp(stored[i].owner, r->owner) != 0 ||
	                          stored[i].q.window_s != r->window_s ||
	                          stored[i].q.start_ms != r->start_ms))
		i++;
	assert_true(i < STORED_MAX);
	if (i == nstored) {
		strcpy(stored[i].owner, r->owner);
		stored[i].q = (struct spool_quota){ .window_s = r->window_s,
			.start_ms = r->start_ms };
		nstored++;
	}
	stored[i].q.spent += r->spent;
	free(r);
}

/* They are stored in the order of their starts here, too. */
int
spool_quotas(struct spool_reader *r, const char *owner,
    const struct spool_quota *after, struct spool_quota *out, size_t max)
{
	size_t n = 0;

	(void)r;
	for (size_t i = 0; i < nstored && n < max; i++) {
		if (strcmp(stored[i].owner, owner) == 0 &&
		    stored[i].q.start_ms > after->start_ms)
			out[n++] = stored[i].q;
	}
	return (int)n;
}

struct spool_reader *
spool_reader_new(struct spool *sp)
{
	return (struct spool_reader *)(void *)sp;
}

void
spool_reader_free(struct spool_reader **r)
{
	*r = NULL;
}

/* --- messages ----------------------------------------------------------------
 */

static struct quota_book book;

static struct quota
of(const char *rate)
{
	struct quota q = { .pending = 0 };
	struct err err;

	if (rate_parse_quota(&q.rate, str_of(rate), &err) != 0)
		fail_msg("%s", err.text);
	return q;
}

/* A message with so many recipients; how many of them were taken. */
static unsigned
message(const char *user, const char *rate, unsigned n, bool accepted)
{
	struct quota q = of(rate);
	unsigned taken = 0;

	assert_int_equal(quota_take(&book, &q, user, RATE_MESSAGES), 0);
	for (unsigned i = 0; i < n; i++)
		taken += quota_take(&book, &q, user, RATE_RECIPIENTS) == 0;
	if (accepted) {
		quota_keep(&book, &q, user);
		q.kept = 0;
	}
	quota_give_back(&book, &q, user);
	return taken;
}

static unsigned
accept(const char *user, const char *rate, unsigned n)
{
	return message(user, rate, n, true);
}

/* Others come until the table has forgotten whoever was there: as after a
 * restart, the store alone knows. */
static void
forget_all(void)
{
	char name[32];

	for (unsigned i = 0; i <= QUOTA_KEPT; i++) {
		struct quota q = of("1 rcpt/day");

		(void)snprintf(name, sizeof name, "other%u", i);
		assert_int_equal(
		    quota_take(&book, &q, name, RATE_RECIPIENTS), 0);
		quota_give_back(&book, &q, name);
	}
}

static void
no_more_than_the_quota_is_taken_and_it_says_how_long(void **state)
{
	struct quota q = of("10 rcpt/day");

	(void)state;
	assert_int_equal(accept("a", "10 rcpt/day", 4), 4);
	assert_int_equal(accept("a", "10 rcpt/day", 9), 6);
	assert_int_equal(accept("a", "10 rcpt/day", 1), 0);
	assert_int_equal(accept("b", "10 rcpt/day", 1), 1);
	assert_int_equal(
	    quota_take(&book, &q, "a", RATE_RECIPIENTS), DAY_MS + HOUR_MS);
	now_ms += 5 * HOUR_MS;
	assert_int_equal(
	    quota_take(&book, &q, "a", RATE_RECIPIENTS), 20 * HOUR_MS);
	now_ms += 20 * HOUR_MS - 1;
	assert_int_equal(quota_take(&book, &q, "a", RATE_RECIPIENTS), 1);
	now_ms++;
	assert_int_equal(accept("a", "10 rcpt/day", 11), 10);
}

static void
only_what_is_accepted_counts(void **state)
{
	struct quota q = of("3 msg/day"), other = q;

	(void)state;
	assert_int_equal(message("c", "5 rcpt/day", 5, false), 5);
	assert_int_equal(message("c", "5 rcpt/day", 5, false), 5);
	assert_int_equal(accept("c", "5 rcpt/day", 5), 5);
	assert_int_equal(accept("c", "5 rcpt/day", 5), 0);
	/* What others have begun counts meanwhile. */
	for (int i = 0; i < 3; i++)
		assert_int_equal(quota_take(&book, &q, "d", RATE_MESSAGES), 0);
	assert_int_not_equal(quota_take(&book, &other, "d", RATE_MESSAGES), 0);
	/* Written down, and then not accepted after all. */
	quota_keep(&book, &q, "d");
	assert_int_not_equal(quota_take(&book, &other, "d", RATE_MESSAGES), 0);
	quota_give_back(&book, &q, "d");
	assert_int_equal(quota_take(&book, &other, "d", RATE_MESSAGES), 0);
	quota_give_back(&book, &other, "d");
}

static void
in_no_window_of_that_length_more_is_taken(void **state)
{
	static int64_t when[100000];
	size_t n = 0, first = 0;

	(void)state;
	for (int i = 0; i < 4000; i++) {
		now_ms += (i * 7919 % 5000) * 1000; /* up to 83 minutes */
		for (unsigned k = accept("e", "60 rcpt/day", 4); k > 0; k--)
			when[n++] = now_ms;
		while (first < n && when[first] <= now_ms - DAY_MS)
			first++;
		assert_true(n - first <= 60);
	}
	/* And not much less: 4,000 steps are some 115 days. */
	assert_true(n > 60 * 100);
}

static void
a_fixed_reset_begins_anew_then(void **state)
{
	const char *rate = "10 rcpt/day@06:00Z";
	struct quota q = of(rate);

	(void)state;
	now_ms = 21000 * DAY_MS + 5 * HOUR_MS;
	assert_int_equal(accept("f", rate, 12), 10);
	assert_int_equal(quota_take(&book, &q, "f", RATE_RECIPIENTS), HOUR_MS);
	now_ms += HOUR_MS;
	assert_int_equal(accept("f", rate, 12), 10);
	now_ms += 23 * HOUR_MS;
	assert_int_equal(quota_take(&book, &q, "f", RATE_RECIPIENTS), HOUR_MS);
}

static void
what_was_counted_is_found_in_the_store(void **state)
{
	char name[256];

	(void)state;
	memset(name, 'x', 255);
	name[255] = '\0';
	assert_int_equal(accept("g", "10 rcpt/day", 4), 4);
	now_ms += 3 * HOUR_MS;
	assert_int_equal(accept("g", "10 rcpt/day", 4), 4);
	assert_int_equal(accept(name, "2 rcpt/day", 2), 2);
	forget_all();
	assert_true(quota_known() <= QUOTA_KEPT);
	assert_int_equal(accept("g", "10 rcpt/day", 4), 2);
	assert_int_equal(accept(name, "2 rcpt/day", 1), 0);
	name[254] = 'y';
	assert_int_equal(accept(name, "2 rcpt/day", 1), 1);
	/* Another number goes on, another time begins anew. */
	assert_int_equal(accept("g", "11 rcpt/day", 4), 1);
	assert_int_equal(accept("g", "10 rcpt/h", 11), 10);
}

static void
a_clock_that_steps_back_earns_nothing(void **state)
{
	(void)state;
	assert_int_equal(accept("h", "10 rcpt/day", 10), 10);
	now_ms -= 10 * HOUR_MS;
	assert_int_equal(accept("h", "10 rcpt/day", 1), 0);
	now_ms += 10 * HOUR_MS + DAY_MS + HOUR_MS;
	assert_int_equal(accept("h", "10 rcpt/day", 10), 10);
	/* It was wrong by years: nobody waits until then. */
	now_ms += 1000 * DAY_MS;
	assert_int_equal(accept("h", "10 rcpt/day", 10), 10);
	now_ms -= 1000 * DAY_MS;
	now_ms += 2 * DAY_MS;
	assert_int_equal(accept("h", "10 rcpt/day", 10), 10);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    no_more_than_the_quota_is_taken_and_it_says_how_long),
		cmocka_unit_test(only_what_is_accepted_counts),
		cmocka_unit_test(in_no_window_of_that_length_more_is_taken),
		cmocka_unit_test(a_fixed_reset_begins_anew_then),
		cmocka_unit_test(what_was_counted_is_found_in_the_store),
		cmocka_unit_test(a_clock_that_steps_back_earns_nothing),
	};

	quota_open(&book, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
