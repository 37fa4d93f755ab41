/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters of MAIL that only some sessions offer: MT-PRIORITY (RFC 6710),
 * FUTURERELEASE (4865), DELIVERBY (2852), REQUIRETLS (8689), AUTH= (4954),
 * BINARYMIME (3030); LIMITS (9422). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server_play.h"

#define HI "EHLO c\r\n"
#define HI_OUT "220 ehlo[c] 250 "
#define FROM "MAIL FROM:<a@b> "
#define PLAY_MORE(table)                                                       \
	play_with((table), sizeof(table) / sizeof(table)[0], &play_extended)

static void
ehlo_says_what_is_offered(void **state)
{
	static const char in[] = HI;
	struct smtp_server_settings s = play_extended;
	char *seen = play_raw(in, sizeof in - 1, &s);

	(void)state;
	assert_non_null(strstr(seen, "250-MT-PRIORITY\r\n"));
	assert_non_null(
	    strstr(seen, "250-FUTURERELEASE 1000 2026-11-24T00:16:40Z\r\n"));
	assert_non_null(strstr(seen, "250-DELIVERBY\r\n"));
	assert_non_null(strstr(seen, "250-REQUIRETLS\r\n"));
	assert_non_null(strstr(seen, "250-LIMITS RCPTMAX=3 MAILMAX=4\r\n"));
	free(seen);
	s.messages_max = 0;
	seen = play_raw(in, sizeof in - 1, &s);
	assert_non_null(strstr(seen, "250-LIMITS RCPTMAX=3\r\n"));
	free(seen);
}

static void
a_priority_is_a_number_of_one_digit(void **state)
{
	static const struct play t[] = {
		{ "the highest, the lowest, the usual",
		    HI FROM "MT-PRIORITY=9\r\nRSET\r\n" FROM
		            "mt-priority=-9\r\nRSET\r\n" FROM
		            "MT-PRIORITY=0\r\n",
		    HI_OUT "mail[a@b,priority9] 250:2.1.0 reset 250:2.0.0 "
		           "mail[a@b,priority-9] 250:2.1.0 reset 250:2.0.0 "
		           "mail[a@b] 250:2.1.0" },
		{ "one over each",
		    HI FROM "MT-PRIORITY=10\r\n" FROM "MT-PRIORITY=-10\r\n",
		    HI_OUT "501:5.5.4 501:5.5.4" },
		{ "no number, no value, a sign, a zero too many",
		    HI FROM "MT-PRIORITY=x\r\n" FROM "MT-PRIORITY\r\n" FROM
		            "MT-PRIORITY=+1\r\n" FROM "MT-PRIORITY=-0\r\n" FROM
		            "MT-PRIORITY=01\r\n" FROM "MT-PRIORITY=-\r\n",
		    HI_OUT "501:5.5.4 501:5.5.4 501:5.5.4 501:5.5.4 501:5.5.4 "
		           "501:5.5.4" },
		{ "twice", HI FROM "MT-PRIORITY=1 MT-PRIORITY=1\r\n",
		    HI_OUT "501:5.5.4" },
	};

	(void)state;
	PLAY_MORE(t);
}

