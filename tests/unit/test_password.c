/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "postern/inlet/password.h"

static const struct {
	const char *why, *text;
	enum password_kind kind;
} forms[] = {
	{ "nothing", "", PASSWORD_NONE },
	{ "a word in clear", "secret", PASSWORD_NONE },
	{ "a long one", "correct horse battery staple", PASSWORD_NONE },
	{ "a star: locked", "*", PASSWORD_NONE },
	{ "an exclamation mark: locked", "!$6$x$y", PASSWORD_NONE },
	{ "DES", "abJnggxhB/yWI", PASSWORD_OLD },
	{ "MD5", "$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/", PASSWORD_OLD },
	{ "SHA-512 without its hash", "$6$saltsalt", PASSWORD_NONE },
	{ "SHA-512 cut off", "$6$saltsalt$0Mn3lEpw1", PASSWORD_NONE },
	{ "bcrypt cut off", "$2b$05$abcdefghijklmnopqrstuu", PASSWORD_NONE },
	{ "yescrypt cut off", "$y$j9T$saltsaltsaltsalt$abc", PASSWORD_NONE },
	{ "a kind that nobody knows", "$99$salt$hash", PASSWORD_NONE },
	{ "a plain word that looks like one", "$6$word$word", PASSWORD_NONE },
};

static void
what_crypt_would_refuse_is_told_by_its_form(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		if (password_kind(forms[i].text) != forms[i].kind)
			fail_msg("%s", forms[i].why);
	}
}

/* Of "secret", most at their cheapest. */
static const char *const hashes[] = {
	"$2b$04$KBCwKxOzLha2MUDgW0PjXe/hE/UCO9qF89dOydoHjSwxcHev5LRn.",
	"$y$j75$k2XAnEHBqQ1Ct2aMXFKNa/"
	"HAmA1BpMnBsYHMWB4NZN4$HDtJcZhEDN4lYyPsFs6qifx7sabk8w1.1PAkGR8ixD6",
	"$5$rounds=1000$k2XAnEHBqQ1Ct2aM$jgOl0V/"
	"Vic8BJZ4wBDLE5hPwrxO8FWvvQqq4b1wm6k0",
	"$6$rounds=1000$k2XAnEHBqQ1Ct2aM$Kusx4StgTAJKgtQ8A1Ud4OEtpvLZ/2wzq/Tix/"
	"qeeqdrvuTHgR6KFuCyOP4TNp5lvuV.tmBxpDTp10bqrWJyv1",
	"$7$BU..../....k2XAnEHBqQ1Ct2aMXFKNa/HAmA1BpMnBsYHMWB4NZN4$9xFFQ/"
	"ehzI.fiqOb0dOIHQ7OAxLb1VFQEblfTlG8eHA",
	"$gy$j75$k2XAnEHBqQ1Ct2aMXFKNa/HAmA1BpMnBsYHMWB4NZN4$wQ1Nq/4QB56Jl/"
	"pbLpHISikj8f6KCgYZgaHVNv6zTC6",
	"$6$saltsalt$"
	"TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vw"
	"PZN.Pq.H91p5hVO1",
};

static void
each_kind_of_hash_is_known_and_fits_its_password(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof hashes / sizeof hashes[0]; i++) {
		if (password_kind(hashes[i]) != PASSWORD_HASH)
			fail_msg("%s is no hash", hashes[i]);
		if (!password_fits(hashes[i], STR("secret")))
			fail_msg("%s does not fit", hashes[i]);
		assert_false(password_fits(hashes[i], STR("Secret")));
		assert_false(password_fits(hashes[i], STR("")));
	}
}

static void
what_crypt_cannot_take_fits_nothing(void **state)
{
	char longest[513];

	(void)state;
	memset(longest, 'x', sizeof longest);
	assert_false(password_fits(hashes[0], STR("secret\0")));
	assert_false(password_fits(hashes[0], (struct str){ longest, 513 }));
	assert_false(password_fits("*", STR("secret")));
	assert_false(password_fits("", STR("")));
}

static void
a_new_hash_fits_the_password_it_was_made_of(void **state)
{
	char one[PASSWORD_HASH_MAX], two[PASSWORD_HASH_MAX], longest[512];
	struct err err = { 0 };

	(void)state;
	memset(longest, 'x', sizeof longest);
	assert_int_equal(password_hash(one, STR("geheim"), &err), 0);
	assert_int_equal(password_kind(one), PASSWORD_HASH);
	assert_true(password_fits(one, STR("geheim")));
	assert_int_equal(password_hash(two, STR("geheim"), &err), 0);
	assert_string_not_equal(one, two); /* a salt of its own */
	assert_int_equal(
	    password_hash(one, (struct str){ longest, 511 }, &err), 0);
	assert_true(password_fits(one, (struct str){ longest, 511 }));
	assert_int_equal(
	    password_hash(two, (struct str){ longest, 512 }, &err), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_crypt_would_refuse_is_told_by_its_form),
		cmocka_unit_test(
		    each_kind_of_hash_is_known_and_fits_its_password),
		cmocka_unit_test(what_crypt_cannot_take_fits_nothing),
		cmocka_unit_test(a_new_hash_fits_the_password_it_was_made_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
