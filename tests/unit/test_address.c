/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "postern/mail/address.h"

#define U ADDRESS_UTF8
#define N ADDRESS_NULL
#define P ADDRESS_POSTMASTER

#define L63 "lllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllll"

static const struct {
	const char *why, *in;
	unsigned flags;
	const char *out; /* NULL: refused */
	enum address_fault fault;
} rows[] = {
	{ "the usual", "<user@example.com>", 0, "user@example.com", 0 },
	{ "every atom character", "<!#$%&'*+-/=?^_`{|}~@x>", 0,
	    "!#$%&'*+-/=?^_`{|}~@x", 0 },
	{ "case stays as it is", "<User@EXAMPLE.com>", 0, "User@EXAMPLE.com",
	    0 },
	{ "dots inside", "<a.b.c@x.y.z>", 0, "a.b.c@x.y.z", 0 },
	{ "a dot first", "<.a@x>", 0, NULL, ADDRESS_SYNTAX },
	{ "a dot last", "<a.@x>", 0, NULL, ADDRESS_SYNTAX },
	{ "two dots", "<a..b@x>", 0, NULL, ADDRESS_SYNTAX },
	{ "no brackets", "a@x", 0, NULL, ADDRESS_SYNTAX },
	{ "no end", "<a@x", 0, NULL, ADDRESS_SYNTAX },
	{ "nothing", "", 0, NULL, ADDRESS_SYNTAX },
	{ "two at signs", "<a@b@x>", 0, NULL, ADDRESS_SYNTAX },
	{ "no local-part", "<@x>", 0, NULL, ADDRESS_SYNTAX },
	{ "no domain", "<a@>", 0, NULL, ADDRESS_SYNTAX },
	{ "a space", "<a b@x>", 0, NULL, ADDRESS_SYNTAX },
	{ "a comma", "<a,b@x>", 0, NULL, ADDRESS_SYNTAX },
	{ "a comment", "<a(c)@x>", 0, NULL, ADDRESS_SYNTAX },
	{ "a control byte", "<a\x01@x>", U, NULL, ADDRESS_SYNTAX },
	{ "a line end", "<a\r\n@x>", U, NULL, ADDRESS_SYNTAX },

	{ "the null path", "<>", N, "", 0 },
	{ "the null path where it may not be", "<>", 0, NULL, ADDRESS_SYNTAX },
	{ "Postmaster", "<pOSTmaster>", P, "pOSTmaster", 0 },
	{ "Postmaster where it may not be", "<postmaster>", 0, NULL,
	    ADDRESS_SYNTAX },
	{ "another name without a domain", "<root>", P, NULL, ADDRESS_SYNTAX },
	{ "Postmaster in quotes", "<\"postmaster\">", P, "postmaster", 0 },

	{ "quotes that are not needed", "<\"user\"@x>", 0, "user@x", 0 },
	{ "a backslash that is not needed", "<\"u\\ser\"@x>", 0, "user@x", 0 },
	{ "quotes that are", "<\"a b\"@x>", 0, "\"a b\"@x", 0 },
	{ "for dots too", "<\".a..\"@x>", 0, "\".a..\"@x", 0 },
	{ "for nothing", "<\"\"@x>", 0, "\"\"@x", 0 },
	{ "brackets and at signs in quotes", "<\"a>@<b\"@x>", 0, "\"a>@<b\"@x",
	    0 },
	{ "quoted quotes and backslashes", "<\"\\\"\\\\\\a\"@x>", 0,
	    "\"\\\"\\\\a\"@x", 0 },
	{ "a control byte in quotes", "<\"\x01\"@x>", 0, NULL, ADDRESS_SYNTAX },
	{ "a tab", "<\"\t\"@x>", 0, NULL, ADDRESS_SYNTAX },
	{ "a control byte behind a backslash", "<\"\\\r\"@x>", 0, NULL,
	    ADDRESS_SYNTAX },
	{ "DEL", "<\"\x7f\"@x>", 0, NULL, ADDRESS_SYNTAX },
	{ "quotes without end", "<\"a@x>", 0, NULL, ADDRESS_SYNTAX },
	{ "a backslash last", "<\"a\\", 0, NULL, ADDRESS_SYNTAX },
	{ "half quoted", "<\"a\"b@x>", 0, NULL, ADDRESS_SYNTAX },

	{ "a single label", "<a@localhost>", 0, "a@localhost", 0 },
	{ "hosts with an underscore", "<a@app_web_1>", 0, "a@app_web_1", 0 },
	{ "a hyphen inside", "<a@x-y>", 0, "a@x-y", 0 },
	{ "a hyphen first", "<a@-x>", 0, NULL, ADDRESS_SYNTAX },
	{ "a hyphen last", "<a@x-.y>", 0, NULL, ADDRESS_SYNTAX },
	{ "a dot at the domain's end", "<a@x.>", 0, NULL, ADDRESS_SYNTAX },
	{ "an empty label", "<a@x..y>", 0, NULL, ADDRESS_SYNTAX },
	{ "a label of 63", "<a@" L63 ">", 0, "a@" L63, 0 },
	{ "one of 64", "<a@l" L63 ">", 0, NULL, ADDRESS_TOO_LONG },

	{ "IPv4", "<a@[192.0.2.1]>", 0, "a@[192.0.2.1]", 0 },
	{ "too many octets", "<a@[192.0.2.1.5]>", 0, NULL, ADDRESS_SYNTAX },
	{ "an octet too large", "<a@[192.0.2.256]>", 0, NULL, ADDRESS_SYNTAX },
	{ "IPv6", "<a@[ipv6:2001:db8::1]>", 0, "a@[ipv6:2001:db8::1]", 0 },
	{ "IPv6 without its tag", "<a@[2001:db8::1]>", 0, NULL,
	    ADDRESS_SYNTAX },
	{ "another tag", "<a@[x400:abc]>", 0, NULL, ADDRESS_SYNTAX },
	{ "a literal without end", "<a@[192.0.2.1>", 0, NULL, ADDRESS_SYNTAX },
	{ "an empty literal", "<a@[]>", 0, NULL, ADDRESS_SYNTAX },
	{ "something behind a literal", "<a@[192.0.2.1]x>", 0, NULL,
	    ADDRESS_SYNTAX },

	{ "P11: a source route is dropped", "<@a,@b.c:user@x>", 0, "user@x",
	    0 },
	{ "P11: one with a literal", "<@[192.0.2.1]:user@x>", 0, "user@x", 0 },
	{ "P11: to Postmaster", "<@a:postmaster>", P, "postmaster", 0 },
	{ "a route with a bad domain", "<@-a:user@x>", 0, NULL,
	    ADDRESS_SYNTAX },
	{ "a route without a colon", "<@a,@b>", 0, NULL, ADDRESS_SYNTAX },
	{ "a route without at signs", "<@a,b:user@x>", 0, NULL,
	    ADDRESS_SYNTAX },
	{ "a route to nobody", "<@a:>", N, NULL, ADDRESS_SYNTAX },

	{ "UTF-8", "<p\xc3\xa9p\xc3\xa9@ex\xc3\xa4mple.com>", U,
	    "p\xc3\xa9p\xc3\xa9@ex\xc3\xa4mple.com", 0 },
	{ "UTF-8 in quotes", "<\"\xc3\xa9 a\"@x>", U, "\"\xc3\xa9 a\"@x", 0 },
	{ "UTF-8 behind a backslash", "<\"\\\xc3\xa9\"@x>", U, NULL,
	    ADDRESS_SYNTAX },
	{ "UTF-8 where it may not be", "<\xc3\xa9@x>", 0, NULL,
	    ADDRESS_NEEDS_UTF8 },
	{ "UTF-8 in a route where it may not be", "<@\xc3\xa9:a@x>", 0, NULL,
	    ADDRESS_NEEDS_UTF8 },
	{ "bytes that are not UTF-8", "<\xff@x>", U, NULL, ADDRESS_SYNTAX },
	{ "nor a needless long form", "<\xc0\xaf@x>", U, NULL, ADDRESS_SYNTAX },
	{ "half a character", "<\xc3@x>", U, NULL, ADDRESS_SYNTAX },
	{ "control characters of UTF-8", "<\xc2\x85@x>", U, NULL,
	    ADDRESS_SYNTAX },
};

