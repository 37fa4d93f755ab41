/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/buf.h"
#include "postern/base/mem.h"
#include "postern/smtp/base64.h"
#include "postern/smtp/sasl_server.h"
#include "postern/smtp/scram.h"

/* Each row is an AUTH: the client's lines, separated by '|', in clear ("~" is
 * NUL) where "b:" stands in front: the test makes base64 of what follows.  The
 * outcome: challenges as they are said, in clear, then how it ended. */
struct row {
	const char *why, *lines, *out;
};

static const struct row plain[] = {
	{ "an initial response", "PLAIN b:~tim~tanstaaftanstaaf",
	    "prove tim tanstaaftanstaaf" },
	{ "an authzid that is the authcid",
	    "PLAIN dGVzdAB0ZXN0ADEyMzQ1Ng==", "prove test 123456" },
	{ "the mechanism in any case", "pLaIn b:~tim~pw", "prove tim pw" },
	{ "after an empty challenge", "PLAIN|b:~tim~pw", "[] prove tim pw" },
	{ "an empty initial response is one", "PLAIN =", "syntax" },
	{ "an empty line is no response", "PLAIN|", "[] syntax" },
	{ "UTF-8 in both", "PLAIN b:~j\xc3\xb6rg~p\xc3\xa4ss",
	    "prove j\xc3\xb6rg p\xc3\xa4ss" },
	{ "a blank, a colon, a quote in the password", "PLAIN b:~tim~a b:c\"",
	    "prove tim a b:c\"" },
	{ "somebody else's authzid", "PLAIN b:root~tim~pw", "wrong" },
	{ "an authzid in another case", "PLAIN b:Tim~tim~pw", "wrong" },
	{ "no NUL", "PLAIN b:tim", "syntax" },
	{ "one NUL", "PLAIN b:tim~pw", "syntax" },
	{ "three NULs", "PLAIN b:~tim~pw~", "syntax" },
	{ "a NUL in the password", "PLAIN b:~tim~pw~more", "syntax" },
	{ "no user", "PLAIN b:~~pw", "syntax" },
	{ "no password", "PLAIN b:~tim~", "syntax" },
	{ "nothing but NULs", "PLAIN b:~~", "syntax" },
	{ "a user that is not UTF-8", "PLAIN b:~t\xffm~pw", "syntax" },
	{ "a password that is not UTF-8", "PLAIN b:~tim~p\xc3", "syntax" },
	{ "an authzid that is not UTF-8", "PLAIN b:\xff~tim~pw", "syntax" },
	{ "not base64", "PLAIN AHRpbQBwdw", "syntax" },
	{ "two initial responses",
	    "PLAIN AHRpbQBwdw== AHRpbQBwdw==", "syntax" },
	{ "not base64, as an answer", "PLAIN|%%%", "[] syntax" },
	{ "cancelled", "PLAIN|*", "[] cancelled" },
	{ "a star is cancelled where a line is awaited only", "PLAIN *",
	    "syntax" },
	{ "two stars cancel nothing", "PLAIN|**", "[] syntax" },
};

static const struct row login[] = {
	{ "two questions", "LOGIN|b:tim|b:pw",
	    "[Username:] [Password:] prove tim pw" },
	{ "the user as initial response", "LOGIN b:tim|b:pw",
	    "[Password:] prove tim pw" },
	{ "an empty initial response", "LOGIN =", "syntax" },
	{ "an empty user", "LOGIN|", "[Username:] syntax" },
	{ "an empty password", "LOGIN|b:tim|",
	    "[Username:] [Password:] syntax" },
	{ "a NUL in the user", "LOGIN|b:ti~m", "[Username:] syntax" },
	{ "a NUL in the password", "LOGIN b:tim|b:p~w", "[Password:] syntax" },
	{ "not UTF-8", "LOGIN b:t\xff", "syntax" },
	{ "cancelled at the user", "LOGIN|*", "[Username:] cancelled" },
	{ "cancelled at the password", "LOGIN b:tim|*",
	    "[Password:] cancelled" },
	{ "not base64", "LOGIN|tim!", "[Username:] syntax" },
};

static const struct row external[] = {
	{ "whoever the connection says", "EXTERNAL =", "proven cert" },
	{ "the same after a challenge", "EXTERNAL|", "[] proven cert" },
	{ "the same by name", "EXTERNAL b:cert", "proven cert" },
	{ "somebody else", "EXTERNAL b:root", "wrong" },
	{ "a NUL", "EXTERNAL b:cert~", "syntax" },
};

static const struct row unknown[] = {
	{ "a mechanism that nobody knows", "CRAM-MD5", "unknown" },
	{ "the one with channel binding", "SCRAM-SHA-256-PLUS", "unknown" },
	{ "none", "", "unknown" },
	{ "a part of one", "PLAI", "unknown" },
	{ "more than one", "PLAINER", "unknown" },
};

