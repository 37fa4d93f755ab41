/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/mem.h"
#include "postern/mail/local.h"
#include "postern/mail/rewrite.h"

#define NEW "no-reply@example.com"

static const char *removed[] = { "X-Internal", "bcc" };
static const char *added[] = { "X-Sent-By: app", "Organization: Example" };

/* f: From; r: remove; a: add; 2: a second one with another From */
static const struct rewrite from_only = { .from = NEW };
static const struct rewrite remove_only = { .remove = removed, .nremove = 2 };
static const struct rewrite add_only = { .add = added, .nadd = 2 };
static const char *below[] = { "example.com", "example.org" };
static const struct rewrite masked = { .masquerade = below, .nmasquerade = 2 };
static const char *host_domains[] = { "web1", "localhost", "w.example.com" };
static const struct local host = {
	.from = "all@example.net", .domains = host_domains, .ndomains = 3
};
static const struct rewrite hosts = { .host = &host };
static const struct rewrite second = { .from = "two@example.org" };

/* in: header and body; out: what it all becomes. */
static const struct {
	const char *why, *with, *in, *out;
} rows[] = {
	/* From */
	{ "an address alone", "f", "From: ann@web1\r\nTo: b@c\r\n\r\nx\r\n",
	    "From: " NEW "\r\nReply-To: ann@web1\r\nTo: b@c\r\n\r\nx\r\n" },
	{ "a name stays", "f", "From: Ann Smith <ann@web1>\r\n\r\n",
	    "From: Ann Smith <" NEW ">\r\nReply-To: Ann Smith "
	    "<ann@web1>\r\n\r\n" },
	{ "a quoted name", "f", "From: \"Smith, Ann\" <ann@web1>\r\n\r\n",
	    "From: \"Smith, Ann\" <" NEW ">\r\nReply-To: \"Smith, Ann\" "
	    "<ann@web1>\r\n\r\n" },
	{ "an encoded word", "f",
	    "From: =?utf-8?Q?J=C3=B6rg?= <j@web1>\r\n\r\n",
	    "From: =?utf-8?Q?J=C3=B6rg?= <" NEW
	    ">\r\nReply-To: =?utf-8?Q?J=C3=B6rg?= <j@web1>\r\n\r\n" },
	{ "raw UTF-8", "f", "From: J\xc3\xb6rg <j@web1>\r\n\r\n",
	    "From: J\xc3\xb6rg <" NEW
	    ">\r\nReply-To: J\xc3\xb6rg <j@web1>\r\n\r\n" },
	{ "raw Latin-1", "f", "From: J\xf6rg <j@web1>\r\n\r\n",
	    "From: J\xf6rg <" NEW ">\r\nReply-To: J\xf6rg <j@web1>\r\n\r\n" },
	{ "a comment behind", "f", "From: ann@web1 (Ann Smith)\r\n\r\n",
	    "From: " NEW " (Ann Smith)\r\nReply-To: ann@web1 (Ann "
	    "Smith)\r\n\r\n" },
	{ "a comment before, nested", "f",
	    "From: (a (b) <c>) Ann <ann@web1> (d)\r\n\r\n",
	    "From: (a (b) <c>) Ann <" NEW
	    "> (d)\r\nReply-To: (a (b) <c>) Ann <ann@web1> (d)\r\n\r\n" },
	{ "comments inside of the address go with it", "f",
	    "From: ann(x)@(y)web1\r\n\r\n",
	    "From: " NEW "\r\nReply-To: ann(x)@(y)web1\r\n\r\n" },
	{ "folded between name and address", "f",
	    "From: Ann Smith\r\n <ann@web1>\r\nTo: b@c\r\n\r\n",
	    "From: Ann Smith\r\n <" NEW ">\r\nReply-To: Ann Smith\r\n "
	    "<ann@web1>\r\nTo: b@c\r\n\r\n" },
	{ "folded at once, with a tab", "f", "From:\r\n\tann@web1\r\n\r\n",
	    "From:\r\n\t" NEW "\r\nReply-To:\r\n\tann@web1\r\n\r\n" },
	{ "no space behind the colon", "f", "From:ann@web1\r\n\r\n",
	    "From:" NEW "\r\nReply-To: ann@web1\r\n\r\n" },
	{ "its name's case and blanks stay", "f", "FROM \t: ann@web1\r\n\r\n",
	    "FROM \t: " NEW "\r\nReply-To: ann@web1\r\n\r\n" },
	{ "brackets without a name", "f", "From: <ann@web1>\r\n\r\n",
	    "From: <" NEW ">\r\nReply-To: <ann@web1>\r\n\r\n" },
	{ "a source route", "f", "From: Ann <@a,@b:ann@web1>\r\n\r\n",
	    "From: Ann <" NEW ">\r\nReply-To: Ann <@a,@b:ann@web1>\r\n\r\n" },
	{ "a quoted local part", "f", "From: \"a>b\"@web1\r\n\r\n",
	    "From: " NEW "\r\nReply-To: \"a>b\"@web1\r\n\r\n" },
	{ "the same in brackets", "f", "From: A <\"a>b\"@web1>\r\n\r\n",
	    "From: A <" NEW ">\r\nReply-To: A <\"a>b\"@web1>\r\n\r\n" },
	{ "an address literal", "f", "From: A <a@[192.0.2.1]>\r\n\r\n",
	    "From: A <" NEW ">\r\nReply-To: A <a@[192.0.2.1]>\r\n\r\n" },
	{ "an address as the name", "f", "From: ann@web1 <ann@web1>\r\n\r\n",
	    "From: ann@web1 <" NEW ">\r\nReply-To: ann@web1 "
	    "<ann@web1>\r\n\r\n" },
	{ "blanks at the end stay", "f", "From: ann@web1 \t\r\n\r\n",
	    "From: " NEW " \t\r\nReply-To: ann@web1 \t\r\n\r\n" },
	{ "several: the first one's name", "f",
	    "From: Ann <ann@web1>, Bob <bob@web1>\r\n\r\n",
	    "From: Ann <" NEW ">\r\nReply-To: Ann <ann@web1>, Bob "
	    "<bob@web1>\r\n\r\n" },
	{ "several without a name, folded", "f",
	    "From: ann@web1,\r\n bob@web1\r\n\r\n",
	    "From: " NEW "\r\nReply-To: ann@web1,\r\n bob@web1\r\n\r\n" },
	{ "a comma in a comment is none", "f", "From: a@web1 (b, c)\r\n\r\n",
	    "From: " NEW " (b, c)\r\nReply-To: a@web1 (b, c)\r\n\r\n" },
	{ "the address is right already", "f", "From: Ann <" NEW ">\r\n\r\n",
	    "From: Ann <" NEW ">\r\n\r\n" },
	{ "right but for its case", "f", "From: No-Reply@EXAMPLE.com\r\n\r\n",
	    "From: No-Reply@EXAMPLE.com\r\n\r\n" },
	{ "right, but not alone", "f", "From: " NEW ", a@b\r\n\r\n",
	    "From: " NEW "\r\nReply-To: " NEW ", a@b\r\n\r\n" },
	{ "Reply-To that is there stays", "f",
	    "From: a@web1\r\nReply-To: d@e\r\n\r\n",
	    "From: " NEW "\r\nReply-To: d@e\r\n\r\n" },
	{ "also before From, in any case", "f",
	    "reply-to: d@e\r\nFrom: a@web1\r\n\r\n",
	    "reply-to: d@e\r\nFrom: " NEW "\r\n\r\n" },
	{ "Sender goes", "f", "Sender: s@web1\r\nFrom: a@web1\r\n\r\n",
	    "From: " NEW "\r\nReply-To: a@web1\r\n\r\n" },
	{ "a second From goes", "f",
	    "From: a@web1\r\nX: y\r\nFrom: b@c\r\n\r\n",
	    "From: " NEW "\r\nReply-To: a@web1\r\nX: y\r\n\r\n" },
	{ "Resent-From is none", "f",
	    "Resent-From: a@b\r\nX-From: c@d\r\nFrom: a@web1\r\n\r\n",
	    "Resent-From: a@b\r\nX-From: c@d\r\nFrom: " NEW
	    "\r\nReply-To: a@web1\r\n\r\n" },
	{ "no From at all: behind the rest", "f", "To: b@c\r\n\r\nx\r\n",
	    "To: b@c\r\nFrom: " NEW "\r\n\r\nx\r\n" },
	{ "a group is not understood", "f", "From: g: a@b, c@d;\r\n\r\n",
	    "From: " NEW "\r\n\r\n" },
	{ "nor is a name alone", "f", "From: root\r\n\r\n",
	    "From: " NEW "\r\n\r\n" },
	{ "nor nothing", "f", "From: \r\n\r\n", "From: " NEW "\r\n\r\n" },
	{ "nor a bracket that stays open", "f", "From: A <a@b\r\n\r\n",
	    "From: " NEW "\r\n\r\n" },
	{ "nor a quote that stays open", "f", "From: \"A <a@b>\r\n\r\n",
	    "From: " NEW "\r\n\r\n" },
	{ "nor a comment that does", "f", "From: A (x <a@b>\r\n\r\n",
	    "From: " NEW "\r\n\r\n" },
	{ "nor two addresses in brackets", "f", "From: A <a@b> <c@d>\r\n\r\n",
	    "From: " NEW "\r\n\r\n" },
	{ "nor a word behind the bracket", "f", "From: A <a@b> c\r\n\r\n",
	    "From: " NEW "\r\n\r\n" },
	{ "nor a backslash outside of quotes", "f", "From: a\\b@c\r\n\r\n",
	    "From: " NEW "\r\n\r\n" },
	{ "of two the later one's", "f2", "From: A <a@web1>\r\n\r\n",
	    "From: A <two@example.org>\r\nReply-To: A <a@web1>\r\n\r\n" },
	/* the rest of the header */
	{ "folded fields beside it stay", "f",
	    "Subject: a\r\n b\r\n\tc\r\nFrom: a@web1\r\nX:\r\n \r\n\r\n",
	    "Subject: a\r\n b\r\n\tc\r\nFrom: " NEW
	    "\r\nReply-To: a@web1\r\nX:\r\n \r\n\r\n" },
	{ "From: in a folded line is none", "f",
	    "Subject: x\r\n From: b@c\r\nFrom: a@web1\r\n\r\n",
	    "Subject: x\r\n From: b@c\r\nFrom: " NEW
	    "\r\nReply-To: a@web1\r\n\r\n" },
	{ "From: in the body is none", "f", "From: a@web1\r\n\r\nFrom: b@c\r\n",
	    "From: " NEW "\r\nReply-To: a@web1\r\n\r\nFrom: b@c\r\n" },
	{ "what is no field begins the body", "f",
	    "From: a@web1\r\nthis is none\r\nFrom: y\r\n\r\n",
	    "From: " NEW "\r\nReply-To: a@web1\r\n\r\nthis is none\r\n"
	    "From: y\r\n\r\n" },
	{ "also behind our own field", "f", "Received: x\r\nHello.\r\n",
	    "Received: x\r\nFrom: " NEW "\r\n\r\nHello.\r\n" },
	{ "unless there is nothing to do", "r", "X: y\r\nHello.\r\n",
	    "X: y\r\nHello.\r\n" },
	{ "a mailbox's From line", "a", "X: y\r\nFrom a@b Mon Jan\r\n\r\n",
	    "X: y\r\nFrom a@b Mon Jan\r\nX-Sent-By: app\r\n"
	    "Organization: Example\r\n\r\n" },
	{ "a text without a header", "f", "Hello.\r\nFrom: a@b\r\n",
	    "From: " NEW "\r\n\r\nHello.\r\nFrom: a@b\r\n" },
	{ "the same begins with a space", "f", " From: a@b\r\n",
	    "From: " NEW "\r\n\r\n From: a@b\r\n" },
	{ "an empty header", "f", "\r\nx\r\n", "From: " NEW "\r\n\r\nx\r\n" },
	{ "nothing", "f", "", "From: " NEW "\r\n" },
	{ "a header and no more", "f", "From: a@web1\r\n",
	    "From: " NEW "\r\nReply-To: a@web1\r\n" },
	{ "it ends in a line", "f", "X: y\r\nFrom: a@web1",
	    "X: y\r\nFrom: " NEW "\r\nReply-To: a@web1\r\n" },
	{ "the same behind From", "f", "From: a@web1\r\nX: y",
	    "From: " NEW "\r\nReply-To: a@web1\r\nX: y\r\n" },
	/* taken away, added */
	{ "taken away, all of a name", "r",
	    "X-Internal: a\r\nTo: b@c\r\nx-internal: d\r\n\r\n",
	    "To: b@c\r\n\r\n" },
	{ "with their folded lines", "r",
	    "Bcc: a@b,\r\n c@d\r\n\te@f\r\nTo: b@c\r\n\r\nBcc: x\r\n",
	    "To: b@c\r\n\r\nBcc: x\r\n" },
	{ "no name that only begins so", "r",
	    "X-Internals: a\r\nX-Interna: b\r\nResent-Bcc: c\r\n\r\n",
	    "X-Internals: a\r\nX-Interna: b\r\nResent-Bcc: c\r\n\r\n" },
	{ "all of them", "r", "Bcc: a@b\r\n\r\nx\r\n", "\r\nx\r\n" },
	{ "nothing to take: as it was", "r", "To: b@c\r\n\r\nx",
	    "To: b@c\r\n\r\nx" },
	{ "a text without a header stays one", "r", "Hello\r\n", "Hello\r\n" },
	{ "added behind the rest", "a", "To: b@c\r\n\r\nx\r\n",
	    "To: b@c\r\nX-Sent-By: app\r\nOrganization: Example\r\n\r\nx\r\n" },
	{ "added to what has it", "a", "X-Sent-By: z\r\n\r\n",
	    "X-Sent-By: z\r\nX-Sent-By: app\r\nOrganization: "
	    "Example\r\n\r\n" },
	{ "a host below a domain", "m",
	    "From: root <root@web1.example.com> (Cron)\r\nTo: "
	    "a@web1.example.com\r\n\r\nx\r\n",
	    "From: root <root@example.com> (Cron)\r\nTo: "
	    "a@web1.example.com\r\n\r\nx\r\n" },
	{ "each address, folded, in any case", "m",
	    "SENDER : a@B.C.Example.COM,\r\n\t\"b@x.example.org\" "
	    "<c@x.example.org>\r\n\r\n",
	    "SENDER : a@example.com,\r\n\t\"b@x.example.org\" "
	    "<c@example.org>\r\n\r\n" },
	{ "the domain itself, one beside it, a literal", "m",
	    "From: a@example.com, b@notexample.com, c@[192.0.2.1], "
	    "d@.example.com\r\n\r\n",
	    "From: a@example.com, b@notexample.com, c@[192.0.2.1], "
	    "d@.example.com\r\n\r\n" },
	{ "fields of a forwarder, and of answers", "m",
	    "Resent-From: a@w.example.com\r\nReply-To: b@w.example.com"
	    "\r\nX-From: c@w.example.com\r\n\r\n",
	    "Resent-From: a@example.com\r\nReply-To: b@example.com"
	    "\r\nX-From: c@w.example.com\r\n\r\n" },
	{ "what is not understood from there on", "m",
	    "From: a@w.example.com (b, c@w.example.com\r\n\r\n",
	    "From: a@example.com (b, c@w.example.com\r\n\r\n" },
	{ "where answers go when From is another", "fm",
	    "From: Ann <a@w.example.org>\r\n\r\n",
	    "From: Ann <" NEW ">\r\nReply-To: Ann <a@example.org>\r\n\r\n" },
	/* the host's from */
	{ "a user of this host", "h", "From: www-data@web1\r\n\r\nx\r\n",
	    "From: all@example.net\r\n\r\nx\r\n" },
	{ "with a name, a comment", "h",
	    "From: \"Cron\" <root@WEB1>\r\nSender: root@localhost (Cron)\r\n"
	    "\r\n",
	    "From: \"Cron\" <all@example.net>\r\nSender: all@example.net "
	    "(Cron)\r\n\r\n" },
	{ "blanks and comments inside go with it", "h",
	    "From: root (x) @ (y) web1, \"a b\"@web1 (z)\r\n\r\n",
	    "From: all@example.net, all@example.net (z)\r\n\r\n" },
	{ "others stay", "h",
	    "From: ann@example.com, root@web2, web1, @web1\r\nTo: root@web1\r\n"
	    "X-From: root@web1\r\n\r\n",
	    "From: ann@example.com, root@web2, web1, @web1\r\nTo: root@web1\r\n"
	    "X-From: root@web1\r\n\r\n" },
	{ "a source route", "h", "Reply-To: <@web1,@web1:a@web1>\r\n\r\n",
	    "Reply-To: <@web1,@web1:all@example.net>\r\n\r\n" },
	{ "masquerade goes before it", "mh",
	    "From: a@w.example.com, b@web1\r\n\r\n",
	    "From: a@example.com, all@example.net\r\n\r\n" },
	{ "where answers go when From is another", "hf",
	    "From: Cron <root@web1>\r\n\r\n",
	    "From: Cron <" NEW
	    ">\r\nReply-To: Cron <all@example.net>\r\n\r\n" },
	{ "everything", "fra",
	    "Bcc: q@r\r\nFrom: Ann <a@web1>\r\nX-Internal: 1\r\nTo: b@c\r\n\r\n"
	    "x\r\n",
	    "From: Ann <" NEW ">\r\nReply-To: Ann <a@web1>\r\nTo: b@c\r\n"
	    "X-Sent-By: app\r\nOrganization: Example\r\n\r\nx\r\n" },
};
#define ROWS (sizeof rows / sizeof rows[0])

