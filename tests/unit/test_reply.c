/* SPDX-License-Identifier: Apache-2.0 */
/* reply, capability and base64: what is read by smtp_client. */
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
#include "postern/base/rand.h"
#include "postern/smtp/base64.h"
#include "postern/smtp/outcome.h"
#include "postern/smtp/smtp_client.h"
#include "smtp/capability.h"
#include "smtp/reply.h"

#define TEXT(s)                                                                \
	{                                                                      \
		s, sizeof(s) - 1                                               \
	}

/* Replies as "code enhanced|text;", or "bad: why". */
static const struct {
	const char *why;
	struct str in;
	const char *out;
} replies[] = {
	{ "a plain one", TEXT("250 ok\r\n"), "250 |ok;" },
	{ "a code alone", TEXT("250\r\n"), "250 |;" },
	{ "a code and a space", TEXT("250 \r\n"), "250 |;" },
	{ "two lines", TEXT("250-a\r\n250 b\r\n"), "250 |a b;" },
	{ "lines without text", TEXT("250-\r\n250-\r\n250\r\n"), "250 |;" },
	{ "two replies", TEXT("250 a\r\n550 b\r\n"), "250 |a;550 |b;" },
	{ "not yet whole", TEXT("250-a\r\n250-b\r\n"), "" },
	{ "no line end yet", TEXT("250 a"), "" },
	{ "an enhanced code", TEXT("550 5.1.1 no\r\n"), "550 5.1.1|no;" },
	{ "an enhanced code alone", TEXT("550 5.1.1\r\n"), "550 5.1.1|;" },
	{ "the longest", TEXT("450 4.123.987 x\r\n"), "450 4.123.987|x;" },
	{ "on each line", TEXT("550-5.7.1 a\r\n550 5.7.1 b\r\n"),
	    "550 5.7.1|a b;" },
	{ "another on the second line", TEXT("550-5.7.1 a\r\n550 5.1.1 b\r\n"),
	    "550 5.7.1|a 5.1.1 b;" },
	{ "only on the second line", TEXT("550-a\r\n550 5.7.1 b\r\n"),
	    "550 |a 5.7.1 b;" },
	{ "its class is another", TEXT("550 4.1.1 no\r\n"), "550 |4.1.1 no;" },
	{ "a class that is none", TEXT("354 3.0.0 go\r\n"), "354 |3.0.0 go;" },
	{ "four digits", TEXT("550 5.1000.1 x\r\n"), "550 |5.1000.1 x;" },
	{ "leading zeros", TEXT("550 5.01.1 x\r\n"), "550 |5.01.1 x;" },
	{ "zeros", TEXT("250 2.0.0 x\r\n"), "250 2.0.0|x;" },
	{ "no detail", TEXT("550 5.1 x\r\n"), "550 |5.1 x;" },
	{ "an empty detail", TEXT("550 5.1. x\r\n"), "550 |5.1. x;" },
	{ "glued to the text", TEXT("550 5.1.1x\r\n"), "550 |5.1.1x;" },
	{ "control bytes", TEXT("250 a\x1b[0m\0b\x7f\tc\rd\r\n"),
	    "250 |a?[0m?b? c?d;" },
	{ "UTF-8 stays", TEXT("250 n\xc3\xbc\r\n"), "250 |n\xc3\xbc;" },
	{ "what is none does not", TEXT("250 \xc3(\xff\xed\xa0\x80 x\r\n"),
	    "250 |?(???? x;" },
	{ "spaces around", TEXT("250   a  \r\n"), "250 |a;" },
	{ "1xx is a code", TEXT("150 x\r\n"), "150 |x;" },
	{ "a bare LF", TEXT("250 ok\n"),
	    "bad: a reply line that does not end in CRLF" },
	{ "an empty line", TEXT("\r\n"), "bad: a line without a reply code" },
	{ "words", TEXT("hello\r\n"), "bad: a line without a reply code" },
	{ "two digits", TEXT("25 ok\r\n"), "bad: a line without a reply code" },
	{ "four", TEXT("2500 ok\r\n"),
	    "bad: a reply code without a space or hyphen" },
	{ "a tab", TEXT("250\tok\r\n"),
	    "bad: a reply code without a space or hyphen" },
	{ "0xx", TEXT("050 ok\r\n"), "bad: a line without a reply code" },
	{ "6xx", TEXT("650 ok\r\n"), "bad: a line without a reply code" },
	{ "codes that differ", TEXT("250-a\r\n550 b\r\n"),
	    "bad: lines of one reply with different codes" },
	{ "good, then bad", TEXT("250 a\r\nx\r\n250 b\r\n"),
	    "250 |a;bad: a line without a reply code" },
};

