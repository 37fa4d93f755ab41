/* SPDX-License-Identifier: Apache-2.0 */
/* What old clients do against the rules: refused, and let where they may. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server_play.h"

#define HI "EHLO c\r\n"
#define HI_OUT "220 ehlo[c] 250 "
#define TO "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n"
#define TO_OUT "mail[a@b] 250:2.1.0 rcpt[c@d] 250:2.1.5 "
#define LF_HI "EHLO c\n"
#define LF_TO "MAIL FROM:<a@b>\nRCPT TO:<c@d>\n"

static void
play_lenient(const struct play *t, size_t n, uint32_t words)
{
	struct smtp_server_settings s = play_settings;

	s.lenient = words;
	play_with(t, n, &s);
}
#define LENIENT(table, words)                                                  \
	play_lenient((table), sizeof(table) / sizeof(table)[0], (words))

static void
addresses_without_a_domain_get_one(void **state)
{
	static const struct play t[] = {
		{ "sender and recipients",
		    HI "MAIL FROM:<www-data>\r\nRCPT TO:<root>\r\n"
		       "RCPT TO:<\"a b\">\r\nRCPT TO:<c@d>\r\n",
		    HI_OUT "mail[www-data@x.example] 250:2.1.0 "
		           "rcpt[root@x.example] 250:2.1.5 "
		           "rcpt[\"a b\"@x.example] 250:2.1.5 rcpt[c@d] "
		           "250:2.1.5" },
		{ "so does Postmaster; nobody stays nobody",
		    HI "MAIL FROM:<>\r\nRCPT TO:<Postmaster>\r\n",
		    HI_OUT "mail[] 250:2.1.0 rcpt[Postmaster@x.example] "
		           "250:2.1.5" },
		{ "a host alone is none",
		    HI "MAIL FROM:<@d>\r\nMAIL FROM:<a@>\r\n",
		    HI_OUT "501:5.1.7 501:5.1.7" },
	};
	struct smtp_server_settings s = play_settings;
	char in[800], out[800];
	struct play edge = { "one octet too many", in, out };

	(void)state;
	s.domain = "x.example";
	play_with(t, sizeof t / sizeof t[0], &s);
	/* 254 octets with "@x.example", and one more */
	(void)snprintf(in, sizeof in,
	    HI "MAIL FROM:<%0244d>\r\nRSET\r\nMAIL FROM:<%0245d>\r\n", 1, 1);
	(void)snprintf(out, sizeof out,
	    HI_OUT "mail[%0244d@x.example] 250:2.1.0 reset 250:2.0.0 501:5.1.7",
	    1);
	play_with(&edge, 1, &s);
}

static void
lines_may_end_with_lf(void **state)
{
	static const struct play t[] = {
		{ "all of a session",
		    LF_HI LF_TO "DATA\na\n\n..b\nc\n.\nQUIT\n",
		    HI_OUT TO_OUT "data 354 msg[a\r\n\r\n.b\r\nc\r\n] "
		                  "250:2.0.0 221:2.0.0 bye" },
		{ "its content may have both",
		    LF_HI LF_TO "DATA\na\r\nb\n.\nNOOP\r\n",
		    HI_OUT TO_OUT
		    "data 354 msg[a\r\nb\r\n] 250:2.0.0 250:2.0.0" },
		{ "and end with CRLF.CRLF",
		    LF_HI LF_TO "DATA\na\r\n.\r\nNOOP\n",
		    HI_OUT TO_OUT "data 354 msg[a\r\n] 250:2.0.0 250:2.0.0" },
		{ "empty content", LF_HI LF_TO "DATA\n.\nNOOP\n",
		    HI_OUT TO_OUT "data 354 msg[] 250:2.0.0 250:2.0.0" },
		{ "CR alone is refused as ever",
		    LF_HI LF_TO "DATA\na\rb\n.\nNO\rOP\n",
		    HI_OUT TO_OUT "data 354 reset 550:5.5.2 500:5.5.2" },
		{ "CRLF.CRCRLF is no end, and bare CRs",
		    LF_HI LF_TO "DATA\na\n.\r\r\nQUIT\n.\nNOOP\n",
		    HI_OUT TO_OUT "data 354 reset 550:5.5.2 250:2.0.0" },
		{ "chunks: their octets are counted as they came",
		    LF_HI LF_TO "BDAT 4\na\nb\nBDAT 6 LAST\n\r\n.\nx\nNOOP\n",
		    HI_OUT TO_OUT
		    "data 250:2.0.0 msg[a\r\nb\r\n\r\n.\r\nx\r\n] "
		    "250:2.0.0 250:2.0.0" },
		{ "a chunk may end between CR and LF",
		    HI TO "BDAT 2\r\na\rBDAT 2 LAST\r\n\nbNOOP\r\n",
		    HI_OUT TO_OUT "data 250:2.0.0 msg[a\r\nb] 250:2.0.0 "
		                  "250:2.0.0" },
	};
	static const struct play strict[] = {
		{ "not without the word", "EHLO c\nQUIT\r\n", "220 500:5.5.2" },
	};

	(void)state;
	LENIENT(t, SMTP_BARE_NEWLINE);
	PLAY(strict);
}