/* RFC 7677 section 3: user, pencil. */
#define CNONCE "rOprNGfwEbeRWgbNEkqO"
#define SNONCE "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define SALT "W22ZaJ0SNY7soEsUEjb6gQ=="
#define PENCIL                                                                 \
	"SCRAM-SHA-256$4096$" SALT                                             \
	"$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY="                        \
	"$wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
#define FIRST "SCRAM-SHA-256 b:n,,n=user,r=" CNONCE
#define SERVER_FIRST "[r=" CNONCE SNONCE ",s=" SALT ",i=4096] "
#define PROOF "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
#define FINAL "b:c=biws,r=" CNONCE SNONCE "," PROOF
#define SERVER_FINAL "[v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=] "

static const struct row scram[] = {
	{ "the RFC's exchange", FIRST "|" FINAL "|",
	    SERVER_FIRST SERVER_FINAL "proven user" },
	{ "after an empty challenge",
	    "SCRAM-SHA-256|b:n,,n=user,r=" CNONCE "|" FINAL "|",
	    "[] " SERVER_FIRST SERVER_FINAL "proven user" },
	{ "cancelled after our signature", FIRST "|" FINAL "|*",
	    SERVER_FIRST SERVER_FINAL "cancelled" },
	{ "a word more after our signature", FIRST "|" FINAL "|b:x",
	    SERVER_FIRST SERVER_FINAL "syntax" },
	{ "another proof",
	    FIRST "|b:c=biws,r=" CNONCE SNONCE
	          ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVR=",
	    SERVER_FIRST "syntax" },
	{ "a wrong proof",
	    FIRST "|b:c=biws,r=" CNONCE SNONCE
	          ",p=AHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
	    SERVER_FIRST "wrong" },
	{ "a short proof", FIRST "|b:c=biws,r=" CNONCE SNONCE ",p=dHzb",
	    SERVER_FIRST "syntax" },
	{ "no proof", FIRST "|b:c=biws,r=" CNONCE SNONCE,
	    SERVER_FIRST "syntax" },
	{ "something behind the proof",
	    FIRST "|b:c=biws,r=" CNONCE SNONCE "," PROOF ",x=y",
	    SERVER_FIRST "syntax" },
	{ "a comma behind the proof",
	    FIRST "|b:c=biws,r=" CNONCE SNONCE "," PROOF ",",
	    SERVER_FIRST "syntax" },
	{ "our nonce cut off", FIRST "|b:c=biws,r=" CNONCE "," PROOF,
	    SERVER_FIRST "wrong" },
	{ "another nonce", FIRST "|b:c=biws,r=x" CNONCE SNONCE "," PROOF,
	    SERVER_FIRST "wrong" },
	{ "a header that was changed on the way",
	    FIRST "|b:c=eSws,r=" CNONCE SNONCE "," PROOF,
	    SERVER_FIRST "wrong" },
	{ "an extension changes what is proven",
	    FIRST "|b:c=biws,r=" CNONCE SNONCE ",x=y," PROOF,
	    SERVER_FIRST "wrong" },
	{ "the parts in another order",
	    FIRST "|b:r=" CNONCE SNONCE ",c=biws," PROOF,
	    SERVER_FIRST "syntax" },
	{ "a user that is not there is asked as well",
	    "SCRAM-SHA-256 b:n,,n=nobody,r=" CNONCE "|" FINAL,
	    SERVER_FIRST "wrong" },
	{ "channel binding, which is not offered",
	    "SCRAM-SHA-256 b:p=tls-unique,,n=user,r=" CNONCE, "wrong" },
	{ "a client that could bind",
	    "SCRAM-SHA-256 b:y,,n=user,r=" CNONCE "|*",
	    SERVER_FIRST "cancelled" },
	{ "its own name as authzid",
	    "SCRAM-SHA-256 b:n,a=user,n=user,r=" CNONCE "|*",
	    SERVER_FIRST "cancelled" },
	{ "another authzid", "SCRAM-SHA-256 b:n,a=root,n=user,r=" CNONCE,
	    "wrong" },
	{ "a name with a comma and an equals sign",
	    "SCRAM-SHA-256 b:n,,n=a=2Cb=3Dc,r=" CNONCE "|*",
	    SERVER_FIRST "cancelled" },
	{ "an extension nobody must know",
	    "SCRAM-SHA-256 b:n,,n=user,r=" CNONCE ",x=y|*",
	    SERVER_FIRST "cancelled" },
	{ "one that everybody must know",
	    "SCRAM-SHA-256 b:n,,m=new,n=user,r=" CNONCE, "syntax" },
	{ "the same behind", "SCRAM-SHA-256 b:n,,n=user,r=" CNONCE ",m=new",
	    "syntax" },
	{ "an equals sign that hides nothing",
	    "SCRAM-SHA-256 b:n,,n=a=b,r=" CNONCE, "syntax" },
	{ "the same at the end", "SCRAM-SHA-256 b:n,,n=a=2,r=" CNONCE,
	    "syntax" },
	{ "no name", "SCRAM-SHA-256 b:n,,n=,r=" CNONCE, "syntax" },
	{ "no nonce", "SCRAM-SHA-256 b:n,,n=user,r=", "syntax" },
	{ "a blank in the nonce", "SCRAM-SHA-256 b:n,,n=user,r=a b", "syntax" },
	{ "NUL in the name", "SCRAM-SHA-256 b:n,,n=us~er,r=" CNONCE, "syntax" },
	{ "a name that is not UTF-8", "SCRAM-SHA-256 b:n,,n=us\xff,r=" CNONCE,
	    "syntax" },
	{ "no header", "SCRAM-SHA-256 b:n=user,r=" CNONCE, "syntax" },
	{ "another flag", "SCRAM-SHA-256 b:x,,n=user,r=" CNONCE, "syntax" },
	{ "a comma at the end", "SCRAM-SHA-256 b:n,,n=user,r=" CNONCE ",",
	    "syntax" },
	{ "nothing", "SCRAM-SHA-256 =", "syntax" },
};

