/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/secret.h"

static void
a_secret_is_shared_and_freed_once(void **state)
{
	char mine[] = "hun\0ter2";
	struct secret *s = secret_new(mine, 8), *other = secret_ref(s);

	(void)state;
	memset(mine, 0, sizeof mine); /* it was copied */
	assert_true(str_eq(secret_str(other), STR("hun\0ter2")));
	secret_free(&s);
	assert_null(s);
	assert_int_equal(secret_str(other).len, 8);
	assert_int_equal(secret_str(other).p[8], 0);
	secret_free(&other);
	secret_free(&other);
	assert_null(secret_ref(NULL));
	assert_int_equal(secret_str(NULL).len, 0);
	s = secret_new("", 0);
	assert_int_equal(secret_str(s).len, 0);
	secret_free(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_secret_is_shared_and_freed_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
