/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/buf.h"
#include "postern/mail/dkim.h"
#include "postern/relay/dkim_key.h"

/* RFC 8463, appendix A: key, record, message and signature. */
#define PEM                                                                    \
	"-----BEGIN PRIVATE KEY-----\n"                                        \
	"MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"   \
	"-----END PRIVATE KEY-----\n"
#define RECORD                                                                 \
	"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
#define HEADER                                                                 \
	"From: Joe SixPack <joe@football.example.com>\r\n"                     \
	"To: Suzie Q <suzie@shopping.example.net>\r\n"                         \
	"Subject: Is dinner ready?\r\n"                                        \
	"Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"                      \
	"Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n"
#define FIELD                                                                  \
	"DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n"        \
	" d=football.example.com; i=@football.example.com;\r\n"                \
	" q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n"              \
	" subject : date : message-id : from : subject : date;\r\n"            \
	" bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"                \
	" b="
#define SIGNATURE                                                              \
	"/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3FY5OsU" \
	"7ZbnKELq+eXdp1Q1Dw=="

static void
is_text(struct buf *b, const char *want)
{
	assert_int_equal(buf_add(b, "", 1), 0);
	assert_string_equal(buf_at(b), want);
	buf_clear(b);
}

static void
the_example_of_rfc8463_has_its_signature(void **state)
{
	const char *sign[] = { "from", "to", "subject", "date", "message-id" };
	struct dkim_fields of = { .sign = sign, .nsign = 5 };
	struct dkim_key *k = NULL;
	struct buf names, text, out;
	struct err err;

	(void)state;
	buf_init(&names, 4096);
	buf_init(&text, 4096);
	buf_init(&out, 4096);
	assert_int_equal(dkim_key_read(&k, STR(PEM), &err), 0);
	assert_string_equal(dkim_key_algorithm(k), "ed25519-sha256");
	assert_int_equal(dkim_key_bits(k), 0);
	assert_int_equal(dkim_key_record(k, &out), 0);
	is_text(&out, RECORD);
	assert_int_equal(
	    dkim_header(STR(HEADER), DKIM_RELAXED, &of, &names, &text), 0);
	assert_int_equal(dkim_own(&text, DKIM_RELAXED, STR(FIELD)), 0);
	assert_int_equal(dkim_key_sign(k, buf_str(&text), &out), 0);
	is_text(&out, SIGNATURE);
	dkim_key_free(&k);
	dkim_key_free(&k);
	buf_done(&names);
	buf_done(&text);
	buf_done(&out);
}

static void
a_new_key_can_be_read_and_signs(void **state)
{
	static const unsigned sizes[] = { 0, 1024, 2048 };
	struct buf pem, out;
	struct err err;

	(void)state;
	buf_init(&pem, DKIM_KEY_FILE_MAX);
	buf_init(&out, 4096);
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		struct dkim_key *k = NULL;

		assert_int_equal(dkim_key_make(&pem, sizes[i], &err), 0);
		assert_int_equal(dkim_key_read(&k, buf_str(&pem), &err), 0);
		assert_int_equal(dkim_key_bits(k), sizes[i]);
		assert_int_equal(dkim_key_sign(k, STR("text"), &out), 0);
		/* 64 octets of Ed25519, or as many as the key, in base64 */
		assert_int_equal(
		    out.len, sizes[i] ? (sizes[i] / 8 + 2) / 3 * 4 : 88);
		buf_clear(&out);
		dkim_key_free(&k);
		buf_wipe(&pem);
	}
	buf_done(&out);
}

static void
is_refused(struct str pem, const char *why)
{
	struct dkim_key *k = NULL;
	struct err err = { 0 };

	assert_int_equal(dkim_key_read(&k, pem, &err), -1);
	assert_null(k);
	if (strstr(err.text, why) == NULL ||
	    strstr(err.text, "postern dkim genkey") == NULL)
		fail_msg("%s", err.text);
}

static void
what_receivers_would_not_take_is_refused(void **state)
{
	static const unsigned sizes[] = { DKIM_KEY_BITS_MIN - 1,
		DKIM_KEY_BITS_MAX + 2 }; /* OpenSSL makes no odd ones */
	struct buf pem;
	struct err err;

	(void)state;
	buf_init(&pem, DKIM_KEY_FILE_MAX);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(dkim_key_make(&pem, sizes[i], &err), 0);
		is_refused(
		    buf_str(&pem), i == 0 ? "has 1023 bits" : "has 4098 bits");
		buf_wipe(&pem);
	}
	is_refused(STR("-----BEGIN RSA PRIVATE KEY-----\n"), "no private key");
	is_refused(STR("\n"), "no private key");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example_of_rfc8463_has_its_signature),
		cmocka_unit_test(a_new_key_can_be_read_and_signs),
		cmocka_unit_test(what_receivers_would_not_take_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