static bool
find_verifier(void *arg, struct str user, struct scram_verifier *v)
{
	struct err err = { 0 };

	(void)arg;
	assert_int_equal(scram_parse(v, STR(PENCIL), &err), 0);
	return str_eq(user, STR("user"));
}

static const struct sasl_server_settings all = {
	.offered = SASL_SERVER_PLAIN | SASL_SERVER_LOGIN | SASL_SERVER_SCRAM |
	           SASL_SERVER_EXTERNAL,
	.external = "cert",
	.nonce = SNONCE,
	.verifier = find_verifier,
};

/* "WORD b:clear" -> "WORD base64", NUL for each '~'. */
static void
encode(struct buf *out, struct str line)
{
	const char *mark =
	    line.len > 1 ? memmem(line.p, line.len, "b:", 2) : NULL;
	char *clear;
	size_t n;

	buf_clear(out);
	if (mark == NULL) {
		assert_int_equal(buf_add(out, line.p, line.len), 0);
		return;
	}
	n = line.len - (size_t)(mark - line.p) - 2;
	clear = mem_dup(mark + 2, n);
	for (size_t i = 0; i < n; i++)
		clear[i] = clear[i] == '~' ? '\0' : clear[i];
	assert_int_equal(buf_add(out, line.p, (size_t)(mark - line.p)), 0);
	assert_int_equal(base64_add(out, (struct str){ clear, n }), 0);
	free(clear);
}

static void
see_challenge(struct buf *seen, struct str text)
{
	assert_true(text.len <= SASL_SERVER_CHALLENGE_MAX);
	assert_int_equal(buf_adds(seen, "["), 0);
	assert_int_equal(base64_take(seen, text), 0);
	assert_int_equal(buf_adds(seen, "] "), 0);
}

static void
see_end(
    struct buf *seen, const struct sasl_server *s, enum sasl_server_state state)
{
	static const char *const words[] = { [SASL_SERVER_MORE] = "more",
		[SASL_SERVER_PROVE] = "prove",
		[SASL_SERVER_PROVEN] = "proven",
		[SASL_SERVER_WRONG] = "wrong",
		[SASL_SERVER_SYNTAX] = "syntax",
		[SASL_SERVER_CANCELLED] = "cancelled",
		[SASL_SERVER_UNKNOWN] = "unknown" };
	struct str user = sasl_server_user(s), pw = sasl_server_password(s);

	assert_int_equal(buf_adds(seen, words[state]), 0);
	if (state != SASL_SERVER_PROVE && state != SASL_SERVER_PROVEN)
		return;
	assert_int_equal(buf_addf(seen, " %.*s", (int)user.len, user.p), 0);
	if (state == SASL_SERVER_PROVE)
		assert_int_equal(buf_addf(seen, " %.*s", (int)pw.len, pw.p), 0);
}

