/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "postern/mail/dsn.h"

#define TEXT(s)                                                                \
	{                                                                      \
		s, sizeof(s) - 1                                               \
	}
#define NOW 1700000000123

static const char header[] = "Subject: hi\r\nFrom: a@x\r\n\r\nbody\r\n";

static const struct dsn_rcpt refused = { .action = DSN_FAILED,
	.address = TEXT("b@y"),
	.orcpt = TEXT("rfc822;B+2BB@y"),
	.status = "5.1.1",
	.remote_mta = TEXT("mx.y"),
	.code = 550,
	.text = TEXT("no such user"),
	.last_attempt_ms = NOW };

static struct dsn_report
plain(const struct dsn_rcpt *rcpts, size_t n)
{
	return (struct dsn_report){ .hostname = "relay.example.com",
		.from = STR("MAILER-DAEMON@relay.example.com"),
		.to = STR("a@x"),
		.id = STR("0abc"),
		.message_id = STR("1.2@relay.example.com"),
		.now_ms = NOW,
		.arrival_ms = NOW - 3600000,
		.envid = STR("id+2B1"),
		.nrcpts = n,
		.rcpts = rcpts,
		.returned = { header, sizeof header - 1 } };
}

/* What must hold of every report. */
static void
check_form(struct str s)
{
	size_t line = 0;

	for (size_t i = 0; i < s.len; i++) {
		assert_int_not_equal(s.p[i], '\0');
		if (s.p[i] == '\n') {
			assert_true(i > 0 && s.p[i - 1] == '\r');
			assert_true(line <= 999); /* with its CR */
			line = 0;
			continue;
		}
		assert_true(line == 0 || s.p[i - 1] != '\r');
		line++;
	}
	assert_int_equal(line, 0);
}

static struct str
built(struct buf *b, const struct dsn_report *r, struct dsn_needs *needs)
{
	buf_init(b, 1 << 20);
	assert_int_equal(dsn_build(b, r, needs), 0);
	check_form(buf_str(b));
	assert_int_equal(buf_add(b, "", 1), 0); /* for strstr */
	return (struct str){ buf_at(b), b->len - 1 };
}

static const char whole[] =
    "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
    "From: Mail Delivery System <MAILER-DAEMON@relay.example.com>\r\n"
    "To: <a@x>\r\n"
    "Subject: Undelivered mail: it could not be delivered\r\n"
    "Message-ID: <1.2@relay.example.com>\r\n"
    "Auto-Submitted: auto-replied\r\n"
    "MIME-Version: 1.0\r\n"
    "Content-Type: multipart/report; report-type=delivery-status;\r\n"
    "\tboundary=\"=_18bcfe5687b.0_report\"\r\n"
    "Content-Transfer-Encoding: 7bit\r\n"
    "\r\n"
    "--=_18bcfe5687b.0_report\r\n"
    "Content-Type: text/plain; charset=utf-8\r\n"
    "Content-Transfer-Encoding: 7bit\r\n"
    "\r\n"
    "This is the mail relay at relay.example.com.\r\n"
    "\r\n"
    "Your message could not be delivered to this recipient, and it will not "
    "be\r\n"
    "tried again:\r\n"
    "\r\n"
    "  <b@y>\r\n"
    "    mx.y said: 550 5.1.1 no such user\r\n"
    "    Check the address for mistakes.\r\n"
    "\r\n"
    "Your message came in on Tue, 14 Nov 2023 21:13:20 +0000\r\n"
    "and is known here as 0abc.\r\n"
    "Its header follows below.\r\n"
    "\r\n"
    "--=_18bcfe5687b.0_report\r\n"
    "Content-Type: message/delivery-status\r\n"
    "Content-Transfer-Encoding: 7bit\r\n"
    "\r\n"
    "Original-Envelope-Id: id+1\r\n"
    "Reporting-MTA: dns; relay.example.com\r\n"
    "Arrival-Date: Tue, 14 Nov 2023 21:13:20 +0000\r\n"
    "\r\n"
    "Original-Recipient: rfc822;B+B@y\r\n"
    "Final-Recipient: rfc822; b@y\r\n"
    "Action: failed\r\n"
    "Status: 5.1.1\r\n"
    "Remote-MTA: dns; mx.y\r\n"
    "Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n"
    "Last-Attempt-Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
    "\r\n"
    "--=_18bcfe5687b.0_report\r\n"
    "Content-Type: text/rfc822-headers\r\n"
    "Content-Transfer-Encoding: 7bit\r\n"
    "\r\n"
    "Subject: hi\r\n"
    "From: a@x\r\n"
    "\r\n"
    "--=_18bcfe5687b.0_report--\r\n";

