/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "postern/mail/local.h"

static const struct {
	const char *why, *address;
	bool is_local;
} rows[] = {
	{ "a name of this host", "root@web1.example.com", true },
	{ "whatever its case", "root@LocalHost", true },
	{ "another host", "root@web2.example.com", false },
	{ "one below", "root@x.localhost", false },
	{ "one above", "root@example.com", false },
	{ "one that ends so", "root@mylocalhost", false },
	{ "the last @ counts", "\"a@b\"@localhost", true },
	{ "the same elsewhere", "\"root@localhost\"@example.com", false },
	{ "no domain: Postmaster", "root", true },
	{ "the null sender", "", false },
};

static void
an_address_is_of_this_host_or_not(void **state)
{
	const char *domains[] = { "web1.example.com", "localhost" };
	struct local l = { .domains = domains, .ndomains = 2 };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (local_has(&l, str_of(rows[i].address)) != rows[i].is_local)
			fail_msg("%s", rows[i].why);
	}
	l.ndomains = 0;
	assert_false(local_has(&l, STR("root@localhost")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_is_of_this_host_or_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
