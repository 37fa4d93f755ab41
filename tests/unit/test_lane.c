/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "postern/intake/lane.h"

static uint8_t
lane(const char *lane, const char *sender, const char *client, const char *user)
{
	struct lane_who who = {
		.sender = sender, .client = client, .user = user
	};

	return lane_of(lane, &who);
}

static uint8_t
lane_by(const char *value)
{
	struct lane_who who = { .value = str_of(value) };

	return lane_of("header:X-Tenant", &who);
}

static void
a_lane_is_what_it_is_made_of(void **state)
{
	uint8_t of_sender = lane("sender", "a@x.com", "c", "u");

	(void)state;
	assert_int_equal(lane(NULL, "a@x.com", "c", "u"), 0);
	assert_int_not_equal(of_sender, 0);
	assert_int_equal(lane("sender", "A@X.com", "d", NULL), of_sender);
	assert_int_not_equal(lane("sender", "b@x.com", "c", "u"), of_sender);
	assert_int_equal(lane("sender-domain", "a@x.com", "c", "u"),
	    lane("sender-domain", "b@X.COM", "d", NULL));
	assert_int_not_equal(lane("sender-domain", "a@y.com", "c", "u"),
	    lane("sender-domain", "a@x.com", "c", "u"));
	assert_int_equal(lane("client", "a@x.com", "192.0.2.1", "u"),
	    lane("client", "b@y.com", "192.0.2.1", NULL));
	assert_int_equal(lane("user", "a@x.com", "c", NULL), 0);
	assert_int_equal(lane("user", "a@x.com", "c", "app"),
	    lane("user", "b@y.com", "d", "app"));
	assert_int_equal(lane("news", "a@x.com", "c", "u"),
	    lane("news", "b@y.com", "d", NULL));
	assert_int_not_equal(lane("news", "", "c", NULL), 0);
	assert_int_not_equal(lane("sender", "", "c", NULL), 0);
}

static void
a_field_of_the_header_makes_a_lane(void **state)
{
	struct str name;

	(void)state;
	assert_int_equal(lane_by(""), 0);
	assert_int_not_equal(lane_by("acme"), 0);
	assert_int_equal(lane_by("acme"), lane_by("ACME"));
	assert_int_not_equal(lane_by("acme"), lane_by("other"));
	assert_true(lane_header("header:X-Tenant", &name));
	assert_true(str_eq(name, STR("X-Tenant")));
	assert_false(lane_header("sender", &name));
	assert_false(lane_header(NULL, &name));
}

static const struct {
	const char *why, *text;
	bool is_good;
} texts[] = {
	{ "a word that has a meaning", "sender-domain", true },
	{ "any other name", "Bulk_1.a", true },
	{ "as long as may be",
	    "123456789012345678901234567890123456789012345678901234567890123",
	    true },
	{ "one more",
	    "1234567890123456789012345678901234567890123456789012345678901234",
	    false },
	{ "nothing", "", false },
	{ "a blank", "a b", false },
	{ "a header's field", "header:X-Tenant", true },
	{ "without a name", "header:", false },
	{ "a name that no field has", "header:X Tenant", false },
	{ "a name with a colon", "header:a:b", false },
	{ "another word before the colon", "heather:X-Tenant", false },
};

static void
what_is_no_lane_is_refused(void **state)
{
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		int rc = lane_check(str_of(texts[i].text), &err);

		if ((rc == 0) != texts[i].is_good)
			fail_msg("%s", texts[i].why);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lane_is_what_it_is_made_of),
		cmocka_unit_test(a_field_of_the_header_makes_a_lane),
		cmocka_unit_test(what_is_no_lane_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
