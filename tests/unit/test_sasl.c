/* SPDX-License-Identifier: Apache-2.0 */
/* sasl, sasl_scram: what the client of AUTH says, by the RFCs' own examples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/buf.h"
#include "postern/smtp/base64.h"
#include "postern/smtp/smtp_client.h"

#include "smtp/sasl.h"

#define P SMTP_CAP_AUTH_PLAIN
#define L SMTP_CAP_AUTH_LOGIN
#define C SMTP_CAP_AUTH_CRAM_MD5
#define S1 SMTP_CAP_AUTH_SCRAM_SHA_1
#define S256 SMTP_CAP_AUTH_SCRAM_SHA_256
#define X SMTP_CAP_AUTH_XOAUTH2
#define O SMTP_CAP_AUTH_OAUTHBEARER
#define E SMTP_CAP_AUTH_EXTERNAL

static const struct {
	const char *why, *wanted;
	uint32_t offered;
	enum sasl_mechanism got;
} choices[] = {
	{ "the strongest goes first", "auto", P | L | C | S1 | S256 | X | E,
	    SASL_SCRAM_SHA_256 },
	{ "then the older hash", "auto", P | L | C | S1, SASL_SCRAM_SHA_1 },
	{ "then one that hides the password", "auto", P | L | C,
	    SASL_CRAM_MD5 },
	{ "then PLAIN", "auto", P | L, SASL_PLAIN },
	{ "LOGIN where there is no other", "auto", L, SASL_LOGIN },
	{ "nothing said is auto", NULL, P, SASL_PLAIN },
	{ "none of ours", "auto", 0, SASL_NONE },
	{ "a password is no token", "auto", X | O, SASL_NONE },
	{ "nor a certificate", "auto", E, SASL_NONE },
	{ "a token is no password", "bearer", P | L | C | S256, SASL_NONE },
	{ "either that takes a token", "bearer", P | O, SASL_OAUTHBEARER },
	{ "LOGIN by order", "login", P | L | S256, SASL_LOGIN },
	{ "LOGIN by order, not offered", "login", P, SASL_NONE },
	{ "PLAIN by order, not offered", "plain", L, SASL_NONE },
	{ "SCRAM-SHA-1 by order", "scram-sha-1", S256 | S1, SASL_SCRAM_SHA_1 },
	{ "EXTERNAL by order", "external", P | E, SASL_EXTERNAL },
	{ "XOAUTH2 by order", "xoauth2", P | X | O, SASL_XOAUTH2 },
	{ "one that is not known", "digest-md5", P | L, SASL_NONE },
};

static void
a_mechanism_is_chosen(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++) {
		if (sasl_choose(choices[i].wanted, choices[i].offered) !=
		    choices[i].got)
			fail_msg("%s", choices[i].why);
	}
}

static void
credentials_have_limits(void **state)
{
	static char text[SASL_CREDENTIAL_MAX + 1];
	struct str most = { text, SASL_CREDENTIAL_MAX };
	struct str over = { text, SASL_CREDENTIAL_MAX + 1 };
	struct sasl_settings set = {
		.mechanism = SASL_PLAIN, .user = most, .password = most
	};
	struct sasl s;
	struct buf b;

	(void)state;
	memset(text, 'x', sizeof text);
	assert_null(sasl_fault(most, most));
	assert_null(sasl_fault(STR(""), STR("")));
	assert_non_null(sasl_fault(over, most));
	assert_non_null(sasl_fault(most, over));
	assert_non_null(sasl_fault(STR("a\0b"), most));
	assert_non_null(sasl_fault(most, STR("a\0b")));
	assert_null(sasl_fault(STR("a"), (struct str){ NULL, 0 }));
	buf_init(&b, SASL_LINE_MAX); /* the most fits */
	sasl_init(&s, &set);
	assert_int_equal(sasl_next(&s, STR(""), &b), 0);
	assert_true(str_eq(buf_str(&b), STR("AUTH PLAIN\r\n")));
	buf_clear(&b);
	assert_int_equal(sasl_next(&s, STR(""), &b), 0);
	assert_int_equal(sasl_next(&s, STR(""), &b), -1);
	buf_done(&b);
}