static void
a_report_of_one_failure_is_this(void **state)
{
	struct dsn_report r = plain(&refused, 1);
	struct dsn_needs needs = { true, true };
	struct buf b;

	(void)state;
	assert_string_equal(built(&b, &r, &needs).p, whole);
	assert_false(needs.eight_bit);
	assert_false(needs.smtputf8);
	buf_done(&b);
}

/* One recipient; what its fields, or the words for people, must hold. */
static const struct {
	const char *why;
	struct dsn_rcpt rcpt;
	const char *holds[4], *lacks;
} singles[] = {
	{ "a delay says how long it is tried",
	    { .action = DSN_DELAYED,
	        .address = TEXT("b@y"),
	        .text = TEXT("the connection was lost"),
	        .retry_until_ms = NOW + 86400000 },
	    { "Action: delayed\r\nStatus: 4.0.0\r\n"
	      "Diagnostic-Code: x-postern; the connection was lost\r\n"
	      "Will-Retry-Until: Wed, 15 Nov 2023 22:13:20 +0000\r\n",
	        "Subject: Delayed mail",
	        "    It is tried until Wed, 15 Nov 2023 22:13:20 +0000.\r\n",
	        "It is not lost" },
	    "Remote-MTA" },
	{ "handed to a server that reports no further",
	    { .action = DSN_RELAYED,
	        .address = TEXT("b@y"),
	        .status = "2.1.5",
	        .remote_mta = TEXT("mx.y"),
	        .code = 250,
	        .text = TEXT("ok") },
	    { "Action: relayed\r\nStatus: 2.1.5\r\n",
	        "Subject: Relayed mail: it was handed on\r\n" },
	    "Check the address" },
	{ "delivered", { .action = DSN_DELIVERED, .address = TEXT("b@y") },
	    { "Action: delivered\r\nStatus: 2.0.0\r\n\r\n",
	        "Subject: Delivered mail" },
	    "Diagnostic-Code" },
	{ "failed by time keeps its 4",
	    { .action = DSN_FAILED,
	        .address = TEXT("b@y"),
	        .status = "4.4.7",
	        .text = TEXT("four days are over") },
	    { "Action: failed\r\nStatus: 4.4.7\r\n", "send it again later" },
	    NULL },
	{ "a status of another class is not told",
	    { .action = DSN_DELAYED,
	        .address = TEXT("b@y"),
	        .status = "5.1.1",
	        .code = 450 },
	    { "Status: 4.0.0\r\nDiagnostic-Code: smtp; 450 5.1.1\r\n" }, NULL },
	{ "a status that is none",
	    { .action = DSN_FAILED,
	        .address = TEXT("b@y"),
	        .status = "5.1.1\r\nX: y" },
	    { "Status: 5.0.0\r\n" }, "\r\nX: y" },
	{ "a status with a number too long",
	    { .action = DSN_FAILED,
	        .address = TEXT("b@y"),
	        .status = "5.1.1111" },
	    { "Status: 5.0.0\r\n" }, "Status: 5.1" },
	{ "a reply that would break out",
	    { .action = DSN_FAILED,
	        .address = TEXT("b@y"),
	        .code = 550,
	        .text = TEXT("no\r\n\r\n--=_18bcfe5687b.0_report\0x") },
	    { "smtp; 550 no???"
	      "?--=_18bcfe5687b.0_report?x\r\n" },
	    "no\r\n\r\n--" },
	{ "a reply in UTF-8 is for people only",
	    { .action = DSN_FAILED,
	        .address = TEXT("b@y"),
	        .code = 550,
	        .text = TEXT("n\xc3\xbc \xff") },
	    { "said: 550 n=C3=BC ?", "smtp; 550 n?? ?\r\n" }, NULL },
	{ "an address that would break out",
	    { .action = DSN_FAILED, .address = TEXT("b\r\nAction: x@y") },
	    { "Final-Recipient: rfc822; b??Action: x@y\r\n" },
	    "\r\nAction: x" },
	{ "an ORCPT of another type",
	    { .action = DSN_FAILED,
	        .address = TEXT("b@y"),
	        .orcpt = TEXT("x400;a+20b") },
	    { "Original-Recipient: x400;a b\r\n" }, NULL },
	{ "an ORCPT in UTF-8 keeps its own escapes",
	    { .action = DSN_FAILED,
	        .address = TEXT("b@y"),
	        .orcpt = TEXT("utf-8;b\\x{FC}@y") },
	    { "Original-Recipient: utf-8;b\\x{FC}@y\r\n" }, "global" },
	{ "an ORCPT without a type is left out",
	    { .action = DSN_FAILED,
	        .address = TEXT("b@y"),
	        .orcpt = TEXT("b@y") },
	    { "Final-Recipient: rfc822; b@y\r\n" }, "Original-Recipient" },
	{ "an ORCPT whose type would break out",
	    { .action = DSN_FAILED,
	        .address = TEXT("b@y"),
	        .orcpt = TEXT("r\r\nX: y;b@y") },
	    { "Final-Recipient: rfc822; b@y\r\n" }, "X: y" },
	{ "xtext that decodes to a line end",
	    { .action = DSN_FAILED,
	        .address = TEXT("b@y"),
	        .orcpt = TEXT("rfc822;a+0D+0AX: y") },
	    { "Original-Recipient: rfc822;a" }, "\r\nX: y" },
};

