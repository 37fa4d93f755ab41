/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "postern/relay/relay_view.h"

#include "admin/holdup.h"

#define S "delivery temporarily suspended: "

static struct relay_view_trouble
trouble(const char *stage, const char *class, uint16_t code, const char *text)
{
	struct relay_view_trouble t = {
		.at_ms = 1, .stage = stage, .class = class, .code = code
	};

	(void)snprintf(
	    t.enhanced, sizeof t.enhanced, "%s", code > 0 ? "5.7.8" : "");
	(void)snprintf(t.text, sizeof t.text, "%s", text);
	return t;
}

/* What is said of a provider, with its words and without. */
static void
check(struct relay_view_provider p, const char *with, const char *without)
{
	struct relay_view_route route = { .id = 7, .at = 0 };
	struct relay_view v = {
		.n = 1, .providers = &p, .nroutes = 1, .routes = &route
	};
	char name[] = "ses", host[] = "mx.example";

	p.name = name;
	p.host = host;
	p.port = 587;
	for (int words = 0; words < 2; words++) {
		struct holdup *h = holdup_new(&v, words == 1);
		const struct holdup_reason *r = holdup_of(h, 7);

		assert_string_equal(r->provider, "ses");
		assert_string_equal(r->state, p.is_usable ? "ok" : p.state);
		assert_string_equal(r->text, words == 1 ? with : without);
		holdup_free(&h);
		holdup_free(&h);
	}
}

static void
a_reason_is_said_as_postfix_does(void **state)
{
	struct relay_view_provider p = { .state = "open", .why = "net" };

	(void)state;
	p.trouble = trouble("connect", "net", 0, "connect: No route to host");
	check(p, S "connect to mx.example:587: No route to host",
	    S "provider ses is not used: net");
	p.trouble = trouble("connect", "net", 0, "timed out");
	check(p, S "connect to mx.example:587: timed out",
	    S "provider ses is not used: net");
	p.trouble = trouble("tls", "net", 0, "closed");
	check(p, S "host mx.example:587, at tls: closed",
	    S "provider ses is not used: net");
	p.why = "auth";
	p.trouble = trouble("auth", "auth", 535, "no");
	check(p, S "host mx.example:587 said: 535 5.7.8 no",
	    S "provider ses is not used: auth");
}

/* What was said last may be about something else. */
static void
words_are_told_where_they_are_the_cause(void **state)
{
	struct relay_view_provider p = { .state = "open", .why = "suspended" };

	(void)state;
	check(p, S "provider ses is not used: suspended",
	    S "provider ses is not used: suspended");
	p.trouble = trouble("auth", "auth", 535, "no");
	check(p, S "provider ses is not used: suspended",
	    S "provider ses is not used: suspended");
	p.state = "paused";
	p.why = "auth";
	check(p, S "provider ses is paused", S "provider ses is paused");
	p.why = NULL;
	p.state = "waiting";
	check(p, S "host mx.example:587 said: 535 5.7.8 no",
	    S "provider ses waits for its limits or its login");
	p.state = "quota";
	check(p, S "provider ses takes no more for now",
	    S "provider ses takes no more for now");
	p.trouble = trouble("mail", "quota", 452, "daily limit");
	check(p, S "host mx.example:587 said: 452 5.7.8 daily limit",
	    S "provider ses takes no more for now");
	p.state = "throttled";
	check(p, S "provider ses wants less at once",
	    S "provider ses wants less at once");
	p.is_usable = true;
	check(p, "", "");
}

static void
each_route_has_its_own(void **state)
{
	char one[] = "one", two[] = "two", host[] = "mx.example";
	struct relay_view_provider providers[] = {
		{ .name = one, .host = host, .state = "paused" },
		{ .name = two, .host = host, .state = "ok", .is_usable = true },
	};
	struct relay_view_route routes[] = { { 3, 1 }, { 4, 0 }, { 5, 2 } };
	struct relay_view v = { .n = 2,
		.providers = providers,
		.nroutes = 3,
		.routes = routes,
		.route = 4 };
	struct holdup *h = holdup_new(&v, true);

	(void)state;
	assert_string_equal(holdup_of(h, 3)->state, "ok");
	assert_string_equal(holdup_of(h, 4)->text, S "provider one is paused");
	assert_string_equal(holdup_of(h, 5)->state, "missing");
	assert_string_equal(
	    holdup_of(h, 5)->text, "no provider is configured for its route");
	/* one that was taken away: the default's */
	assert_string_equal(holdup_of(h, 9)->provider, "one");
	holdup_free(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reason_is_said_as_postfix_does),
		cmocka_unit_test(words_are_told_where_they_are_the_cause),
		cmocka_unit_test(each_route_has_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
