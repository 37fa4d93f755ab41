/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "postern/base/heap.h"
#include "postern/base/rand.h"

#define NODES 500

static void
the_lowest_comes_first_whatever_happened(void **state)
{
	static struct heap_node node[NODES];
	struct heap h;
	size_t n = 0;

	(void)state;
	heap_init(&h);
	assert_null(heap_min(&h));
	for (int round = 0; round < 50000; round++) {
		struct heap_node *x = &node[rand_below(NODES)];

		n += x->at == 0;
		if (rand_below(3)) {
			heap_put(&h, x, rand_below(1000)); /* or moves */
		} else {
			n -= 1;
			heap_del(&h, x);
			assert_int_equal(x->at, 0);
		}
		assert_int_equal(h.n, n);
		for (size_t i = 0; i < NODES && round % 100 == 0; i++) {
			if (node[i].at)
				assert_true(heap_min(&h)->key <= node[i].key);
		}
	}
	for (uint64_t last = 0; h.n; n--) {
		struct heap_node *x = heap_min(&h);

		assert_true(x->key >= last);
		last = x->key;
		heap_del(&h, x);
	}
	assert_int_equal(n, 0);
	heap_done(&h);
}

static void
what_is_in_a_heap_that_ends_is_in_none(void **state)
{
	struct heap_node a = { 0 }, b = { 0 };
	struct heap h;

	(void)state;
	heap_init(&h);
	heap_put(&h, &a, 2);
	heap_put(&h, &b, 1);
	assert_ptr_equal(heap_min(&h), &b);
	heap_done(&h);
	assert_int_equal(a.at + b.at, 0);
	heap_init(&h);
	heap_del(&h, &a); /* harmless */
	heap_put(&h, &a, UINT64_MAX);
	assert_ptr_equal(heap_min(&h), &a);
	heap_done(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_lowest_comes_first_whatever_happened),
		cmocka_unit_test(what_is_in_a_heap_that_ends_is_in_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
