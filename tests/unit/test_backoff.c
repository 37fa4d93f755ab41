/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "postern/relay/relay.h"

#include "relay/backoff.h"

static const struct relay_retry set = { .nquick = 3,
	.quick_ms = { 1000, 2000, 4000 },
	.min_ms = 60000,
	.max_ms = 3600000,
	.factor = 2.0 };

typedef uint64_t backoff_fn(const struct relay_retry *, uint32_t, uint64_t);

static const struct {
	const char *why;
	backoff_fn *fn;
	uint32_t tries;
	uint64_t least, most;
} rows[] = {
	{ "quick: about a second", backoff_quick, 0, 900, 1100 },
	{ "then two", backoff_quick, 1, 1800, 2200 },
	{ "then four", backoff_quick, 2, 3600, 4400 },
	{ "then none", backoff_quick, 3, 0, 0 },
	{ "schedule: half a minute fixed, half random", backoff_next, 0, 30000,
	    60000 },
	{ "doubled", backoff_next, 1, 60000, 120000 },
	{ "doubled again", backoff_next, 2, 120000, 240000 },
	{ "never above an hour", backoff_next, 6, 1800000, 3600000 },
	{ "not even after very many", backoff_next, 4000000000u, 1800000,
	    3600000 },
	{ "a recipient: five minutes first", backoff_recipient, 0, 240000,
	    360000 },
	{ "then by the schedule", backoff_recipient, 1, 60000, 120000 },
};

static void
waits_lie_in_their_range_and_use_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint64_t low = UINT64_MAX, high = 0;

		for (uint64_t rnd = 0; rnd < 20000; rnd++) {
			uint64_t ms = rows[i].fn(
			    &set, rows[i].tries, rnd * 0x9e3779b97f4a7c15u);

			low = ms < low ? ms : low;
			high = ms > high ? ms : high;
		}
		if (low < rows[i].least || high > rows[i].most)
			fail_msg("%s: %lu..%lu", rows[i].why, low, high);
		if ((high - low) * 10 < (rows[i].most - rows[i].least) * 9)
			fail_msg("%s: only %lu..%lu", rows[i].why, low, high);
	}
}

static void
a_short_schedule_shortens_greylisting_too(void **state)
{
	struct relay_retry brief = set;

	(void)state;
	brief.min_ms = 100;
	brief.max_ms = 1000;
	assert_in_range(backoff_recipient(&brief, 0, 77), 800, 1200);
	brief.factor = 1.0;
	assert_in_range(backoff_next(&brief, 50, 77), 50, 100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_lie_in_their_range_and_use_it),
		cmocka_unit_test(a_short_schedule_shortens_greylisting_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
