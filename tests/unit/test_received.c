/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "postern/mail/header.h"
#include "postern/mail/message.h"
#include "postern/mail/received.h"

#define DATE "Tue, 24 Nov 2026 09:31:12 +0000"

static const struct {
	const char *why;
	struct received r;
	const char *out;
} rows[] = {
	{ "one recipient",
	    { "app1", "192.0.2.1", "mx.test", "ESMTP", "0abc", "c@d", DATE },
	    "Received: from app1 ([192.0.2.1]) by mx.test with ESMTP id "
	    "0abc for <c@d>;\r\n\t" DATE "\r\n" },
	{ "several recipients are not told",
	    { "app1", "192.0.2.1", "mx.test", "ESMTP", "0abc", NULL, DATE },
	    "Received: from app1 ([192.0.2.1]) by mx.test with ESMTP id 0abc;"
	    "\r\n\t" DATE "\r\n" },
	{ "a priority",
	    { "app1", "192.0.2.1", "mx.test", "ESMTP", "0abc", NULL, DATE, NULL,
	        -3 },
	    "Received: from app1 ([192.0.2.1]) by mx.test with ESMTP id 0abc "
	    "PRIORITY -3;\r\n\t" DATE "\r\n" },
	{ "IPv6 and an address literal as name",
	    { "[192.0.2.9]", "2001:db8::1", "mx", "SMTP", "x", NULL, DATE },
	    "Received: from [192.0.2.9] ([IPv6:2001:db8::1]) by mx with SMTP "
	    "id x;\r\n\t" DATE "\r\n" },
	{ "no name and no address",
	    { NULL, "local", "mx", "ESMTP", "x", NULL, DATE },
	    "Received: from unknown (local) by mx with ESMTP id x;\r\n"
	    "\t" DATE "\r\n" },
	{ "a name that would disturb the field",
	    { "a;b\r\nX: (y)\"<@", "uid=33", "mx", "ESMTP", "x", NULL, DATE },
	    "Received: from a?b??X???y???? (uid=33) by mx with ESMTP id x;\r\n"
	    "\t" DATE "\r\n" },
	{ "a recipient that is no address is left out",
	    { "a", "local", "mx", "ESMTP", "x", "c@d>\r\nX: y", DATE },
	    "Received: from a (local) by mx with ESMTP id x;\r\n"
	    "\t" DATE "\r\n" },
	{ "TLS is told in a comment",
	    { "app1", "192.0.2.1", "mx", "ESMTPS", "x", NULL, DATE,
	        "TLSv1.3 TLS_AES_256_GCM_SHA384" },
	    "Received: from app1 ([192.0.2.1]) by mx with ESMTPS\r\n"
	    "\t(TLSv1.3 TLS_AES_256_GCM_SHA384) id x;\r\n\t" DATE "\r\n" },
	{ "UTF-8 goes as it is",
	    { "a", "local", "mx", "UTF8SMTP", "x", "\xc3\xa9@d", DATE },
	    "Received: from a (local) by mx with UTF8SMTP id x for "
	    "<\xc3\xa9@d>;"
	    "\r\n\t" DATE "\r\n" },
};

static void
the_field_is_built(void **state)
{
	struct buf b;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		buf_init(&b, RECEIVED_MAX);
		assert_int_equal(received_build(&b, &rows[i].r), 0);
		if (!str_eq(buf_str(&b), str_of(rows[i].out)))
			fail_msg(
			    "%s:\n%.*s", rows[i].why, (int)b.len, buf_at(&b));
		buf_done(&b);
	}
}

static void
the_longest_parts_fit(void **state)
{
	char name[1000], rcpt[255];
	struct received r = { name, name, name, name, name, rcpt, DATE, name };
	struct message_scan s;
	struct header_scan h;
	struct buf b;

	(void)state;
	memset(name, 'n', sizeof name - 1);
	memset(rcpt, 'r', sizeof rcpt - 1);
	name[sizeof name - 1] = rcpt[sizeof rcpt - 1] = '\0';
	rcpt[252] = '@';
	buf_init(&b, RECEIVED_MAX);
	assert_int_equal(received_build(&b, &r), 0);
	message_scan_init(&s);
	message_scan(&s, buf_at(&b), b.len);
	header_scan_init(&h);
	header_scan(&h, buf_at(&b), b.len);
	header_scan(&h, "\r\n", 2);
	assert_int_equal(s.fault, MESSAGE_OK);
	assert_true(s.longest <= 270);
	assert_true(h.is_over && h.received == 1);
	assert_memory_equal(buf_at(&b) + b.len - 33, DATE "\r\n", 33);
	buf_done(&b);
}

static void
a_full_buffer_stays_as_it_was(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 20);
	assert_int_equal(received_build(&b, &rows[0].r), -1);
	assert_int_equal(b.len, 0);
	buf_done(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_field_is_built),
		cmocka_unit_test(the_longest_parts_fit),
		cmocka_unit_test(a_full_buffer_stays_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