static void
a_recipient_is_told_of_as_it_was(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof singles / sizeof singles[0]; i++) {
		struct dsn_report r = plain(&singles[i].rcpt, 1);
		struct dsn_needs needs;
		struct buf b;
		struct str s = built(&b, &r, &needs);

		for (size_t k = 0; k < 4 && singles[i].holds[k] != NULL; k++) {
			if (strstr(s.p, singles[i].holds[k]) == NULL)
				fail_msg("%s: '%s' is not in\n%s",
				    singles[i].why, singles[i].holds[k], s.p);
		}
		if (singles[i].lacks != NULL &&
		    strstr(s.p, singles[i].lacks) != NULL)
			fail_msg("%s: '%s' is in\n%s", singles[i].why,
			    singles[i].lacks, s.p);
		buf_done(&b);
	}
}

#define X10 "xxxxxxxxxx"
#define X60 X10 X10 X10 X10 X10 X10
#define X70 X60 X10

/* What is given back, and how it is declared. */
static const struct {
	const char *why;
	struct str returned;
	bool full, eight_bit;
	const char *holds, *lacks;
} returns[] = {
	{ "the header alone", TEXT("A: b\r\n\r\nbody\r\n"), false, false,
	    "text/rfc822-headers\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"
	    "A: b\r\n\r\n--",
	    "body" },
	{ "the whole message", TEXT("A: b\r\n\r\nbody\r\n"), true, false,
	    "message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"
	    "A: b\r\n\r\nbody\r\n\r\n--",
	    "Its header" },
	{ "8 bits in the body", TEXT("A: b\r\n\r\n\xfc\r\n"), true, true,
	    "message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n", "global" },
	{ "8 bits in the body that is not given back",
	    TEXT("A: b\r\n\r\n\xfc\r\n"), false, false,
	    "text/rfc822-headers\r\nContent-Transfer-Encoding: 7bit\r\n",
	    "8bit" },
	{ "UTF-8 in the header", TEXT("A: \xc3\xbc\r\n\r\nx=\r\n"), true, false,
	    "message/global\r\nContent-Transfer-Encoding: quoted-printable"
	    "\r\n\r\nA: =C3=BC\r\n\r\nx=3D\r\n",
	    NULL },
	{ "UTF-8 in the header alone", TEXT("A: \xc3\xbc \r\n\r\nx\r\n"), false,
	    false,
	    "message/global-headers\r\n"
	    "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
	    "A: =C3=BC=20\r\n\r\n--",
	    NULL },
	{ "8 bits in the header that are no UTF-8", TEXT("A: \xfc\r\n"), false,
	    false,
	    "text/rfc822-headers\r\n"
	    "Content-Transfer-Encoding: quoted-printable\r\n\r\nA: =FC\r\n",
	    "global" },
	{ "encoded lines are at most 76 long", TEXT("A: \xfc" X70 "\r\n"),
	    false, false, "A: =FC" X60 "xxxxxxxxx=\r\nx\r\n", NULL },
	{ "nothing given back: two parts", { NULL, 0 }, false, false,
	    "Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n", "rfc822-h" },
	{ "a header cut in its middle", TEXT("A: b\r\nC: d"), false, false,
	    "A: b\r\nC: d\r\n\r\n--", NULL },
	{ "no header at all", TEXT("\r\nbody\r\n"), false, false,
	    "text/rfc822-headers\r\n", "body" },
	{ "line ends and bytes that must not be", TEXT("A: \0\rb\nC: d\r\r\n"),
	    false, false, "A: ??b\r\nC: d?\r\n", NULL },
	{ "the boundary in what is given back",
	    TEXT("A: =_18bcfe5687b.0_report\r\nB: =_18BCFE5687B.1_report\r\n"),
	    false, false, "boundary=\"=_18bcfe5687b.2_report\"", NULL },
};

