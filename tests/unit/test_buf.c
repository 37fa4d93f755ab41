/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/buf.h"
#include "postern/base/rand.h"

static void
bytes_come_behind_and_leave_in_front(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 10);
	assert_null(b.mem);
	assert_int_equal(buf_str(&b).len, 0);
	assert_int_equal(buf_add(&b, "abc", 3), 0);
	assert_int_equal(buf_adds(&b, "def"), 0);
	assert_int_equal(buf_addf(&b, "%d", 78), 0);
	assert_true(str_eq(buf_str(&b), STR("abcdef78")));
	buf_drop(&b, 2);
	assert_memory_equal(buf_at(&b), "cdef78", 6);
	assert_int_equal(buf_add(&b, "", 0), 0);
	buf_release(&b); /* not empty: stays */
	assert_int_equal(b.len, 6);
	buf_clear(&b);
	assert_non_null(b.mem);
	buf_release(&b);
	assert_null(b.mem);
	assert_int_equal(b.max, 10);
	buf_done(&b);
}

static void
it_never_passes_its_maximum(void **state)
{
	struct buf b;
	char *room;

	(void)state;
	buf_init(&b, 4);
	assert_int_equal(buf_add(&b, "abcde", 5), -1);
	assert_int_equal(buf_add(&b, "abcd", 4), 0);
	assert_int_equal(buf_add(&b, "e", 1), -1);
	assert_int_equal(buf_adds(&b, "e"), -1);
	assert_int_equal(buf_addf(&b, "%d", 1), -1);
	assert_int_equal(buf_addf(&b, "%s", ""), 0);
	assert_null(buf_room(&b, 1));
	assert_true(str_eq(buf_str(&b), STR("abcd")));
	buf_drop(&b, 1);
	assert_int_equal(buf_addf(&b, "%d", 5), 0); /* the NUL is no byte */
	assert_true(str_eq(buf_str(&b), STR("bcd5")));
	buf_drop(&b, 4);
	room = buf_room(&b, 4);
	assert_non_null(room);
	memcpy(room, "wxyz", 4);
	buf_wrote(&b, 2);
	assert_true(str_eq(buf_str(&b), STR("wx")));
	buf_wipe(&b);
	assert_null(b.mem);
	buf_init(&b, 0);
	assert_int_equal(buf_add(&b, "a", 1), -1);
	assert_int_equal(buf_add(&b, "", 0), 0);
	buf_done(&b);
}

/* A queue of numbers beside it says what must be there. */
static void
any_order_of_adding_and_dropping_keeps_the_bytes(void **state)
{
	unsigned char in = 0, out = 0, piece[5000];
	struct buf b;
	size_t most = 0;

	(void)state;
	buf_init(&b, 5000);
	for (int round = 0; round < 20000; round++) {
		size_t n = rand_below(round % 7 ? 300 : 5000);

		for (size_t i = 0; i < n; i++)
			piece[i] = (unsigned char)(in + i);
		if (buf_add(&b, piece, n) == 0)
			in = (unsigned char)(in + n);
		else
			assert_true(b.len + n > 5000);
		n = rand_below(b.len + 1);
		for (size_t i = 0; i < n; i++)
			assert_int_equal((unsigned char)buf_at(&b)[i], out++);
		buf_drop(&b, n);
		most = b.cap > most ? b.cap : most;
	}
	assert_true(most <= 7500);
	buf_done(&b);
}

static void
growing_text_is_formatted_in_place(void **state)
{
	struct buf b;
	size_t want = 0;

	(void)state;
	buf_init(&b, SIZE_MAX);
	for (int i = 0; i < 5000; i++) {
		assert_int_equal(buf_addf(&b, "%05d,", i), 0);
		want += 6;
	}
	assert_int_equal(b.len, want);
	assert_memory_equal(buf_at(&b) + 6 * 4321, "04321,", 6);
	buf_done(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_come_behind_and_leave_in_front),
		cmocka_unit_test(it_never_passes_its_maximum),
		cmocka_unit_test(
		    any_order_of_adding_and_dropping_keeps_the_bytes),
		cmocka_unit_test(growing_text_is_formatted_in_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
