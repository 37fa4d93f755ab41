/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "relay/domains.h"

static void
without_a_bound_all_fit(void **state)
{
	struct domains d = { .max = 0 };
	char address[32];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		snprintf(address, sizeof address, "a@d%d.test", i);
		assert_true(domains_take(&d, str_of(address)));
	}
}

static void
so_many_and_no_more(void **state)
{
	struct domains d = { .max = 2 };

	(void)state;
	assert_true(domains_take(&d, STR("a@one.test")));
	assert_true(domains_take(&d, STR("b@ONE.test"))); /* the same */
	assert_true(domains_fit(&d, STR("a@two.test")));  /* only asked */
	assert_true(domains_take(&d, STR("a@three.test")));
	assert_false(domains_fit(&d, STR("a@two.test")));
	assert_false(domains_take(&d, STR("a@two.test")));
	assert_false(domains_take(&d, STR("postmaster")));
	assert_true(domains_take(&d, STR("\"x@y\"@three.test")));
}

static void
the_list_has_an_end(void **state)
{
	struct domains d = { .max = 100000 };
	char address[32];

	(void)state;
	for (int i = 0; i < DOMAINS_ROOM; i++) {
		snprintf(address, sizeof address, "a@d%d.test", i);
		assert_true(domains_take(&d, str_of(address)));
	}
	assert_false(domains_take(&d, STR("a@more.test")));
	assert_true(domains_take(&d, STR("a@d0.test")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_bound_all_fit),
		cmocka_unit_test(so_many_and_no_more),
		cmocka_unit_test(the_list_has_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