/* A client whose own lines end with CRLF stuffs dots behind CRLF only: content
 * that it passes on may hold a dot between LFs. */
#define EVIL "MAIL FROM:<evil@x>\r\nRCPT TO:<y@z>\r\nDATA\r\nboo\r\n"
static void
nothing_is_smuggled_in_through_lf(void **state)
{
	static const struct play t[] = {
		{ "LF.LF", HI TO "DATA\r\na\n.\n" EVIL ".\r\nNOOP\r\n",
		    HI_OUT TO_OUT "data 354 msg[a\r\n.\r\n" EVIL
		                  "] 250:2.0.0 250:2.0.0" },
		{ "LF.CRLF", HI TO "DATA\r\na\n.\r\n" EVIL ".\r\nNOOP\r\n",
		    HI_OUT TO_OUT "data 354 msg[a\r\n.\r\n" EVIL
		                  "] 250:2.0.0 250:2.0.0" },
		{ "CRLF.LF: the client's stuffed dot, then LF",
		    HI TO "DATA\r\na\r\n.\n" EVIL ".\r\nNOOP\r\n",
		    HI_OUT TO_OUT "data 354 msg[a\r\n\r\n" EVIL
		                  "] 250:2.0.0 250:2.0.0" },
		{ "two LFs on each side",
		    HI TO "DATA\r\na\n\n.\n\n" EVIL ".\r\nNOOP\r\n",
		    HI_OUT TO_OUT "data 354 msg[a\r\n\r\n.\r\n\r\n" EVIL
		                  "] 250:2.0.0 250:2.0.0" },
		{ "a client that began with LF, and says DATA with CRLF",
		    LF_HI LF_TO "DATA\r\na\n.\n" EVIL ".\r\nNOOP\r\n",
		    HI_OUT TO_OUT "data 354 msg[a\r\n.\r\n" EVIL
		                  "] 250:2.0.0 250:2.0.0" },
		{ "the next message counts for itself",
		    HI TO "DATA\na\n.\n" TO "DATA\r\nb\n.\n\r\n.\r\n",
		    HI_OUT TO_OUT "data 354 msg[a\r\n] 250:2.0.0 " TO_OUT
		                  "data 354 msg[b\r\n.\r\n\r\n] 250:2.0.0" },
		{ "content that is refused is read to the same end",
		    HI TO "DATA\r\na\rb\n.\n" EVIL ".\r\nNOOP\r\n",
		    HI_OUT TO_OUT "data 354 reset 550:5.5.2 250:2.0.0" },
	};

	(void)state;
	LENIENT(t, SMTP_BARE_NEWLINE);
}

/* Ten octets become twenty. */
#define LF10 "\n\n\n\n\n\n\n\n\n\n"
#define LF100 LF10 LF10 LF10 LF10 LF10 LF10 LF10 LF10 LF10 LF10
#define LF500 LF100 LF100 LF100 LF100 LF100
static void
lines_made_longer_count_as_they_are_kept(void **state)
{
	static const struct play t[] = {
		{ "501 lines are over it", HI TO "DATA\n" LF500 "\n.\nNOOP\n",
		    HI_OUT TO_OUT "data 354 reset 552:5.3.4 250:2.0.0" },
	};

	(void)state;
	LENIENT(t, SMTP_BARE_NEWLINE);
}

static void
a_space_behind_the_colon(void **state)
{
	static const struct play t[] = {
		{ "spaces", HI "MAIL FROM: <a@b>\r\nRCPT TO:  <c@d>\r\n",
		    HI_OUT TO_OUT },
		{ "with parameters", HI "MAIL FROM: <a@b> SIZE=9\r\n",
		    HI_OUT "mail[a@b,size] 250:2.1.0" },
		{ "before it never", HI "MAIL FROM :<a@b>\r\n",
		    HI_OUT "501:5.5.4" },
		{ "brackets are asked for all the same",
		    HI "MAIL FROM: a@b\r\n", HI_OUT "501:5.1.7" },
	};

	(void)state;
	LENIENT(t, SMTP_SPACE_AFTER_COLON);
}