static void
a_release_is_within_what_is_offered(void **state)
{
	static const struct play t[] = {
		{ "for so long", HI FROM "HOLDFOR=60\r\n",
		    HI_OUT "mail[a@b,release60] 250:2.1.0" },
		{ "the longest", HI FROM "HOLDFOR=1000\r\n",
		    HI_OUT "mail[a@b,release1000] 250:2.1.0" },
		{ "a second over it, and no wrapping",
		    HI FROM "HOLDFOR=1001\r\n" FROM "HOLDFOR=999999999\r\n",
		    HI_OUT "501:5.5.4 501:5.5.4" },
		{ "ten digits, none, a zero in front, letters",
		    HI FROM "HOLDFOR=1000000000\r\n" FROM "HOLDFOR\r\n" FROM
		            "HOLDFOR=060\r\n" FROM "HOLDFOR=0\r\n" FROM
		            "HOLDFOR=1h\r\n" FROM "HOLDFOR=-1\r\n",
		    HI_OUT "501:5.5.4 501:5.5.4 501:5.5.4 501:5.5.4 501:5.5.4 "
		           "501:5.5.4" },
		{ "until a time", HI FROM "HOLDUNTIL=2026-11-24T00:10:01Z\r\n",
		    HI_OUT "mail[a@b,release601] 250:2.1.0" },
		{ "the last, with a fraction",
		    HI FROM "HOLDUNTIL=2026-11-24t00:16:40.5z\r\n",
		    HI_OUT "mail[a@b,release1000] 250:2.1.0" },
		{ "a second over it",
		    HI FROM "HOLDUNTIL=2026-11-24T00:16:41Z\r\n",
		    HI_OUT "501:5.5.4" },
		{ "one that is past is at once: clocks differ",
		    HI FROM "HOLDUNTIL=2026-11-23T23:59:59Z\r\n",
		    HI_OUT "mail[a@b,release-1] 250:2.1.0" },
		{ "no time",
		    HI FROM "HOLDUNTIL=2026-11-24\r\n" FROM
		            "HOLDUNTIL=2026-02-29T00:00:00Z\r\n" FROM
		            "HOLDUNTIL=2026-11-24T00:10:01+01:00\r\n" FROM
		            "HOLDUNTIL=2026-11-24T24:10:01Z\r\n" FROM
		            "HOLDUNTIL=2026-11-24T00:10:01.Z\r\n" FROM
		            "HOLDUNTIL\r\n",
		    HI_OUT "501:5.5.4 501:5.5.4 501:5.5.4 501:5.5.4 501:5.5.4 "
		           "501:5.5.4" },
		{ "twice, and both",
		    HI FROM "HOLDFOR=1 HOLDFOR=1\r\n" FROM
		            "HOLDFOR=1 HOLDUNTIL=2026-11-24T00:00:01Z\r\n" FROM
		            "HOLDUNTIL=2026-11-24T00:00:01Z HOLDFOR=1\r\n",
		    HI_OUT "501:5.5.4 501:5.5.4 501:5.5.4" },
	};

	(void)state;
	PLAY_MORE(t);
}

static void
a_deadline_is_in_so_many_seconds(void **state)
{
	static const struct play t[] = {
		{ "the two modes, in any case",
		    HI FROM "BY=120;R\r\nRSET\r\n" FROM "by=0;n\r\n",
		    HI_OUT "mail[a@b,by120R] 250:2.1.0 reset 250:2.0.0 "
		           "mail[a@b,by0N] 250:2.1.0" },
		{ "traced", HI FROM "BY=1;RT\r\nRSET\r\n" FROM "BY=+7;nt\r\n",
		    HI_OUT "mail[a@b,by1RT] 250:2.1.0 reset 250:2.0.0 "
		           "mail[a@b,by7NT] 250:2.1.0" },
		{ "the longest and the most over",
		    HI FROM "BY=999999999;R\r\nRSET\r\n" FROM
		            "BY=-999999999;N\r\n",
		    HI_OUT "mail[a@b,by999999999R] 250:2.1.0 reset 250:2.0.0 "
		           "mail[a@b,by-999999999N] 250:2.1.0" },
		{ "ten digits",
		    HI FROM "BY=1000000000;R\r\n" FROM "BY=-0000000000;N\r\n",
		    HI_OUT "501:5.5.4 501:5.5.4" },
		{ "over before it begins, and to be returned",
		    HI FROM "BY=0;R\r\n" FROM "BY=-1;R\r\n" FROM "BY=-0;RT\r\n",
		    HI_OUT "501:5.5.4 501:5.5.4 501:5.5.4" },
		{ "without a mode, a time, a number, a value",
		    HI FROM "BY=120\r\n" FROM "BY=120;\r\n" FROM
		            "BY=;R\r\n" FROM "BY=x;R\r\n" FROM "BY\r\n" FROM
		            "BY=-;N\r\n",
		    HI_OUT "501:5.5.4 501:5.5.4 501:5.5.4 501:5.5.4 501:5.5.4 "
		           "501:5.5.4" },
		{ "another mode, another letter behind it, both, twice",
		    HI FROM "BY=1;X\r\n" FROM "BY=1;RX\r\n" FROM
		            "BY=1;R;N\r\n" FROM "BY=1;T\r\n" FROM
		            "BY=1;R BY=1;R\r\n" FROM "BY=1;RTT\r\n",
		    HI_OUT "501:5.5.4 501:5.5.4 501:5.5.4 501:5.5.4 501:5.5.4 "
		           "501:5.5.4" },
		{ "signs in a row, a space",
		    HI FROM "BY=--1;N\r\n" FROM "BY=+-1;N\r\n" FROM
		            "BY=1; R\r\n",
		    HI_OUT "501:5.5.4 501:5.5.4 501:5.5.4" },
		{ "later than the release",
		    HI FROM "HOLDFOR=60 BY=61;R\r\nRSET\r\n" FROM
		            "BY=61;N HOLDFOR=60\r\n",
		    HI_OUT "mail[a@b,release60,by61R] 250:2.1.0 reset "
		           "250:2.0.0 mail[a@b,release60,by61N] 250:2.1.0" },
		{ "no later than it, in either order and mode",
		    HI FROM "HOLDFOR=60 BY=60;R\r\n" FROM
		            "BY=60;N HOLDFOR=60\r\n" FROM
		            "BY=-5;N HOLDUNTIL=2026-11-24T00:00:01Z\r\n",
		    HI_OUT "501:5.5.4 501:5.5.4 501:5.5.4" },
	};

	(void)state;
	PLAY_MORE(t);
}

