/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/mem.h"
#include "postern/base/siphash.h"

#include "base/log_address.h"

static unsigned char key[SIPHASH_KEY];

static void
the_published_hashes_hold(void **state)
{
	unsigned char in[16];

	(void)state;
	for (unsigned i = 0; i < sizeof in; i++)
		in[i] = key[i] = (unsigned char)i;
	assert_true(siphash_of(key, in, 0) == 0x726fdb47dd0e0e31u);
	assert_true(siphash_of(key, in, 1) == 0x74f839c593dc67fdu);
	assert_true(siphash_of(key, in, 15) == 0xa129ca6149be45e5u);
}

static const struct {
	const char *why, *given, *masked;
} texts[] = {
	{ "an address", "ann@example.com", "a***@example.com" },
	{ "of one letter", "a@example.com", "a***@example.com" },
	{ "a letter of two octets", "\xc3\xa9ric@example.com",
	    "\xc3\xa9***@example.com" },
	{ "no UTF-8", "\xe9ric@example.com", "\xe9***@example.com" },
	{ "a domain of other letters", "ann@m\xc3\xbcller.example",
	    "a***@m\xc3\xbcller.example" },
	{ "an address of ours in another's",
	    "SRS0=x=tt=example.com=ann@example.net", "S***@example.net" },
	{ "a bounce's", "bounce+ann=example.com@list.example",
	    "b***@list.example" },
	{ "a quoted local part", "\"ann smith\"@example.com",
	    "a***@example.com" },
	{ "one with all that ends a word", "\"a@b \\\" c\"@example.com",
	    "a***@example.com" },
	{ "a literal", "ann@[192.0.2.1]", "a***@[192.0.2.1]" },
	{ "in angles", "<ann@example.com>: no such user",
	    "<a***@example.com>: no such user" },
	{ "at the end of a sentence", "No mailbox for ann@example.com.",
	    "No mailbox for a***@example.com." },
	{ "two of them", "ann@x.example,bob@y.example",
	    "a***@x.example,b***@y.example" },
	{ "behind a colon", "mailto:ann@example.com",
	    "mailto:a***@example.com" },
	{ "a forged separator", "ann@example.com@example.net",
	    "a***@example.com@example.net" },
	{ "no local part", "@example.com", "@example.com" },
	{ "no domain", "ann@ x", "ann@ x" },
	{ "nothing behind it", "ann@", "ann@" },
	{ "only the sign", "@", "@" },
	{ "a lone quote", "say \" ann@example.com", "say \" a***@example.com" },
	{ "a quote at the end", "ann@example.com\"", "a***@example.com\"" },
	{ "a backslash at the end", "\"ann\\", "\"ann\\" },
};

static void
what_is_masked(void **state)
{
	char got[256];

	(void)state;
	log_address_mode(LOG_ADDRESSES_MASKED);
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct str s = str_of(texts[i].given);
		char *exact = mem_dup(s.p, s.len); /* the sanitizer looks */
		size_t n = log_address_hide(
		    got, sizeof got, (struct str){ exact, s.len });

		free(exact);
		got[n] = '\0';
		if (strcmp(got, texts[i].masked) != 0)
			fail_msg("%s: %s", texts[i].why, got);
	}
}

static void
no_more_comes_than_there_is_room_for(void **state)
{
	char got[8] = "1234567";

	(void)state;
	log_address_mode(LOG_ADDRESSES_MASKED);
	assert_int_equal(
	    log_address_hide(got, 6, STR("see ann@example.com")), 6);
	assert_string_equal(got, "see a*7");
	assert_int_equal(log_address(got, 4, STR("ann@example.com")), 3);
	assert_string_equal(got, "a**");
}

static void
messages_keep_their_names(void **state)
{
	(void)state;
	log_address_mode(LOG_ADDRESSES_MASKED);
	assert_true(log_address_is_in("rcpt", STR("ann@example.com")));
	assert_true(log_address_is_in("text", STR("no ann@example.com")));
	assert_false(log_address_is_in("user", STR("ann")));
	assert_false(log_address_is_in("message_id", STR("<1@example.com>")));
	assert_false(log_address_is_in("provider_id", STR("<1@example.com>")));
	log_address_mode(LOG_ADDRESSES_FULL);
	assert_false(log_address_is_in("rcpt", STR("ann@example.com")));
}

static void
equal_addresses_are_found_again(void **state)
{
	char ann[64], other[64], bob[64], text[64];

	(void)state;
	log_address_mode(LOG_ADDRESSES_HASHED);
	log_address(ann, sizeof ann, STR("ann@example.com"));
	assert_string_equal(ann, "a***@example.com"); /* no key yet */
	memset(key, 7, sizeof key);
	log_address_key(key);
	log_address(ann, sizeof ann, STR("ann@example.com"));
	log_address(other, sizeof other, STR("Ann@Example.COM"));
	log_address(bob, sizeof bob, STR("bob@example.com"));
	assert_int_equal(strlen(ann), 16 + strlen("@example.com"));
	assert_int_equal(strspn(ann, "0123456789abcdef"), 16);
	assert_memory_equal(ann, other, 16);
	assert_memory_not_equal(ann, bob, 16);
	log_address(text, sizeof text, STR("<ann@example.com>: full"));
	assert_memory_equal(text + 1, ann, strlen(ann));
	key[0] = 8;
	log_address_key(key); /* it stays what it was */
	log_address(other, sizeof other, STR("ann@example.com"));
	assert_string_equal(ann, other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_published_hashes_hold),
		cmocka_unit_test(what_is_masked),
		cmocka_unit_test(no_more_comes_than_there_is_room_for),
		cmocka_unit_test(messages_keep_their_names),
		cmocka_unit_test(equal_addresses_are_found_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
