/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "intake/overload.h"

#include "fake_spool.h"

uint64_t __wrap_clock_mono_ms(void);

static uint64_t now_ms = 1000;

uint64_t
__wrap_clock_mono_ms(void)
{
	return now_ms;
}

static const struct {
	const char *why;
	bool was, is;
	struct overload_figures figures;
} cases[] = {
	/* clang-format off */
	{ "nothing", false, false, { 0, 0, 0 } },
	{ "at the limits", false, false, { 100000, 200000, 1000 } },
	{ "slower by one", false, true, { 100001, 0, 0 } },
	{ "the one under way is far too slow", false, true, { 0, 200001, 0 } },
	{ "one more is queued", false, true, { 0, 0, 1001 } },
	{ "not better enough", true, true, { 75001, 0, 0 } },
	{ "better by a quarter", true, false, { 75000, 150000, 750 } },
	{ "not better enough", true, true, { 0, 150001, 0 } },
	{ "not better enough", true, true, { 0, 0, 751 } },
	/* clang-format on */
};

static void
it_begins_above_a_limit_and_ends_at_three_quarters(void **state)
{
	struct overload_limits limits = { .commit_ms = 100, .queued = 1000 };
	struct overload_limits none = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		if (overload_judge(cases[i].was, &limits, &cases[i].figures) !=
		    cases[i].is)
			fail_msg("%zu: %s", i, cases[i].why);
		assert_false(
		    overload_judge(cases[i].was, &none, &cases[i].figures));
	}
}

static unsigned
mail(struct intake *i)
{
	struct fake_client c;
	unsigned code = fake_mail(i, &c, "", 0);

	if (code == 451)
		assert_string_equal(c.reply.enhanced, "4.3.2");
	intake_abort(&c.m);
	return code;
}

static void
new_messages_get_451_until_it_is_over(void **state)
{
	struct intake_settings rules = fake_rules;
	struct intake *i;
	struct fake_client c;

	(void)state;
	rules.overload_commit_ms = 100;
	rules.overload_queued = 1000;
	i = fake_intake(&rules);
	fake.stats.queued = 1000;
	now_ms += 100;
	fake_begin(i, &c);
	fake.stats.queued = 1001;
	assert_int_equal(mail(i), 250); /* it was looked at just now */
	now_ms += 100;
	assert_int_equal(mail(i), 451);
	assert_int_equal(fake_end(&c), 0); /* what is under way goes on */
	fake_answer_all(SPOOL_DONE);
	assert_int_equal(c.reply.code, 250);
	fake.stats.queued = 751;
	now_ms += 100;
	assert_int_equal(mail(i), 451);
	fake.stats.queued = 750;
	assert_int_equal(mail(i), 451);
	now_ms += 100;
	assert_int_equal(mail(i), 250);
	fake.stats.commit_us_recent = 100001;
	now_ms += 100;
	assert_int_equal(mail(i), 451);
	intake_change(i, &fake_rules, NULL, NULL); /* no limits any more */
	now_ms += 100;
	assert_int_equal(mail(i), 250);
	intake_free(&i);
	fake_reset();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    it_begins_above_a_limit_and_ends_at_three_quarters),
		cmocka_unit_test(new_messages_get_451_until_it_is_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
