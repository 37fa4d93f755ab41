/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "postern/admin/letter_json.h"
#include "postern/base/mem.h"

#define RCPT "{\"address\":\"a@b.example\",\"delivery\":0,\"state\":\"queued\"}"
#define DELIVERY                                                               \
	"{\"state\":\"queued\",\"route\":\"r\",\"priority\":\"low\","          \
	"\"due_ms\":5}"

static json_t *
parse(const char *text)
{
	json_t *j = json_loads(text, 0, NULL);

	if (j == NULL)
		fail_msg("no JSON: %s", text);
	return j;
}

static json_t *
good(void)
{
	return parse("{\"postern_letter\":1,\"id\":\"1m8k9e0bj0000\","
	             "\"arrival_ms\":7,\"size\":3,\"crc32c\":9,"
	             "\"sender\":\"\",\"deliveries\":[" DELIVERY
	             "],\"rcpts\":[" RCPT "]}");
}

static const struct {
	const char *why, *change, *text;
} refused[] = {
	{ "another format", "{\"postern_letter\":2}", "\"postern_letter\"" },
	{ "no id", "{\"id\":null}", "\"id\"" },
	{ "an id of another alphabet", "{\"id\":\"1m8k9e0bj000u\"}", "\"id\"" },
	{ "no time", "{\"arrival_ms\":0}", "\"arrival_ms\"" },
	{ "a size below zero", "{\"size\":-1}", "\"size\"" },
	{ "a sum of more bits", "{\"crc32c\":4294967296}", "\"crc32c\"" },
	{ "an unknown flag", "{\"flags\":[\"x\"]}", "\"flags\"" },
	{ "flags that are none", "{\"flags\":\"x\"}", "\"flags\"" },
	{ "a priority of none", "{\"mt_priority\":10}", "\"mt_priority\"" },
	{ "no sender", "{\"sender\":null}", "\"sender\"" },
	{ "a sender with a command behind it",
	    "{\"sender\":\"a@b.example>\\r\\nRCPT TO:<c\"}", "control" },
	{ "a sender with a space", "{\"sender\":\"a b@c.example\"}",
	    "\"sender\" is no address" },
	{ "a name with a line end", "{\"helo\":\"a\\nb\"}", "\"helo\"" },
	{ "an envid that is no xtext", "{\"envid\":\"a b\"}", "\"envid\"" },
	{ "nobody", "{\"rcpts\":[]}", "\"rcpts\"" },
	{ "no delivery", "{\"deliveries\":[]}", "\"deliveries\"" },
	{ "an address in brackets",
	    "{\"rcpts\":[{\"address\":\"<a@b.example>\",\"state\":"
	    "\"queued\"}]}",
	    "\"address\" is no address" },
	{ "a delivery that is not there",
	    "{\"rcpts\":[{\"address\":\"a@b.example\",\"state\":\"queued\","
	    "\"delivery\":1}]}",
	    "\"delivery\"" },
	{ "a recipient in no state",
	    "{\"rcpts\":[{\"address\":\"a@b.example\"}]}",
	    "\"state\" of a recipient" },
	{ "a notification of none",
	    "{\"rcpts\":[{\"address\":\"a@b.example\",\"state\":\"queued\","
	    "\"notify\":[\"x\"]}]}",
	    "\"notify\"" },
	{ "an ORCPT without its type",
	    "{\"rcpts\":[{\"address\":\"a@b.example\",\"state\":\"queued\","
	    "\"orcpt\":\"x\"}]}",
	    "\"orcpt\"" },
	{ "only who has it",
	    "{\"rcpts\":[{\"address\":\"a@b.example\",\"state\":\"delivered\""
	    "}]}",
	    "without recipients" },
	{ "a delivery for nobody",
	    "{\"deliveries\":[" DELIVERY "," DELIVERY "]}",
	    "without recipients" },
	{ "a delivery in no state",
	    "{\"deliveries\":[{\"route\":\"r\",\"priority\":\"low\"}]}",
	    "\"state\" of a delivery" },
	{ "held without a reason",
	    "{\"deliveries\":[{\"state\":\"held\",\"route\":\"r\","
	    "\"priority\":\"low\"}]}",
	    "\"hold\"" },
	{ "no route",
	    "{\"deliveries\":[{\"state\":\"queued\",\"priority\":\"low\"}]}",
	    "\"route\"" },
	{ "a priority that is none",
	    "{\"deliveries\":[{\"state\":\"queued\",\"route\":\"r\","
	    "\"priority\":\"urgent\"}]}",
	    "\"priority\"" },
	{ "a lane of none",
	    "{\"deliveries\":[{\"state\":\"queued\",\"route\":\"r\","
	    "\"priority\":\"low\",\"lane\":256}]}",
	    "\"lane\"" },
};