static void
requiretls_has_no_value(void **state)
{
	static const struct play t[] = {
		{ "it reaches the owner", HI FROM "REQUIRETLS\r\n",
		    HI_OUT "mail[a@b,tls] 250:2.1.0" },
		{ "with a value, and twice",
		    HI FROM "REQUIRETLS=yes\r\n" FROM
		            "REQUIRETLS REQUIRETLS\r\n",
		    HI_OUT "501:5.5.4 501:5.5.4" },
	};

	(void)state;
	PLAY_MORE(t);
}

#define X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define D50 "ddddddddddddddddddddddddddddddddddddddddddddddddd."
#define PLUS12 "+61+61+61+61+61+61+61+61+61+61+61+61"
#define LOCAL64 PLUS12 PLUS12 PLUS12 PLUS12 PLUS12 "+61+61+61+61"

static void
who_wrote_it_is_a_mailbox_in_xtext(void **state)
{
	static const struct play t[] = {
		{ "one, with an escape", HI FROM "AUTH=e+3Dmc2@example.com\r\n",
		    HI_OUT "mail[a@b,auth=e+3Dmc2@example.com] 250:2.1.0" },
		{ "nobody knows", HI FROM "AUTH=<>\r\n",
		    HI_OUT "mail[a@b,auth=<>] 250:2.1.0" },
		{ "no mailbox, no xtext, no value, twice",
		    HI FROM "AUTH=me\r\n" FROM "AUTH=a+zz@b.c\r\n" FROM
		            "AUTH\r\n" FROM "AUTH=<a@b>\r\n" FROM
		            "AUTH=<> AUTH=<>\r\n" FROM "AUTH=a+0Ab@c.d\r\n",
		    HI_OUT "501:5.5.4 501:5.5.4 501:5.5.4 501:5.5.4 501:5.5.4 "
		           "501:5.5.4" },
		{ "a long one: 64 octets and each of them escaped",
		    HI FROM "AUTH=" LOCAL64 "@" D50 D50 D50 "example\r\n",
		    HI_OUT "mail[a@b,auth=" LOCAL64 "@" D50 D50 D50
		           "example] 250:2.1.0" },
		{ "over 500 octets",
		    HI FROM "AUTH=" X50 X50 X50 X50 X50 X50 X50 X50 X50 "@" D50
		            "\r\n",
		    HI_OUT "501:5.5.4" },
	};

	(void)state;
	PLAY_MORE(t);
}

#define BINARY HI FROM "BODY=BINARYMIME\r\nRCPT TO:<c@d>\r\n"
#define BINARY_OUT HI_OUT "mail[a@b,binary] 250:2.1.0 rcpt[c@d] 250:2.1.5 "

/* RFC 3030: the body is any bytes, of which none ends anything; the header is
 * lines as ever. */
