/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "postern/base/id.h"

#include "inlet/session_id.h"

static const struct {
	const char *why;
	int64_t now_ms, ms; /* of the clock, of the id */
	unsigned counter;
} steps[] = {
	{ "the first of a ms", 1000, 1000, 0 },
	{ "the second", 1000, 1000, 1 },
	{ "the next ms", 1001, 1001, 0 },
	{ "a clock that steps back goes on counting", 500, 1001, 1 },
	{ "and again", 500, 1001, 2 },
	{ "until it has caught up", 1002, 1002, 0 },
};

static void
no_id_comes_twice(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		uint64_t id = session_id_next(steps[i].now_ms);

		if (id != id_first(steps[i].ms) + steps[i].counter)
			fail_msg("%s", steps[i].why);
	}
}

static void
more_than_a_ms_can_hold_run_into_the_next(void **state)
{
	uint64_t last = session_id_next(2000);

	(void)state;
	for (unsigned i = 0; i < (1u << 20) + 5; i++) {
		uint64_t id = session_id_next(2000);

		assert_true(id == last + 1);
		last = id;
	}
	assert_int_equal(id_ms(last), 2001);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_id_comes_twice),
		cmocka_unit_test(more_than_a_ms_can_hold_run_into_the_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
