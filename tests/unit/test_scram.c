/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "postern/smtp/digest.h"
#include "postern/smtp/scram.h"

#define SALT "W22ZaJ0SNY7soEsUEjb6gQ=="
#define STORED "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY="
#define SERVER "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
/* What a server keeps of "pencil" of RFC 7677 section 3. */
#define PENCIL "SCRAM-SHA-256$4096$" SALT "$" STORED "$" SERVER

static const struct {
	const char *why, *text, *says;
} bad[] = {
	{ "nothing", "", "does not begin with SCRAM-SHA-256$" },
	{ "another hash", "SCRAM-SHA-1$4096$" SALT "$" STORED "$" SERVER,
	    "does not begin with SCRAM-SHA-256$" },
	{ "too cheap", "SCRAM-SHA-256$4095$" SALT "$" STORED "$" SERVER,
	    "from 4096 to 10000000" },
	{ "too dear", "SCRAM-SHA-256$10000001$" SALT "$" STORED "$" SERVER,
	    "from 4096 to 10000000" },
	{ "no number", "SCRAM-SHA-256$many$" SALT "$" STORED "$" SERVER,
	    "from 4096 to 10000000" },
	{ "a short salt", "SCRAM-SHA-256$4096$AAAAAAAAAA==$" STORED "$" SERVER,
	    "8 to 64 octets" },
	{ "no salt", "SCRAM-SHA-256$4096$$" STORED "$" SERVER,
	    "8 to 64 octets" },
	{ "no stored key", "SCRAM-SHA-256$4096$" SALT, "stored key" },
	{ "a short key", "SCRAM-SHA-256$4096$" SALT "$" SALT "$" SERVER,
	    "stored key" },
	{ "no server key", "SCRAM-SHA-256$4096$" SALT "$" STORED "$",
	    "server key" },
	{ "something behind", PENCIL "$x", "server key" },
};

static void
a_verifier_is_read_and_written(void **state)
{
	struct scram_verifier v;
	char text[SCRAM_TEXT_MAX];
	struct err err = { 0 };

	(void)state;
	assert_int_equal(scram_parse(&v, STR(PENCIL), &err), 0);
	assert_int_equal(v.iterations, 4096);
	assert_int_equal(v.salt_len, 16);
	scram_text(&v, text);
	assert_string_equal(text, PENCIL);
}

static void
the_largest_verifier_is_read_and_written(void **state)
{
	struct scram_verifier v = { .iterations = SCRAM_ITERATIONS_MAX,
		.salt_len = SCRAM_SALT_MAX },
	                      back;
	char text[SCRAM_TEXT_MAX];
	struct err err = { 0 };

	(void)state;
	memset(v.salt, 0xff, sizeof v.salt);
	scram_text(&v, text);
	assert_int_equal(scram_parse(&back, str_of(text), &err), 0);
	assert_memory_equal(&v, &back, sizeof v);
}

static void
a_broken_verifier_says_what_is_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct scram_verifier v;
		struct err err = { 0 };

		if (scram_parse(&v, str_of(bad[i].text), &err) != -1)
			fail_msg("%s", bad[i].why);
		if (strstr(err.text, bad[i].says) == NULL)
			fail_msg("%s: %s", bad[i].why, err.text);
		assert_non_null(strstr(err.text, "postern passwd --scram"));
	}
}

static void
a_password_fits_its_verifier_only(void **state)
{
	struct scram_verifier v, made;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(scram_parse(&v, STR(PENCIL), &err), 0);
	made = v;
	memset(made.stored, 0, sizeof made.stored);
	memset(made.server, 0, sizeof made.server);
	scram_make(&made, STR("pencil"));
	assert_memory_equal(&made, &v, sizeof v);
	assert_true(scram_fits(&v, STR("pencil")));
	assert_false(scram_fits(&v, STR("pencils")));
	assert_false(scram_fits(&v, STR("")));
	v.server[0] ^= 1; /* half of it is not enough */
	assert_false(scram_fits(&v, STR("pencil")));
}

static void
hex(const unsigned char *p, char out[2 * DIGEST_LEN + 1])
{
	for (size_t i = 0; i < DIGEST_LEN; i++)
		snprintf(out + 2 * i, 3, "%02x", p[i]);
}

static void
digests_are_those_of_the_standards(void **state)
{
	unsigned char d[DIGEST_LEN], e[DIGEST_LEN];
	char text[2 * DIGEST_LEN + 1];

	(void)state;
	digest_sha256(d, STR("abc")); /* FIPS 180-2 appendix B.1 */
	hex(d, text);
	assert_string_equal(text,
	    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	/* RFC 4231 section 4.3 */
	digest_hmac(d, STR("Jefe"), STR("what do ya want for nothing?"));
	hex(d, text);
	assert_string_equal(text,
	    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	/* RFC 7914 section 11, its first half */
	digest_pbkdf2(e, STR("passwd"), STR("salt"), 1);
	hex(e, text);
	assert_string_equal(text,
	    "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc");
	assert_true(digest_equal(d, d, DIGEST_LEN));
	assert_false(digest_equal(d, e, DIGEST_LEN));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_verifier_is_read_and_written),
		cmocka_unit_test(the_largest_verifier_is_read_and_written),
		cmocka_unit_test(a_broken_verifier_says_what_is_wrong),
		cmocka_unit_test(a_password_fits_its_verifier_only),
		cmocka_unit_test(digests_are_those_of_the_standards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
