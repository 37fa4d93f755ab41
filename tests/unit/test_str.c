/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/str.h"

static void
strings_compare_without_a_locale(void **state)
{
	(void)state;
	assert_true(str_eq(STR("abc"), str_of("abc")));
	assert_false(str_eq(STR("abc"), STR("abC")));
	assert_false(str_eq(STR("abc"), STR("ab")));
	assert_true(str_eq(str_of(NULL), STR("")));
	assert_true(str_eq((struct str){ NULL, 0 }, STR("")));
	assert_true(str_eq_case(STR("MaIl"), STR("mAiL")));
	assert_false(str_eq_case(STR("@["), STR("`{"))); /* beside A and Z */
	assert_true(str_is(STR("RCPT"), "rcpt"));
	assert_false(str_is(STR("RCPT"), "rcp"));
	assert_true(str_starts_case(STR("FROM:<a>"), STR("from:")));
	assert_false(str_starts_case(STR("FRO"), STR("from")));
	assert_true(str_has_case(STR("Too Many Messages"), STR("many")));
	assert_true(str_has_case(STR("x"), STR("")));
	assert_true(str_has_case(STR(""), STR("")));
	assert_true(str_has_case((struct str){ 0 }, STR("")));
	assert_false(str_has_case(STR("man"), STR("many")));
	assert_true(str_eq(STR("a\0b"), (struct str){ "a\0b", 3 }));
}

static void
strings_are_cut_at_separators(void **state)
{
	struct str s = STR("a,,b"), part;

	(void)state;
	assert_true(str_eq(str_cut(&s, ','), STR("a")));
	assert_true(str_eq(str_cut(&s, ','), STR("")));
	assert_true(str_eq(str_cut(&s, ','), STR("b")));
	assert_int_equal(s.len, 0);
	part = str_cut(&s, ',');
	assert_int_equal(part.len, 0);
	s = (struct str){ NULL, 0 };
	assert_int_equal(str_cut(&s, ',').len, 0);
	assert_true(str_eq(str_trim(STR(" \t a b\t ")), STR("a b")));
	assert_int_equal(str_trim(STR(" \t")).len, 0);
	assert_true(str_eq(str_trim(STR("\ra")), STR("\ra")));
}

static const struct {
	const char *why;
	struct str s;
	bool ok;
	uint64_t v;
} numbers[] = {
	{ "zero", { "0", 1 }, true, 0 },
	{ "leading zeros", { "007", 3 }, true, 7 },
	{ "the highest", { "18446744073709551615", 20 }, true, UINT64_MAX },
	{ "one more", { "18446744073709551616", 20 }, false, 0 },
	{ "ten times more", { "184467440737095516150", 21 }, false, 0 },
	{ "nothing", { "", 0 }, false, 0 },
	{ "a sign", { "+1", 2 }, false, 0 },
	{ "a blank", { "1 ", 2 }, false, 0 },
	{ "hexadecimal", { "0x1", 3 }, false, 0 },
	{ "a NUL", { "1\0", 2 }, false, 0 },
};

static void
numbers_are_digits_only(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		uint64_t v = 0;

		if (str_u64(numbers[i].s, &v) != numbers[i].ok ||
		    v != numbers[i].v)
			fail_msg("%s", numbers[i].why);
	}
}

static const struct {
	const char *why;
	struct str s;
	const char *out;
} escapes[] = {
	{ "plain", { "a b", 3 }, "a b" },
	{ "quotes and backslashes", { "\"\\", 2 }, "\\\"\\\\" },
	{ "controls", { "\r\n\0\x7f\x1b", 5 }, "\\x0d\\x0a\\x00\\x7f\\x1b" },
	{ "UTF-8 passes", { "\xc3\xa9", 2 }, "\xc3\xa9" },
	{ "four bytes pass", { "\xf0\x9f\x93\xa7", 4 }, "\xf0\x9f\x93\xa7" },
	{ "C1 controls do not", { "\xc2\x9b", 2 }, "\\xc2\\x9b" },
	{ "half a character", { "a\xc3", 2 }, "a\\xc3" },
	{ "an overlong slash", { "\xc0\xaf", 2 }, "\\xc0\\xaf" },
	{ "a surrogate", { "\xed\xa0\x80", 3 }, "\\xed\\xa0\\x80" },
	{ "nothing", { "", 0 }, "" },
};

