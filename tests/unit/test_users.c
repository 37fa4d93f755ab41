/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/buf.h"
#include "postern/base/mem.h"
#include "postern/inlet/users.h"
#include "postern/mail/address_pattern.h"
#include "postern/smtp/scram.h"
#include "postern/spool/spool.h"

#define HASH "$2b$04$KBCwKxOzLha2MUDgW0PjXe/hE/UCO9qF89dOydoHjSwxcHev5LRn."
#define AGAIN "$2b$04$KBCwKxOzLha2MUDgW0PjXe/hE/UCO9qF89dOydoHjSwxcHev5LRo."
#define KEYS                                                                   \
	"$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY="                        \
	"$wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
#define PENCIL "SCRAM-SHA-256$4096$W22ZaJ0SNY7soEsUEjb6gQ==" KEYS
#define OTHER                                                                  \
	"SCRAM-SHA-256$4096$W22ZaJ0SNY7soEsUEjb6gQ=="                          \
	"$wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="                        \
	"$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY="
#define DEARER "SCRAM-SHA-256$9999$W22ZaJ0SNY7soEsUEjb6gQ==" KEYS

/* text: the file; told: "LINE words" of each mistake that is expected. */
static const struct {
	const char *why, *text, *told;
} bad[] = {
	{ "no secret", "ann\n", "1 has no \":\"" },
	{ "an empty secret", "ann:\n", "1 postern passwd" },
	{ "a password in clear", "ann:geheim\n", "1 neither" },
	{ "one with a colon", "ann:geh:eim\n", "1 neither" },
	{ "DES", "ann:abJnggxhB/yWI\n", "1 old kind" },
	{ "MD5", "ann:$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/\n", "1 old kind" },
	{ "a broken verifier", "ann:SCRAM-SHA-256$1$a$b$c\n",
	    "1 4096 to 10000000" },
	{ "no name", ":" HASH "\n", "1 name is empty" },
	{ "a blank in the name", "a b:" HASH "\n", "1 has a blank" },
	{ "a blank in front", " ann:" HASH "\n", "1 has a blank" },
	{ "twice, with the line of the other", "ann:" HASH "\n\nann:" HASH "\n",
	    "3 line 1 already" },
	{ "not UTF-8", "j\xf6rg:" HASH "\n", "1 not UTF-8" },
	{ "a control character", "ann\t:" HASH "\n", "1 control character" },
	{ "NUL", "ann:" HASH "\x01\n", "1 control character" },
	{ "line ends of DOS", "ann:" HASH "\r\n", "1 plain line ends" },
	{ "an option that nobody knows", "ann:" HASH ":foo=1\n",
	    "1 \"foo\" is unknown; write senders=" },
	{ "a route without a name", "ann:" HASH ":route=\n",
	    "1 route is empty" },
	{ "a lane by a header's field that none is",
	    "ann:" HASH ":lane=header:\n", "1 lane" },
	{ "a quota that is no rate", "ann:" HASH ":quota=1\n", "1 quota" },
	{ "a quota for a short time", "ann:" HASH ":quota=60 msg/min\n",
	    "1 quota is for an hour and more" },
	{ "an option that nobody knows", "ann:" HASH ":color=red\n",
	    "1 \"color\" is unknown" },
	{ "an option in capitals", "ann:" HASH ":Lane=x\n",
	    "1 \"Lane\" is unknown" },
	{ "an option without a value", "ann:" HASH ":lane\n", "1 lane" },
	{ "an option twice", "ann:" HASH ":lane=a;lane=b\n",
	    "1 lane stands twice" },
	{ "nothing between two options", "ann:" HASH ":lane=a;;rate=1 msg/s\n",
	    "1 \"\" is unknown" },
	{ "a priority that is none", "ann:" HASH ":priority=urgent\n",
	    "1 priority=high" },
	{ "a lane that is no name", "ann:" HASH ":lane=a b\n", "1 lane" },
	{ "no senders", "ann:" HASH ":senders=\n", "1 senders is empty" },
	{ "senders that end in a comma", "ann:" HASH ":senders=a@b.c,\n",
	    "1 ends in a comma" },
	{ "a sender that is none", "ann:" HASH ":senders=a@b.c,@@\n",
	    "1 senders: " },
	{ "a rate that is none", "ann:" HASH ":rate=fast\n", "1 rate: " },
	{ "rates that end in a comma", "ann:" HASH ":rate=1 msg/s,\n",
	    "1 ends in a comma" },
	{ "nine rates",
	    "ann:" HASH ":rate=1 msg/s,1 msg/s,1 msg/s,1 msg/s,1 msg/s,"
	    "1 msg/s,1 msg/s,1 msg/s,1 msg/s\n",
	    "1 more than 8" },
	{ "all of them, not just the first", "ann\nbob:x\n", "2 neither" },
};

