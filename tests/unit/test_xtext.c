/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "postern/mail/xtext.h"

static const struct {
	const char *why, *plain, *coded;
} rows[] = {
	{ "plain stays plain", "user@example.com", "user@example.com" },
	{ "plus and equals are coded", "a+b=c", "a+2Bb+3Dc" },
	{ "space and control bytes", "a b\r\n\x7f", "a+20b+0D+0A+7F" },
	{ "bytes above 0x7f", "\xc3\xa9", "+C3+A9" },
	{ "nothing", "", "" },
};

static const struct {
	const char *why, *text;
} wrong[] = {
	{ "a plus at the end", "a+" },
	{ "one digit", "a+2" },
	{ "small hex digits are none", "a+2b" },
	{ "no hex digits", "a+zz" },
	{ "an equals sign", "a=b" },
	{ "a space", "a b" },
	{ "a control byte", "a\tb" },
	{ "a byte above 0x7f", "\xc3\xa9" },
};

static void
text_is_coded_and_decoded(void **state)
{
	struct buf b;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct str plain = str_of(rows[i].plain);
		struct str coded = str_of(rows[i].coded);

		buf_init(&b, 100);
		if (xtext_encode(&b, plain) != 0 || !str_eq(buf_str(&b), coded))
			fail_msg("encode: %s", rows[i].why);
		buf_clear(&b);
		if (xtext_decode(&b, coded) != 0 || !str_eq(buf_str(&b), plain))
			fail_msg("decode: %s", rows[i].why);
		assert_true(xtext_is_valid(coded));
		buf_done(&b);
	}
}

static void
what_is_no_xtext_is_not_decoded(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		if (xtext_is_valid(str_of(wrong[i].text)) ||
		    xtext_decode(&b, str_of(wrong[i].text)) != -1)
			fail_msg("%s", wrong[i].why);
	}
	assert_int_equal(b.len, 0);
	buf_done(&b);
}

static void
only_printable_text_is_printable(void **state)
{
	(void)state;
	assert_true(xtext_is_printable(STR("")));
	assert_true(xtext_is_printable(STR("a+20b+2B+7E")));
	assert_false(xtext_is_printable(STR("a+0D+0AX")));
	assert_false(xtext_is_printable(STR("+00")));
	assert_false(xtext_is_printable(STR("+7F")));
	assert_false(xtext_is_printable(STR("+C3+A9")));
	assert_false(xtext_is_printable(STR("a+2")));
}

static void
a_full_buffer_stays_as_it_was(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 4);
	assert_int_equal(xtext_encode(&b, STR("a+b")), -1);
	assert_int_equal(b.len, 0);
	assert_int_equal(xtext_encode(&b, STR("a+")), 0);
	assert_int_equal(xtext_decode(&b, STR("a")), -1);
	assert_int_equal(b.len, 4);
	buf_done(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_coded_and_decoded),
		cmocka_unit_test(what_is_no_xtext_is_not_decoded),
		cmocka_unit_test(only_printable_text_is_printable),
		cmocka_unit_test(a_full_buffer_stays_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
