/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "postern/io/network.h"
#include "postern/io/addr.h"

static const struct {
	const char *why, *network, *peer;
	bool is_in;
} matches[] = {
	{ "one IPv4 address", "192.0.2.1", "192.0.2.1:25", true },
	{ "its neighbour", "192.0.2.1", "192.0.2.2:25", false },
	{ "first of an eight", "10.0.0.0/8", "10.0.0.0:1", true },
	{ "last of an eight", "10.0.0.0/8", "10.255.255.255:1", true },
	{ "one past an eight", "10.0.0.0/8", "11.0.0.0:1", false },
	{ "a prefix inside a byte", "192.0.2.64/26", "192.0.2.127:1", true },
	{ "one past it", "192.0.2.64/26", "192.0.2.128:1", false },
	{ "/32 is one address", "192.0.2.1/32", "192.0.2.1:1", true },
	{ "/31", "192.0.2.2/31", "192.0.2.3:1", true },
	{ "every IPv4 address", "0.0.0.0/0", "203.0.113.9:1", true },
	{ "no IPv6 one", "0.0.0.0/0", "[2001:db8::1]:1", false },
	{ "one IPv6 address", "::1", "[::1]:1", true },
	{ "an IPv6 network", "2001:db8::/32", "[2001:db8:ffff::1]:1", true },
	{ "one past it", "2001:db8::/32", "[2001:db9::]:1", false },
	{ "an odd prefix", "2001:db8:8000::/33", "[2001:db8:8000::1]:1", true },
	{ "below it", "2001:db8:8000::/33", "[2001:db8:7fff::1]:1", false },
	{ "every IPv6 address", "::/0", "[2001:db8::1]:1", true },
	{ "no IPv4 one", "::/0", "192.0.2.1:1", false },
	{ "a mapped address is IPv4", "192.0.2.0/24", "[::ffff:192.0.2.7]:1",
	    true },
	{ "and not IPv6", "::/0", "[::ffff:192.0.2.7]:1", false },
	{ "a unix socket is nowhere", "0.0.0.0/0", "unix:/tmp/x", false },
};

static void
an_address_is_in_its_networks(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof matches / sizeof matches[0]; i++) {
		struct network n;
		struct addr a;
		struct err err = { 0 };

		if (network_parse(&n, matches[i].network, &err) == -1 ||
		    addr_parse(&a, matches[i].peer, &err) == -1)
			fail_msg("%s: %s", matches[i].why, err.text);
		if (network_has(&n, &a) != matches[i].is_in)
			fail_msg("%s", matches[i].why);
	}
}

static const struct {
	const char *text, *says;
} mistakes[] = {
	{ "", "write it like 10.0.0.0/8" },
	{ "/8", "write it like 10.0.0.0/8" },
	{ "10", "write it like 10.0.0.0/8" },
	{ "example.com", "write it like 10.0.0.0/8" },
	{ "10.0.0.0 /8", "write it like 10.0.0.0/8" },
	{ "10.0.0.256", "write it like 10.0.0.0/8" },
	{ "2001:db8::g/32", "write it like 10.0.0.0/8" },
	{ "10.0.0.0/", "a number up to 32" },
	{ "10.0.0.0/33", "a number up to 32" },
	{ "10.0.0.0/-1", "a number up to 32" },
	{ "10.0.0.0/8/8", "a number up to 32" },
	{ "10.0.0.0/99999999999999999999", "a number up to 32" },
	{ "2001:db8::/129", "a number up to 128" },
	{ "10.1.2.3/8", "write 10.0.0.0/8" },
	{ "192.0.2.1/31", "write 192.0.2.0/31" },
	{ "2001:db8::1/32", "write 2001:db8::/32" },
	{ "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc/8",
	    "write it like 10.0.0.0/8" },
};

static void
a_mistake_is_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
		struct network n = { .bits = 77 };
		struct err err = { 0 };

		if (network_parse(&n, mistakes[i].text, &err) != -1)
			fail_msg("\"%s\" was taken", mistakes[i].text);
		assert_int_equal(err.kind, ERR_CONFIG);
		if (strstr(err.text, mistakes[i].says) == NULL)
			fail_msg("%s", err.text);
		assert_int_equal(n.bits, 77);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_is_in_its_networks),
		cmocka_unit_test(a_mistake_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
