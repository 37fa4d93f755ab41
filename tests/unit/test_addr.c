/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

#include "postern/io/addr.h"

static const struct {
	const char *why, *text;
	const char *again, *host; /* NULL: refused */
	bool loopback;
} rows[] = {
	{ "IPv4", "192.0.2.1:25", "192.0.2.1:25", "192.0.2.1", false },
	{ "all of it", "0.0.0.0:0", "0.0.0.0:0", "0.0.0.0", false },
	{ "loopback", "127.0.0.1:25", "127.0.0.1:25", "127.0.0.1", true },
	{ "loopback is a /8", "127.9.9.9:1", "127.9.9.9:1", "127.9.9.9", true },
	{ "IPv6", "[2001:DB8::1]:65535", "[2001:db8::1]:65535", "2001:db8::1",
	    false },
	{ "IPv6 loopback", "[::1]:25", "[::1]:25", "::1", true },
	{ "mapped loopback", "[::ffff:127.0.0.1]:25", "[::ffff:127.0.0.1]:25",
	    "::ffff:127.0.0.1", true },
	{ "mapped", "[::ffff:192.0.2.1]:25", "[::ffff:192.0.2.1]:25",
	    "::ffff:192.0.2.1", false },
	{ "a zone", "[fe80::1%lo]:25", "[fe80::1]:25", "fe80::1", false },
	{ "unix", "unix:/run/x.sock", "unix:/run/x.sock", "local", true },
	{ "no port", "127.0.0.1", NULL, NULL, false },
	{ "an empty port", "127.0.0.1:", NULL, NULL, false },
	{ "a port too high", "127.0.0.1:65536", NULL, NULL, false },
	{ "a port with a sign", "127.0.0.1:+25", NULL, NULL, false },
	{ "no host", ":25", NULL, NULL, false },
	{ "empty brackets", "[]:25", NULL, NULL, false },
	{ "a name", "localhost:25", NULL, NULL, false },
	{ "the short form", "127.1:25", NULL, NULL, false },
	{ "IPv6 without brackets", "::1:25", NULL, NULL, false },
	{ "IPv4 in brackets", "[127.0.0.1]:25", NULL, NULL, false },
	{ "no such zone", "[fe80::1%nope]:25", NULL, NULL, false },
	{ "a relative path", "unix:x.sock", NULL, NULL, false },
	{ "nothing", "", NULL, NULL, false },
};

static void
addresses_are_read_and_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct addr a = { .len = 77 };
		struct err err = { 0 };
		char text[ADDR_TEXT];
		int rc = addr_parse(&a, rows[i].text, &err);

		if (rc != (rows[i].again ? 0 : -1))
			fail_msg("%s", rows[i].why);
		if (rc < 0) {
			assert_int_equal(a.len, 77); /* untouched */
			assert_int_equal(err.kind, ERR_CONFIG);
			continue;
		}
		addr_text(&a, text);
		assert_string_equal(text, rows[i].again);
		addr_host_text(&a, text);
		assert_string_equal(text, rows[i].host);
		if (addr_is_loopback(&a) != rows[i].loopback)
			fail_msg("%s: loopback", rows[i].why);
		assert_int_equal(
		    addr_is_unix(&a), !strcmp(rows[i].host, "local"));
	}
}

static void
a_path_has_a_limit(void **state)
{
	struct sockaddr_un un;
	char text[256] = "unix:/";
	struct addr a;
	struct err err;

	(void)state;
	memset(text + 6, 'x', sizeof un.sun_path - 2);
	assert_int_equal(addr_parse(&a, text, &err), 0);
	strcat(text, "x");
	assert_int_equal(addr_parse(&a, text, &err), -1);
}

static void
a_peer_without_a_path_has_a_text(void **state)
{
	struct addr a = { .len = sizeof(sa_family_t) };
	char text[ADDR_TEXT];

	(void)state;
	a.ss.ss_family = AF_UNIX;
	addr_text(&a, text);
	assert_string_equal(text, "unix:");
}

static void
a_user_is_a_peer(void **state)
{
	struct addr a;
	char text[ADDR_TEXT];
	uid_t uid = 0;

	(void)state;
	addr_of_uid(&a, 4294967294u);
	addr_host_text(&a, text);
	assert_string_equal(text, "uid=4294967294");
	assert_true(addr_is_unix(&a) && addr_is_loopback(&a));
	assert_true(addr_uid(&a, &uid));
	assert_int_equal(uid, 4294967294u);
	assert_int_equal(addr_parse(&a, "unix:/uid=5", &(struct err){ 0 }), 0);
	assert_false(addr_uid(&a, &uid));
	assert_int_equal(addr_parse(&a, "127.0.0.1:5", &(struct err){ 0 }), 0);
	assert_false(addr_uid(&a, &uid));
	a = (struct addr){ .len = sizeof(sa_family_t) };
	a.ss.ss_family = AF_UNIX;
	assert_false(addr_uid(&a, &uid));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_read_and_written),
		cmocka_unit_test(a_path_has_a_limit),
		cmocka_unit_test(a_peer_without_a_path_has_a_text),
		cmocka_unit_test(a_user_is_a_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
