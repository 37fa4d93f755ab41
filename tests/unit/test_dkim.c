/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/buf.h"
#include "postern/mail/dkim.h"

static void
put(void *arg, const char *p, size_t n)
{
	assert_int_equal(buf_add(arg, p, n), 0);
}

static void
is_body(const char *why, const char *in, size_t cut, enum dkim_canon canon,
    const char *want)
{
	struct dkim_body b;
	struct buf out;
	size_t len = strlen(in);

	buf_init(&out, 8192);
	dkim_body_init(&b, canon, put, &out);
	for (size_t at = 0; at < len; at += cut)
		dkim_body_feed(&b, in + at, len - at < cut ? len - at : cut);
	dkim_body_end(&b);
	if (!str_eq(buf_str(&out), str_of(want)))
		fail_msg("%s, cut at %zu: %.*s", why, cut, (int)out.len,
		    buf_str(&out).p);
	buf_done(&out);
}

static const struct {
	const char *why, *in, *relaxed, *simple;
} bodies[] = {
	{ "RFC 6376 3.4.5", " C \r\nD \t E\r\n\r\n\r\n", " C\r\nD E\r\n",
	    " C \r\nD \t E\r\n" },
	{ "no body", "", "", "\r\n" },
	{ "empty lines only", "\r\n\r\n\r\n", "", "\r\n" },
	{ "blanks only", " \t\r\n \r\n", "", " \t\r\n \r\n" },
	{ "blanks without a line end", "a\r\n \t", "a\r\n", "a\r\n \t\r\n" },
	{ "no line end", "a", "a\r\n", "a\r\n" },
	{ "empty lines inside", "\r\na\r\n\r\n \r\nb\r\n",
	    "\r\na\r\n\r\n\r\nb\r\n", "\r\na\r\n\r\n \r\nb\r\n" },
	{ "a CR and an LF alone", "a \r b\nc\r\r\nd\r",
	    "a \r b\nc\r\r\nd\r\r\n", "a \r b\nc\r\r\nd\r\r\n" },
};

static void
bodies_have_their_canonical_forms_however_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
		for (size_t cut = 1; cut < 8; cut++) {
			is_body(bodies[i].why, bodies[i].in, cut, DKIM_RELAXED,
			    bodies[i].relaxed);
			is_body(bodies[i].why, bodies[i].in, cut, DKIM_SIMPLE,
			    bodies[i].simple);
		}
	}
}

static void
a_long_body_comes_in_pieces(void **state)
{
	char text[5003];

	(void)state;
	memset(text, 'x', 5000);
	memcpy(text + 5000, "\r\n", 3);
	is_body("5000 octets", text, 999, DKIM_RELAXED, text);
	is_body("5000 octets", text, 5002, DKIM_SIMPLE, text);
}

static void
is_header(const char *why, const char *section, enum dkim_canon canon,
    const struct dkim_fields *of, const char *names, const char *want)
{
	struct buf h, out;

	buf_init(&h, 4096);
	buf_init(&out, 4096);
	assert_int_equal(dkim_header(str_of(section), canon, of, &h, &out), 0);
	if (!str_eq(buf_str(&h), str_of(names)) ||
	    !str_eq(buf_str(&out), str_of(want)))
		fail_msg("%s: %.*s\n%.*s", why, (int)h.len, buf_str(&h).p,
		    (int)out.len, buf_str(&out).p);
	buf_done(&h);
	buf_done(&out);
}

static void
headers_have_their_canonical_forms(void **state)
{
	const char *ab[] = { "A", "B" };
	struct dkim_fields of = { .sign = ab, .nsign = 2 };
	const char *section = "A: X\r\nB : Y\t\r\n\tZ  \r\n";

	(void)state;
	is_header("RFC 6376 3.4.5", section, DKIM_RELAXED, &of, "From:A:B",
	    "a:X\r\nb:Y Z\r\n");
	is_header("the same", section, DKIM_SIMPLE, &of, "From:A:B", section);
	is_header("an empty value", "A: \r\nC: 1\r\n", DKIM_RELAXED, &of,
	    "From:A", "a:\r\n");
}

static void
the_last_of_a_name_is_signed_first_and_one_more_is_forbidden(void **state)
{
	const char *sign[] = { "to", "Cc", "from", "TO" };
	const char *over[] = { "To", "Subject" };
	struct dkim_fields of = {
		.sign = sign, .nsign = 4, .over = over, .nover = 2
	};

	(void)state;
	is_header("two of To, no Subject",
	    "To: 1\r\nX: y\r\nFrom: a\r\nto: 2\r\n", DKIM_RELAXED, &of,
	    "From:From:to:to:to:Subject", "from:a\r\nto:2\r\nto:1\r\n");
}

static void
too_many_fields_are_refused(void **state)
{
	char section[(DKIM_FIELDS_MAX + 1) * 10 + 1] = "";
	struct dkim_fields of = { 0 };
	struct buf h, out;
	size_t n = 0;

	(void)state;
	buf_init(&h, 8192);
	buf_init(&out, 8192);
	for (; n < DKIM_FIELDS_MAX; n++)
		memcpy(section + n * 9, "From: a\r\n", 10);
	assert_int_equal(
	    dkim_header(str_of(section), DKIM_RELAXED, &of, &h, &out), 0);
	memcpy(section + n * 9, "From: a\r\n", 10);
	assert_int_equal(
	    dkim_header(str_of(section), DKIM_RELAXED, &of, &h, &out), -1);
	buf_done(&h);
	buf_done(&out);
}

static void
the_field_is_folded_and_ends_with_an_empty_b(void **state)
{
	struct dkim_tags t = { .algorithm = "rsa-sha256",
		.header = DKIM_RELAXED,
		.body = DKIM_SIMPLE,
		.domain = "example.com",
		.selector = "s",
		.identity = "@a.example.com",
		.now_s = 1,
		.until_s = 2,
		.names = STR("From:From:List-Unsubscribe-Post:Subject:"
		             "Content-Transfer-Encoding:MIME-Version"),
		.body_hash = STR("aGFzaA==") };
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	assert_int_equal(dkim_field(&out, &t), 0);
	assert_int_equal(dkim_value(&out, STR("c2ln")), 0);
	assert_int_equal(buf_add(&out, "", 1), 0);
	assert_string_equal(buf_at(&out),
	    "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/simple;\r\n"
	    "\td=example.com;\r\n\ts=s;\r\n\tt=1; x=2;\r\n"
	    "\ti=@a.example.com;\r\n"
	    "\th=From:From:List-Unsubscribe-Post:Subject:\r\n"
	    "\t Content-Transfer-Encoding:MIME-Version;\r\n"
	    "\tbh=aGFzaA==;\r\n\tb=c2ln\r\n");
	buf_done(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies_have_their_canonical_forms_however_cut),
		cmocka_unit_test(a_long_body_comes_in_pieces),
		cmocka_unit_test(headers_have_their_canonical_forms),
		cmocka_unit_test(
		    the_last_of_a_name_is_signed_first_and_one_more_is_forbidden),
		cmocka_unit_test(too_many_fields_are_refused),
		cmocka_unit_test(the_field_is_folded_and_ends_with_an_empty_b),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