static size_t
with(const char *letters, const struct rewrite **w)
{
	size_t n = 0;

	for (; *letters != '\0'; letters++)
		w[n++] = *letters == 'f'   ? &from_only
		         : *letters == 'r' ? &remove_only
		         : *letters == 'a' ? &add_only
		         : *letters == 'm' ? &masked
		         : *letters == 'h' ? &hosts
		                           : &second;
	return n;
}

static void
golden(void **state)
{
	(void)state;
	assert_true(ROWS >= 60);
	for (size_t i = 0; i < ROWS; i++) {
		const struct rewrite *w[4];
		size_t n = with(rows[i].with, w), len = strlen(rows[i].in);
		/* no more can be read than is there */
		char *in = mem_dup(rows[i].in, len);
		struct buf out;
		size_t took;

		buf_init(&out, 4096);
		if (rewrite_header(
		        (struct str){ in, len }, true, w, n, &out, &took) != 0)
			fail_msg("%s: refused", rows[i].why);
		assert_int_equal(buf_add(&out, in + took, len - took), 0);
		assert_int_equal(buf_add(&out, "", 1), 0);
		if (strcmp(buf_at(&out), rows[i].out) != 0)
			fail_msg("%s:\n%s", rows[i].why, buf_at(&out));
		buf_done(&out);
		free(in);
	}
}

