/* SPDX-License-Identifier: Apache-2.0 */
/* The session, MAIL and RCPT.  P1 and the like: the requirements of RFC 5321
 * and its extensions that the protocol machine answers for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/mem.h"

#include "server_play.h"

#define HI "EHLO c\r\n"
#define HI_OUT "220 ehlo[c] 250 "
#define TO "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n"
#define TO_OUT "mail[a@b] 250:2.1.0 rcpt[c@d] 250:2.1.5 "

static void
P1_only_crlf_ends_a_command(void **state)
{
	static const struct play t[] = {
		{ "a bare LF makes no second command", HI "NOOP\nRSET\r\n",
		    HI_OUT "500:5.5.2" },
		{ "a bare CR neither", HI "NOOP\rRSET\r\n",
		    HI_OUT "500:5.5.2" },
		{ "nor CR CR LF: the first CR is part of the line",
		    HI "NOOP\r\r\n", HI_OUT "500:5.5.2" },
		{ "nor LF CR", HI "NOOP\n\rNOOP\r\n", HI_OUT "500:5.5.2" },
		{ "a line that is a bare LF at last", HI "\n\r\n",
		    HI_OUT "500:5.5.2" },
		{ "RCPT twice in one line is none",
		    HI "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\nRCPT TO:<e@f>\r\n",
		    HI_OUT "mail[a@b] 250:2.1.0 500:5.5.2" },
		{ "the next line is taken again", HI "NOOP\nNOOP\r\nNOOP\r\n",
		    HI_OUT "500:5.5.2 250:2.0.0" },
	};
	static const char nul[] = HI "NOOP\0\r\nNOOP\r\n";

	(void)state;
	PLAY(t);
	play_bytes("NUL is no end of anything", nul, sizeof nul - 1,
	    HI_OUT "500:5.5.2 250:2.0.0");
}

static void
P3_the_order_of_commands(void **state)
{
	static const struct play t[] = {
		{ "HELO gets one line", "HELO c\r\n", "220 helo[c] 250" },
		{ "NOOP RSET VRFY HELP QUIT need no EHLO",
		    "NOOP\r\nRSET\r\nVRFY x\r\nHELP\r\nQUIT\r\n",
		    "220 250:2.0.0 250:2.0.0 252:2.1.5 214:2.0.0 221:2.0.0 "
		    "bye" },
		{ "MAIL does", "MAIL FROM:<a@b>\r\n", "220 503:5.5.1" },
		{ "RCPT does", "RCPT TO:<a@b>\r\n", "220 503:5.5.1" },
		{ "DATA does", "DATA\r\n", "220 503:5.5.1" },
		{ "RCPT before MAIL", HI "RCPT TO:<a@b>\r\n",
		    HI_OUT "503:5.5.1" },
		{ "DATA before MAIL", HI "DATA\r\n", HI_OUT "503:5.5.1" },
		{ "DATA before RCPT", HI "MAIL FROM:<a@b>\r\nDATA\r\n",
		    HI_OUT "mail[a@b] 250:2.1.0 503:5.5.1" },
		{ "DATA after refused recipients only",
		    HI "MAIL FROM:<a@b>\r\nRCPT TO:<no@d>\r\nDATA\r\n",
		    HI_OUT "mail[a@b] 250:2.1.0 rcpt[no@d] 550:5.7.1 "
		           "554:5.5.1" },
		{ "a second MAIL", HI TO "MAIL FROM:<e@f>\r\n",
		    HI_OUT TO_OUT "503:5.5.1" },
		{ "EHLO again acts as RSET", HI TO HI "RCPT TO:<c@d>\r\n",
		    HI_OUT TO_OUT "reset ehlo[c] 250 503:5.5.1" },
		{ "a refused EHLO changes nothing",
		    HI TO "EHLO\r\nRCPT TO:<e@f>\r\n",
		    HI_OUT TO_OUT "501 rcpt[e@f] 250:2.1.5" },
		{ "RSET ends the transaction", HI TO "RSET\r\nDATA\r\n",
		    HI_OUT TO_OUT "reset 250:2.0.0 503:5.5.1" },
		{ "RSET without one tells nobody", HI "RSET\r\n",
		    HI_OUT "250:2.0.0" },
		{ "QUIT in a transaction drops it; what follows is nothing",
		    HI TO "QUIT\r\nNOOP\r\n",
		    HI_OUT TO_OUT "221:2.0.0 reset bye" },
		{ "a refused MAIL is no transaction",
		    HI "MAIL FROM:<no@b>\r\nRCPT TO:<c@d>\r\nRSET\r\n" TO,
		    HI_OUT "mail[no@b] 550:5.7.1 503:5.5.1 250:2.0.0 "
		           "mail[a@b] 250:2.1.0 rcpt[c@d] 250:2.1.5" },
		{ "a hook may close the session", HI "MAIL FROM:<close@b>\r\n",
		    HI_OUT "mail[close@b] 421:4.3.2 bye" },
		{ "also in a transaction",
		    HI "MAIL FROM:<a@b>\r\nRCPT TO:<close@d>\r\nNOOP\r\n",
		    HI_OUT "mail[a@b] 250:2.1.0 rcpt[close@d] 421:4.3.2 reset "
		           "bye" },
	};

	(void)state;
	PLAY(t);
}

static void
P4_the_commands_there_are(void **state)
{
	static const struct play t[] = {
		{ "case does not matter", "ehlo c\r\nmail from:<a@b>\r\n",
		    HI_OUT "mail[a@b] 250:2.1.0" },
		{ "Postmaster without a domain, in any case",
		    HI "MAIL FROM:<>\r\nRCPT TO:<PostMaster>\r\n",
		    HI_OUT "mail[] 250:2.1.0 rcpt[PostMaster] 250:2.1.5" },
		{ "nobody else without a domain",
		    HI "MAIL FROM:<>\r\nRCPT TO:<root>\r\n",
		    HI_OUT "mail[] 250:2.1.0 501:5.1.3" },
		{ "nor as a sender", HI "MAIL FROM:<Postmaster>\r\n",
		    HI_OUT "501:5.1.7" },
		{ "NOOP takes an argument", HI "NOOP what ever\r\n",
		    HI_OUT "250:2.0.0" },
		{ "VRFY needs one", HI "VRFY\r\n", HI_OUT "501:5.5.4" },
		{ "RSET, DATA, QUIT take none",
		    HI "RSET x\r\n" TO "DATA x\r\nQUIT x\r\n",
		    HI_OUT "501:5.5.4 " TO_OUT "501:5.5.4 501:5.5.4" },
		{ "known commands that are not built",
		    "STARTTLS\r\nAUTH PLAIN\r\nETRN x\r\nEXPN x\r\nTURN\r\n",
		    "220 502:5.5.1 502:5.5.1 502:5.5.1 502:5.5.1 502:5.5.1" },
		{ "an unknown one", "XYZZY\r\n", "220 500:5.5.1" },
		{ "an empty line", "\r\n", "220 500:5.5.1" },
		{ "a space before the verb", " NOOP\r\n", "220 500:5.5.1" },
		{ "a verb and more letters", "NOOPS\r\nMAI\r\n",
		    "220 500:5.5.1 500:5.5.1" },
		{ "a browser is sent away", "GET / HTTP/1.1\r\nHost: x\r\n",
		    "220 421:4.7.0 bye" },
		{ "EHLO needs a name, one, in ASCII",
		    "EHLO\r\nHELO\r\nEHLO a b\r\nEHLO \xc3\xa9\r\n",
		    "220 501 501 501 501" },
		{ "an address literal will do", "EHLO [192.0.2.1]\r\n",
		    "220 ehlo[[192.0.2.1]] 250" },
	};

	(void)state;
	PLAY(t);
}

static void
P5_white_space_and_unknown_parameters(void **state)
{
	static const struct play t[] = {
		{ "white space at the end is dropped",
		    "EHLO c  \r\nMAIL FROM:<a@b> \t \r\nRCPT TO:<c@d> \r\n"
		    "RSET \r\n",
		    HI_OUT TO_OUT "reset 250:2.0.0" },
		{ "no space behind the colon (3.3)",
		    HI "MAIL FROM: <a@b>\r\nMAIL FROM:<a@b>\r\n"
		       "RCPT TO:  <c@d>\r\nRCPT TO:<c@d>\r\n",
		    HI_OUT "501:5.5.4 mail[a@b] 250:2.1.0 501:5.5.4 "
		           "rcpt[c@d] 250:2.1.5" },
		{ "nor before it", HI "MAIL FROM :<a@b>\r\n",
		    HI_OUT "501:5.5.4" },
		{ "an unknown parameter", HI "MAIL FROM:<a@b> FOO=bar\r\n",
		    HI_OUT "555:5.5.4" },
		{ "one of RCPT at MAIL, and the other way round",
		    HI "MAIL FROM:<a@b> NOTIFY=NEVER\r\nMAIL FROM:<a@b>\r\n"
		       "RCPT TO:<c@d> SIZE=1\r\n",
		    HI_OUT "555:5.5.4 mail[a@b] 250:2.1.0 555:5.5.4" },
		{ "HELO offered none", "HELO c\r\nMAIL FROM:<a@b> SIZE=1\r\n",
		    "220 helo[c] 250 555:5.5.4" },
		{ "a parameter's syntax",
		    HI "MAIL FROM:<a@b> =x\r\nMAIL FROM:<a@b> SIZE=\r\n"
		       "MAIL FROM:<a@b> SIZE=1=2\r\nMAIL FROM:<a@b> -X\r\n"
		       "MAIL FROM:<a@b> ENVID=\xc3\xa9\r\n",
		    HI_OUT "501:5.5.4 501:5.5.4 501:5.5.4 501:5.5.4 "
		           "501:5.5.4" },
		{ "something glued to the path", HI "MAIL FROM:<a@b>SIZE=1\r\n",
		    HI_OUT "501:5.1.7" },
		{ "no path", HI "MAIL\r\nMAIL FROM:\r\nMAIL TO:<a@b>\r\n",
		    HI_OUT "501:5.5.4 501:5.1.7 501:5.5.4" },
		{ "the same one twice", HI "MAIL FROM:<a@b> SIZE=1 size=1\r\n",
		    HI_OUT "501:5.5.4" },
	};

	(void)state;
	PLAY(t);
}

static char *
repeat(const char *head, char c, size_t n, const char *tail)
{
	char *s = mem_new(strlen(head) + n + strlen(tail) + 1);

	strcpy(s, head);
	memset(s + strlen(head), c, n);
	strcpy(s + strlen(head) + n, tail);
	return s;
}

static void
P6_the_floors_of_lengths(void **state)
{
	char *local = repeat(HI "MAIL FROM:<", 'x', 64, "@example.com>\r\n");
	char *domain = repeat("", 'd', 63, ".");
	char *path, *out;
	struct play t = { .why = "a local-part of 64" };

	(void)state;
	out = repeat(HI_OUT "mail[", 'x', 64, "@example.com] 250:2.1.0");
	t.in = local;
	t.out = out;
	play_all(&t, 1);
	free(out);
	free(local);

	path = mem_printf(
	    HI "MAIL FROM:<a@%s%s%s%.60s>\r\n", domain, domain, domain, domain);
	out = mem_printf(HI_OUT "mail[a@%s%s%s%.60s] 250:2.1.0", domain, domain,
	    domain, domain);
	t = (struct play){ "a path of 256", path, out };
	play_all(&t, 1);
	free(path);
	free(out);

	path = mem_printf(
	    HI "MAIL FROM:<a@%s%s%s%.61s>\r\n", domain, domain, domain, domain);
	t = (struct play){ "one of 257", path, HI_OUT "501:5.1.7" };
	play_all(&t, 1);
	free(path);
	free(domain);
}

static void
P6_beyond_the_recipients_allowed_452(void **state)
{
	static const struct play t[] = {
		{ "three are allowed; refused ones do not count",
		    HI TO "RCPT TO:<no@d>\r\nRCPT TO:<e@d>\r\nRCPT TO:<f@d>\r\n"
		          "RCPT TO:<g@d>\r\nDATA\r\n.\r\n",
		    HI_OUT TO_OUT
		    "rcpt[no@d] 550:5.7.1 rcpt[e@d] 250:2.1.5 rcpt[f@d] "
		    "250:2.1.5 452:4.5.3 data 354 msg[] 250:2.0.0" },
		{ "the next transaction counts anew",
		    HI TO "RCPT TO:<e@d>\r\nRCPT TO:<f@d>\r\nRSET\r\n" TO,
		    HI_OUT TO_OUT "rcpt[e@d] 250:2.1.5 rcpt[f@d] 250:2.1.5 "
		                  "reset 250:2.0.0 mail[a@b] 250:2.1.0 "
		                  "rcpt[c@d] 250:2.1.5" },
	};

	(void)state;
	PLAY(t);
}

static void
P7_a_line_too_long_gets_one_reply(void **state)
{
	struct smtp_server_settings s = play_settings;
	char *in, *out;
	struct play t = { .why = "the tail is no command" };

	(void)state;
	s.line_max = 1200;
	in = repeat(HI, 'x', 100000, "\rQUIT\nQUIT\n\r\r\nNOOP\r\n");
	t.in = in;
	t.out = HI_OUT "500:5.5.2 250:2.0.0";
	play_with(&t, 1, &s);
	free(in);

	in = repeat(HI "NOOP ", 'x', 1200 - 7, "\r\nNOOP\r\n");
	t = (struct play){ "the longest that is allowed", in,
		HI_OUT "250:2.0.0 250:2.0.0" };
	play_with(&t, 1, &s);
	free(in);

	in = repeat(HI "NOOP ", 'x', 1200 - 6, "\r\nNOOP\r\n");
	t = (struct play){ "one more", in, HI_OUT "500:5.5.2 250:2.0.0" };
	play_with(&t, 1, &s);
	free(in);

	s.line_max = 10;
	in = repeat(HI "NOOP ", 'x', 512 - 7, "\r\n");
	t = (struct play){ "512 are allowed at least", in, HI_OUT "250:2.0.0" };
	play_with(&t, 1, &s);
	free(in);

	out = repeat(HI_OUT TO_OUT "rcpt[e@f,rfc822;", 'x', 493, "] 250:2.1.5");
	in = repeat(HI TO "RCPT TO:<e@f> ORCPT=rfc822;", 'x', 493, "\r\n");
	t = (struct play){ "and the longest ORCPT", in, out };
	play_with(&t, 1, &s);
	free(in);
	free(out);
}

static void
P11_source_routes_are_taken_and_dropped(void **state)
{
	static const struct play t[] = {
		{ "in both commands",
		    HI "MAIL FROM:<@x,@y.z:a@b>\r\nRCPT TO:<@x:c@d>\r\n",
		    HI_OUT TO_OUT },
		{ "Postmaster behind one",
		    HI "MAIL FROM:<>\r\nRCPT TO:<@x:postmaster>\r\n",
		    HI_OUT "mail[] 250:2.1.0 rcpt[postmaster] 250:2.1.5" },
	};

	(void)state;
	PLAY(t);
}

static void
P13_a_declared_size(void **state)
{
	static const struct play t[] = {
		{ "up to the limit", HI "MAIL FROM:<a@b> SIZE=1000\r\n",
		    HI_OUT "mail[a@b,size] 250:2.1.0" },
		{ "one over it", HI "MAIL FROM:<a@b> SIZE=1001\r\n",
		    HI_OUT "552:5.3.4" },
		{ "nothing wraps",
		    HI "MAIL FROM:<a@b> SIZE=4294967297\r\n"
		       "MAIL FROM:<a@b> SIZE=18446744073709551615\r\n"
		       "MAIL FROM:<a@b> SIZE=18446744073709551617\r\n"
		       "MAIL FROM:<a@b> SIZE=99999999999999999999\r\n",
		    HI_OUT "552:5.3.4 552:5.3.4 552:5.3.4 552:5.3.4" },
		{ "twenty zeros are a number",
		    HI "MAIL FROM:<a@b> SIZE=00000000000000000001\r\n",
		    HI_OUT "mail[a@b,size] 250:2.1.0" },
		{ "21 digits are none",
		    HI "MAIL FROM:<a@b> SIZE=000000000000000000001\r\n",
		    HI_OUT "501:5.5.4" },
		{ "nor are signs and letters",
		    HI "MAIL FROM:<a@b> SIZE=+1\r\nMAIL FROM:<a@b> SIZE=-1\r\n"
		       "MAIL FROM:<a@b> SIZE=1k\r\nMAIL FROM:<a@b> SIZE\r\n",
		    HI_OUT "501:5.5.4 501:5.5.4 501:5.5.4 501:5.5.4" },
	};

	(void)state;
	PLAY(t);
}

static void
P15_enhanced_codes_but_for_greeting_and_hello(void **state)
{
	char *seen = play_raw(HI TO "DATA\r\n.\r\nBAD\r\nQUIT\r\n",
	    strlen(HI TO "DATA\r\n.\r\nBAD\r\nQUIT\r\n"), &play_settings);

	(void)state;
	assert_string_equal(seen,
	    "220 mx.test ESMTP Postern\r\n"
	    "250-mx.test\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-8BITMIME\r\n"
	    "250-SMTPUTF8\r\n250-CHUNKING\r\n250-DSN\r\n"
	    "250 ENHANCEDSTATUSCODES\r\n"
	    "250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 go\r\n250 2.0.0 queued\r\n"
	    "500 5.5.1 Command not recognized\r\n"
	    "221 2.0.0 mx.test closing\r\n");
	free(seen);
}

static void
P19_parameters_of_8bitmime_smtputf8_and_dsn(void **state)
{
	static const struct play t[] = {
		{ "they reach the owner",
		    HI "MAIL FROM:<a@b> BODY=8BITMIME RET=HDRS ENVID=q+2Bw "
		       "SMTPUTF8 SIZE=5\r\n"
		       "RCPT TO:<c@d> NOTIFY=SUCCESS,delay ORCPT=rfc822;x@y\r\n"
		       "RCPT TO:<e@d> NOTIFY=NEVER\r\n"
		       "RCPT TO:<f@d> NOTIFY=FAILURE\r\n",
		    HI_OUT "mail[a@b,8bit,utf8,hdrs,q+2Bw,size] 250:2.1.0 "
		           "rcpt[c@d,k,rfc822;x@y] 250:2.1.5 rcpt[e@d,b] "
		           "250:2.1.5 rcpt[f@d,e] 250:2.1.5" },
		{ "7BIT and FULL", HI "MAIL FROM:<a@b> BODY=7bit RET=full\r\n",
		    HI_OUT "mail[a@b,full] 250:2.1.0" },
		{ "BINARYMIME is not offered",
		    HI "MAIL FROM:<a@b> BODY=BINARYMIME\r\n",
		    HI_OUT "501:5.5.4" },
		{ "wrong values",
		    HI
		    "MAIL FROM:<a@b> RET=ALL\r\nMAIL FROM:<a@b> ENVID=+zz\r\n"
		    "MAIL FROM:<a@b> SMTPUTF8=1\r\nMAIL FROM:<a@b> BODY\r\n",
		    HI_OUT "501:5.5.4 501:5.5.4 501:5.5.4 501:5.5.4" },
		{ "NEVER stands alone, and the list has no holes",
		    HI TO "RCPT TO:<x@y> NOTIFY=NEVER,SUCCESS\r\n"
		          "RCPT TO:<x@y> NOTIFY=SUCCESS,\r\n"
		          "RCPT TO:<x@y> NOTIFY=,SUCCESS\r\n"
		          "RCPT TO:<x@y> NOTIFY=SOMETIMES\r\n",
		    HI_OUT TO_OUT "501:5.5.4 501:5.5.4 501:5.5.4 501:5.5.4" },
		{ "ORCPT is a type and xtext",
		    HI TO "RCPT TO:<x@y> ORCPT=x@y\r\n"
		          "RCPT TO:<x@y> ORCPT=rfc822;\r\n"
		          "RCPT TO:<x@y> ORCPT=;x@y\r\n"
		          "RCPT TO:<x@y> ORCPT=rfc822;x+y\r\n",
		    HI_OUT TO_OUT "501:5.5.4 501:5.5.4 501:5.5.4 501:5.5.4" },
		{ "neither may bring a line end along in its code",
		    HI "MAIL FROM:<a@b> ENVID=x+0D+0AX:y\r\n" TO
		       "RCPT TO:<x@y> ORCPT=rfc822;x+0AX:y\r\n",
		    HI_OUT "501:5.5.4 " TO_OUT "501:5.5.4" },
		{ "UTF-8 in an address needs the parameter",
		    HI "MAIL FROM:<\xc3\xa9@b>\r\n" TO
		       "RCPT TO:<\xc3\xa9@d>\r\n",
		    HI_OUT "553:5.6.7 " TO_OUT "553:5.6.7" },
		{ "and is taken with it, in a domain and in ORCPT too",
		    HI "MAIL FROM:<\xc3\xa9@b> SMTPUTF8\r\n"
		       "RCPT TO:<c@\xc3\xa9.d> ORCPT=utf-8;\xc3\xa9@d\r\n",
		    HI_OUT "mail[\xc3\xa9@b,utf8] 250:2.1.0 "
		           "rcpt[c@\xc3\xa9.d,utf-8;\xc3\xa9@d] 250:2.1.5" },
		{ "but not in an ORCPT of another type",
		    HI "MAIL FROM:<a@b> SMTPUTF8\r\n"
		       "RCPT TO:<c@d> ORCPT=rfc822;\xc3\xa9@d\r\n",
		    HI_OUT "mail[a@b,utf8] 250:2.1.0 501:5.5.4" },
		{ "bytes that are no UTF-8 never",
		    HI "MAIL FROM:<\xff@b> SMTPUTF8\r\n"
		       "MAIL FROM:<\xc3\xa9@b> SMTPUTF8 X=\xff\r\n",
		    HI_OUT "501:5.1.7 501:5.5.4" },
		{ "the parameter holds for one transaction",
		    HI "MAIL FROM:<a@b> SMTPUTF8\r\nRSET\r\n" TO
		       "RCPT TO:<\xc3\xa9@d>\r\n",
		    HI_OUT "mail[a@b,utf8] 250:2.1.0 reset 250:2.0.0 " TO_OUT
		           "553:5.6.7" },
	};
	char *in = repeat(HI "MAIL FROM:<a@b> ENVID=", 'x', 101, "\r\n");
	struct play too_long = { "ENVID has 100 octets at most", in,
		HI_OUT "501:5.5.4" };

	(void)state;
	PLAY(t);
	play_all(&too_long, 1);
	free(in);
	in = repeat(HI TO "RCPT TO:<e@f> ORCPT=rfc822;", 'x', 494, "\r\n");
	too_long =
	    (struct play){ "ORCPT has 500", in, HI_OUT TO_OUT "501:5.5.4" };
	play_all(&too_long, 1);
	free(in);
}

static void
P21_what_is_not_offered_is_refused(void **state)
{
	static const struct play t[] = {
		{ "MT-PRIORITY, FUTURERELEASE, DELIVERBY, REQUIRETLS, AUTH",
		    HI "MAIL FROM:<a@b> MT-PRIORITY=3\r\n"
		       "MAIL FROM:<a@b> HOLDFOR=60\r\n"
		       "MAIL FROM:<a@b> BY=120;R\r\n"
		       "MAIL FROM:<a@b> REQUIRETLS\r\n"
		       "MAIL FROM:<a@b> AUTH=<>\r\n",
		    HI_OUT "555:5.5.4 555:5.5.4 555:5.5.4 555:5.5.4 "
		           "555:5.5.4" },
		{ "RRVS", HI TO "RCPT TO:<x@y> RRVS=2014-04-03T23:01:00Z\r\n",
		    HI_OUT TO_OUT "555:5.5.4" },
		{ "XCLIENT and XFORWARD from anybody",
		    HI "XCLIENT ADDR=192.0.2.1\r\nXFORWARD NAME=x\r\n",
		    HI_OUT "502:5.5.1 502:5.5.1" },
		{ "PROXY is no command",
		    "PROXY TCP4 192.0.2.1 192.0.2.2 1 25\r\n",
		    "220 500:5.5.1" },
	};
	static const struct play bare[] = {
		{ "extensions that are switched off",
		    HI "MAIL FROM:<a@b> BODY=8BITMIME\r\n"
		       "MAIL FROM:<a@b> SMTPUTF8\r\n"
		       "MAIL FROM:<a@b> RET=FULL\r\n"
		       "MAIL FROM:<\xc3\xa9@b>\r\n" TO
		       "RCPT TO:<x@y> NOTIFY=NEVER\r\n",
		    HI_OUT "555:5.5.4 555:5.5.4 555:5.5.4 553:5.6.7 " TO_OUT
		           "555:5.5.4" },
	};
	static const struct smtp_server_settings none = {
		.hostname = "mx.test",
		.recipients_max = 3,
		.errors_max = 5,
		.idle_commands_max = 6,
	};
	char *seen;

	(void)state;
	PLAY(t);
	play_with(bare, 1, &none);
	seen = play_raw(HI, strlen(HI), &none);
	assert_string_equal(seen,
	    "220 mx.test ESMTP Postern\r\n250-mx.test\r\n250-PIPELINING\r\n"
	    "250-SIZE 0\r\n250 ENHANCEDSTATUSCODES\r\n");
	free(seen);
}

static void
P22_errors_and_idle_commands_have_an_end(void **state)
{
	static const struct play t[] = {
		{ "five bad commands, then 421",
		    "X\r\nX\r\nX\r\nX\r\nX\r\nNOOP\r\nX\r\nNOOP\r\n",
		    "220 500:5.5.1 500:5.5.1 500:5.5.1 500:5.5.1 500:5.5.1 "
		    "250:2.0.0 421:4.7.0 bye" },
		{ "EHLO without a name is one, too",
		    "X\r\nX\r\nX\r\nX\r\nX\r\nEHLO\r\n",
		    "220 500:5.5.1 500:5.5.1 500:5.5.1 500:5.5.1 500:5.5.1 "
		    "421 bye" },
		{ "and so is an unwelcome BDAT: its octets are not waited for",
		    "X\r\nX\r\nX\r\nX\r\nX\r\nBDAT 5 LAST\r\n",
		    "220 500:5.5.1 500:5.5.1 500:5.5.1 500:5.5.1 500:5.5.1 "
		    "421:4.7.0 bye" },
		{ "a refused recipient is no bad command",
		    HI "MAIL FROM:<a@b>\r\nRCPT TO:<no@d>\r\nRCPT TO:<no@d>\r\n"
		       "RCPT TO:<no@d>\r\nRCPT TO:<no@d>\r\nRCPT TO:<no@d>\r\n"
		       "RCPT TO:<no@d>\r\nNOOP\r\n",
		    HI_OUT "mail[a@b] 250:2.1.0 rcpt[no@d] 550:5.7.1 "
		           "rcpt[no@d] 550:5.7.1 rcpt[no@d] 550:5.7.1 "
		           "rcpt[no@d] 550:5.7.1 rcpt[no@d] 550:5.7.1 "
		           "rcpt[no@d] 550:5.7.1 250:2.0.0" },
		{ "ten commands that move nothing",
		    HI
		    "NOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nRSET\r\nRSET\r\n"
		    "VRFY x\r\nHELP\r\nNOOP\r\nNOOP\r\n",
		    HI_OUT "250:2.0.0 250:2.0.0 250:2.0.0 250:2.0.0 250:2.0.0 "
		           "250:2.0.0 250:2.0.0 252:2.1.5 214:2.0.0 421:4.7.0 "
		           "bye" },
		{ "MAIL is one of them, and DATA that nobody can get",
		    HI
		    "MAIL FROM:<no@b>\r\nMAIL FROM:<no@b>\r\nNOOP\r\nNOOP\r\n"
		    "NOOP\r\nNOOP\r\nMAIL FROM:<a@b>\r\nRCPT TO:<no@d>\r\n"
		    "DATA\r\nDATA\r\nDATA\r\n",
		    HI_OUT
		    "mail[no@b] 550:5.7.1 mail[no@b] 550:5.7.1 250:2.0.0 "
		    "250:2.0.0 250:2.0.0 250:2.0.0 mail[a@b] 250:2.1.0 "
		    "rcpt[no@d] 550:5.7.1 554:5.5.1 554:5.5.1 "
		    "421:4.7.0 reset bye" },
		{ "a message earns them anew",
		    HI "NOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\n" TO
		       "DATA\r\n.\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\n",
		    HI_OUT "250:2.0.0 250:2.0.0 250:2.0.0 250:2.0.0 250:2.0.0 "
		           "250:2.0.0 " TO_OUT
		           "data 354 msg[] 250:2.0.0 250:2.0.0 250:2.0.0 "
		           "250:2.0.0 250:2.0.0" },
	};
	static const struct play many[] = {
		{ "two messages a session",
		    HI TO "DATA\r\n.\r\n" TO "DATA\r\n.\r\n" TO,
		    HI_OUT TO_OUT "data 354 msg[] 250:2.0.0 " TO_OUT
		                  "data 354 msg[] 250:2.0.0 421:4.7.0 bye" },
		{ "a message that was refused does not count",
		    HI "MAIL FROM:<bad@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n.\r\n" TO
		       "DATA\r\n.\r\n" TO "DATA\r\n.\r\n",
		    HI_OUT "mail[bad@b] 250:2.1.0 rcpt[c@d] 250:2.1.5 data 354 "
		           "msg[] 554:5.6.0 " TO_OUT
		           "data 354 msg[] 250:2.0.0 " TO_OUT
		           "data 354 msg[] 250:2.0.0" },
	};
	struct smtp_server_settings two = play_settings;

	(void)state;
	PLAY(t);
	two.messages_max = 2;
	play_with(many, sizeof many / sizeof many[0], &two);
}

static void
other_protocols_do_no_harm(void **state)
{
	static const char hello[] =
	    "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00\r\nNOOP\r\n";
	static const struct play t[] = {
		{ "8-bit rubbish", "\xff\xfe\x80\x81\r\nNOOP\r\n",
		    "220 500:5.5.1 250:2.0.0" },
		{ "8-bit rubbish behind a verb",
		    HI "MAIL FROM:<\xff\xfe>\r\n\x80MAIL\r\n",
		    HI_OUT "501:5.1.7 500:5.5.1" },
		{ "control bytes in an address",
		    HI "MAIL FROM:<a\x01@b>\r\nMAIL FROM:<\"\x7f\"@b>\r\n"
		       "MAIL FROM:<a b@c>\r\n",
		    HI_OUT "501:5.1.7 501:5.1.7 501:5.1.7" },
	};

	(void)state;
	PLAY(t);
	play_bytes("a TLS client hello", hello, sizeof hello - 1,
	    "220 500:5.5.2 250:2.0.0");
}

static void
no_reply_carries_what_could_break_a_line(void **state)
{
	static const char in[] = HI "MAIL FROM:<no%s!@b>\r\n"
	                            "MAIL FROM:<no\xc3\xa9@b> SMTPUTF8\r\n";
	char *seen = play_raw(in, strlen(in), &play_settings);
	struct smtp_server_settings named = play_settings;

	(void)state;
	assert_non_null(strstr(seen, "550 5.7.1 no <no%s!@b>\r\n"));
	assert_non_null(strstr(seen, "550 5.7.1 no <no\xc3\xa9@b>\r\n"));
	free(seen);
	named.hostname = "mx\r\n\x80.test";
	seen = play_raw("", 0, &named);
	assert_string_equal(seen, "220 mx???.test ESMTP Postern\r\n");
	free(seen);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(P1_only_crlf_ends_a_command),
		cmocka_unit_test(P3_the_order_of_commands),
		cmocka_unit_test(P4_the_commands_there_are),
		cmocka_unit_test(P5_white_space_and_unknown_parameters),
		cmocka_unit_test(P6_the_floors_of_lengths),
		cmocka_unit_test(P6_beyond_the_recipients_allowed_452),
		cmocka_unit_test(P7_a_line_too_long_gets_one_reply),
		cmocka_unit_test(P11_source_routes_are_taken_and_dropped),
		cmocka_unit_test(P13_a_declared_size),
		cmocka_unit_test(P15_enhanced_codes_but_for_greeting_and_hello),
		cmocka_unit_test(P19_parameters_of_8bitmime_smtputf8_and_dsn),
		cmocka_unit_test(P21_what_is_not_offered_is_refused),
		cmocka_unit_test(P22_errors_and_idle_commands_have_an_end),
		cmocka_unit_test(other_protocols_do_no_harm),
		cmocka_unit_test(no_reply_carries_what_could_break_a_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