static void
play(const struct row *t, const struct sasl_server_settings *settings)
{
	struct sasl_server *s = sasl_server_new(settings);
	struct str rest = str_of(t->lines);
	enum sasl_server_state state;
	struct buf line, seen;

	buf_init(&line, 20000);
	buf_init(&seen, 20000);
	encode(&line, str_cut(&rest, '|'));
	/* On the heap, so that ASan sees a read beyond it. */
	state = sasl_server_begin(s, buf_str(&line));
	while (state == SASL_SERVER_MORE) {
		see_challenge(&seen, sasl_server_challenge(s));
		buf_done(&line);
		encode(&line, str_cut(&rest, '|'));
		state = sasl_server_line(s, buf_str(&line));
	}
	see_end(&seen, s, state);
	if (!str_eq(buf_str(&seen), str_of(t->out)))
		fail_msg("%s\nwanted: %s\n   got: %.*s", t->why, t->out,
		    (int)seen.len, buf_at(&seen));
	buf_done(&line);
	buf_done(&seen);
	sasl_server_free(&s);
	sasl_server_free(&s); /* twice is harmless */
}

#define PLAY(name, table)                                                      \
	static void name(void **state)                                         \
	{                                                                      \
		(void)state;                                                   \
		for (size_t i = 0; i < sizeof(table) / sizeof(table)[0]; i++)  \
			play(&(table)[i], &all);                               \
	}

PLAY(plain_is_exact_to_the_nul, plain)
PLAY(login_asks_twice, login)
PLAY(external_is_whom_the_connection_proved, external)
PLAY(other_mechanisms_are_unknown, unknown)
PLAY(scram_follows_rfc_5802_and_7677, scram)

static void
what_is_not_offered_is_unknown(void **state)
{
	static const struct row t = { "not offered", "PLAIN b:~tim~pw",
		"unknown" };
	struct sasl_server_settings s = all;

	(void)state;
	s.offered = SASL_SERVER_LOGIN;
	play(&t, &s);
}

static void
a_connection_that_proved_nobody_has_no_external(void **state)
{
	static const struct row t = { "nobody", "EXTERNAL =", "wrong" };
	struct sasl_server_settings s = all;

	(void)state;
	s.external = NULL;
	play(&t, &s);
}

/* The largest that is taken, and one more. */
static void
lengths(const char *before, char fill, size_t max, const char *behind)
{
	for (size_t n = max; n <= max + 1; n++) {
		char *text = mem_new(strlen(before) + n + strlen(behind) + 1);
		struct sasl_server *s = sasl_server_new(&all);
		struct buf line;

		strcpy(text, before);
		memset(text + strlen(before), fill, n);
		strcat(text, behind);
		buf_init(&line, 20000);
		encode(&line, str_of(text));
		assert_int_equal(
		    sasl_server_begin(s, buf_str(&line)) == SASL_SERVER_SYNTAX,
		    n > max);
		buf_done(&line);
		sasl_server_free(&s);
		free(text);
	}
}

static void
each_part_has_its_limit(void **state)
{
	(void)state;
	lengths("PLAIN b:~", 'u', SASL_SERVER_USER_MAX, "~pw");
	lengths("PLAIN b:~tim~", 'p', SASL_SERVER_PASSWORD_MAX, "");
	lengths("LOGIN b:", 'u', SASL_SERVER_USER_MAX, "");
	lengths("SCRAM-SHA-256 b:n,,n=", 'u', SASL_SERVER_USER_MAX, ",r=x");
	lengths("SCRAM-SHA-256 b:n,,n=user,r=", 'n', SASL_SERVER_NONCE_MAX, "");
}

static bool
find_largest(void *arg, struct str user, struct scram_verifier *v)
{
	(void)arg;
	(void)user;
	*v = (struct scram_verifier){ .iterations = SCRAM_ITERATIONS_MAX,
		.salt_len = SCRAM_SALT_MAX };
	return true;
}

static void
the_largest_challenge_fits(void **state)
{
	struct sasl_server_settings set = all;
	struct sasl_server *s;
	char text[200] = "SCRAM-SHA-256 b:n,,n=user,r=";
	struct buf line;

	(void)state;
	set.verifier = find_largest;
	set.nonce = "0123456789abcdef0123456789abcdef";
	memset(text + strlen(text), 'n', SASL_SERVER_NONCE_MAX);
	s = sasl_server_new(&set);
	buf_init(&line, 1000);
	encode(&line, str_of(text));
	assert_int_equal(
	    sasl_server_begin(s, buf_str(&line)), SASL_SERVER_MORE);
	assert_true(sasl_server_challenge(s).len <= SASL_SERVER_CHALLENGE_MAX);
	buf_done(&line);
	sasl_server_free(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_is_exact_to_the_nul),
		cmocka_unit_test(login_asks_twice),
		cmocka_unit_test(external_is_whom_the_connection_proved),
		cmocka_unit_test(other_mechanisms_are_unknown),
		cmocka_unit_test(scram_follows_rfc_5802_and_7677),
		cmocka_unit_test(what_is_not_offered_is_unknown),
		cmocka_unit_test(
		    a_connection_that_proved_nobody_has_no_external),
		cmocka_unit_test(each_part_has_its_limit),
		cmocka_unit_test(the_largest_challenge_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
