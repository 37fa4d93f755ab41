/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "postern/spool/spool.h"

#include "admin/filter.h"

#define NOW_MS INT64_C(1800000000000)
#define HOUR_MS INT64_C(3600000)

static const struct spool_row_rcpt rcpts[] = {
	{ 0, ENVELOPE_QUEUED, 451, { "ann@Example.com", 15 }, { "4.7.1", 5 },
	    { "slow down, please", 17 } },
	{ 1, ENVELOPE_QUEUED, 0, { "bob@example.net", 15 }, { NULL, 0 },
	    { NULL, 0 } },
};

static struct spool_row
row_of_three_hours(void)
{
	return (struct spool_row){ .state = SPOOL_ROW_QUEUED,
		.key = { .priority = SPOOL_LOW,
		    .lane = 7,
		    .due_ms = NOW_MS + HOUR_MS,
		    .mid = UINT64_C(1) << 40 },
		.attempts = 3,
		.size = 100000,
		.arrival_ms = NOW_MS - 3 * HOUR_MS,
		.provider = STR("ses"),
		.sender = STR("news@example.org"),
		.client = STR("uid=33"),
		.listener = STR("local"),
		.message_id = STR("<a b@x>"),
		.nrcpts = 2,
		.rcpts = rcpts };
}

static const struct {
	const char *text;
	bool fits;
} cases[] = {
	{ "", true },
	{ "  \t", true },
	{ "provider=ses", true },
	{ "provider = SES", true },
	{ "provider=se", false },
	{ "provider~e", true },
	{ "provider!=ses", false },
	{ "provider!~x", true },
	{ "route=default", true },
	{ "user=\"\"", true },
	{ "sender=<>", false },
	{ "sender~@example.org", true },
	{ "listener=local and client=uid=33", true },
	{ "message_id=\"<a b@x>\"", true },
	{ "message_id=\"<a \\b@x>\"", true },
	{ "message_id~\"\\\"\"", false },
	{ "rcpt=ann@example.com", true },
	{ "rcpt~@example.net", true },
	{ "rcpt!=bob@example.net", false },
	{ "rcpt!~@example.edu", true },
	{ "reply~\"SLOW down\"", true },
	{ "code=451", true },
	{ "code=4.7.1", true },
	{ "code~4.7", true },
	{ "code~4", true },
	{ "code~45", true },
	{ "code~7.1", false },
	{ "code~5", false },
	{ "code>450 and code<452", true },
	{ "code<1", false }, /* without a reply there is no code */
	{ "age>2h", true },
	{ "age>3h", false },
	{ "age=180m", true },
	{ "age<1d", true },
	{ "due>3599s", true },
	{ "due<3600001ms", true },
	{ "size>97K", true },
	{ "size<97K", false },
	{ "size=100000", true },
	{ "attempts=3", true },
	{ "attempts!=3", false },
	{ "lane<8", true },
	{ "priority=low", true },
	{ "priority!=LOW", false },
	{ "state=deferred", true },
	{ "state=queued", false },
	{ "cause=\"\"", true },
	{ "id~0", true },
	/* "not" before "and" before "or" */
	{ "lane=7 or lane=7 and lane=1", true },
	{ "(lane=7 or lane=7) and lane=1", false },
	{ "lane=1 and lane=1 or lane=7", true },
	{ "lane=1 and (lane=1 or lane=7)", false },
	{ "not lane=1 and lane=7", true },
	{ "not (lane=1 or lane=7)", false },
	{ "not not lane=7", true },
	{ "lane=1 or not lane=2 and lane=7", true },
	{ "((lane=7))", true },
	{ "LANE=7 AND NOT lane=1", true },
};

static void
a_filter_finds_what_it_says(void **state)
{
	struct spool_row row = row_of_three_hours();
	struct filter_subject s = {
		.row = &row, .route = "default", .now_ms = NOW_MS
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct filter *f = NULL;
		struct err err = { 0 };

		if (filter_new(&f, str_of(cases[i].text), &err) != 0)
			fail_msg("%s: %s", cases[i].text, err.text);
		if (filter_fits(f, &s) != cases[i].fits)
			fail_msg("%s", cases[i].text);
		filter_free(&f);
		filter_free(&f);
	}
}