static const char *
name_of(const char *why, size_t step)
{
	static char text[200];

	snprintf(text, sizeof text, "%s, %zu at a time", why, step);
	return text;
}

/* step 0: cut at random. */
static void
parse(struct str in, size_t step, struct buf *out)
{
	struct reply *r = mem_new(sizeof *r);
	enum reply_result res = REPLY_MORE;

	reply_init(r, NULL, NULL);
	while (in.len > 0 && res != REPLY_BAD) {
		size_t n = step > 0 ? step : (size_t)rand_below(in.len) + 1;
		size_t taken;
		char *copy;

		if (n > in.len)
			n = in.len;
		copy = mem_dup(in.p, n); /* so that a read beyond is seen */
		res = reply_feed(r, copy, n, &taken);
		free(copy);
		if (res == REPLY_WHOLE)
			assert_int_equal(buf_addf(out, "%u %s|%s;", r->code,
			                     r->enhanced, r->text),
			    0);
		else if (res == REPLY_BAD)
			assert_int_equal(buf_addf(out, "bad: %s", r->fault), 0);
		else
			assert_int_equal(taken, n);
		in.p += taken;
		in.len -= taken;
	}
	if (res == REPLY_BAD) {
		size_t taken;

		assert_int_equal(
		    reply_feed(r, "250 ok\r\n", 8, &taken), REPLY_BAD);
	}
	free(r);
}

static void
a_reply_is_read_however_it_is_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof replies / sizeof replies[0]; i++) {
		for (size_t step = 0; step <= replies[i].in.len; step++) {
			struct buf b;

			buf_init(&b, 1 << 16);
			parse(replies[i].in, step, &b);
			assert_int_equal(buf_add(&b, "", 1), 0);
			if (strcmp(buf_at(&b), replies[i].out) != 0)
				fail_msg("%s: '%s', not '%s'",
				    name_of(replies[i].why, step), buf_at(&b),
				    replies[i].out);
			buf_done(&b);
		}
	}
}

/* n octets of a line with its CRLF. */
static void
add_line(struct buf *b, const char *start, size_t n)
{
	size_t have = strlen(start);

	assert_int_equal(buf_adds(b, start), 0);
	for (; have + 2 < n; have++)
		assert_int_equal(buf_adds(b, "x"), 0);
	assert_int_equal(buf_adds(b, "\r\n"), 0);
}

static const struct {
	const char *why;
	size_t lines, octets; /* of each line */
	const char *fault;
} limits[] = {
	{ "the longest line", 1, REPLY_LINE_MAX, NULL },
	{ "one over it", 1, REPLY_LINE_MAX + 1,
	    "a reply line that is too long" },
	{ "the most lines", REPLY_LINES_MAX, 10, NULL },
	{ "one over them", REPLY_LINES_MAX + 1, 10,
	    "a reply of too many lines" },
	{ "the most octets", REPLY_BYTES_MAX / 1024, 1024, NULL },
	{ "a line over them", REPLY_BYTES_MAX / 1024 + 1, 1024,
	    "a reply that is too long" },
};

