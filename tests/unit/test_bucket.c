/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "intake/bucket.h"

/* At each step: wait_ms of one token; then, where there is one, it is taken. */
static const struct {
	const char *why;
	uint64_t now, wait;
} steps[] = {
	{ "a new bucket is full", 0, 0 },
	{ "it holds two", 0, 0 },
	{ "then it is empty", 0, 500 },
	{ "almost there", 499, 1 },
	{ "one more after half of a second", 500, 0 },
	{ "a clock that steps back earns nothing", 400, 500 },
	{ "and loses nothing later", 900, 0 },
	{ "an idle hour saves no more than two", 3600000, 0 },
	{ "the second of them", 3600000, 0 },
	{ "and no third", 3600000, 500 },
};

static void
tokens_come_at_the_rate_and_no_faster(void **state)
{
	struct rate rate = { .count = 2, .period_ms = 1000 };
	struct bucket b;

	(void)state;
	bucket_init(&b, &rate, 0);
	assert_true(bucket_is_full(&b));
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		bucket_refill(&b, steps[i].now);
		if (bucket_wait_ms(&b, 1) != steps[i].wait)
			fail_msg("%s", steps[i].why);
		if (steps[i].wait == 0)
			bucket_take(&b, 1);
	}
	bucket_refill(&b, 3600999);
	assert_false(bucket_is_full(&b));
	bucket_refill(&b, 3601000);
	assert_true(bucket_is_full(&b));
}

static void
an_overdrawn_bucket_has_a_debt(void **state)
{
	struct rate rate = { .count = 3, .period_ms = 1000 };
	struct bucket b;

	(void)state;
	bucket_init(&b, &rate, 0);
	bucket_take(&b, 5);
	assert_int_equal(bucket_wait_ms(&b, 0), 667); /* rounded up */
	assert_int_equal(bucket_wait_ms(&b, 1), 1000);
	bucket_refill(&b, 667);
	assert_int_equal(bucket_wait_ms(&b, 0), 0);
	assert_int_equal(bucket_wait_ms(&b, 1), 333);
}

static void
the_largest_rate_does_not_wrap(void **state)
{
	struct rate rate = { .count = RATE_COUNT_MAX,
		.period_ms = RATE_PERIOD_MAX_MS };
	struct bucket b;

	(void)state;
	bucket_init(&b, &rate, 0);
	assert_true(b.held > 0);
	bucket_take(&b, RATE_COUNT_MAX);
	assert_int_equal(b.held, 0);
	bucket_refill(&b, UINT64_MAX);
	assert_true(bucket_is_full(&b));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens_come_at_the_rate_and_no_faster),
		cmocka_unit_test(an_overdrawn_bucket_has_a_debt),
		cmocka_unit_test(the_largest_rate_does_not_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