static const char *
run(const char *in, bool is_whole, size_t max)
{
	static char text[8192];
	const struct rewrite *w = &from_only;
	struct buf out;
	size_t took;
	int rc;

	buf_init(&out, max);
	rc = rewrite_header(str_of(in), is_whole, &w, 1, &out, &took);
	text[0] = '\0';
	if (rc == 0) {
		memcpy(text, buf_at(&out), out.len);
		text[out.len] = '\0';
	}
	buf_done(&out);
	return rc == 0 ? text : NULL;
}

static void
a_section_that_does_not_end_is_refused(void **state)
{
	(void)state;
	assert_null(run("From: a@web1\r\nX: y\r\n", false, 4096));
	assert_non_null(run("From: a@web1\r\nX: y\r\n", true, 4096));
	assert_non_null(run("From: a@web1\r\n\r", true, 4096));
	assert_non_null(run("From: a@web1\r\n\r\n", false, 4096));
}

static void
so_is_one_that_becomes_too_large(void **state)
{
	size_t n = strlen("From: " NEW "\r\nReply-To: a@web1\r\n");

	(void)state;
	assert_non_null(run("From: a@web1\r\n\r\n", true, n));
	assert_null(run("From: a@web1\r\n\r\n", true, n - 1));
}

/* 998 octets: one more with the new address, and the name goes; Reply-To is
 * folded where its name makes the line too long. */