static void
a_reply_has_limits(void **state)
{
	static const size_t steps[] = { 1, 7, 4096, 1 << 20 };
	struct buf in, out;

	(void)state;
	for (size_t i = 0; i < 4 * sizeof limits / sizeof limits[0]; i++) {
		size_t row = i / 4;
		const char *fault = limits[row].fault;

		buf_init(&in, 1 << 20);
		buf_init(&out, 1 << 20);
		for (size_t k = 1; k < limits[row].lines; k++)
			add_line(&in, "250-", limits[row].octets);
		add_line(&in, "250 ", limits[row].octets);
		parse(buf_str(&in), steps[i % 4], &out);
		assert_int_equal(buf_add(&out, "", 1), 0);
		if (fault == NULL ? strncmp(buf_at(&out), "250 |", 5) != 0
		                  : strcmp(buf_at(&out) + 5, fault) != 0)
			fail_msg("%s: %s", limits[row].why, buf_at(&out));
		buf_done(&in);
		buf_done(&out);
	}
}

static void
a_line_without_end_is_not_kept_for_ever(void **state)
{
	struct reply *r = mem_new(sizeof *r);
	enum reply_result res = REPLY_MORE;
	size_t n = 0, taken;

	(void)state;
	reply_init(r, NULL, NULL);
	while (res == REPLY_MORE && n < 10000) {
		res = reply_feed(r, "2", 1, &taken);
		n++;
	}
	assert_int_equal(res, REPLY_BAD);
	assert_int_equal(n, REPLY_LINE_MAX + 1);
	free(r);
}

static void
the_text_is_cut_between_characters(void **state)
{
	struct reply *r = mem_new(sizeof *r);
	struct buf in;
	size_t taken;

	(void)state;
	buf_init(&in, 4096);
	assert_int_equal(buf_adds(&in, "250 "), 0);
	for (int i = 0; i < 400; i++)
		assert_int_equal(buf_adds(&in, "\xc3\xbc"), 0);
	assert_int_equal(buf_adds(&in, "\r\n"), 0);
	reply_init(r, NULL, NULL);
	assert_int_equal(
	    reply_feed(r, buf_at(&in), in.len, &taken), REPLY_WHOLE);
	assert_int_equal(strlen(r->text), 510);
	assert_int_equal(r->text_len, 510);
	buf_done(&in);
	free(r);
}

#define P SMTP_CAP_AUTH_PLAIN
#define L SMTP_CAP_AUTH_LOGIN
#define X SMTP_CAP_AUTH_XOAUTH2

static const struct {
	const char *why, *line;
	uint32_t set;
	uint64_t size;
	const char *auth;
} offers[] = {
	{ "nothing known", "XFOO bar", 0, 0, "" },
	{ "one of each", "PIPELINING", SMTP_CAP_PIPELINING, 0, "" },
	{ "in any case", "chunking", SMTP_CAP_CHUNKING, 0, "" },
	{ "8BITMIME", "8BITMIME", SMTP_CAP_8BITMIME, 0, "" },
	{ "SMTPUTF8", "SMTPUTF8", SMTP_CAP_SMTPUTF8, 0, "" },
	{ "DSN", "DSN ", SMTP_CAP_DSN, 0, "" },
	{ "STARTTLS", "STARTTLS", SMTP_CAP_STARTTLS, 0, "" },
	{ "enhanced codes", "ENHANCEDSTATUSCODES", SMTP_CAP_ENHANCED, 0, "" },
	{ "MT-PRIORITY, of whatever policy", "MT-PRIORITY MIXER",
	    SMTP_CAP_MT_PRIORITY, 0, "" },
	{ "REQUIRETLS", "REQUIRETLS", SMTP_CAP_REQUIRETLS, 0, "" },
	{ "LIMITS", "LIMITS", SMTP_CAP_LIMITS, 0, "" },
	{ "DELIVERBY", "DELIVERBY 60", SMTP_CAP_DELIVERBY, 0, "" },
	{ "a word that only starts so", "PIPELININGX", 0, 0, "" },
	{ "a size", "SIZE 35882577", SMTP_CAP_SIZE, 35882577, "" },
	{ "a size of none", "SIZE", SMTP_CAP_SIZE, 0, "" },
	{ "a size of 0", "SIZE 0", SMTP_CAP_SIZE, 0, "" },
	{ "a size that is no number", "SIZE x1", SMTP_CAP_SIZE, 0, "" },
	{ "a size too big", "SIZE 99999999999999999999", SMTP_CAP_SIZE, 0, "" },
	{ "AUTH", "AUTH LOGIN PLAIN", P | L, 0, "LOGIN PLAIN" },
	{ "AUTH as it was", "AUTH=PLAIN", P, 0, "PLAIN" },
	{ "AUTH as it was, with more", "AUTH=LOGIN XOAUTH2", L | X, 0,
	    "LOGIN XOAUTH2" },
	{ "in small letters", "auth login  plain", P | L, 0, "login  plain" },
	{ "AUTH of nothing we know", "AUTH NTLM\x1b", 0, 0, "NTLM" },
	{ "AUTH of nothing", "AUTH", 0, 0, "" },
	{ "a mechanism that only starts so", "AUTH PLAINTEXT", 0, 0,
	    "PLAINTEXT" },
};

