/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "postern/mail/rate.h"

static const struct {
	const char *text;
	enum rate_of of;
	uint32_t count;
	uint64_t period_ms;
} good[] = {
	{ "14 msg/s", RATE_MESSAGES, 14, 1000 },
	{ "14msg/s", RATE_MESSAGES, 14, 1000 },
	{ "500 rcpt/min", RATE_RECIPIENTS, 500, 60000 },
	{ "500 RCPT / m", RATE_RECIPIENTS, 500, 60000 },
	{ "40 msg/8s", RATE_MESSAGES, 40, 8000 },
	{ "1 msg/hour", RATE_MESSAGES, 1, 3600000 },
	{ "1 msg/2h", RATE_MESSAGES, 1, 7200000 },
	{ "50000 rcpt/day", RATE_RECIPIENTS, 50000, 86400000 },
	{ "1 rcpt/30d", RATE_RECIPIENTS, 1, RATE_PERIOD_MAX_MS },
	{ "1000000000 msg/s", RATE_MESSAGES, RATE_COUNT_MAX, 1000 },
};

static void
a_rate_is_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		struct err err = { 0 };
		struct rate r;

		if (rate_parse(&r, str_of(good[i].text), &err) != 0)
			fail_msg("%s", err.text);
		assert_int_equal(r.of, good[i].of);
		assert_int_equal(r.count, good[i].count);
		assert_int_equal(r.period_ms, good[i].period_ms);
	}
}

static const struct {
	const char *text, *says;
} bad[] = {
	{ "", "is no rate; write one such as \"14 msg/s\"" },
	{ "14", "is no rate" },
	{ "msg/s", "is no rate" },
	{ "14 msg", "is no rate" },
	{ "14 msg/", "is no rate" },
	{ "14 /s", "is no rate" },
	{ "14 mails/s", "is no rate" },
	{ "14 msg/week", "is no rate" },
	{ "14 msg/s s", "is no rate" },
	{ "-1 msg/s", "is no rate" },
	{ "1.5 msg/s", "is no rate" },
	{ "99999999999999999999 msg/s", "is no rate" },
	{ "0 msg/s", "is out of range; write 1 to 1000000000" },
	{ "1000000001 msg/s", "is out of range; write 1 to 1000000000" },
	{ "1 msg/0s", "write a time of 1s to 30day" },
	{ "1 msg/31d", "write a time of 1s to 30day" },
	{ "1 msg/999999999999999999d", "write a time of 1s to 30day" },
	{ "50000 rcpt/day@00:00Z", "has a fixed reset" },
	{ "10 login/min", "is no rate" },
};

static void
what_is_no_rate_is_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct err err = { 0 };
		struct rate r = { .count = 7 };

		assert_int_equal(rate_parse(&r, str_of(bad[i].text), &err), -1);
		assert_int_equal(r.count, 7);
		if (strstr(err.text, bad[i].says) == NULL)
			fail_msg("%s: %s", bad[i].text, err.text);
	}
}

static const struct {
	const char *text, *says;
} logins[] = {
	{ "10 login/10min", NULL },
	{ "1000000000 LOGIN / 30d", NULL },
	{ "10", "is no rate of logins; write one such as \"10 login/10min\"" },
	{ "10 msg/min", "is no rate of logins" },
	{ "10 logins/min", "is no rate of logins" },
	{ "10 login/day@00:00Z", "is no rate of logins" },
	{ "0 login/min", "is out of range; write 1 to 1000000000" },
	{ "1000000001 login/min", "is out of range; write 1 to 1000000000" },
	{ "10 login/31d", "write a time of 1s to 30day" },
};

static void
a_rate_of_logins_is_of_nothing_else(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof logins / sizeof logins[0]; i++) {
		struct rate r = { .count = 7 };
		struct err err = { 0 };
		int rc = rate_parse_logins(&r, str_of(logins[i].text), &err);

		if (logins[i].says == NULL) {
			assert_int_equal(rc, 0);
			assert_int_equal(r.of, RATE_LOGINS);
		} else if (rc == 0 || r.count != 7 ||
		           strstr(err.text, logins[i].says) == NULL) {
			fail_msg("%s: %s", logins[i].text, err.text);
		}
	}
}

static const struct {
	const char *text;
	bool is_fixed;
	uint32_t reset_ms;
} quotas[] = {
	{ "14 msg/s", false, 0 },
	{ "50000 rcpt/day", false, 0 },
	{ "50000 rcpt/day@00:00Z", true, 0 },
	{ "50000 rcpt/24h@07:30Z", true, 27000000 },
	{ "1 msg/d@23:59Z", true, 86340000 },
};

static void
a_quota_may_have_a_fixed_reset(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof quotas / sizeof quotas[0]; i++) {
		struct str text = str_of(quotas[i].text);
		struct err err = { 0 };
		struct rate r;

		if (rate_parse_quota(&r, text, &err) != 0)
			fail_msg("%s", err.text);
		assert_int_equal(r.is_fixed, quotas[i].is_fixed);
		assert_int_equal(r.reset_ms, quotas[i].reset_ms);
	}
}

static const struct {
	const char *text, *says;
} bad_quotas[] = {
	{ "50000 rcpt/day@", "has no time of the day" },
	{ "50000 rcpt/day@0:00Z", "has no time of the day" },
	{ "50000 rcpt/day@24:00Z", "has no time of the day" },
	{ "50000 rcpt/day@00:60Z", "has no time of the day" },
	{ "50000 rcpt/day@00:00", "has no time of the day" },
	{ "50000 rcpt/day@00:00Z@00:00Z", "has no time of the day" },
	{ "100 rcpt/hour@00:00Z", "so it is of a day" },
	{ "0 rcpt/day@00:00Z", "write 1 to 1000000000" },
	{ "rcpt/day@00:00Z", "is no rate" },
};

static void
a_reset_that_is_none_is_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad_quotas / sizeof bad_quotas[0]; i++) {
		struct str text = str_of(bad_quotas[i].text);
		struct rate r = { .count = 7 };
		struct err err = { 0 };

		assert_int_equal(rate_parse_quota(&r, text, &err), -1);
		assert_int_equal(r.count, 7);
		if (strstr(err.text, bad_quotas[i].says) == NULL)
			fail_msg("%s: %s", bad_quotas[i].text, err.text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rate_is_read),
		cmocka_unit_test(what_is_no_rate_is_told),
		cmocka_unit_test(a_rate_of_logins_is_of_nothing_else),
		cmocka_unit_test(a_quota_may_have_a_fixed_reset),
		cmocka_unit_test(a_reset_that_is_none_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