static void
no_line_becomes_longer_than_998(void **state)
{
	char in[1100], name[1000];
	const char *out;

	(void)state;
	memset(name, 'n', sizeof name);
	for (int over = 0; over < 2; over++) {
		int len = 998 - (int)strlen("From:  <" NEW ">") + over;

		snprintf(in, sizeof in, "From: %.*s <a@b>\r\n\r\n", len, name);
		out = run(in, true, 4096);
		assert_non_null(out);
		assert_int_equal(strncmp(out, "From: " NEW "\r\n",
		                     strlen("From: " NEW)) == 0,
		    over);
	}
	snprintf(in, sizeof in, "From: %.*s <a@b>\r\n\r\n",
	    998 - (int)strlen("Reply-To:  <a@b>") + 1, name);
	assert_non_null(strstr(run(in, true, 4096), "Reply-To:\r\n nnn"));
}

static void
a_field_to_add_is_one(void **state)
{
	struct err err;
	char longest[1100];

	(void)state;
	assert_int_equal(rewrite_check_field(STR("X-A: b"), &err), 0);
	assert_int_equal(rewrite_check_field(STR("X-A:b"), &err), 0);
	assert_int_equal(rewrite_check_field(STR("X-A"), &err), -1);
	assert_int_equal(rewrite_check_field(STR("X-A:"), &err), -1);
	assert_int_equal(rewrite_check_field(STR("X A: b"), &err), -1);
	assert_int_equal(rewrite_check_field(STR(": b"), &err), -1);
	assert_int_equal(rewrite_check_field(STR("X: \xc3\xb6"), &err), -1);
	assert_non_null(strstr(err.text, "encoded word"));
	memset(longest, 'x', sizeof longest);
	memcpy(longest, "X: ", 3);
	assert_int_equal(
	    rewrite_check_field((struct str){ longest, 998 }, &err), 0);
	assert_int_equal(
	    rewrite_check_field((struct str){ longest, 999 }, &err), -1);
}

