/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "postern/mail/drop.h"

static void
a_trailer_is_read_back(void **state)
{
	static const uint64_t lengths[] = { 0, 1, 88, UINT64_C(1) << 40 };
	char text[DROP_TRAILER + 1];
	uint64_t length;
	uint32_t crc;

	(void)state;
	drop_trailer(text, 88, 0x4f062388);
	assert_string_equal(
	    text, "postern-drop 1 0000000000000000088 4f062388\n");
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		drop_trailer(text, lengths[i], 0xdeadbeef);
		assert_int_equal(strlen(text), DROP_TRAILER);
		assert_true(drop_read_trailer(text, &length, &crc));
		assert_true(length == lengths[i]);
		assert_int_equal(crc, 0xdeadbeef);
	}
}

static void
each_other_byte_makes_it_none_or_another(void **state)
{
	char text[DROP_TRAILER + 1];
	uint64_t length;
	uint32_t crc;

	(void)state;
	for (size_t i = 0; i < DROP_TRAILER; i++) {
		for (int c = 0; c < 256; c++) {
			drop_trailer(text, 88, 0x4f062388);
			if (text[i] == (char)c)
				continue;
			text[i] = (char)c;
			if (drop_read_trailer(text, &length, &crc))
				assert_true(length != 88 || crc != 0x4f062388);
		}
	}
}

static void
a_name_is_32_hex_digits(void **state)
{
	static const unsigned char bytes[DROP_NAME / 2] = { 0, 1, 0xab, 0xff };
	char name[DROP_NAME + 1];

	(void)state;
	drop_name(name, bytes);
	assert_string_equal(name, "0001abff000000000000000000000000");
	assert_true(drop_is_name(str_of(name)));
	name[3] = 'g';
	assert_false(drop_is_name(str_of(name)));
	name[3] = 'A';
	assert_false(drop_is_name(str_of(name)));
	assert_false(drop_is_name(str_of(name + 1)));
	assert_false(drop_is_name(STR("bad.0001abff0000000000000000000000")));
	assert_false(drop_is_name(STR("")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_trailer_is_read_back),
		cmocka_unit_test(each_other_byte_makes_it_none_or_another),
		cmocka_unit_test(a_name_is_32_hex_digits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
