/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "postern/base/map.h"
#include "postern/base/mem.h"
#include "postern/base/rand.h"

#define KEYS 3000

static void
keys_are_found_replaced_and_deleted(void **state)
{
	struct map *m = map_new();
	int a, b;

	(void)state;
	assert_null(map_get(m, 0));
	assert_null(map_del(m, 0));
	assert_null(map_put(m, 0, &a));
	assert_ptr_equal(map_get(m, 0), &a);
	assert_ptr_equal(map_put(m, 0, &b), &a);
	assert_int_equal(map_count(m), 1);
	assert_null(map_put(m, UINT64_MAX, &a));
	assert_ptr_equal(map_del(m, 0), &b);
	assert_null(map_get(m, 0));
	assert_ptr_equal(map_get(m, UINT64_MAX), &a);
	map_free(&m);
	assert_null(m);
	map_free(&m);
}

/* The plain array beside it says what must be there. */
static void
any_order_of_puts_and_dels_agrees_with_an_array(void **state)
{
	static char *mirror[KEYS];
	struct map *m = map_new();
	size_t n = 0, at = 0, seen = 0;
	uint64_t key;
	char *p;

	(void)state;
	for (int round = 0; round < 200000; round++) {
		uint64_t k = rand_below(KEYS);
		bool grows = (round / 20000) % 2 == 0;

		if (rand_below(10) < (grows ? 7 : 3)) {
			p = (char *)mirror + k;
			assert_ptr_equal(map_put(m, k << 20, p), mirror[k]);
			n += mirror[k] == NULL;
			mirror[k] = p;
		} else {
			assert_ptr_equal(map_del(m, k << 20), mirror[k]);
			n -= mirror[k] != NULL;
			mirror[k] = NULL;
		}
		assert_int_equal(map_count(m), n);
	}
	for (uint64_t k = 0; k < KEYS; k++)
		assert_ptr_equal(map_get(m, k << 20), mirror[k]);
	while ((p = map_next(m, &at, &key))) {
		assert_ptr_equal(mirror[key >> 20], p);
		seen++;
	}
	assert_int_equal(seen, n);
	at = 0;
	if (n)
		assert_non_null(map_next(m, &at, NULL));
	map_free(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_found_replaced_and_deleted),
		cmocka_unit_test(
		    any_order_of_puts_and_dels_agrees_with_an_array),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