static void
an_offer_is_understood(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof offers / sizeof offers[0]; i++) {
		struct capability c = { 0 };
		size_t n = strlen(offers[i].auth);

		capability_line(&c, 0, str_of(offers[i].line));
		if (c.set != 0)
			fail_msg("%s: offered by a greeting", offers[i].why);
		capability_line(&c, 1, str_of(offers[i].line));
		if (c.set != offers[i].set || c.size_max != offers[i].size ||
		    strncmp(c.auth, offers[i].auth, n) != 0)
			fail_msg("%s: %x %s", offers[i].why, c.set, c.auth);
	}
}

static const struct {
	const char *why, *line;
	struct smtp_limits want;
} bounds[] = {
	{ "all", "LIMITS RCPTMAX=20 MAILMAX=5 RCPTDOMAINMAX=1", { 20, 5, 1 } },
	{ "in any case and order", "limits  mailmax=5 rcptmax=2", { 2, 5, 0 } },
	{ "the largest", "LIMITS RCPTMAX=999999", { 999999, 0, 0 } },
	{ "a digit too many", "LIMITS RCPTMAX=1000000 MAILMAX=1", { 0, 1, 0 } },
	{ "none at all is no limit", "LIMITS RCPTMAX=0", { 0, 0, 0 } },
	{ "nor is one with a zero in front", "LIMITS RCPTMAX=010",
	    { 0, 0, 0 } },
	{ "nor no number", "LIMITS RCPTMAX= MAILMAX=x RCPTDOMAINMAX",
	    { 0, 0, 0 } },
	{ "unknown ones are passed over", "LIMITS FOO=3 FOOMAX MAILMAX=7",
	    { 0, 7, 0 } },
	{ "of other words", "LIMIT RCPTMAX=3", { 0, 0, 0 } },
};

static void
limits_are_read_one_by_one(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
		const struct smtp_limits *want = &bounds[i].want;
		struct capability c = { 0 };

		capability_line(&c, 1, str_of(bounds[i].line));
		if (c.limits.rcpts != want->rcpts ||
		    c.limits.messages != want->messages ||
		    c.limits.domains != want->domains)
			fail_msg("%s: %u %u %u", bounds[i].why, c.limits.rcpts,
			    c.limits.messages, c.limits.domains);
	}
}

static void
mechanisms_add_up_and_are_cut_for_people(void **state)
{
	struct capability c = { 0 };
	char line[400] = "AUTH ";

	(void)state;
	memset(line + 5, 'X', sizeof line - 6);
	capability_line(&c, 1, str_of(line));
	assert_int_equal(strlen(c.auth), sizeof c.auth - 1);
	capability_line(&c, 2, STR("AUTH=LOGIN"));
	capability_line(&c, 3, STR("AUTH PLAIN"));
	assert_int_equal(c.set, P | L);
}

