/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/clock.h"
#include "postern/base/id.h"
#include "postern/base/mem.h"
#include "postern/base/rand.h"

#include "postern/intake/repair.h"

#define DATE "Date: Tue, 24 Nov 2026 10:00:00 +0100\r\n"
#define ID "Message-ID: <1@x>\r\n"
#define FROM "From: a@example.net\r\n"
#define WHOLE DATE ID FROM
#define MID 12345678901234567u
#define NOW 1795512672000

/* In what is expected: what is added. */
#define NEW_DATE "\x01"
#define NEW_ID "\x02"
#define NEW_FROM "\x03"
#define NEW NEW_DATE NEW_ID NEW_FROM

static const struct {
	const char *why, *in, *out;
} completed[] = {
	/* clang-format off */
	{ "a whole header stays",
	  WHOLE "Subject: x\r\n\r\nbody\r\n.\r\n", WHOLE "Subject: x\r\n\r\nbody\r\n.\r\n" },
	{ "what is missing comes behind what is there",
	  "Subject: x\r\n\r\nbody\r\n", "Subject: x\r\n" NEW "\r\nbody\r\n" },
	{ "a missing date", ID FROM "\r\nx", ID FROM NEW_DATE "\r\nx" },
	{ "a missing id", DATE FROM "\r\nx", DATE FROM NEW_ID "\r\nx" },
	{ "a missing sender", DATE ID "\r\nx", DATE ID NEW_FROM "\r\nx" },
	{ "names in any case, blanks before the colon",
	  "dATE :x\r\nMESSAGE-id\t: <y>\r\nfrom:z@z\r\n\r\n",
	  "dATE :x\r\nMESSAGE-id\t: <y>\r\nfrom:z@z\r\n\r\n" },
	{ "names that only begin so are others",
	  "Dates: x\r\nDat: x\r\nX-Date: x\r\nMessage-IDs: x\r\nFrom-X: y\r\n\r\n",
	  "Dates: x\r\nDat: x\r\nX-Date: x\r\nMessage-IDs: x\r\nFrom-X: y\r\n" NEW "\r\n" },
	{ "a name in a folded line is none",
	  "Subject: x\r\n Date: y\r\n\tFrom: z\r\n\r\n",
	  "Subject: x\r\n Date: y\r\n\tFrom: z\r\n" NEW "\r\n" },
	{ "the body is not looked at",
	  WHOLE "\r\nTo: root\r\nBcc: x\r\n\r\n", WHOLE "\r\nTo: root\r\nBcc: x\r\n\r\n" },
	{ "bcc stays where it is not to go", WHOLE "Bcc: x@y\r\n\r\n", WHOLE "Bcc: x@y\r\n\r\n" },
	{ "nothing at all", "", NEW },
	{ "an empty line", "\r\n", NEW "\r\n" },
	{ "an empty header", "\r\nbody\r\n", NEW "\r\nbody\r\n" },
	{ "no body", "Subject: x\r\n", "Subject: x\r\n" NEW },
	{ "no end of the last line", "Subject: x", "Subject: x\r\n" NEW },
	{ "nor of the last name", WHOLE "Subj", WHOLE "Subj" },
	{ "a text without a header gets one",
	  "Hello there,\r\nTo: you\r\n", NEW "\r\nHello there,\r\nTo: you\r\n" },
	{ "one word", "Hello\r\n", NEW "\r\nHello\r\n" },
	{ "one word without an end", "Hello", NEW "\r\nHello" },
	{ "a text that begins with a blank", " x: y\r\n", NEW "\r\n x: y\r\n" },
	{ "a text that begins with a colon", ": y\r\n", NEW "\r\n: y\r\n" },
	{ "a text in UTF-8", "\xc3\xa9t\xc3\xa9: y\r\n", NEW "\r\n\xc3\xa9t\xc3\xa9: y\r\n" },
	{ "a mailbox's line is no text",
	  "From a@b Tue Nov 24\r\nSubject: x\r\n\r\n", "From a@b Tue Nov 24\r\nSubject: x\r\n" NEW "\r\n" },
	{ "nor is one that is quoted",
	  ">From a@b Tue Nov 24\r\n\r\n", ">From a@b Tue Nov 24\r\n" NEW "\r\n" },
	{ "a line that is no field is passed over",
	  DATE "what is this\r\n" ID "x\r\n" FROM "\r\nx", DATE "what is this\r\n" ID "x\r\n" FROM "\r\nx" },
	{ "CR alone ends no line", "A: b\rDate: x\r\n\r\n", "A: b\rDate: x\r\n" NEW "\r\n" },
	{ "addresses get their domain",
	  DATE ID "From: root\r\nSender: cron\r\nTo: ann, bob@example.net,carl\r\nCc: dora\r\n\r\n",
	  DATE ID "From: root@example.com\r\nSender: cron@example.com\r\n"
	  "To: ann@example.com, bob@example.net,carl@example.com\r\nCc: dora@example.com\r\n\r\n" },
	{ "with comments, phrases, folded",
	  WHOLE "To: root (Cron \\) (Daemon)),\r\n \"A, B\" <ann>,\r\n Bob <bob@x>,\tC\r\n D <carl(x) >\r\n\r\n",
	  WHOLE "To: root@example.com (Cron \\) (Daemon)),\r\n \"A, B\" <ann@example.com>,\r\n"
	  " Bob <bob@x>,\tC\r\n D <carl@example.com(x) >\r\n\r\n" },
	{ "in groups",
	  WHOLE "To: undisclosed-recipients:;\r\nCc: team: ann, bob@x; , carl, other: <dora>;\r\n\r\n",
	  WHOLE "To: undisclosed-recipients:;\r\n"
	  "Cc: team: ann@example.com, bob@x; , carl@example.com, other: <dora@example.com>;\r\n\r\n" },
	{ "what may be something else stays",
	  WHOLE "To: Ann Smith, \"Ann Smith\", \"ann\", =?utf-8?q?ann?=, ann@web1, <>, <@a,@b:c@d>, .ann, a..b,\r\n"
	  " ann@[192.0.2.1], (ann), <Ann Smith>, x <a> y\r\n\r\n",
	  WHOLE "To: Ann Smith, \"Ann Smith\", \"ann\", =?utf-8?q?ann?=, ann@web1, <>, <@a,@b:c@d>, .ann, a..b,\r\n"
	  " ann@[192.0.2.1], (ann), <Ann Smith>, x <a@example.com> y\r\n\r\n" },
	{ "other fields stay", WHOLE "Reply-To: ann\r\nResent-To: ann\r\n\r\n",
	  WHOLE "Reply-To: ann\r\nResent-To: ann\r\n\r\n" },
	{ "an address field at the end of all", WHOLE "To: ann", WHOLE "To: ann@example.com" },
	{ "an empty address field", WHOLE "To:\r\nCc: \r\n\r\n", WHOLE "To:\r\nCc: \r\n\r\n" },
	/* clang-format on */
};

