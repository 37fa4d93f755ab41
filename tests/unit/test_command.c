/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/mem.h"
#include "smtp/command.h"

/* A struct str in a table. */
#define BYTES(lit)                                                             \
	{                                                                      \
		"" lit, sizeof(lit) - 1                                        \
	}

#define MAX 12

/* out: each line in [], "!" for one too long; dirty ones with "~". */
static const struct {
	const char *why;
	struct str in;
	const char *out;
} cuts[] = {
	{ "two lines", BYTES("a\r\nbc\r\n"), "[a][bc]" },
	{ "empty ones", BYTES("\r\n\r\n"), "[][]" },
	{ "P1: a bare LF is a byte of the line", BYTES("a\nb\r\n"), "[a\nb~]" },
	{ "P1: a bare CR, too", BYTES("a\rb\r\n"), "[a\rb~]" },
	{ "P1: CR CR LF ends behind the first CR", BYTES("a\r\r\n"), "[a\r~]" },
	{ "P1: LF CR LF", BYTES("\n\r\n"), "[\n~]" },
	{ "P1: a bare LF first", BYTES("\na\r\n"), "[\na~]" },
	{ "no end, no line", BYTES("a\r\nb"), "[a]" },
	{ "the longest", BYTES("0123456789\r\n"), "[0123456789]" },
	{ "P7: one more", BYTES("0123456789x\r\na\r\n"), "![a]" },
	{ "P7: the CR alone is too much", BYTES("0123456789x\rx\r\na\r\n"),
	    "![a]" },
	{ "P7: bare LF and CR in the tail end nothing",
	    BYTES("0123456789xxx\nQUIT\rQUIT\r\r\na\r\n"), "![a]" },
	{ "P7: two of them", BYTES("0123456789012\r\n0123456789012\r\n"),
	    "!!" },
};

static void
cut(size_t row, size_t step, char *seen)
{
	struct str in = cuts[row].in, line;
	struct command_lines l;

	command_lines_init(&l, MAX);
	for (size_t at = 0, took; at < in.len; at += took) {
		size_t n = in.len - at < step ? in.len - at : step;
		char *bytes = mem_dup(in.p + at, n);
		enum command_status r =
		    command_lines_next(&l, bytes, n, &took, &line);

		assert_true(l.held.cap <= MAX * 2);
		if (r == COMMAND_TOO_LONG)
			strcat(seen, "!");
		if (r == COMMAND_LINE) {
			strcat(seen, "[");
			strncat(seen, line.p, line.len);
			strcat(seen, command_is_dirty(line) ? "~]" : "]");
		}
		free(bytes);
	}
	command_lines_release(&l);
	command_lines_done(&l);
}

static void
lines_end_at_crlf_however_they_arrive(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
		for (size_t step = 1; step < 40; step++) {
			char seen[100] = "";

			cut(i, step, seen);
			if (strcmp(seen, cuts[i].out) != 0)
				fail_msg("%s (step %zu): %s", cuts[i].why, step,
				    seen);
		}
	}
}

static void
a_line_that_comes_whole_is_not_copied(void **state)
{
	static const char in[] = "NOOP\r\n";
	struct command_lines l;
	struct str line;
	size_t took;

	(void)state;
	command_lines_init(&l, 512);
	assert_int_equal(
	    command_lines_next(&l, in, 6, &took, &line), COMMAND_LINE);
	assert_ptr_equal(line.p, in);
	assert_null(l.held.mem);
	assert_int_equal(
	    command_lines_next(&l, in, 3, &took, &line), COMMAND_MORE);
	assert_non_null(l.held.mem);
	assert_int_equal(
	    command_lines_next(&l, in + 3, 3, &took, &line), COMMAND_LINE);
	assert_true(str_eq(line, STR("NOOP")));
	command_lines_release(&l);
	assert_null(l.held.mem);
	assert_int_equal(
	    command_lines_next(&l, in, 0, &took, &line), COMMAND_MORE);
	command_lines_done(&l);
}