/* --- whole exchanges --------------------------------------------------------
 */

#define TEXT(s)                                                                \
	{                                                                      \
		s, sizeof(s) - 1                                               \
	}
#define STEPS 3
#define PENCIL .user = TEXT("user"), .password = TEXT("pencil")
#define NONCE_1 "fyko+d2lbbFgONRv9qkxdawL"
#define NONCE_256 "rOprNGfwEbeRWgbNEkqO"
#define FIRST_256                                                              \
	"r=" NONCE_256 "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"                       \
	"s=W22ZaJ0SNY7soEsUEjb6gQ=="

/* Texts before base64.  said: by the server, to which the client answers; a
 * fault in place of an answer stands behind "!". */
struct exchange {
	const char *why;
	struct sasl_settings set;
	const char *command; /* up to its response */
	const char *initial; /* the response in it; NULL: none */
	const char *said[STEPS], *answer[STEPS];
	bool done; /* a 235 would be believed */
};

static const struct exchange exchanges[] = {
	{ .why = "RFC 5802 section 5",
	    .set = { SASL_SCRAM_SHA_1, PENCIL, .nonce = NONCE_1 },
	    .command = "AUTH SCRAM-SHA-1",
	    .initial = "n,,n=user,r=" NONCE_1,
	    .said = { "r=" NONCE_1 "3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,"
	              "i=4096",
	        "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=" },
	    .answer = { "c=biws,r=" NONCE_1 "3rfcNHYJY1ZVvWVs7j,"
	                "p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
	        "" },
	    .done = true },
	{ .why = "RFC 7677 section 3",
	    .set = { SASL_SCRAM_SHA_256, PENCIL, .nonce = NONCE_256 },
	    .command = "AUTH SCRAM-SHA-256",
	    .initial = "n,,n=user,r=" NONCE_256,
	    .said = { FIRST_256 ",i=4096",
	        "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=" },
	    .answer = { "c=biws,r=" NONCE_256 "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
	                "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
	        "" },
	    .done = true },
	{ .why = "a server that does not know the password",
	    .set = { SASL_SCRAM_SHA_256, PENCIL, .nonce = NONCE_256 },
	    .command = "AUTH SCRAM-SHA-256",
	    .initial = "n,,n=user,r=" NONCE_256,
	    .said = { FIRST_256 ",i=4096",
	        "v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=" },
	    .answer = { "c=biws,r=" NONCE_256 "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
	                "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
	        "!the server does not know the password itself" } },
	{ .why = "its refusal, with a last word",
	    .set = { SASL_SCRAM_SHA_256, PENCIL, .nonce = NONCE_256 },
	    .command = "AUTH SCRAM-SHA-256",
	    .initial = "n,,n=user,r=" NONCE_256,
	    .said = { FIRST_256 ",i=4096", "e=invalid-proof" },
	    .answer = { "c=biws,r=" NONCE_256 "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
	                "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
	        "" } },
	{ .why = "a name with what separates",
	    .set = { SASL_SCRAM_SHA_256, .user = TEXT("a,b=c"),
	        .password = TEXT("x"), .nonce = "n" },
	    .command = "AUTH SCRAM-SHA-256",
	    .initial = "n,,n=a=2Cb=3Dc,r=n",
	    .said = { "r=n,s=QSXCR+Q6sek8bf92,i=4096" },
	    .answer = { "!the server's line of SCRAM is no answer to ours" } },
	{ .why = "another's nonce",
	    .set = { SASL_SCRAM_SHA_256, PENCIL, .nonce = NONCE_256 },
	    .command = "AUTH SCRAM-SHA-256",
	    .initial = "n,,n=user,r=" NONCE_256,
	    .said = { "r=sOprNGfwEbeRWgbNEkqOx,s=QSXCR+Q6sek8bf92,i=4096" },
	    .answer = { "!the server's line of SCRAM is no answer to ours" } },
	{ .why = "the fewest iterations but one",
	    .set = { SASL_SCRAM_SHA_256, PENCIL, .nonce = NONCE_256 },
	    .command = "AUTH SCRAM-SHA-256",
	    .initial = "n,,n=user,r=" NONCE_256,
	    .said = { FIRST_256 ",i=4095" },
	    .answer = { "!the server wants fewer than 4096 iterations" } },
	{ .why = "the most iterations and one",
	    .set = { SASL_SCRAM_SHA_256, PENCIL, .nonce = NONCE_256 },
	    .command = "AUTH SCRAM-SHA-256",
	    .initial = "n,,n=user,r=" NONCE_256,
	    .said = { FIRST_256 ",i=200001" },
	    .answer = { "!the server wants more than 200000 iterations" } },
	{ .why = "an extension that must be known",
	    .set = { SASL_SCRAM_SHA_256, PENCIL, .nonce = NONCE_256 },
	    .command = "AUTH SCRAM-SHA-256",
	    .initial = "n,,n=user,r=" NONCE_256,
	    .said = { "m=x," FIRST_256 ",i=4096" },
	    .answer = { "!the server's line of SCRAM makes no sense" } },
	{ .why = "nothing at all",
	    .set = { SASL_SCRAM_SHA_1, PENCIL, .nonce = NONCE_1 },
	    .command = "AUTH SCRAM-SHA-1",
	    .initial = "n,,n=user,r=" NONCE_1,
	    .said = { "" },
	    .answer = { "!the server's line of SCRAM makes no sense" } },
	{ .why = "RFC 2195 section 2",
	    .set = { SASL_CRAM_MD5, .user = TEXT("tim"),
	        .password = TEXT("tanstaaftanstaaf") },
	    .command = "AUTH CRAM-MD5",
	    .said = { "<1896.697170952@postoffice.reston.mci.net>", "more" },
	    .answer = { "tim b913a602c7eda7a495b4e6e7334d3890",
	        "!the server asks for more" },
	    .done = true },
	{ .why = "a certificate with a name",
	    .set = { SASL_EXTERNAL, .user = TEXT("joe") },
	    .command = "AUTH EXTERNAL",
	    .initial = "joe",
	    .said = { "" },
	    .answer = { "!the server asks for more" },
	    .done = true },
	{ .why = "PLAIN",
	    .set = { SASL_PLAIN, PENCIL },
	    .command = "AUTH PLAIN",
	    .initial = "-user-pencil",
	    .done = true },
	{ .why = "LOGIN, whatever it asks",
	    .set = { SASL_LOGIN, PENCIL },
	    .command = "AUTH LOGIN",
	    .said = { "Username:", "Password:", "PIN:" },
	    .answer = { "user", "pencil", "!the server asks for more" },
	    .done = true },
};