static const struct {
	const char *why, *in, *out;
} without_bcc[] = {
	/* clang-format off */
	{ "nothing else changes", "Subject: x\r\nTo: ann\r\n\r\nbody", "Subject: x\r\nTo: ann\r\n\r\nbody" },
	{ "bcc goes", "A: b\r\nBcc: x@y\r\nC: d\r\n\r\n", "A: b\r\nC: d\r\n\r\n" },
	{ "with its folded lines", "Bcc: x@y,\r\n z@y,\r\n\tq@y\r\nC: d\r\n\r\n", "C: d\r\n\r\n" },
	{ "in any case and more than once", "BCC:x\r\nbcc : x\r\nBcc\t: y\r\n\r\nbody", "\r\nbody" },
	{ "that of one who sent it again", "Resent-Bcc: x\r\n\r\n", "\r\n" },
	{ "names that only look like it",
	  "Bccs: x\r\nBc: x\r\nX-Bcc: x\r\nResent-Bccs: x\r\nBcc\r\nA: Bcc: x\r\n Bcc: y\r\n\r\n",
	  "Bccs: x\r\nBc: x\r\nX-Bcc: x\r\nResent-Bccs: x\r\nBcc\r\nA: Bcc: x\r\n Bcc: y\r\n\r\n" },
	{ "not from the body", "A: b\r\n\r\nBcc: x\r\n", "A: b\r\n\r\nBcc: x\r\n" },
	{ "behind a line that is no field", "Hello there\r\nBcc: x\r\n\r\nBcc: x\r\n", "Hello there\r\n\r\nBcc: x\r\n" },
	{ "at the end of all", "A: b\r\nBcc: x@y", "A: b\r\n" },
	{ "nothing at all", "", "" },
	{ "half a name", "Bc", "Bc" },
	{ "a CR alone", "\r", "\r" },
	/* clang-format on */
};