static void
what_is_printed_is_escaped(void **state)
{
	char out[64];

	(void)state;
	for (size_t i = 0; i < sizeof escapes / sizeof escapes[0]; i++) {
		size_t n = str_escape(out, sizeof out, escapes[i].s);

		if (strcmp(out, escapes[i].out) || n != strlen(out))
			fail_msg("%s: %s", escapes[i].why, out);
	}
	/* Never cut inside of an escape or a character. */
	assert_int_equal(
	    str_escape_bare(out, sizeof out, STR("\"a b\"\\\n")), 11);
	assert_string_equal(out, "\"a b\"\\\\\\x0a");
	assert_int_equal(str_escape(out, 5, STR("a\n")), 1);
	assert_int_equal(str_escape(out, 6, STR("a\n")), 5);
	assert_int_equal(str_escape(out, 3, STR("a\xc3\xa9")), 1);
	assert_int_equal(str_escape(out, 1, STR("abc")), 0);
	assert_int_equal(*out, 0);
	assert_int_equal(str_escape(out, 0, STR("abc")), 0);
}

static const struct {
	const char *why;
	struct str s;
	bool valid;
} texts[] = {
	{ "nothing", { "", 0 }, true },
	{ "ASCII with NUL", { "a\0", 2 }, true },
	{ "two bytes", { "\xc2\x80", 2 }, true },
	{ "three bytes", { "\xe0\xa0\x80", 3 }, true },
	{ "before the surrogates", { "\xed\x9f\xbf", 3 }, true },
	{ "after the surrogates", { "\xee\x80\x80", 3 }, true },
	{ "four bytes", { "\xf0\x90\x80\x80", 4 }, true },
	{ "the last", { "\xf4\x8f\xbf\xbf", 4 }, true },
	{ "past the last", { "\xf4\x90\x80\x80", 4 }, false },
	{ "F5", { "\xf5\x80\x80\x80", 4 }, false },
	{ "overlong two", { "\xc1\xbf", 2 }, false },
	{ "overlong three", { "\xe0\x9f\xbf", 3 }, false },
	{ "overlong four", { "\xf0\x8f\xbf\xbf", 4 }, false },
	{ "a tail alone", { "\x80", 1 }, false },
	{ "cut short", { "\xe2\x82", 2 }, false },
	{ "a bad third byte", { "\xe2\x82\x28", 3 }, false },
	{ "Latin 1", { "caf\xe9 x", 6 }, false },
};

static void
utf8_is_told_from_other_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		if (str_utf8_valid(texts[i].s) != texts[i].valid)
			fail_msg("%s", texts[i].why);
	}
	assert_true(str_is_ascii(STR("a\x7f")));
	assert_false(str_is_ascii(STR("a\x80")));
}

static void
what_fits_is_copied(void **state)
{
	char out[4] = "xxx";

	(void)state;
	str_copy(out, sizeof out, STR(""));
	assert_string_equal(out, "");
	str_copy(out, sizeof out, (struct str){ NULL, 0 });
	assert_string_equal(out, "");
	str_copy(out, sizeof out, STR("abc"));
	assert_string_equal(out, "abc");
	str_copy(out, sizeof out, STR("abcd"));
	assert_string_equal(out, "abc");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings_compare_without_a_locale),
		cmocka_unit_test(strings_are_cut_at_separators),
		cmocka_unit_test(numbers_are_digits_only),
		cmocka_unit_test(what_is_printed_is_escaped),
		cmocka_unit_test(utf8_is_told_from_other_bytes),
		cmocka_unit_test(what_fits_is_copied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