static void
paths_are_taken_or_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct address a;
		size_t took = 0;
		enum address_fault fault =
		    address_path(&a, str_of(rows[i].in), rows[i].flags, &took);

		if (fault != rows[i].fault)
			fail_msg("%s: fault %d", rows[i].why, (int)fault);
		if (rows[i].out == NULL)
			continue;
		if (!str_eq(address_str(&a), str_of(rows[i].out)))
			fail_msg("%s: '%.*s'", rows[i].why, (int)a.len, a.text);
		assert_int_equal(took, strlen(rows[i].in));
	}
}

static void
what_follows_a_path_is_left(void **state)
{
	struct address a;
	size_t took;

	(void)state;
	assert_int_equal(
	    address_path(&a, STR("<a@b> SIZE=1"), 0, &took), ADDRESS_OK);
	assert_int_equal(took, 5);
	assert_true(str_eq(address_local(&a), STR("a")));
	assert_true(str_eq(address_domain(&a), STR("b")));
	assert_int_equal(
	    address_path(&a, STR("<postmaster>"), P, &took), ADDRESS_OK);
	assert_int_equal(address_domain(&a).len, 0);
}

static void
a_nul_ends_nothing(void **state)
{
	struct address a;
	size_t took;

	(void)state;
	assert_int_equal(
	    address_path(&a, STR("<a\0b@x>"), 0, &took), ADDRESS_SYNTAX);
	assert_int_equal(
	    address_path(&a, STR("<a@x\0>"), 0, &took), ADDRESS_SYNTAX);
	assert_int_equal(address_path(&a, STR("<a@[192.0.2.1\0]>"), 0, &took),
	    ADDRESS_SYNTAX);
	assert_int_equal(
	    address_path(&a, STR("<\"\0\"@x>"), 0, &took), ADDRESS_SYNTAX);
}