enum cut { WHOLE_AT_ONCE, BYTE_BY_BYTE, AT_RANDOM };

static void
run(const struct repair_settings *s, struct str in, enum cut cut,
    struct buf *out)
{
	struct repair *r = repair_new(s);

	while (in.len > 0) {
		size_t n = in.len;

		if (cut == BYTE_BY_BYTE)
			n = 1;
		else if (cut == AT_RANDOM)
			n = 1 + (size_t)rand_below(n < 20 ? n : 20);
		repair_feed(r, in.p, n, out);
		in.p += n;
		in.len -= n;
	}
	repair_end(r, out);
	assert_true(repair_is_over(r));
	repair_free(&r);
	assert_null(r);
}

static char *
expected(const char *text)
{
	char *all = mem_str(""), date[40], id[ID_TEXT];

	clock_rfc5322(NOW, date);
	id_text(MID, id);
	for (; *text != '\0'; text++) {
		char *more;

		if (*text == NEW_DATE[0])
			more = mem_printf("%sDate: %s\r\n", all, date);
		else if (*text == NEW_ID[0])
			more = mem_printf(
			    "%sMessage-ID: <%s@mx.example.com>\r\n", all, id);
		else if (*text == NEW_FROM[0])
			more = mem_printf("%sFrom: env@example.org\r\n", all);
		else
			more = mem_printf("%s%c", all, *text);
		free(all);
		all = more;
	}
	return all;
}

static const struct repair_settings whole = {
	.complete = true,
	.hostname = "mx.example.com",
	.domain = "example.com",
	.sender = "env@example.org",
	.mid = MID,
	.now_ms = NOW,
};

static void
check(const struct repair_settings *s, const char *why, const char *in,
    const char *out)
{
	char *want = expected(out);

	for (int i = 0; i < 20; i++) {
		struct buf got;

		buf_init(&got, 1 << 20);
		run(s, str_of(in), i < 2 ? (enum cut)i : AT_RANDOM, &got);
		if (!str_eq(buf_str(&got), str_of(want)))
			fail_msg("%s (%d):\n%.*s\ninstead of\n%s", why, i,
			    (int)got.len, buf_str(&got).p, want);
		buf_done(&got);
	}
	free(want);
}

static void
a_header_is_made_whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof completed / sizeof completed[0]; i++)
		check(&whole, completed[i].why, completed[i].in,
		    completed[i].out);
}

static void
bcc_is_taken_away(void **state)
{
	struct repair_settings s = whole;

	(void)state;
	s.complete = false;
	s.remove_bcc = true;
	for (size_t i = 0; i < sizeof without_bcc / sizeof without_bcc[0]; i++)
		check(&s, without_bcc[i].why, without_bcc[i].in,
		    without_bcc[i].out);
	s.complete = true;
	check(&s, "both", "Bcc: x\r\nTo: ann\r\n\r\nbody",
	    "To: ann@example.com\r\n" NEW "\r\nbody");
	check(&s, "nothing but bcc", "Bcc: x", NEW);
}

static void
the_null_sender_makes_no_from(void **state)
{
	struct repair_settings s = whole;

	(void)state;
	s.sender = "";
	check(&s, "null sender", DATE "\r\nx", DATE NEW_ID "\r\nx");
	check(&s, "null sender, whole", DATE ID "\r\nx", DATE ID "\r\nx");
	check(&s, "null sender, no line end", DATE ID "A: x", DATE ID "A: x");
}

/* Not repaired: out is in; why and which field are told. */
static void
check_left(const char *in, const char *name, const char *why)
{
	struct repair *r = repair_new(&whole);
	const char *left_name = NULL, *left;
	struct buf out;

	buf_init(&out, 1 << 20);
	repair_feed(r, in, strlen(in), &out);
	repair_end(r, &out);
	left = repair_left(r, &left_name);
	assert_true(str_eq(buf_str(&out), str_of(in)));
	if (why == NULL) {
		assert_null(left);
	} else {
		assert_non_null(left);
		assert_string_equal(left, why);
		assert_string_equal(left_name, name);
	}
	repair_free(&r);
	buf_done(&out);
	check(&whole, "left alone", in, in);
}

