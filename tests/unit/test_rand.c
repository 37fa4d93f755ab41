/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/rand.h"

static void
a_seed_gives_the_same_sequence(void **state)
{
	uint64_t a[4], b[4];

	(void)state;
	rand_seed(7);
	for (int i = 0; i < 4; i++)
		a[i] = rand_u64();
	rand_seed(7);
	for (int i = 0; i < 4; i++)
		b[i] = rand_u64();
	assert_memory_equal(a, b, sizeof a);
	rand_seed(8);
	assert_true(rand_u64() != a[0]);
}

static void
below_is_below_and_everything_comes(void **state)
{
	int n[10] = { 0 };

	(void)state;
	assert_int_equal(rand_below(0), 0);
	assert_int_equal(rand_below(1), 0);
	rand_seed(1);
	for (int i = 0; i < 10000; i++)
		n[rand_below(10)]++;
	for (int i = 0; i < 10; i++)
		assert_in_range(n[i], 850, 1150);
	for (int i = 0; i < 100; i++)
		assert_true(
		    rand_below(UINT64_MAX / 2 + 2) <= UINT64_MAX / 2 + 1);
}

static void
secret_bytes_differ(void **state)
{
	unsigned char a[1000], b[1000];

	(void)state;
	memset(a, 0, sizeof a);
	memset(b, 0, sizeof b);
	rand_bytes(a, sizeof a);
	rand_bytes(b, sizeof b);
	assert_memory_not_equal(a, b, sizeof a);
	assert_memory_not_equal(a + 500, a, 500); /* filled to the end */
	rand_bytes(NULL, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_seed_gives_the_same_sequence),
		cmocka_unit_test(below_is_below_and_everything_comes),
		cmocka_unit_test(secret_bytes_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