static const struct {
	const char *text, *says; /* the beginning */
} mistakes[] = {
	{ "providr=ses", "column 1: there is no such field; write one of age" },
	{ "lane=7 and lan=1", "column 12: there is no such field" },
	{ "lane", "column 5: a comparison is missing; write = " },
	{ "lane=", "column 6: a value is missing" },
	{ "lane=x", "column 6: that is no number" },
	{ "lane=99999999999999999999", "column 6: that is no number" },
	{ "lane~7", "column 5: it is a number; write = != < or >" },
	{ "size=1X", "column 6: that is no size" },
	{ "size=18446744073709551615K", "column 6: that is no size" },
	{ "age>2", "column 5: that is no time; write one such as 90s" },
	{ "sender<a", "column 7: it is a text" },
	{ "state=late", "column 7: there is no such state; write queued" },
	{ "state~que", "column 6: it is one of a few words" },
	{ "priority=urgent", "column 10: there is no such priority" },
	{ "code>4.7", "column 6: that is no code" },
	{ "sender~\"\"", "column 8: every text has the empty one in it" },
	{ "rcpt !~ \"\"", "column 9: every text has the empty one in it" },
	{ "lane=1 or sender~<>", "column 18: every text has" },
	{ "sender=\"a", "column 8: the quote is not closed" },
	{ "sender==a", "column 8: a value that begins so stands in \"\"" },
	{ "sender=~a", "column 8: a value that begins so" },
	{ "sender!='a'", "column 9: a value that begins so" },
	{ "age >= 2h", "column 6: a value that begins so" },
	{ "lane=1 lane=2", "column 8: write \"and\" or \"or\" between" },
	{ "lane=1 and", "column 11: a comparison is missing" },
	{ "and lane=1", "column 1: there is no such field" },
	{ "lane=1 or )", "column 11: a comparison is missing" },
	{ "(lane=1", "column 8: a ( is not closed" },
	{ "lane=1)", "column 7: no ( stands before this )" },
	{ "()", "column 2: a comparison is missing" },
	{ "not", "column 4: a comparison is missing" },
};

static void
a_mistake_is_named_with_its_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
		struct filter *f = NULL;
		struct err err = { 0 };

		assert_int_equal(
		    filter_new(&f, str_of(mistakes[i].text), &err), -1);
		assert_null(f);
		if (strncmp(err.text, mistakes[i].says,
		        strlen(mistakes[i].says)) != 0)
			fail_msg("%s: %s", mistakes[i].text, err.text);
	}
}

/* n times one, joined, is taken; once more is not. */
static void
bounded(const char *one, const char *last, size_t n, const char *says)
{
	static char text[FILTER_TEXT_MAX + 2];
	struct filter *f = NULL;
	struct err err = { 0 };

	for (size_t i = n; i <= n + 1; i++) {
		text[0] = 0;
		for (size_t k = 0; k < i; k++)
			strcat(text, one);
		strcat(text, last);
		assert_int_equal(
		    filter_new(&f, str_of(text), &err), i == n ? 0 : -1);
		filter_free(&f);
	}
	assert_non_null(strstr(err.text, says));
}

static void
a_filter_has_bounds(void **state)
{
	static char text[FILTER_TEXT_MAX + 1];
	struct filter *f = NULL;
	struct err err = { 0 };

	(void)state;
	bounded("lane=1 or ", "lane=1", FILTER_TERMS_MAX - 1, "more than 64");
	bounded("not ", "lane=1", FILTER_DEPTH_MAX, "more than 16");
	bounded("not lane=1 or not not lane=1 or ", "lane=1", 21, "64 times");
	memset(text, ' ', sizeof text);
	assert_int_equal(
	    filter_new(&f, (struct str){ text, FILTER_TEXT_MAX }, &err), 0);
	filter_free(&f);
	assert_int_equal(
	    filter_new(&f, (struct str){ text, sizeof text }, &err), -1);
}

static void
each_state_has_its_word(void **state)
{
	struct spool_row row = row_of_three_hours();

	(void)state;
	assert_string_equal(filter_state(&row), "deferred");
	row.attempts = 0;
	assert_string_equal(filter_state(&row), "queued");
	row.state = SPOOL_ROW_HELD;
	row.hold = SPOOL_HOLD_POISON;
	assert_string_equal(filter_state(&row), "held");
	assert_string_equal(filter_cause(&row), "poison");
	row.hold = SPOOL_HOLD_DOUBT;
	assert_string_equal(filter_state(&row), "doubt");
	row.state = SPOOL_ROW_DEAD;
	assert_string_equal(filter_state(&row), "dead");
	row = (struct spool_row){ .state = SPOOL_ROW_DAMAGED,
		.hold = SPOOL_HOLD_DAMAGED };
	assert_string_equal(filter_state(&row), "damaged");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_filter_finds_what_it_says),
		cmocka_unit_test(a_mistake_is_named_with_its_place),
		cmocka_unit_test(a_filter_has_bounds),
		cmocka_unit_test(each_state_has_its_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