static const struct {
	struct str raw;
	const char *text;
} codes[] = {
	/* RFC 4648 section 10, and the digits beyond letters */
	{ TEXT(""), "" },
	{ TEXT("f"), "Zg==" },
	{ TEXT("fo"), "Zm8=" },
	{ TEXT("foo"), "Zm9v" },
	{ TEXT("foob"), "Zm9vYg==" },
	{ TEXT("fooba"), "Zm9vYmE=" },
	{ TEXT("foobar"), "Zm9vYmFy" },
	{ TEXT("\0a\0b"), "AGEAYg==" },
	{ TEXT("\xfb\xff\xfe\xff\xff"), "+//+//8=" },
};

static void
base64_is_as_its_rfc_has_it(void **state)
{
	struct buf b;

	(void)state;
	for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
		size_t n = strlen(codes[i].text);

		buf_init(&b, 100);
		assert_int_equal(base64_len(codes[i].raw.len), n);
		assert_int_equal(base64_add(&b, codes[i].raw), 0);
		assert_int_equal(b.len, n);
		assert_memory_equal(n > 0 ? buf_at(&b) : "", codes[i].text, n);
		buf_done(&b);
	}
	buf_init(&b, 7);
	assert_int_equal(base64_add(&b, STR("foobar")), -1);
	assert_int_equal(b.len, 0);
	buf_done(&b);
}

/* --- one by itself ----------------------------------------------------------
 */

static const struct {
	const char *text, *fault; /* NULL: none */
	uint16_t code;
	const char *enhanced, *says;
} whole[] = {
	{ "454 4.7.0 Throttling", NULL, 454, "4.7.0", "Throttling" },
	{ "454 a\r\n", NULL, 454, "", "a" },
	{ "550-5.7.1 a\n550 5.7.1 b\n", NULL, 550, "5.7.1", "a b" },
	{ "550-5.7.1 a\r\n550 5.7.1 b", NULL, 550, "5.7.1", "a b" },
	{ "250", NULL, 250, "", "" },
	{ "550-a", "a reply without its last line", 0, "", "" },
	{ "", "a reply without its last line", 0, "", "" },
	{ "250 a\n250 b", "more than one reply", 0, "", "" },
	{ "go away", "a line without a reply code", 0, "", "" },
	{ "250-a\n550 b", "lines of one reply with different codes", 0, "",
	    "" },
};

static void
one_is_parsed_by_itself(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++) {
		struct outcome o = { .code = 1 };
		struct err err = { 0 };
		int rc =
		    outcome_parse(&o, OUTCOME_DOT, str_of(whole[i].text), &err);

		assert_int_equal(rc, whole[i].fault ? -1 : 0);
		if (whole[i].fault) {
			assert_string_equal(err.text, whole[i].fault);
			assert_int_equal(o.code, 1);
			continue;
		}
		assert_int_equal(o.code, whole[i].code);
		assert_int_equal(o.stage, OUTCOME_DOT);
		assert_int_equal(o.io, OUTCOME_REPLY);
		assert_string_equal(o.enhanced, whole[i].enhanced);
		assert_string_equal(o.text, whole[i].says);
	}
}

static void
each_stage_has_its_word(void **state)
{
	enum outcome_stage got;

	(void)state;
	for (int i = 0; i < OUTCOME_STAGES; i++) {
		const char *word = outcome_stage_word((enum outcome_stage)i);

		assert_true(outcome_stage_of(str_of(word), &got));
		assert_int_equal(got, i);
	}
	assert_false(outcome_stage_of(STR("*"), &got));
	assert_false(outcome_stage_of(STR(""), &got));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reply_is_read_however_it_is_cut),
		cmocka_unit_test(a_reply_has_limits),
		cmocka_unit_test(one_is_parsed_by_itself),
		cmocka_unit_test(each_stage_has_its_word),
		cmocka_unit_test(a_line_without_end_is_not_kept_for_ever),
		cmocka_unit_test(the_text_is_cut_between_characters),
		cmocka_unit_test(an_offer_is_understood),
		cmocka_unit_test(limits_are_read_one_by_one),
		cmocka_unit_test(mechanisms_add_up_and_are_cut_for_people),
		cmocka_unit_test(base64_is_as_its_rfc_has_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