struct told {
	char text[4096];
};

static void
on_mistake(void *arg, unsigned line, const char *text)
{
	struct told *t = arg;
	size_t n = strlen(t->text);

	snprintf(t->text + n, sizeof t->text - n, "%u: %s\n", line, text);
}

static struct users *
parse(const char *text)
{
	struct told told = { "" };
	struct users *u = NULL;

	if (users_parse(&u, str_of(text), on_mistake, &told) != 0)
		fail_msg("%s", told.text);
	return u;
}

static void
a_mistake_says_line_and_what_to_write(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct told told = { "" };
		struct users *u = NULL;
		char line[8] = "\n";

		memcpy(line, bad[i].told, 1);
		memcpy(line + 1, ": ", 3);
		if (users_parse(&u, str_of(bad[i].text), on_mistake, &told) !=
		    -1)
			fail_msg("%s", bad[i].why);
		if (strstr(told.text, line) == NULL ||
		    strstr(told.text, bad[i].told + 2) == NULL)
			fail_msg("%s: %s", bad[i].why, told.text);
		assert_null(strstr(told.text, "eim")); /* no secret */
	}
}

static void
users_are_found_with_what_they_may(void **state)
{
	struct users *u =
	    parse("# the first\n"
	          "\n"
	          "ann:" HASH "\n"
	          "bob:" PENCIL ":senders=bob@example.com,*@lists.example.com;"
	          "priority=low;lane=bulk;route=news;quota=5 "
	          "rcpt/day@00:00Z;rate=10 msg/s,500 rcpt/min;\n"
	          "j\xc3\xb6rg@example.com:" HASH ":priority=high");
	const struct user *ann = users_find(u, STR("ann"));
	const struct user *bob = users_find(u, STR("bob"));
	const struct user *joerg =
	    users_find(u, STR("j\xc3\xb6rg@example.com"));

	(void)state;
	assert_int_equal(users_count(u), 3);
	assert_non_null(ann);
	assert_string_equal(ann->hash, HASH);
	assert_null(ann->scram);
	assert_int_equal(ann->policy.priority, POLICY_NO_PRIORITY);
	assert_null(ann->policy.senders);
	assert_null(ann->policy.lane);
	assert_null(ann->policy.route);
	assert_int_equal(ann->policy.nuser_rates, 0);
	assert_non_null(bob);
	assert_null(bob->hash);
	assert_int_equal(bob->scram->iterations, 4096);
	assert_int_equal(bob->policy.priority, SPOOL_LOW);
	assert_string_equal(bob->policy.lane, "bulk");
	assert_string_equal(bob->policy.route, "news");
	assert_int_equal(bob->policy.quota->count, 5);
	assert_true(bob->policy.quota->is_fixed);
	assert_null(ann->policy.quota);
	assert_true(address_pattern_list_has(
	    bob->policy.senders, STR("x@lists.example.com")));
	assert_false(address_pattern_list_has(
	    bob->policy.senders, STR("ann@example.com")));
	assert_int_equal(bob->policy.nuser_rates, 2);
	assert_int_equal(bob->policy.user_rates[1].of, RATE_RECIPIENTS);
	assert_int_equal(bob->policy.user_rates[1].count, 500);
	assert_non_null(joerg);
	assert_int_equal(joerg->policy.priority, SPOOL_HIGH);
	assert_null(users_find(u, STR("Ann"))); /* names are exact */
	assert_null(users_find(u, STR("an")));
	assert_null(users_find(u, STR("")));
	users_free(&u);
	users_free(&u);
}

static void
a_file_may_be_empty(void **state)
{
	struct users *u = parse("# nobody yet\n");
	struct users *v = parse("");

	(void)state;
	assert_int_equal(users_count(u), 0);
	assert_null(users_find(u, STR("ann")));
	assert_null(users_stand_in(u, STR("ann")));
	assert_false(users_all_scram(u));
	assert_int_not_equal(users_serial(u), users_serial(v));
	users_free(&u);
	users_free(&v);
}

