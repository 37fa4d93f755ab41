/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "relay/level.h"

static const struct {
	const char *why;
	struct level_facts facts;
	enum level_state is;
	bool changes;
	const char *reason;
} steps[] = {
	{ "nothing is in the way", { 0 }, LEVEL_NORMAL, false, NULL },
	{ "it said slower", { .slowed = "rate" }, LEVEL_SLOWED, true, "rate" },
	{ "still", { .slowed = "soft-rate" }, LEVEL_SLOWED, false,
	    "soft-rate" },
	{ "a pause weighs more", { .paused = "rate", .slowed = "rate" },
	    LEVEL_BACKING_OFF, true, "rate" },
	{ "its quota most", { "quota", "rate", "rate" }, LEVEL_SWITCHED, true,
	    "quota" },
	{ "back to slow", { .slowed = "rate" }, LEVEL_SLOWED, true, "rate" },
	{ "and to all", { 0 }, LEVEL_NORMAL, true, NULL },
};

static void
the_heaviest_fact_decides(void **state)
{
	struct level l = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		if (level_set(&l, &steps[i].facts) != steps[i].changes ||
		    l.state != steps[i].is || l.why != steps[i].reason)
			fail_msg("%s", steps[i].why);
	}
	assert_string_equal(level_word(LEVEL_BACKING_OFF), "backing-off");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_heaviest_fact_decides),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