static void
wrap(struct buf *b, const char *text)
{
	char raw[256];
	size_t n = strlen(text);

	memcpy(raw, text, n);
	for (size_t i = 0; i < n; i++) {
		if (text[0] == '-' && text[i] == '-')
			raw[i] = '\0'; /* of PLAIN */
	}
	assert_int_equal(base64_add(b, (struct str){ raw, n }), 0);
}

static void
expect(const struct exchange *e, struct buf *got, const char *command,
    const char *text)
{
	struct buf b;

	buf_init(&b, SASL_LINE_MAX);
	assert_int_equal(
	    buf_addf(&b, "%s%s", command, *command && text ? " " : ""), 0);
	if (text != NULL)
		wrap(&b, text);
	assert_int_equal(buf_adds(&b, "\r\n"), 0);
	if (!str_eq(buf_str(&b), buf_str(got)))
		fail_msg("%s: %.*s", e->why, (int)got->len, buf_at(got));
	buf_done(&b);
}

static bool
play_step(const struct exchange *e, struct sasl *s, const char *said,
    const char *answer)
{
	struct buf out, text;
	int rc;

	buf_init(&out, SASL_LINE_MAX);
	buf_init(&text, SASL_LINE_MAX);
	wrap(&text, said);
	rc = sasl_next(s, buf_str(&text), &out);
	buf_done(&text);
	if (answer[0] == '!') {
		if (rc == 0 ||
		    strncmp(s->fault, answer + 1, strlen(answer + 1)) != 0)
			fail_msg("%s: %d %s", e->why, rc, s->fault);
	} else {
		if (rc != 0)
			fail_msg("%s: %s", e->why, s->fault);
		expect(e, &out, "", answer);
	}
	buf_done(&out);
	return rc == 0;
}

