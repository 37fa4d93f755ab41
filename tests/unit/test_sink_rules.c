/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tools/sink_delays.h"
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
	{ "nor before the handshake", "handshake=550", -1 },
	{ "but it may end there", "handshake=reset", 0 },
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
code_at(struct sink_rules *r, const struct sink_moment *m)
{
	const struct sink_rule *rule = sink_rules_match(r, m);

	return rule == NULL ? 0 : rule->deed.reply.code;
}

static uint16_t
code_of(struct sink_rules *r, enum sink_stage stage, const char *address)
{
	const struct str a = str_of(address);
	const struct sink_moment m = { .stage = stage,
		.has_sender = true,
		.sender = stage == SINK_MAIL ? a : STR("me@here"),
		.rcpt = &a,
		.nrcpts = 1 };

	return code_at(r, &m);
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
	assert_int_equal(code_of(&r, SINK_MAIL, "x@y"), 0);
	rule = &r.rule[0];
	assert_int_equal(code_of(&r, SINK_MAIL, ""), 421);
	assert_int_equal(rule->deed.action, SINK_REPLY);
	assert_string_equal(rule->deed.reply.enhanced, "4.3.2");
	assert_string_equal(rule->deed.reply.text, "going: down");
	assert_true(rule->deed.reply.close);
	sink_rules_done(&r);
}

static const struct {
	const char *why;
	struct sink_rule rule;
	struct sink_moment yes, no;
} conditions[] = {
	{ "a time", { .span = { 30, 90 } }, { .us = 30 }, { .us = 90 } },
	{ "before it", { .span = { 30, 90 } }, { .us = 89 }, { .us = 29 } },
	{ "for ever", { .span = { 30, 0 } }, { .us = UINT64_MAX },
	    { .us = 0 } },
	{ "a connection", { .connection = { 3, 3 } }, { .connection = 3 },
	    { .connection = 4 } },
	{ "some connections", { .connection = { 3, 5 } }, { .connection = 5 },
	    { .connection = 2 } },
	{ "a session's message", { .nth = { 2, 9 } }, { .nth = 2 },
	    { .nth = 1 } },
	{ "a message of all", { .message = { 7, 7 } }, { .message = 7 },
	    { .message = 0 } },
};

static void
each_condition_has_to_hold(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof conditions / sizeof conditions[0]; i++) {
		struct sink_rule rule = conditions[i].rule;
		struct sink_rules r = { .rule = &rule, .n = 1 };

		rule.stages = 1u << SINK_HANDSHAKE;
		if (sink_rules_match(&r, &conditions[i].yes) == NULL ||
		    sink_rules_match(&r, &conditions[i].no) != NULL)
			fail_msg("%s", conditions[i].why);
	}
}

static const struct {
	const char *pattern, *address;
	bool fits;
} patterns[] = {
	{ "a@b", "A@B", true },
	{ "a@b", "a@bc", false },
	{ "*@b", "x.y@b", true },
	{ "*@b", "@b", true },
	{ "*@b", "x@b.c", false },
	{ "x*", "x", true },
	{ "*", "", true },
	{ "a*b*c", "axxbxbyc", true },
	{ "a*b*c", "axxbxby", false },
	{ "**", "ab", true },
	{ "", "", true },
	{ "", "a", false },
};

static void
a_star_stands_for_anything(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
		char pattern[16];
		const struct str address = str_of(patterns[i].address);
		const struct sink_moment m = {
			.stage = SINK_DOT, .rcpt = &address, .nrcpts = 1
		};
		struct sink_rule rule = { .stages = 1u << SINK_DOT,
			.recipient = strcpy(pattern, patterns[i].pattern) };
		struct sink_rules r = { .rule = &rule, .n = 1 };

		if ((sink_rules_match(&r, &m) != NULL) != patterns[i].fits)
			fail_msg("%s for %s", pattern, patterns[i].address);
	}
}

