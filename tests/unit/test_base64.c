/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "postern/base/mem.h"
#include "postern/base/rand.h"
#include "postern/smtp/base64.h"

/* RFC 4648 section 10. */
static const struct {
	const char *octets, *text;
} vectors[] = {
	{ "", "" },
	{ "f", "Zg==" },
	{ "fo", "Zm8=" },
	{ "foo", "Zm9v" },
	{ "foob", "Zm9vYg==" },
	{ "fooba", "Zm9vYmE=" },
	{ "foobar", "Zm9vYmFy" },
	{ "\xfb\xff\xbf", "+/+/" },
};

static const struct {
	const char *why, *text;
} bad[] = {
	{ "no padding", "Zg" },
	{ "half of the padding", "Zg=" },
	{ "too much padding", "Zg===" },
	{ "nothing but padding", "====" },
	{ "one digit", "Z===" },
	{ "padding inside", "Zg==Zg==" },
	{ "a digit behind padding", "Zg=g" },
	{ "bits set that belong to no octet", "Zh==" },
	{ "the same of two octets", "Zm9=" },
	{ "the other alphabet (section 5)", "-_-_" },
	{ "a blank", "Zm 9" },
	{ "a blank in front", " Zm9v" },
	{ "a line end", "Zm9v\r\n" },
	{ "a byte above ASCII", "Zm9\xc3" },
	{ "SASL's empty response is none", "=" },
};

static void
what_is_written_can_be_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
		struct str octets = str_of(vectors[i].octets);
		struct buf b;

		buf_init(&b, 64);
		assert_int_equal(base64_add(&b, octets), 0);
		assert_true(str_eq(buf_str(&b), str_of(vectors[i].text)));
		buf_clear(&b);
		assert_int_equal(base64_take(&b, str_of(vectors[i].text)), 0);
		assert_true(str_eq(buf_str(&b), octets));
		buf_done(&b);
	}
}

static void
any_octets_come_back(void **state)
{
	char octets[200];
	struct buf a, b;

	(void)state;
	buf_init(&a, 1000);
	buf_init(&b, 1000);
	for (size_t n = 0; n <= sizeof octets; n++) {
		for (size_t i = 0; i < n; i++)
			octets[i] = (char)rand_u64();
		buf_clear(&a);
		buf_clear(&b);
		assert_int_equal(base64_add(&a, (struct str){ octets, n }), 0);
		assert_int_equal(a.len, base64_len(n));
		assert_int_equal(base64_take(&b, buf_str(&a)), 0);
		assert_true(str_eq(buf_str(&b), (struct str){ octets, n }));
	}
	buf_done(&a);
	buf_done(&b);
}

static void
anything_else_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct buf b;

		buf_init(&b, 64);
		assert_int_equal(buf_adds(&b, "kept"), 0);
		if (base64_take(&b, str_of(bad[i].text)) != -1)
			fail_msg("%s", bad[i].why);
		assert_true(str_eq(buf_str(&b), STR("kept")));
		buf_done(&b);
	}
}

static void
a_full_buffer_takes_nothing(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 5);
	assert_int_equal(base64_take(&b, STR("Zm9vYmFy")), -1);
	assert_int_equal(b.len, 0);
	assert_int_equal(base64_take(&b, STR("Zm9vYmE=")), 0);
	assert_int_equal(b.len, 5);
	buf_done(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_can_be_read),
		cmocka_unit_test(any_octets_come_back),
		cmocka_unit_test(anything_else_is_refused),
		cmocka_unit_test(a_full_buffer_takes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
