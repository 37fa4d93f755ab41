/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "postern/mail/address_pattern.h"
#include "postern/intake/policy.h"
#include "postern/spool/spool.h"

static struct address_patterns *
list_of(const char *pattern)
{
	struct address_patterns *l = address_pattern_list();
	struct err err = { 0 };

	if (address_pattern_list_add(l, str_of(pattern), &err) == -1)
		fail_msg("%s", err.text);
	return l;
}

static void
without_a_policy_all_may(void **state)
{
	struct policy p;

	(void)state;
	policy_join(&p, NULL, NULL);
	assert_true(policy_allows_sender(&p, STR("ann@example.com")));
	assert_true(policy_allows_sender(&p, STR("")));
	assert_true(policy_allows_recipient(&p, STR("bob@example.net")));
	assert_int_equal(p.priority, SPOOL_NORMAL);
	assert_null(p.lane);
	assert_false(p.hold);
}

static void
what_a_user_has_takes_the_listeners_place(void **state)
{
	struct address_patterns *listeners = list_of("*@example.com");
	struct address_patterns *users = list_of("app@example.org");
	struct policy listener = { .senders = listeners,
		.recipients = listeners,
		.priority = SPOOL_LOW,
		.lane = "sender",
		.route = "news",
		.hold = true };
	struct policy user = POLICY_USER, p;

	(void)state;
	policy_join(&p, &listener, &user); /* it sets nothing */
	assert_ptr_equal(p.senders, listeners);
	assert_int_equal(p.priority, SPOOL_LOW);
	assert_string_equal(p.lane, "sender");
	assert_string_equal(p.route, "news");
	assert_true(p.hold);
	user.senders = users;
	user.priority = SPOOL_HIGH;
	user.lane = "user";
	user.route = "codes";
	policy_join(&p, &listener, &user);
	assert_false(policy_allows_sender(&p, STR("ann@example.com")));
	assert_true(policy_allows_sender(&p, STR("app@example.org")));
	assert_true(policy_allows_recipient(&p, STR("ann@example.com")));
	assert_false(policy_allows_recipient(&p, STR("app@example.org")));
	assert_true(policy_allows_recipient(&p, STR("PostMaster")));
	assert_int_equal(p.priority, SPOOL_HIGH);
	assert_string_equal(p.lane, "user");
	assert_string_equal(p.route, "codes");
	assert_true(p.hold); /* nobody gets out of the listener's */
	address_pattern_list_free(&listeners);
	address_pattern_list_free(&users);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_policy_all_may),
		cmocka_unit_test(what_a_user_has_takes_the_listeners_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
