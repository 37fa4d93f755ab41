/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "inlet/clients.h"
#include "postern/io/addr.h"

static const struct {
	const char *why, *listener, *peer;
	bool is_give;
	enum clients_room room;
} steps[] = {
	{ "the first", "a", "192.0.2.1:1", false, CLIENTS_OK },
	{ "another port is the same client", "a", "192.0.2.1:2", false,
	    CLIENTS_OK },
	{ "two are its share", "a", "192.0.2.1:3", false, CLIENTS_CLIENT_FULL },
	{ "the address mapped is the same client", "a", "[::ffff:192.0.2.1]:3",
	    false, CLIENTS_CLIENT_FULL },
	{ "another client has room", "a", "192.0.2.2:1", false, CLIENTS_OK },
	{ "another listener counts by itself", "b", "192.0.2.1:3", false,
	    CLIENTS_OK },
	{ "an IPv6 host", "a", "[2001:db8::1]:1", false, CLIENTS_OK },
	{ "the same /64", "a", "[2001:db8::2]:1", false, CLIENTS_OK },
	{ "five are the listener's share", "a", "unix:/x", false,
	    CLIENTS_LISTENER_FULL },
	{ "one goes", "a", "192.0.2.1:1", true, CLIENTS_OK },
	{ "the /64 has its share", "a", "[2001:db8::3]:1", false,
	    CLIENTS_CLIENT_FULL },
	{ "room for one more", "a", "unix:/x", false, CLIENTS_OK },
	{ "all go", "a", "192.0.2.1:2", true, CLIENTS_OK },
	{ "all go", "a", "192.0.2.2:1", true, CLIENTS_OK },
	{ "all go", "a", "[2001:db8::1]:1", true, CLIENTS_OK },
	{ "all go", "a", "[2001:db8::2]:1", true, CLIENTS_OK },
	{ "all go", "a", "unix:/x", true, CLIENTS_OK },
	{ "all go", "b", "192.0.2.1:3", true, CLIENTS_OK },
	{ "nothing is left of it", "a", "192.0.2.1:1", false, CLIENTS_OK },
	{ "nothing is left of it", "a", "192.0.2.1:1", true, CLIENTS_OK },
};

static void
a_client_and_a_listener_have_their_share(void **state)
{
	struct clients_limits limits = { .listener_max = 5, .client_max = 2 };

	(void)state;
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		struct addr a;
		struct err err = { 0 };

		assert_int_equal(addr_parse(&a, steps[i].peer, &err), 0);
		if (steps[i].is_give)
			clients_give(steps[i].listener, &a);
		else if (clients_take(steps[i].listener, &a, &limits) !=
		         steps[i].room)
			fail_msg("%s", steps[i].why);
	}
}

static void
no_limit_is_no_limit(void **state)
{
	struct clients_limits limits = { 0 };
	struct err err = { 0 };
	struct addr a;

	(void)state;
	assert_int_equal(addr_parse(&a, "192.0.2.1:1", &err), 0);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(clients_take("a", &a, &limits), CLIENTS_OK);
	for (int i = 0; i < 1000; i++)
		clients_give("a", &a);
}

static void
a_client_has_a_name(void **state)
{
	static const char *const names[][2] = {
		{ "192.0.2.1:25", "192.0.2.1" },
		{ "[::ffff:192.0.2.1]:25", "192.0.2.1" },
		{ "[2001:db8:0:1:2:3:4:5]:25", "2001:db8:0:1::/64" },
		{ "[::1]:25", "::/64" },
		{ "unix:/x", "local" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		char text[ADDR_TEXT], name[CLIENTS_NAME];
		struct err err = { 0 };
		struct addr a;

		assert_int_equal(addr_parse(&a, names[i][0], &err), 0);
		addr_host_text(&a, text);
		clients_name(&a, text, name);
		assert_string_equal(name, names[i][1]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_and_a_listener_have_their_share),
		cmocka_unit_test(no_limit_is_no_limit),
		cmocka_unit_test(a_client_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