static void
one_recipient_that_fits_is_enough(void **state)
{
	char pattern[] = "*@slow.example";
	const struct str both[] = { STR("a@b.example"), STR("c@slow.example") };
	struct sink_moment m = { .stage = SINK_DOT, .rcpt = both, .nrcpts = 2 };
	struct sink_rule rule = { .stages = 1u << SINK_DOT,
		.recipient = pattern };
	struct sink_rules r = { .rule = &rule, .n = 1 };

	(void)state;
	assert_non_null(sink_rules_match(&r, &m));
	m.nrcpts = 1;
	assert_null(sink_rules_match(&r, &m));
}

static void
chance_is_the_same_for_the_same_seed(void **state)
{
	struct sink_rule rule = { .stages = 1u << SINK_DOT, .chance = 0.2 };
	struct sink_rules r = { .rule = &rule, .n = 1 };
	const struct sink_moment m = { .stage = SINK_DOT };
	unsigned hits = 0;
	bool first[1000];

	(void)state;
	sink_rules_seed(&r, 7);
	for (size_t i = 0; i < 1000; i++)
		hits += first[i] = sink_rules_match(&r, &m) != NULL;
	assert_in_range(hits, 150, 250);
	sink_rules_seed(&r, 7);
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(first[i], sink_rules_match(&r, &m) != NULL);
}

static void
each_fifth_is_each_fifth_that_fits(void **state)
{
	struct sink_rule rule = {
		.stages = 1u << SINK_DOT, .every = 5, .span = { 10, 0 }
	};
	struct sink_rules r = { .rule = &rule, .n = 1 };
	struct sink_moment m = { .stage = SINK_DOT };

	(void)state;
	for (uint64_t i = 1; i <= 30; i++) {
		m.us = i;
		assert_int_equal(sink_rules_match(&r, &m) != NULL,
		    i >= 10 && (i - 9) % 5 == 0);
	}
}

static void
delays_are_for_all_stages_or_one(void **state)
{
	struct sink_delays d = { 0 };
	const struct sink_delay jitter = { .stages = 1u << SINK_RCPT,
		.is_work = true,
		.span = { 5, 0 },
		.min_us = 10,
		.max_us = 12 };
	unsigned seen = 0;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(sink_delays_add(&d, "20", &err), 0);
	assert_int_equal(sink_delays_add(&d, "dot=500", &err), 0);
	assert_int_equal(sink_delays_put(&d, &jitter, &err), 0);
	assert_int_equal(sink_delays_line(&d, SINK_MAIL, 0), 20000);
	assert_int_equal(sink_delays_line(&d, SINK_DOT, 0), 500000);
	assert_int_equal(sink_delays_line(&d, SINK_RCPT, 5), 20000);
	assert_int_equal(sink_delays_work(&d, SINK_RCPT, 4), 0);
	for (int i = 0; i < 100; i++) {
		uint64_t us = sink_delays_work(&d, SINK_RCPT, 5);

		assert_in_range(us, 10, 12);
		seen |= 1u << us;
	}
	assert_int_equal(seen, 7u << 10);
	assert_int_equal(sink_delays_add(&d, "dots=500", &err), -1);
	assert_int_equal(sink_delays_add(&d, "dot=", &err), -1);
	assert_int_equal(sink_delays_add(&d, "3600001", &err), -1);
	sink_delays_done(&d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_are_read_or_refused_with_a_word),
		cmocka_unit_test(the_first_rule_that_still_holds_is_taken),
		cmocka_unit_test(a_reply_has_its_parts),
		cmocka_unit_test(each_condition_has_to_hold),
		cmocka_unit_test(a_star_stands_for_anything),
		cmocka_unit_test(one_recipient_that_fits_is_enough),
		cmocka_unit_test(chance_is_the_same_for_the_same_seed),
		cmocka_unit_test(each_fifth_is_each_fifth_that_fits),
		cmocka_unit_test(delays_are_for_all_stages_or_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
