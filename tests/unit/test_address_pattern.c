/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "postern/mail/address_pattern.h"

static const struct {
	const char *pattern, *address;
	bool has;
} matches[] = {
	/* clang-format off */
	{ "ann@example.com", "ann@example.com", true },
	{ "ann@example.com", "ann@EXAMPLE.com", true },
	{ "ann@Example.com", "ann@example.com", true },
	{ "ann@example.com", "Ann@example.com", false },
	{ "ann@example.com", "bann@example.com", false },
	{ "ann@example.com", "ann@sub.example.com", false },
	{ "ann@example.com", "ann@example.com.evil.org", false },
	{ "ann@example.com", "", false },
	{ "\"a b\"@example.com", "\"a b\"@example.com", true },
	{ "\"x@y\"@example.com", "\"x@y\"@example.com", true },
	{ "*@example.com", "ann@example.com", true },
	{ "*@example.com", "\"a@evil.org\"@example.com", true },
	{ "*@example.com", "\"a@example.com\"@evil.org", false },
	{ "*@example.com", "ann@EXAMPLE.COM", true },
	{ "*@example.com", "ann@sub.example.com", false },
	{ "*@example.com", "ann@notexample.com", false },
	{ "*@example.com", "", false },
	{ "example.com", "ann@example.com", true },
	{ "example.com", "ann@sub.example.com", false },
	{ "example.com", "example.com", false },
	{ "*@*.example.com", "ann@sub.example.com", true },
	{ "*@*.example.com", "ann@a.b.Example.com", true },
	{ "*@*.example.com", "ann@example.com", false },
	{ "*@*.example.com", "ann@.example.com", false },
	{ "*@*.example.com", "ann@notexample.com", false },
	{ "*@[192.0.2.1]", "ann@[192.0.2.1]", true },
	{ "[192.0.2.1]", "ann@[192.0.2.2]", false },
	{ "*", "ann@example.com", true },
	{ "*", "Postmaster", true },
	{ "*", "", false },
	{ "<>", "", true },
	{ "<>", "ann@example.com", false },
	{ "j\xc3\xb6rg@example.com", "j\xc3\xb6rg@example.com", true },
	/* clang-format on */
};

static void
a_pattern_means_its_addresses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof matches / sizeof matches[0]; i++) {
		struct address_pattern p;
		struct err err = { 0 };

		if (address_pattern_parse(
		        &p, str_of(matches[i].pattern), &err) != 0)
			fail_msg("%s", err.text);
		if (address_pattern_has(&p, str_of(matches[i].address)) !=
		    matches[i].has)
			fail_msg(
			    "%s: %s", matches[i].pattern, matches[i].address);
	}
}

static const struct {
	const char *pattern, *says;
} mistakes[] = {
	{ "", "has no domain; write \"*@example.com\"" },
	{ "@example.com", "is no address; write one such as" },
	{ "ann@", "is no address" },
	{ "ann smith@example.com", "is no address" },
	{ "<ann@example.com>", "is no address" },
	{ "\"ann\"@example.com", "is no address" },
	{ "ann*@example.com", "has a * inside; write the whole address" },
	{ "*@", "has no domain; write \"*@example.com\"" },
	{ "*@*", "has no domain" },
	{ "*@*.", "has no domain" },
	{ "*@*.*.com", "has no domain" },
	{ "*@ex*mple.com", "has no domain" },
	{ "*@*.[192.0.2.1]", "has no domain" },
	{ "*.example.com", "has no @; write \"*@*.example.com\"" },
	{ "exa mple.com", "has no domain" },
};

static void
what_is_no_pattern_is_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
		struct address_pattern p = { .kind = ADDRESS_PATTERN_ANY };
		struct err err = { 0 };

		assert_int_equal(address_pattern_parse(
		                     &p, str_of(mistakes[i].pattern), &err),
		    -1);
		assert_int_equal(p.kind, ADDRESS_PATTERN_ANY);
		if (strstr(err.text, mistakes[i].says) == NULL)
			fail_msg("%s: %s", mistakes[i].pattern, err.text);
	}
}

static void
a_list_has_what_one_of_it_has(void **state)
{
	struct address_patterns *l = address_pattern_list();
	struct err err = { 0 };
	char text[32];

	(void)state;
	assert_false(address_pattern_list_has(l, STR("ann@example.com")));
	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof text, "u%d@example.com", i);
		assert_int_equal(
		    address_pattern_list_add(l, str_of(text), &err), 0);
	}
	memset(text, 'x', sizeof text); /* it was copied */
	assert_int_equal(address_pattern_list_add(l, STR("<>"), &err), 0);
	assert_int_equal(address_pattern_list_add(l, STR("*@*"), &err), -1);
	assert_true(address_pattern_list_has(l, STR("u0@example.com")));
	assert_true(address_pattern_list_has(l, STR("u99@example.com")));
	assert_true(address_pattern_list_has(l, STR("")));
	assert_false(address_pattern_list_has(l, STR("u100@example.com")));
	address_pattern_list_free(&l);
	assert_null(l);
	address_pattern_list_free(&l);
}

static void
texts_match_where_one_of_them_does(void **state)
{
	static const char *const texts[] = { "ann@example.com", "example.net" };

	(void)state;
	assert_true(address_pattern_any(texts, 2, STR("ann@example.com")));
	assert_true(address_pattern_any(texts, 2, STR("x@EXAMPLE.net")));
	assert_false(address_pattern_any(texts, 2, STR("x@example.com")));
	assert_false(address_pattern_any(texts, 0, STR("ann@example.com")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pattern_means_its_addresses),
		cmocka_unit_test(what_is_no_pattern_is_told),
		cmocka_unit_test(a_list_has_what_one_of_it_has),
		cmocka_unit_test(texts_match_where_one_of_them_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