static const struct {
	const char *why, *in;
	const char *author; /* NULL: none */
} authors[] = {
	{ "the address alone", "X: y\r\nFrom: a@b\r\n\r\n", "a@b" },
	{ "in brackets", "From: A <a@b> (c)\r\n\r\n", "a@b" },
	{ "behind a source route", "From: <@c,@d:a@b>\r\n\r\n", "a@b" },
	{ "the first From", "From: a@b\r\nFrom: c@d\r\n\r\n", "a@b" },
	{ "several are nobody's", "From: a@b, c@d\r\n\r\n", "" },
	{ "nor is what is not understood", "From: root\r\n\r\n", "" },
	{ "none in the header", "X: y\r\n\r\nFrom: a@b\r\n", NULL },
};

static void
whose_it_is(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof authors / sizeof authors[0]; i++) {
		struct str got;
		bool is = rewrite_author(str_of(authors[i].in), &got);

		if (is != (authors[i].author != NULL) ||
		    (is && !str_eq(got, str_of(authors[i].author))))
			fail_msg("%s", authors[i].why);
	}
}

/* Lines are at most 998 octets. */
static void
an_address_that_makes_a_line_too_long_stays(void **state)
{
	static const struct rewrite *const w[] = { &hosts };

	(void)state;
	for (int len = 989; len <= 990; len++) { /* it would gain nine */
		char *in =
		    mem_printf("From: %0*d <a@web1>\r\n\r\n", len - 15, 0);
		struct buf out;
		size_t took;

		buf_init(&out, 4096);
		assert_int_equal(strlen(in), len + 4);
		assert_int_equal(
		    rewrite_header(str_of(in), true, w, 1, &out, &took), 0);
		assert_int_equal(out.len, (size_t)(len == 989 ? 998 : len) + 2);
		buf_done(&out);
		free(in);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden),
		cmocka_unit_test(a_section_that_does_not_end_is_refused),
		cmocka_unit_test(so_is_one_that_becomes_too_large),
		cmocka_unit_test(no_line_becomes_longer_than_998),
		cmocka_unit_test(an_address_that_makes_a_line_too_long_stays),
		cmocka_unit_test(a_field_to_add_is_one),
		cmocka_unit_test(whose_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