static void
play(const struct exchange *e, bool two_steps)
{
	struct sasl s;
	struct buf out;
	bool more = true;

	buf_init(&out, SASL_LINE_MAX);
	sasl_init(&s, &e->set);
	assert_int_equal(sasl_next(&s, STR(""), &out), 0);
	expect(e, &out, e->command, e->initial);
	if (two_steps) {
		assert_true(sasl_shorten(&s));
		buf_clear(&out);
		assert_int_equal(sasl_next(&s, STR(""), &out), 0);
		expect(e, &out, e->command, NULL);
		assert_false(sasl_shorten(&s));
		assert_true(play_step(e, &s, "", e->initial));
	}
	for (int i = 0; i < STEPS && e->said[i] != NULL; i++) {
		assert_true(more);
		more = play_step(e, &s, e->said[i], e->answer[i]);
	}
	if (sasl_is_done(&s) != e->done)
		fail_msg("%s: done is %d", e->why, !e->done);
	buf_done(&out);
}

static void
each_mechanism_is_as_its_rfc_has_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof exchanges / sizeof exchanges[0]; i++) {
		play(&exchanges[i], false);
		if (exchanges[i].initial != NULL)
			play(&exchanges[i], true);
	}
}

static void
a_challenge_that_is_no_base64_is_refused(void **state)
{
	struct sasl_settings set = { .mechanism = SASL_CRAM_MD5,
		.user = STR("u"),
		.password = STR("p") };
	struct sasl s;
	struct buf b;

	(void)state;
	buf_init(&b, SASL_LINE_MAX);
	sasl_init(&s, &set);
	assert_int_equal(sasl_next(&s, STR(""), &b), 0);
	assert_int_equal(sasl_next(&s, STR("what?"), &b), -1);
	assert_string_equal(s.fault, "the server's question is no base64");
	buf_done(&b);
}

static void
a_certificate_without_a_name_says_so(void **state)
{
	struct sasl_settings set = { .mechanism = SASL_EXTERNAL };
	struct sasl s;
	struct buf b;

	(void)state;
	buf_init(&b, SASL_LINE_MAX);
	sasl_init(&s, &set);
	assert_int_equal(sasl_next(&s, STR(""), &b), 0);
	assert_true(str_eq(buf_str(&b), STR("AUTH EXTERNAL =\r\n")));
	buf_done(&b);
}

/* What a server says of a token. */
static const struct {
	const char *text, *status;
} told[] = {
	{ "{\"status\":\"401\",\"schemes\":\"bearer\"}", "401" },
	{ "{ \"status\" : 400 }", "400" },
	{ "{\"status\":\"invalid_token\"}", "invalid_token" },
	{ "{\"status\":\"x012345678901234567890123456789y\"}",
	    "x012345678901234567890123456789" },
	{ "{\"status\":\"\r\n\"}", "" },
	{ "{}", "" },
	{ "", "" },
};

static void
the_status_of_a_token_is_kept(void **state)
{
	struct sasl_settings set = { .mechanism = SASL_XOAUTH2,
		.user = STR("u"),
		.password = STR("t") };

	(void)state;
	for (size_t i = 0; i < sizeof told / sizeof told[0]; i++) {
		struct sasl s;
		struct buf b, text;

		buf_init(&b, SASL_LINE_MAX);
		buf_init(&text, 400);
		sasl_init(&s, &set);
		assert_int_equal(sasl_next(&s, STR(""), &b), 0);
		wrap(&text, told[i].text);
		assert_int_equal(sasl_next(&s, buf_str(&text), &b), 0);
		assert_string_equal(s.status, told[i].status);
		assert_int_equal(sasl_next(&s, STR(""), &b), -1);
		buf_done(&b);
		buf_done(&text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mechanism_is_chosen),
		cmocka_unit_test(credentials_have_limits),
		cmocka_unit_test(each_mechanism_is_as_its_rfc_has_it),
		cmocka_unit_test(a_challenge_that_is_no_base64_is_refused),
		cmocka_unit_test(a_certificate_without_a_name_says_so),
		cmocka_unit_test(the_status_of_a_token_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