static void
what_no_spool_has_held_is_refused(void **state)
{
	struct letter_json l;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
		json_t *j = good(), *change = parse(refused[i].change);

		json_object_update(j, change);
		if (letter_json_read(j, &l, &err) != -1)
			fail_msg("%s: was taken", refused[i].why);
		if (strstr(err.text, refused[i].text) == NULL)
			fail_msg("%s: %s", refused[i].why, err.text);
		json_decref(change);
		json_decref(j);
	}
}

static void
texts_have_an_end(void **state)
{
	static const struct {
		const char *key;
		size_t max;
	} texts[] = { { "helo", 255 }, { "user", 255 }, { "listener", 255 },
		{ "client", 255 }, { "message_id", 255 }, { "envid", 100 } };
	struct letter_json l;
	struct err err;
	char text[300];

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		json_t *j = good();

		memset(text, 'x', sizeof text);
		text[texts[i].max] = '\0';
		json_object_set_new(j, texts[i].key, json_string(text));
		assert_int_equal(letter_json_read(j, &l, &err), 0);
		letter_json_done(&l);
		text[texts[i].max] = 'x';
		text[texts[i].max + 1] = '\0';
		json_object_set_new(j, texts[i].key, json_string(text));
		assert_int_equal(letter_json_read(j, &l, &err), -1);
		assert_non_null(strstr(err.text, texts[i].key));
		json_decref(j);
	}
}

static const char *
route(void *arg, uint32_t id)
{
	(void)arg;
	return id == 0 ? "r" : "other";
}

/* What is read and written again is the same. */
static void
nothing_is_lost(void **state)
{
	static const char all[] =
	    "{\"postern_letter\":1,\"id\":\"1m8k9e0bj0000\","
	    "\"notice_of\":\"1m8k9e0bj0001\",\"arrival_ms\":7,\"size\":3,"
	    "\"crc32c\":4294967295,\"flags\":[\"8bitmime\",\"smtputf8\","
	    "\"body-8bit\",\"header-8bit\",\"ret-full\",\"ret-hdrs\","
	    "\"notice\",\"requiretls\",\"auth\",\"binary\",\"by-return\","
	    "\"by-trace\",\"revived\"],\"mt_priority\":-9,\"release_ms\":8,"
	    "\"by_ms\":9,\"sender\":\"s@b.example\",\"envid\":\"e\","
	    "\"client\":\"192.0.2.1\",\"helo\":\"h\",\"listener\":\"l\","
	    "\"user\":\"u\",\"message_id\":\"<1@b.example>\","
	    "\"deliveries\":[{\"state\":\"held\",\"hold\":\"poison\","
	    "\"route\":\"r\",\"priority\":\"high\",\"lane\":255,"
	    "\"due_ms\":5,\"attempts\":3,\"provider\":\"ses\","
	    "\"handed\":true},{\"state\":\"dead\",\"route\":\"r\","
	    "\"priority\":\"low\",\"dead_ms\":6,\"cause\":\"expired\","
	    "\"code\":550,\"enhanced\":\"5.1.1\",\"text\":\"no\"}],"
	    "\"rcpts\":[{\"address\":\"a@b.example\",\"delivery\":0,"
	    "\"state\":\"doubt\",\"orcpt\":\"rfc822;x\",\"notify\":["
	    "\"success\",\"failure\",\"delay\"],\"code\":451,"
	    "\"enhanced\":\"4.3.0\",\"text\":\"later\"},{\"address\":"
	    "\"\xc3\xbc@b.example\",\"delivery\":1,\"state\":\"dead\","
	    "\"notify\":[\"never\"]}]}";
	json_t *j = parse(all), *again;
	struct letter_json l;
	struct err err;

	(void)state;
	if (letter_json_read(j, &l, &err) != 0)
		fail_msg("%s", err.text);
	assert_string_equal(l.route[0], "r");
	assert_int_equal(l.whole.at[0].hold, SPOOL_HOLD_POISON);
	assert_int_equal(l.whole.past[0].attempts, 3);
	assert_true(l.whole.past[1].is_dead);
	again = letter_json(&l.whole, route, NULL);
	assert_true(json_equal(j, again));
	json_decref(again);
	json_decref(j);
	letter_json_done(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_no_spool_has_held_is_refused),
		cmocka_unit_test(texts_have_an_end),
		cmocka_unit_test(nothing_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
