/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/mem.h"
#include "postern/relay/oauth_reply.h"

#define T OAUTH_REPLY_TOKEN
#define D OAUTH_REPLY_DENIED
#define L OAUTH_REPLY_LATER

static const struct {
	const char *why;
	long status;
	const char *body;
	enum oauth_reply_kind kind;
	uint64_t lifetime_s;
} rows[] = {
	{ "a number", 200, "{\"access_token\":\"a\",\"expires_in\":3599}", T,
	    3599 },
	{ "a text", 200, "{\"access_token\":\"a\",\"expires_in\":\"3599\"}", T,
	    3599 },
	{ "a fraction", 200, "{\"access_token\":\"a\",\"expires_in\":59.9}", T,
	    59 },
	{ "missing", 200, "{\"access_token\":\"a\"}", T, 300 },
	{ "rubbish", 200, "{\"access_token\":\"a\",\"expires_in\":\"soon\"}", T,
	    300 },
	{ "negative", 200, "{\"access_token\":\"a\",\"expires_in\":-1}", T,
	    300 },
	{ "endless", 200, "{\"access_token\":\"a\",\"expires_in\":1e300}", T,
	    365 * 86400 },
	{ "bearer in any case", 200,
	    "{\"access_token\":\"a\",\"token_type\":\"bEARER\"}", T, 300 },
	{ "another type", 200,
	    "{\"access_token\":\"a\",\"token_type\":\"mac\"}", L, 0 },
	{ "no token", 200, "{\"expires_in\":3599}", L, 0 },
	{ "an empty token", 200, "{\"access_token\":\"\"}", L, 0 },
	{ "a token with a line end", 200, "{\"access_token\":\"a\\r\\nRCPT\"}",
	    L, 0 },
	{ "a token with a NUL", 200, "{\"access_token\":\"a\\u0000b\"}", L, 0 },
	{ "a number as token", 200, "{\"access_token\":1}", L, 0 },
	{ "twice", 200, "{\"access_token\":\"a\",\"access_token\":\"b\"}", L,
	    0 },
	{ "an array", 200, "[\"access_token\"]", L, 0 },
	{ "HTML", 200, "<html><body>Log in</body></html>", L, 0 },
	{ "nothing", 200, "", L, 0 },
	{ "a redirect", 302, "", L, 0 },
	{ "a dead grant", 400, "{\"error\":\"invalid_grant\"}", D, 0 },
	{ "a wrong secret", 401, "{\"error\":\"invalid_client\"}", D, 0 },
	{ "an error with 200", 200, "{\"error\":\"invalid_grant\"}", D, 0 },
	{ "its own trouble", 400, "{\"error\":\"temporarily_unavailable\"}", L,
	    0 },
	{ "unknown words", 400, "{\"error\":\"moon_phase\"}", L, 0 },
	{ "400 from a proxy", 400, "<html>", L, 0 },
	{ "too many", 429, "{\"error\":\"invalid_grant\"}", L, 0 },
	{ "broken", 500, "{\"error\":\"invalid_grant\"}", L, 0 },
	{ "not yet", 400, "{\"error\":\"authorization_pending\"}",
	    OAUTH_REPLY_PENDING, 0 },
	{ "too often", 400, "{\"error\":\"slow_down\"}", OAUTH_REPLY_SLOW_DOWN,
	    0 },
};

static void
each_reply_is_what_it_is(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct oauth_reply r;

		oauth_reply_read(&r, rows[i].status, str_of(rows[i].body), 0);
		if (r.kind != rows[i].kind ||
		    r.lifetime_ms != rows[i].lifetime_s * 1000)
			fail_msg("%s: %d %llu", rows[i].why, (int)r.kind,
			    (unsigned long long)r.lifetime_ms);
		if ((r.kind == T) != (r.why[0] == '\0') ||
		    (r.kind == T) != (r.access != NULL))
			fail_msg("%s: no reason, or no token", rows[i].why);
		oauth_reply_done(&r);
	}
}

static void
a_token_of_4096_octets_is_the_longest(void **state)
{
	(void)state;
	for (int n = 4096; n <= 4097; n++) {
		char *text = mem_new(8192);
		struct oauth_reply r;

		strcpy(text, "{\"access_token\":\"");
		memset(text + strlen(text), 'x', (size_t)n);
		strcat(text, "\"}");
		oauth_reply_read(&r, 200, str_of(text), 0);
		assert_int_equal(r.kind, n == 4096 ? T : L);
		oauth_reply_done(&r);
		free(text);
	}
}

static void
an_error_is_told_without_what_could_be_a_token(void **state)
{
	struct oauth_reply r;

	(void)state;
	oauth_reply_read(&r, 400,
	    STR("{\"error\":\"invalid_grant\",\"error_description\":"
	        "\"token 0123456789012345678901234567890123456789x\\r\\nis "
	        "revoked\"}"),
	    0);
	assert_string_equal(r.why, "invalid_grant: token ... revoked");
	oauth_reply_read(&r, 429, STR("{\"error\":\"throttled\"}"), 17);
	assert_int_equal(r.wait_ms, 17000);
	assert_string_equal(r.why, "throttled");
}

static void
a_rotated_refresh_token_comes_along(void **state)
{
	struct oauth_reply r;

	(void)state;
	oauth_reply_read(&r, 200,
	    STR("{\"access_token\":\"a\",\"refresh_token\":\"r2\"}"), 0);
	assert_true(str_eq(secret_str(r.refresh), STR("r2")));
	oauth_reply_done(&r);
}

static void
a_device_is_shown_code_and_address(void **state)
{
	struct oauth_device d;
	char why[256] = "";

	(void)state;
	assert_true(oauth_reply_device(&d, 200,
	    STR("{\"device_code\":\"dc\",\"user_code\":\"AB-12\","
	        "\"verification_uri\":\"https://example.com/d\","
	        "\"interval\":1,\"expires_in\":\"60\"}"),
	    why));
	assert_string_equal(d.user_code, "AB-12");
	assert_string_equal(d.url, "https://example.com/d");
	assert_int_equal(d.interval_ms, 1000);
	assert_int_equal(d.lifetime_ms, 60000);
	oauth_reply_device_done(&d);
	assert_false(oauth_reply_device(&d, 200,
	    STR("{\"device_code\":\"dc\",\"user_code\":\"\\u001b[2J\","
	        "\"verification_uri\":\"https://example.com/d\"}"),
	    why));
	assert_true(why[0] != '\0');
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_reply_is_what_it_is),
		cmocka_unit_test(a_token_of_4096_octets_is_the_longest),
		cmocka_unit_test(
		    an_error_is_told_without_what_could_be_a_token),
		cmocka_unit_test(a_rotated_refresh_token_comes_along),
		cmocka_unit_test(a_device_is_shown_code_and_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