static void
what_is_returned_fits_its_part(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof returns / sizeof returns[0]; i++) {
		struct dsn_report r = plain(&refused, 1);
		struct dsn_needs needs;
		struct buf b;
		struct str s;

		r.returned = returns[i].returned;
		r.full = returns[i].full;
		s = built(&b, &r, &needs);
		if (strstr(s.p, returns[i].holds) == NULL)
			fail_msg("%s: not in\n%s", returns[i].why, s.p);
		if (returns[i].lacks != NULL &&
		    strstr(s.p, returns[i].lacks) != NULL)
			fail_msg("%s: is in\n%s", returns[i].why, s.p);
		if (needs.eight_bit != returns[i].eight_bit ||
		    str_is_ascii(s) == returns[i].eight_bit)
			fail_msg("%s: 8 bits told wrong", returns[i].why);
		if ((strstr(s.p, "Encoding: 8bit") != NULL) !=
		    returns[i].eight_bit)
			fail_msg("%s: declared wrong", returns[i].why);
		assert_false(needs.smtputf8);
		buf_done(&b);
	}
}

static void
several_recipients_share_one_report(void **state)
{
	struct dsn_rcpt three[] = { refused, refused, refused };
	struct dsn_report r = plain(three, 3);
	struct dsn_needs needs;
	struct buf b;
	struct str s;

	(void)state;
	three[0].action = DSN_DELAYED;
	three[1].address = STR("c@y");
	three[2].address = STR("d@y");
	s = built(&b, &r, &needs);
	assert_non_null(strstr(s.p, "Subject: Undelivered mail"));
	assert_non_null(strstr(s.p, "to these recipients, and it will"));
	assert_non_null(strstr(s.p, "has not reached this recipient yet"));
	assert_true(strstr(s.p, "  <d@y>\r\n") < strstr(s.p, "  <b@y>\r\n"));
	assert_non_null(strstr(s.p, "Final-Recipient: rfc822; c@y\r\n"));
	buf_done(&b);
}

static void
addresses_beyond_ascii_make_it_global(void **state)
{
	struct dsn_rcpt rcpt = refused;
	struct dsn_report r = plain(&rcpt, 1);
	struct dsn_needs needs;
	struct buf b;
	struct str s;

	(void)state;
	rcpt.address = STR("b\xc3\xbc@y");
	rcpt.orcpt = STR("utf-8;B\xc3\xbc@y");
	s = built(&b, &r, &needs);
	assert_non_null(strstr(s.p, "Final-Recipient: utf-8; b=C3=BC@y\r\n"));
	assert_non_null(strstr(s.p, "Original-Recipient: utf-8;B=C3=BC@y\r\n"));
	assert_non_null(strstr(s.p, "report-type=global-delivery-status"));
	assert_non_null(strstr(s.p, "message/global-delivery-status\r\n"));
	assert_false(needs.eight_bit);
	assert_false(needs.smtputf8);
	buf_done(&b);
	r.to = STR("a\xc3\xbc@x");
	s = built(&b, &r, &needs);
	assert_true(needs.smtputf8);
	buf_done(&b);
}

static void
a_long_line_is_cut(void **state)
{
	char text[5000];
	struct dsn_rcpt rcpt = refused;
	struct dsn_report r = plain(&rcpt, 1);
	struct dsn_needs needs;
	struct buf b;

	(void)state;
	memset(text, 'x', sizeof text);
	rcpt.text = rcpt.address = rcpt.remote_mta = rcpt.orcpt =
	    (struct str){ text, sizeof text };
	r.returned = r.id = r.envid = r.from = r.to = r.message_id = rcpt.text;
	(void)built(&b, &r, &needs); /* check_form() is the test */
	buf_done(&b);
}

static void
a_report_that_does_not_fit_leaves_nothing(void **state)
{
	struct dsn_report r = plain(&refused, 1);
	struct dsn_needs needs;
	struct buf b;

	(void)state;
	for (size_t max = 3; max < sizeof whole - 1; max += 7) {
		buf_init(&b, max);
		assert_int_equal(buf_adds(&b, "abc"), 0);
		assert_int_equal(dsn_build(&b, &r, &needs), -1);
		assert_int_equal(b.len, 3);
		buf_done(&b);
	}
	buf_init(&b, sizeof whole - 1);
	assert_int_equal(dsn_build(&b, &r, &needs), 0);
	buf_done(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_report_of_one_failure_is_this),
		cmocka_unit_test(a_recipient_is_told_of_as_it_was),
		cmocka_unit_test(what_is_returned_fits_its_part),
		cmocka_unit_test(several_recipients_share_one_report),
		cmocka_unit_test(addresses_beyond_ascii_make_it_global),
		cmocka_unit_test(a_long_line_is_cut),
		cmocka_unit_test(a_report_that_does_not_fit_leaves_nothing),
	};

	setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