static const struct {
	const char *why, *line, *verb, *argument;
} splits[] = {
	{ "a verb alone", "NOOP", "NOOP", "" },
	{ "with an argument", "HELO a b", "HELO", "a b" },
	{ "white space around it", "HELO   a \t", "HELO", "a" },
	{ "white space only", "  \t", "", "" },
	{ "a space first makes no verb", " NOOP", "", "NOOP" },
	{ "a tab is no space", "NOOP\tx", "NOOP\tx", "" },
	{ "nothing", "", "", "" },
};

static void
verb_and_argument_are_told_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof splits / sizeof splits[0]; i++) {
		struct str verb, argument;

		command_split(str_of(splits[i].line), &verb, &argument);
		if (!str_eq(verb, str_of(splits[i].verb)) ||
		    !str_eq(argument, str_of(splits[i].argument)))
			fail_msg("%s: '%.*s' '%.*s'", splits[i].why,
			    (int)verb.len, verb.p, (int)argument.len,
			    argument.p);
	}
}

/* out: "key" or "key=value" in [], "!" for a syntax error. */
static const struct {
	const char *why, *in;
	bool utf8;
	const char *out;
} params[] = {
	{ "two of them", " SIZE=1 BODY=7BIT", false, "[SIZE=1][BODY=7BIT]" },
	{ "without a value", " SMTPUTF8", false, "[SMTPUTF8]" },
	{ "more spaces", "  A  B ", false, "[A][B]" },
	{ "none", "", false, "" },
	{ "a hyphen and digits in a key", " X-1=y", false, "[X-1=y]" },
	{ "a hyphen first", " -X", false, "!" },
	{ "no key", " =x", false, "!" },
	{ "no value", " X=", false, "!" },
	{ "two equal signs", " X=a=b", false, "!" },
	{ "a tab", " X=a\tb", false, "!" },
	{ "an underscore in a key", " X_Y=a", false, "!" },
	{ "a control byte in a value", " X=\x7f", false, "!" },
	{ "UTF-8 in a value", " X=\xc3\xa9", false, "!" },
	{ "UTF-8 where it may be", " X=\xc3\xa9", true, "[X=\xc3\xa9]" },
	{ "but UTF-8 it must be", " X=\xff", true, "!" },
	{ "and not in a key", " \xc3\xa9=x", true, "!" },
};

static void
parameters_are_told_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof params / sizeof params[0]; i++) {
		struct str rest = str_of(params[i].in);
		struct command_param p;
		char seen[100] = "";
		int r;

		while ((r = command_param(&rest, params[i].utf8, &p)) > 0) {
			strcat(seen, "[");
			strncat(seen, p.key.p, p.key.len);
			strcat(seen, p.has_value ? "=" : "");
			strncat(seen, p.value.p, p.value.len);
			strcat(seen, "]");
		}
		if (r < 0)
			strcat(seen, "!");
		if (strcmp(seen, params[i].out) != 0)
			fail_msg("%s: %s", params[i].why, seen);
	}
}

static void
P13_sizes_do_not_wrap(void **state)
{
	static const struct {
		const char *text;
		uint64_t v;
	} good[] = {
		{ "0", 0 },
		{ "00000000000000000007", 7 },
		{ "4294967296", UINT64_C(1) << 32 },
		{ "18446744073709551614", UINT64_MAX - 1 },
		{ "18446744073709551615", UINT64_MAX },
		{ "18446744073709551616", UINT64_MAX },
		{ "36893488147419103233", UINT64_MAX },
		{ "99999999999999999999", UINT64_MAX },
	};
	static const char *const bad[] = { "", "-1", "+1", "1x", " 1", "0x1",
		"000000000000000000000" };
	uint64_t v = 0;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		assert_true(command_size(str_of(good[i].text), &v));
		assert_true(v == good[i].v);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(command_size(str_of(bad[i]), &v));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_end_at_crlf_however_they_arrive),
		cmocka_unit_test(a_line_that_comes_whole_is_not_copied),
		cmocka_unit_test(verb_and_argument_are_told_apart),
		cmocka_unit_test(parameters_are_told_apart),
		cmocka_unit_test(P13_sizes_do_not_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