/* local octets "@" 63 "." 63 "." rest octets */
static enum address_fault
try_lengths(int local, int rest, size_t *len)
{
	struct address a = { .len = 0 };
	char text[600];
	size_t took;
	int n = snprintf(text, sizeof text, "<%.*s@" L63 "." L63 ".%.*s>",
	    local, L63 L63 L63 L63, rest, L63);
	enum address_fault fault =
	    address_path(&a, (struct str){ text, (size_t)n }, 0, &took);

	*len = a.len;
	return fault;
}

static void
P6_a_path_has_256_octets_at_most(void **state)
{
	size_t len;

	(void)state;
	assert_int_equal(try_lengths(64, 61, &len), ADDRESS_OK);
	assert_int_equal(len, 64 + 1 + 128 + 61);
	assert_int_equal(try_lengths(64, 62, &len), ADDRESS_TOO_LONG);
	assert_int_equal(try_lengths(124, 1, &len), ADDRESS_OK);
	assert_int_equal(try_lengths(125, 1, &len), ADDRESS_TOO_LONG);
	assert_int_equal(try_lengths(252, 63, &len), ADDRESS_TOO_LONG);
}

static void
P6_a_quoted_local_part_has_an_end(void **state)
{
	struct address a;
	char text[400];
	size_t took;

	(void)state;
	for (int n = 240; n < 280; n++) {
		int len = snprintf(
		    text, sizeof text, "<\"%.*s \"@x>", n, L63 L63 L63 L63 L63);
		enum address_fault fault = address_path(
		    &a, (struct str){ text, (size_t)len }, 0, &took);

		/* two quotes, the space, "@x" */
		assert_int_equal(fault,
		    n + 5 <= ADDRESS_MAX ? ADDRESS_OK : ADDRESS_TOO_LONG);
	}
}

static void
mailboxes_and_domains_are_whole(void **state)
{
	struct address a;

	(void)state;
	assert_int_equal(address_mailbox(&a, STR("a@b"), 0), ADDRESS_OK);
	assert_int_equal(address_mailbox(&a, STR("a@b "), 0), ADDRESS_SYNTAX);
	assert_int_equal(address_mailbox(&a, STR("<a@b>"), 0), ADDRESS_SYNTAX);
	assert_int_equal(address_mailbox(&a, STR(""), 0), ADDRESS_SYNTAX);
	assert_int_equal(
	    address_mailbox(&a, STR("\xc3\xa9@b"), 0), ADDRESS_NEEDS_UTF8);
	assert_true(address_is_domain(STR("mx.example.com"), 0));
	assert_true(address_is_domain(STR("[192.0.2.1]"), 0));
	assert_false(address_is_domain(STR("mx.example.com "), 0));
	assert_false(address_is_domain(STR(""), 0));
	assert_false(address_is_domain(STR("\xc3\xa9.com"), 0));
	assert_true(address_is_domain(STR("\xc3\xa9.com"), U));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_are_taken_or_refused),
		cmocka_unit_test(what_follows_a_path_is_left),
		cmocka_unit_test(a_nul_ends_nothing),
		cmocka_unit_test(P6_a_path_has_256_octets_at_most),
		cmocka_unit_test(P6_a_quoted_local_part_has_an_end),
		cmocka_unit_test(mailboxes_and_domains_are_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