static void
what_is_not_understood_is_left_and_told(void **state)
{
	static const char *const unclear[] = { "\"ann", "ann (x", "ann [x",
		"<ann", "ann>", "<<ann>>", "a: b: c;", "a: b", "b;", ":;",
		"ann\\bob", "a\x05" };

	(void)state;
	for (size_t i = 0; i < sizeof unclear / sizeof unclear[0]; i++) {
		char *in = mem_printf(WHOLE "To: %s\r\n\r\nx", unclear[i]);

		check_left(in, "To", "its addresses are not understood");
		free(in);
	}
	check_left(WHOLE "To: ann@example.com\r\n\r\n", NULL, NULL);
}

/* A To field of n bytes in lines of 8 that lack no domain. */
static char *
long_field(size_t n)
{
	char *text = mem_new(n + sizeof WHOLE + 8), *p = text;

	p += sprintf(p, WHOLE "To: a@b");
	for (size_t got = sizeof "To: a@b\r\n" - 1; got < n; got += 8)
		p += sprintf(p, ",\r\n x@yz");
	p += sprintf(p, "\r\n\r\n");
	return text;
}

static void
a_field_beyond_the_bound_is_left_and_told(void **state)
{
	size_t most = REPAIR_FIELD_MAX - (REPAIR_FIELD_MAX - 9) % 8;
	char *at = long_field(most), *over = long_field(most + 8);

	(void)state;
	check_left(at, NULL, NULL);
	check_left(over, "To", "it is too long");
	free(at);
	free(over);
}

static void
domains_do_not_make_lines_too_long(void **state)
{
	char in[1100] = WHOLE "To: ";

	(void)state;
	memset(in + strlen(in), 'a', 982); /* 998 with "@example.com" */
	strcat(in, "\r\n\r\n");
	memcpy(in + sizeof in - 1, "", 1);
	{
		char *out = mem_printf(
		    "%.*s@example.com\r\n\r\n", (int)strlen(in) - 4, in);

		check(&whole, "998 octets", in, out);
		free(out);
	}
	strcpy(in + strlen(in) - 4, "a\r\n\r\n");
	check_left(in, "To", "with domains added it would be too long");
}

/* So many short addresses that their domains would multiply it. */
static void
domains_add_only_so_much(void **state)
{
	char *in = mem_new(200000), *p = in;
	struct repair *r = repair_new(&whole);
	const char *name;
	struct buf out;

	(void)state;
	for (int i = 0; i < 30000; i++)
		p += sprintf(p, "To:a\n");
	buf_init(&out, strlen(in) + REPAIR_GROWTH_MAX);
	repair_feed(r, in, strlen(in), &out);
	repair_end(r, &out);
	assert_in_range(
	    out.len, strlen(in) + 16000, strlen(in) + REPAIR_FIELD_MAX + 200);
	assert_string_equal(
	    repair_left(r, &name), "with domains added it would be too long");
	repair_free(&r);
	buf_done(&out);
	free(in);
}

static void
blanks_without_end_before_a_colon_are_bounded(void **state)
{
	struct repair_settings s = whole;
	char *in = mem_new(REPAIR_FIELD_MAX + 64);

	(void)state;
	memset(in, ' ', REPAIR_FIELD_MAX + 20);
	memcpy(in, "Bcc", 3);
	strcpy(in + REPAIR_FIELD_MAX + 20, ": x\r\n\r\n");
	s.complete = false;
	s.remove_bcc = true;
	check(&s, "blanks", in, in);
	free(in);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_is_made_whole),
		cmocka_unit_test(bcc_is_taken_away),
		cmocka_unit_test(the_null_sender_makes_no_from),
		cmocka_unit_test(what_is_not_understood_is_left_and_told),
		cmocka_unit_test(a_field_beyond_the_bound_is_left_and_told),
		cmocka_unit_test(domains_do_not_make_lines_too_long),
		cmocka_unit_test(domains_add_only_so_much),
		cmocka_unit_test(blanks_without_end_before_a_colon_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
