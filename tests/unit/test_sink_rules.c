/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tools/sink_rules.h"

static const struct {
	const char *why, *text;
	int rc;
} rules[] = {
	{ "a code", "mail=451", 0 },
	{ "with an enhanced one", "rcpt=550:5.1.1", 0 },
	{ "and a text with a colon", "dot=554:5.7.1:no: never", 0 },
	{ "so many times", "data*3=452", 0 },
	{ "an address", "rcpt<a@b>=550", 0 },
	{ "an address with an equals sign, so many times", "rcpt<a=b@c>*2=550",
	    0 },
	{ "the null sender", "mail<>=550", 0 },
	{ "actions", "body=drop", 0 },
	{ "actions in any case", "dot=RESET", 0 },
	{ "and the last one", "banner=hang", 0 },
	{ "no equals sign", "mail", -1 },
	{ "no such stage", "male=550", -1 },
	{ "no such action", "mail=fall", -1 },
	{ "no such code", "mail=199", -1 },
	{ "nor this one", "mail=600", -1 },
	{ "no reply in the body", "body=550", -1 },
	{ "no number of times", "mail*x=550", -1 },
	{ "an address that does not end", "mail<a=550", -1 },
	{ "something behind it", "mail<a>x=550", -1 },
	{ "an address where there is none", "data<a>=550", -1 },
	{ "an enhanced code that is too long", "mail=550:5.1.1.1.1.1.1", -1 },
};

static void
rules_are_read_or_refused_with_a_word(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
		struct sink_rules r = { 0 };
		struct err err = { 0 };

		if (sink_rules_add(&r, rules[i].text, &err) != rules[i].rc ||
		    (rules[i].rc == -1) != (err.text[0] != '\0'))
			fail_msg("%s: %s", rules[i].why, err.text);
		sink_rules_done(&r);
	}
}

static uint16_t
code_of(struct sink_rules *r, enum sink_stage stage, const char *address)
{
	const struct sink_rule *rule =
	    sink_rules_match(r, stage, str_of(address));

	return rule == NULL ? 0 : rule->reply.code;
}

static void
the_first_rule_that_still_holds_is_taken(void **state)
{
	struct sink_rules r = { 0 };
	struct err err;

	(void)state;
	assert_int_equal(sink_rules_add(&r, "rcpt<a@b>*2=451", &err), 0);
	assert_int_equal(sink_rules_add(&r, "rcpt<A@B>=452", &err), 0);
	assert_int_equal(sink_rules_add(&r, "rcpt*1=550:5.1.1:x", &err), 0);
	assert_int_equal(code_of(&r, SINK_RCPT, "a@b"), 451);
	assert_int_equal(code_of(&r, SINK_MAIL, "a@b"), 0);
	assert_int_equal(code_of(&r, SINK_RCPT, "a@B"), 451);
	assert_int_equal(code_of(&r, SINK_RCPT, "a@b"), 452);
	assert_int_equal(code_of(&r, SINK_RCPT, "c@b"), 550);
	assert_int_equal(code_of(&r, SINK_RCPT, "c@b"), 0);
	assert_int_equal(code_of(&r, SINK_RCPT, "a@b"), 452);
	sink_rules_done(&r);
}

static void
a_reply_has_its_parts(void **state)
{
	struct sink_rules r = { 0 };
	const struct sink_rule *rule;
	struct err err;

	(void)state;
	assert_int_equal(
	    sink_rules_add(&r, "mail<>=421:4.3.2:going: down", &err), 0);
	assert_null(sink_rules_match(&r, SINK_MAIL, STR("x@y")));
	rule = sink_rules_match(&r, SINK_MAIL, STR(""));
	assert_non_null(rule);
	assert_int_equal(rule->action, SINK_REPLY);
	assert_string_equal(rule->reply.enhanced, "4.3.2");
	assert_string_equal(rule->reply.text, "going: down");
	assert_true(rule->reply.close);
	sink_rules_done(&r);
}

static void
delays_are_for_all_stages_or_one(void **state)
{
	struct sink_rules r = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(sink_rules_delay(&r, "20", &err), 0);
	assert_int_equal(sink_rules_delay(&r, "dot=500", &err), 0);
	assert_int_equal(r.delay_ms[SINK_MAIL], 20);
	assert_int_equal(r.delay_ms[SINK_DOT], 500);
	assert_int_equal(sink_rules_delay(&r, "dots=500", &err), -1);
	assert_int_equal(sink_rules_delay(&r, "dot=", &err), -1);
	assert_int_equal(sink_rules_delay(&r, "3600001", &err), -1);
	sink_rules_done(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_are_read_or_refused_with_a_word),
		cmocka_unit_test(the_first_rule_that_still_holds_is_taken),
		cmocka_unit_test(a_reply_has_its_parts),
		cmocka_unit_test(delays_are_for_all_stages_or_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