static void
an_address_without_brackets(void **state)
{
	static const struct play t[] = {
		{ "it ends with a space",
		    HI "MAIL FROM:a@b SIZE=9\r\nRCPT TO:c@d\r\n",
		    HI_OUT "mail[a@b,size] 250:2.1.0 rcpt[c@d] 250:2.1.5" },
		{ "with them as ever", HI TO, HI_OUT TO_OUT },
		{ "the null sender has its brackets", HI "MAIL FROM:\r\n",
		    HI_OUT "501:5.1.7" },
		{ "Postmaster", HI "MAIL FROM:<>\r\nRCPT TO:postmaster\r\n",
		    HI_OUT "mail[] 250:2.1.0 rcpt[postmaster] 250:2.1.5" },
		{ "one bracket is none", HI "MAIL FROM:a@b>\r\n",
		    HI_OUT "501:5.1.7" },
		{ "nor two addresses", HI "MAIL FROM:a@b,c@d\r\n",
		    HI_OUT "501:5.1.7" },
		{ "no space behind the colon", HI "MAIL FROM: a@b\r\n",
		    HI_OUT "501:5.5.4" },
	};
	static const struct play both[] = {
		{ "and a space", HI "MAIL FROM: a@b\r\n",
		    HI_OUT "mail[a@b] 250:2.1.0" },
	};
	static const struct play strict[] = {
		{ "not without the word", HI "MAIL FROM:a@b\r\n",
		    HI_OUT "501:5.1.7" },
	};

	(void)state;
	LENIENT(t, SMTP_NO_BRACKETS);
	LENIENT(both, SMTP_NO_BRACKETS | SMTP_SPACE_AFTER_COLON);
	PLAY(strict);
}

static void
names_in_helo(void **state)
{
	static const struct play strict[] = {
		{ "a domain, a literal, an underscore",
		    "HELO a.b.example\r\nHELO [192.0.2.1]\r\n"
		    "EHLO [IPv6:2001:db8::1]\r\nHELO WIN_7\r\n",
		    "220 helo[a.b.example] 250 helo[[192.0.2.1]] 250 "
		    "ehlo[[IPv6:2001:db8::1]] 250 helo[WIN_7] 250" },
		{ "nothing else",
		    "HELO\r\nEHLO my printer\r\nHELO a,b\r\nEHLO [x]\r\n",
		    "220 501 501 501 501" },
	};
	static const struct play t[] = {
		{ "anything printable, and nothing",
		    "HELO\r\nEHLO my printer\r\nHELO a,b\r\n",
		    "220 helo[] 250 ehlo[my printer] 250 helo[a,b] 250" },
		{ "no control byte, nothing above ASCII",
		    "HELO a\tb\r\nHELO \x7f\r\nHELO \xc3\xa4\r\n",
		    "220 501 501 501" },
	};

	(void)state;
	PLAY(strict);
	LENIENT(t, SMTP_HELO_SYNTAX);
}

/* --- the owner hears of each use --------------------------------------------
 */

struct uses {
	unsigned bare, space, brackets, helo;
};

static void
count_use(void *arg, enum smtp_lenient what)
{
	struct uses *u = arg;

	u->bare += what == SMTP_BARE_NEWLINE;
	u->space += what == SMTP_SPACE_AFTER_COLON;
	u->brackets += what == SMTP_NO_BRACKETS;
	u->helo += what == SMTP_HELO_SYNTAX;
}

static void
throw_away(void *arg, const char *p, size_t n)
{
	(void)arg;
	(void)p;
	(void)n;
}

static int
say_yes(void *arg, const struct smtp_mail *m, struct smtp_reply *r)
{
	(void)arg;
	(void)m;
	return smtp_reply_set(r, 250, "2.1.0", "Ok");
}

static void
take_no_notice(void *arg)
{
	(void)arg;
}

static void
each_use_is_told(void **state)
{
	static const struct smtp_server_hooks hooks = { .write = throw_away,
		.mail = say_yes,
		.reset = take_no_notice,
		.lenient = count_use };
	static const char in[] = "HELO a b\r\nMAIL FROM: <a@b>\r\nRSET\n"
	                         "MAIL FROM:a@b\r\nRSET\r\nNOOP\n";
	struct smtp_server_settings settings = play_settings;
	struct uses u = { 0 };
	struct smtp_server *s;

	(void)state;
	settings.lenient = SMTP_BARE_NEWLINE | SMTP_SPACE_AFTER_COLON |
	                   SMTP_NO_BRACKETS | SMTP_HELO_SYNTAX;
	s = smtp_server_new(&settings, &hooks, &u);
	smtp_server_greet(s);
	assert_int_equal(smtp_server_feed(s, in, sizeof in - 1), sizeof in - 1);
	smtp_server_free(&s);
	assert_int_equal(u.bare, 2);
	assert_int_equal(u.space, 1);
	assert_int_equal(u.brackets, 1);
	assert_int_equal(u.helo, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_without_a_domain_get_one),
		cmocka_unit_test(lines_may_end_with_lf),
		cmocka_unit_test(nothing_is_smuggled_in_through_lf),
		cmocka_unit_test(lines_made_longer_count_as_they_are_kept),
		cmocka_unit_test(a_space_behind_the_colon),
		cmocka_unit_test(an_address_without_brackets),
		cmocka_unit_test(names_in_helo),
		cmocka_unit_test(each_use_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
