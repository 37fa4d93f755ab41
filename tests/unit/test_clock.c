/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "config.h"
#include "postern/base/clock.h"

static void
both_clocks_go_on(void **state)
{
	uint64_t mono = clock_mono_us(), ms = clock_mono_ms();
	int64_t wall = clock_wall_us();

	(void)state;
	assert_true(wall / 1000000 - time(NULL) < 1000000);
	assert_true(wall / 1000 <= clock_wall_ms());
	assert_true(ms <= clock_mono_ms() && mono <= clock_mono_us());
}

static void
a_span_has_its_real_length(void **state)
{
	(void)state;
	assert_int_equal(clock_real_ms(0), 1);
	assert_true(clock_real_ms(UINT64_MAX) > 0);
#ifdef TEST_CLOCK
	assert_int_equal(clock_real_ms(6000), 100);
	assert_int_equal(clock_real_ms(6001), 101);
	assert_int_equal(clock_real_ms(1), 1);
#else
	assert_int_equal(clock_real_ms(6000), 6000);
#endif
}

#ifdef TEST_CLOCK
static void
the_test_clock_runs_faster(void **state)
{
	uint64_t mono = clock_mono_ms();
	int64_t wall = clock_wall_ms();
	struct timespec start, now;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &start);
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while ((now.tv_sec - start.tv_sec) * 1000000000L + now.tv_nsec -
	           start.tv_nsec <
	       20000000L);
	assert_true(clock_mono_ms() - mono >= 20 * 60 - 1);
	assert_true(clock_wall_ms() - wall >= 20 * 60 - 1);
}
#endif

#ifdef TEST_CLOCK
/* Started anew with a start that is ten seconds old: ten minutes have passed.
 */
static void
programs_with_one_start_agree(void **state)
{
	const char *at = strchr(getenv("POSTERN_TEST_CLOCK"), '@');
	struct timespec now;
	uint64_t start, mono;

	(void)state;
	assert_non_null(at);
	start = strtoull(at + 1, NULL, 10);
	mono = clock_mono_us();
	assert_true(mono - start >= UINT64_C(600) * 1000000);
	clock_gettime(CLOCK_MONOTONIC, &now);
	assert_true(
	    mono - start <= ((uint64_t)now.tv_sec * 1000000 +
	                        (uint64_t)now.tv_nsec / 1000 + 1 - start) *
	                        60);
	assert_true(clock_wall_us() / 1000000 - time(NULL) >= 580);
}
#endif

static const struct {
	const char *why, *text;
	int64_t ms; /* -1: it is none */
} times[] = {
	{ "a time", "2026-11-24T09:31:12Z", 1795512672000 },
	{ "with a fraction", "2026-11-24T09:31:12.999Z", 1795512672000 },
	{ "in small letters", "2026-11-24t09:31:12z", 1795512672000 },
	{ "the first", "1970-01-01T00:00:00Z", 0 },
	{ "the last", "9999-12-31T23:59:59Z", 253402300799000 },
	{ "a leap day", "2028-02-29T00:00:00Z", 1835395200000 },
	{ "none", "2026-02-29T00:00:00Z", -1 },
	{ "nor in 2100", "2100-02-29T00:00:00Z", -1 },
	{ "but in 2000", "2000-02-29T00:00:00Z", 951782400000 },
	{ "before all time", "1969-12-31T23:59:59Z", -1 },
	{ "a month too many", "2026-13-01T00:00:00Z", -1 },
	{ "no month", "2026-00-01T00:00:00Z", -1 },
	{ "no day", "2026-01-00T00:00:00Z", -1 },
	{ "an hour too many", "2026-11-24T24:00:00Z", -1 },
	{ "a minute too many", "2026-11-24T00:60:00Z", -1 },
	{ "a leap second", "2016-12-31T23:59:60Z", 1483228800000 },
	{ "two of them", "2016-12-31T23:59:61Z", -1 },
	{ "another zone", "2026-11-24T09:31:12+01:00", -1 },
	{ "no zone", "2026-11-24T09:31:12", -1 },
	{ "a fraction of nothing", "2026-11-24T09:31:12.Z", -1 },
	{ "of letters", "2026-11-24T09:31:12.1xZ", -1 },
	{ "a space between", "2026-11-24 09:31:12Z", -1 },
	{ "a letter for a digit", "2026-11-24T09:3x:12Z", -1 },
	{ "a sign", "2026-11-24T+9:31:12Z", -1 },
	{ "cut", "2026-11-24Z", -1 },
	{ "nothing", "", -1 },
};

static void
a_time_is_read_as_it_is_written(void **state)
{
	char text[40];
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
		ms = -1;
		if (clock_parse_rfc3339(str_of(times[i].text), &ms) !=
		        (times[i].ms >= 0) ||
		    ms != times[i].ms)
			fail_msg("%s: %lld", times[i].why, (long long)ms);
	}
	clock_rfc3339_s(1795512672345, text);
	assert_string_equal(text, "2026-11-24T09:31:12Z");
}

static const struct {
	const char *why, *zone;
	int64_t ms;
	const char *text;
} dates[] = {
	{ "UTC", "UTC0", 1795512672000, "Tue, 24 Nov 2026 09:31:12 +0000" },
	{ "one digit", "UTC0", 0, "Thu, 1 Jan 1970 00:00:00 +0000" },
	{ "east", "ABC-05:30", 1795512672000,
	    "Tue, 24 Nov 2026 15:01:12 +0530" },
	{ "west, the day before", "ABC11", 1795512672000,
	    "Mon, 23 Nov 2026 22:31:12 -1100" },
};

static void
dates_follow_rfc_5322(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof dates / sizeof dates[0]; i++) {
		char out[40];

		setenv("TZ", dates[i].zone, 1);
		tzset();
		clock_rfc5322(dates[i].ms, out);
		if (strcmp(out, dates[i].text) != 0)
			fail_msg("%s: %s", dates[i].why, out);
	}
}

static void
dates_follow_rfc_3339(void **state)
{
	char out[40];

	(void)state;
	clock_rfc3339(1795512672123456, out);
	assert_string_equal(out, "2026-11-24T09:31:12.123456Z");
	clock_rfc3339(1795512672000007, out);
	assert_string_equal(out, "2026-11-24T09:31:12.000007Z");
	clock_rfc3339(1795512673999999, out);
	assert_string_equal(out, "2026-11-24T09:31:13.999999Z");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_time_is_read_as_it_is_written),
		cmocka_unit_test(both_clocks_go_on),
		cmocka_unit_test(a_span_has_its_real_length),
#ifdef TEST_CLOCK
		cmocka_unit_test(the_test_clock_runs_faster),
		cmocka_unit_test(programs_with_one_start_agree),
#endif
		cmocka_unit_test(dates_follow_rfc_5322),
		cmocka_unit_test(dates_follow_rfc_3339),
	};

#ifdef TEST_CLOCK
	if (!getenv("POSTERN_TEST_CLOCK")) { /* it is read at the start */
		struct timespec now;
		char text[64];

		clock_gettime(CLOCK_MONOTONIC, &now);
		snprintf(text, sizeof text, "60@%lld000000",
		    (long long)now.tv_sec - 10);
		setenv("POSTERN_TEST_CLOCK", text, 1);
		execv("/proc/self/exe", (char *[]){ "test_clock", NULL });
	}
#endif
	return cmocka_run_group_tests(tests, NULL, NULL);
}
