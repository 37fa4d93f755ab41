/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/id.h"
#include "postern/base/rand.h"

static const struct {
	const char *why, *text;
	uint64_t id;
	int rc;
} rows[] = {
	{ "zero", "0000000000000", 0, -1 },
	{ "one", "0000000000001", 1, 0 },
	{ "the highest", "fzzzzzzzzzzzz", UINT64_MAX, 0 },
	{ "higher than that", "g000000000000", 0, -1 },
	{ "upper case", "000000000000A", 0, -1 },
	{ "a letter left out", "000000000000i", 0, -1 },
	{ "another", "000000000000u", 0, -1 },
	{ "too short", "000000000000", 0, -1 },
	{ "too long", "00000000000000", 0, -1 },
	{ "nothing", "", 0, -1 },
	{ "no letter at all", "000000000000\n", 0, -1 },
	{ "a high byte",
	    "\xff"
	    "00000000000 0",
	    0, -1 },
};

static void
ids_are_read_strictly(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint64_t id = 0;

		if (id_parse(str_of(rows[i].text), &id) != rows[i].rc ||
		    id != rows[i].id)
			fail_msg("%s", rows[i].why);
	}
	/* A NUL is no letter. */
	assert_int_equal(
	    id_parse((struct str){ "000000000000\0", 13 }, &(uint64_t){ 0 }),
	    -1);
}

static void
text_order_is_id_order(void **state)
{
	char a[ID_TEXT], b[ID_TEXT];

	(void)state;
	for (int i = 0; i < 10000; i++) {
		uint64_t x = rand_u64(), y = rand_u64() >> rand_below(64);
		uint64_t back;

		id_text(x, a);
		id_text(y, b);
		assert_int_equal(strcmp(a, b) < 0, x < y);
		assert_int_equal(id_parse(str_of(a), &back), 0);
		assert_true(back == x);
	}
	assert_true(id_ms(id_first(1795512672123)) == 1795512672123);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_are_read_strictly),
		cmocka_unit_test(text_order_is_id_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