static void
the_longest_name_is_255_octets(void **state)
{
	char text[512];

	(void)state;
	for (size_t n = 255; n <= 256; n++) {
		struct told told = { "" };
		struct users *u = NULL;

		memset(text, 'n', n);
		strcpy(text + n, ":" HASH);
		assert_int_equal(
		    users_parse(&u, str_of(text), on_mistake, &told),
		    n == 255 ? 0 : -1);
		users_free(&u);
	}
}

static void
scram_needs_a_verifier_of_everybody(void **state)
{
	struct users *all = parse("a:" PENCIL "\nb:" PENCIL "\n");
	struct users *some = parse("a:" PENCIL "\nb:" HASH "\n");

	(void)state;
	assert_true(users_all_scram(all));
	assert_false(users_all_scram(some));
	users_free(&all);
	users_free(&some);
}

static void
nobody_can_tell_who_is_not_there(void **state)
{
	static const char first[] = "a:" PENCIL "\nb:" DEARER "\n";
	struct users *u = parse(first), *again = parse(first);
	struct scram_verifier known, one, two, other;

	(void)state;
	assert_true(users_verifier(u, STR("b"), &known));
	assert_int_equal(known.iterations, 9999);
	assert_false(users_verifier(u, STR("eve"), &one));
	assert_int_equal(one.iterations, 4096);
	assert_int_equal(one.salt_len, known.salt_len);
	/* the same at the next question, and after a restart */
	assert_false(users_verifier(again, STR("eve"), &two));
	assert_memory_equal(one.salt, two.salt, one.salt_len);
	assert_false(users_verifier(u, STR("eva"), &other));
	assert_memory_not_equal(one.salt, other.salt, one.salt_len);
	assert_memory_not_equal(one.salt, known.salt, one.salt_len);
	assert_ptr_equal(
	    users_stand_in(u, STR("eve")), users_stand_in(u, STR("eve")));
	users_free(&u);
	users_free(&again);
}

static void
another_password_is_another_secret(void **state)
{
	static const struct {
		const char *why, *was, *is;
		bool same;
	} rows[] = {
		{ "nothing has changed", "a:" HASH "\n", "a:" HASH "\n", true },
		{ "other options", "a:" HASH "\n", "a:" HASH ":lane=x\n",
		    true },
		{ "another hash", "a:" HASH "\n", "a:" AGAIN "\n", false },
		{ "a verifier still", "a:" PENCIL "\n", "a:" PENCIL "\n",
		    true },
		{ "another verifier", "a:" PENCIL "\n", "a:" OTHER "\n",
		    false },
		{ "a verifier for a hash", "a:" HASH "\n", "a:" PENCIL "\n",
		    false },
		{ "a hash for a verifier", "a:" PENCIL "\n", "a:" HASH "\n",
		    false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct users *was = parse(rows[i].was);
		struct users *is = parse(rows[i].is);

		if (users_is_same_secret(users_find(was, STR("a")),
		        users_find(is, STR("a"))) != rows[i].same)
			fail_msg("%s", rows[i].why);
		users_free(&was);
		users_free(&is);
	}
}

static void
a_hundred_thousand_users_are_read_and_found(void **state)
{
	struct buf text;
	struct users *u;
	char name[32];

	(void)state;
	buf_init(&text, 64 << 20);
	for (int i = 0; i < 100000; i++)
		assert_int_equal(buf_addf(&text, "user%d@example.com:%s\n", i,
		                     i % 2 ? HASH : PENCIL),
		    0);
	assert_int_equal(buf_add(&text, "", 1), 0);
	u = parse(buf_at(&text));
	buf_done(&text);
	assert_int_equal(users_count(u), 100000);
	for (int i = 0; i < 100000; i++) {
		const struct user *found;

		snprintf(name, sizeof name, "user%d@example.com", i);
		found = users_find(u, str_of(name));
		assert_non_null(found);
		assert_true(str_eq(found->name, str_of(name)));
		assert_int_equal(found->hash != NULL, i % 2);
	}
	assert_null(users_find(u, STR("user100000@example.com")));
	users_free(&u);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mistake_says_line_and_what_to_write),
		cmocka_unit_test(users_are_found_with_what_they_may),
		cmocka_unit_test(a_file_may_be_empty),
		cmocka_unit_test(the_longest_name_is_255_octets),
		cmocka_unit_test(scram_needs_a_verifier_of_everybody),
		cmocka_unit_test(nobody_can_tell_who_is_not_there),
		cmocka_unit_test(another_password_is_another_secret),
		cmocka_unit_test(a_hundred_thousand_users_are_read_and_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