static void
a_binary_body_is_any_bytes(void **state)
{
	static const struct play t[] = {
		{ "a bare LF, a bare CR, no end of a line",
		    BINARY "BDAT 15 LAST\r\nA: b\r\n\r\na\nb\rc\r.NOOP\r\n",
		    BINARY_OUT "data msg[A: b\r\n\r\na\nb\rc\r.] 250:2.0.0 "
		               "250:2.0.0" },
		{ "in pieces, cut inside of a CRLF",
		    BINARY "BDAT 8\r\nA: b\r\n\r\nBDAT 2\r\na\r"
		           "BDAT 2 LAST\r\n\n\n",
		    BINARY_OUT "data 250:2.0.0 250:2.0.0 "
		               "msg[A: b\r\n\r\na\r\n\n] 250:2.0.0" },
		{ "a bare LF in the header",
		    BINARY "BDAT 11 LAST\r\nA: b\nC\r\n\r\nx",
		    BINARY_OUT "data reset 550:5.5.2" },
		{ "a bare CR where no body follows",
		    BINARY "BDAT 5 LAST\r\nA: b\r",
		    BINARY_OUT "data reset 550:5.5.2" },
		{ "not by DATA; BDAT may follow",
		    BINARY "DATA\r\nBDAT 2 LAST\r\n\r\n",
		    BINARY_OUT "503:5.5.1 data msg[\r\n] 250:2.0.0" },
		{ "the next message is none unless it says so",
		    BINARY "BDAT 4 LAST\r\n\r\n\n\n" FROM
		           "\r\nRCPT TO:<c@d>\r\nBDAT 3 LAST\r\n\r\n\n",
		    BINARY_OUT "data msg[\r\n\n\n] 250:2.0.0 mail[a@b] "
		               "250:2.1.0 rcpt[c@d] 250:2.1.5 data reset "
		               "550:5.5.2" },
		{ "lines only, announced so",
		    BINARY "BDAT 7 LAST\r\n\r\nabc\r\n",
		    BINARY_OUT "data msg[\r\nabc\r\n] 250:2.0.0" },
	};
	struct smtp_server_settings s = play_extended;

	(void)state;
	PLAY_MORE(t);
	s.chunking = false;
	play_with(&(struct play){ "without CHUNKING it is not offered",
	              HI FROM "BODY=BINARYMIME\r\n", HI_OUT "501:5.5.4" },
	    1, &s);
}

/* RFC 6531 3.1: who offers it MUST offer 8BITMIME. */
static void
there_is_no_smtputf8_without_8bitmime(void **state)
{
	static const char in[] = HI;
	struct smtp_server_settings s = play_extended;
	char *seen;

	(void)state;
	s.eight_bit = false;
	seen = play_raw(in, sizeof in - 1, &s);
	assert_null(strstr(seen, "SMTPUTF8"));
	free(seen);
	play_with(&(struct play){ "neither parameter nor address",
	              HI FROM "SMTPUTF8\r\nMAIL FROM:<\xc3\xa9@b>\r\n",
	              HI_OUT "555:5.5.4 553:5.6.7" },
	    1, &s);
}

static void
helo_has_none_of_them(void **state)
{
	static const struct play t[] = {
		{ "none",
		    "HELO c\r\n" FROM "MT-PRIORITY=1\r\n" FROM
		    "HOLDFOR=1\r\n" FROM "BY=1;R\r\n" FROM "REQUIRETLS\r\n" FROM
		    "AUTH=<>\r\n",
		    "220 helo[c] 250 555:5.5.4 555:5.5.4 555:5.5.4 "
		    "555:5.5.4 555:5.5.4" },
	};

	(void)state;
	PLAY_MORE(t);
}

/* One message's parameters are not the next one's. */
static void
what_was_said_is_for_one_message(void **state)
{
	static const struct play t[] = {
		{ "RSET forgets it",
		    HI FROM "REQUIRETLS MT-PRIORITY=3 HOLDFOR=5 AUTH=<> "
		            "BY=9;R\r\n"
		            "RSET\r\n" FROM "\r\n",
		    HI_OUT "mail[a@b,priority3,release5,by9R,tls,auth=<>] "
		           "250:2.1.0 reset 250:2.0.0 mail[a@b] 250:2.1.0" },
	};

	(void)state;
	PLAY_MORE(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ehlo_says_what_is_offered),
		cmocka_unit_test(a_priority_is_a_number_of_one_digit),
		cmocka_unit_test(a_release_is_within_what_is_offered),
		cmocka_unit_test(a_deadline_is_in_so_many_seconds),
		cmocka_unit_test(requiretls_has_no_value),
		cmocka_unit_test(who_wrote_it_is_a_mailbox_in_xtext),
		cmocka_unit_test(a_binary_body_is_any_bytes),
		cmocka_unit_test(there_is_no_smtputf8_without_8bitmime),
		cmocka_unit_test(helo_has_none_of_them),
		cmocka_unit_test(what_was_said_is_for_one_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
