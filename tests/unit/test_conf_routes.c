/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "postern/base/buf.h"
#include "postern/base/mem.h"
#include "postern/conf/conf.h"
#include "postern/intake/routes.h"
#include "postern/mail/rate.h"

static char dir[] = "/tmp/conf-routes-XXXXXX";
static char file[64], users[64];

#define HASH                                                                   \
	"$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/"              \
	"jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/"

#define PROVIDERS                                                              \
	"providers = ( { name = \"ses\"; host = \"h\"; },"                     \
	" { name = \"m365\"; host = \"h\"; },"                                 \
	" { name = \"backup\"; host = \"h\"; } );"

#define MATCH " match = { sender = [ \"*\" ]; };"

static void
put_file(const char *text)
{
	FILE *f = fopen(file, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static struct settings *
load_good(const char *text, struct conf_report *r)
{
	struct settings *s = NULL;

	put_file(text);
	if (conf_load(&s, file, false, r) != 0)
		fail_msg("%s", r->mistakes[0]);
	return s;
}

static struct settings *
load(const char *text)
{
	struct conf_report r;
	struct settings *s = load_good(text, &r);

	conf_report_done(&r);
	return s;
}

static const struct relay_route *
route_of(const struct settings *s, const char *name)
{
	for (size_t i = 0; i < s->relay.nroutes; i++) {
		if (strcmp(s->relay.routes[i].name, name) == 0)
			return &s->relay.routes[i];
	}
	fail_msg("there is no route %s", name);
	return NULL;
}

/* "ses pool" */
static void
assert_uses(const struct settings *s, const char *route, const char *want)
{
	const struct relay_route *r = route_of(s, route);
	char got[256] = "";

	for (size_t i = 0; i < r->nuse; i++) {
		(void)strcat(got, i > 0 ? " " : "");
		(void)strcat(got, r->use[i]);
	}
	assert_string_equal(got, want);
}

/* The mistakes without the file's name, a line each. */
static char *
mistakes_of(const char *text)
{
	char *whole = mem_printf(PROVIDERS "\n%s", text), *all = mem_str("");
	struct settings *s = NULL;
	struct conf_report r;

	put_file(whole);
	if (conf_load(&s, file, false, &r) == 0)
		conf_free(&s);
	for (size_t i = 0; i < r.nmistakes; i++) {
		char *more = mem_printf("%s%s%s", all, i > 0 ? "\n" : "",
		    r.mistakes[i] + strlen(file));

		free(all);
		all = more;
	}
	conf_report_done(&r);
	free(whole);
	return all;
}

static void
without_routes_the_default_uses_all_providers_in_order(void **state)
{
	struct settings *s = load(PROVIDERS);

	(void)state;
	assert_int_equal(s->relay.nroutes, 1);
	assert_uses(s, "default", "ses m365 backup");
	assert_int_equal(s->relay.ngroups, 0);
	assert_int_equal(s->relay.nlimits, 0);
	conf_free(&s);
	s = load("");
	assert_uses(s, "default", "");
	conf_free(&s);
}

static void
the_default_route_is_there_when_others_are_written(void **state)
{
	struct settings *s = load(PROVIDERS
	    "routes = ( { name = \"news\"; use = [ \"backup\" ];" MATCH
	    " } );");

	(void)state;
	assert_int_equal(s->relay.nroutes, 2);
	assert_uses(s, "news", "backup");
	assert_uses(s, "default", "ses m365 backup");
	conf_free(&s);
}

static void
limits_groups_and_routes_are_read(void **state)
{
	struct settings *s =
	    load(PROVIDERS "limits = ( { name = \"tenant\"; rate = [ \"10000 "
	                   "rcpt/day\" ]; } );"
	                   "groups = ( { name = \"pool\"; members = [ "
	                   "\"m365\", \"backup\" ]; },"
	                   " { name = \"even\"; members = [ \"ses\" ]; balance "
	                   "= \"hash\"; } );"
	                   "routes = ( { name = \"default\"; use = [ \"ses\", "
	                   "\"pool\" ]; } );");
	const struct relay_settings *r = &s->relay;

	(void)state;
	assert_int_equal(r->nlimits, 1);
	assert_string_equal(r->limits[0].name, "tenant");
	assert_int_equal(r->limits[0].nrates, 1);
	assert_int_equal(r->limits[0].rates[0].of, RATE_RECIPIENTS);
	assert_int_equal(r->ngroups, 2);
	assert_string_equal(r->groups[0].members[1], "backup");
	assert_int_equal(r->groups[0].balance, RELAY_BALANCE_P2C_EWMA);
	assert_int_equal(r->groups[1].balance, RELAY_BALANCE_HASH);
	assert_int_equal(r->nroutes, 1);
	assert_uses(s, "default", "ses pool");
	conf_free(&s);
}

static void
shares_spill_and_weight_are_read_or_as_documented(void **state)
{
	static const uint32_t usual[] = { 8, 4, 1 }, own[] = { 20, 3, 1000 };
	struct settings *s =
	    load("providers = ( { name = \"ses\"; host = \"h\"; weight = 100; "
	         "}, { name = \"b\"; host = \"h\"; } );"
	         "routes = ( { name = \"news\"; use = [ \"ses\" ]; spill = "
	         "true; shares = [ 20, 3, 1000 ];" MATCH
	         " }, { name = \"default\"; use = [ \"b\" ]; } );");
	const struct relay_settings *r = &s->relay;

	(void)state;
	assert_int_equal(r->providers[0].weight, 100);
	assert_int_equal(r->providers[1].weight, 1);
	assert_memory_equal(r->routes[0].shares, own, sizeof own);
	assert_memory_equal(r->routes[1].shares, usual, sizeof usual);
	assert_true(r->routes[0].spill);
	assert_false(r->routes[1].spill);
	conf_free(&s);
}

static void
what_a_route_does_not_say_of_retries_is_as_at_the_top(void **state)
{
	struct settings *s = load(PROVIDERS
	    "retry = { quick = [ \"3s\" ]; max = \"2h\"; give_up = \"1d\"; };"
	    "routes = ( { name = \"codes\"; use = [ \"ses\" ];" MATCH
	    " retry = { quick = [ \"1s\", \"2s\" ]; give_up = \"10m\"; }; } "
	    ");");
	const struct relay_retry *t = &route_of(s, "codes")->retry;

	(void)state;
	assert_int_equal(t->nquick, 2);
	assert_int_equal(t->quick_ms[1], 2000);
	assert_int_equal(t->give_up_ms, 600000);
	assert_int_equal(t->max_ms, 7200000);
	assert_int_equal(t->min_ms, 60000);
	t = &route_of(s, "default")->retry;
	assert_int_equal(t->nquick, 1);
	assert_int_equal(t->quick_ms[0], 3000);
	assert_int_equal(t->give_up_ms, 86400000);
	conf_free(&s);
}

static void
what_happens_after_the_dot_and_in_the_end(void **state)
{
	struct settings *s = load(PROVIDERS
	    "bounce = { route = \"news\"; rate = \"100 msg/min\"; };"
	    "routes = ( { name = \"news\"; use = [ \"ses\" ]; on_doubt = "
	    "\"hold\"; on_dead = \"default\"; },"
	    " { name = \"codes\"; use = [ \"ses\" ]; on_dead = \"keep\";" MATCH
	    " } );");

	(void)state;
	assert_int_equal(route_of(s, "news")->on_doubt, RELAY_DOUBT_HOLD);
	assert_string_equal(route_of(s, "news")->on_dead, "default");
	assert_int_equal(route_of(s, "codes")->on_doubt, RELAY_DOUBT_RETRY);
	assert_null(route_of(s, "codes")->on_dead);
	assert_int_equal(route_of(s, "default")->on_doubt, RELAY_DOUBT_RETRY);
	assert_null(route_of(s, "default")->on_dead);
	assert_string_equal(s->relay.bounce_route, "news");
	assert_int_equal(s->relay.bounce_rate->count, 100);
	assert_int_equal(s->relay.bounce_rate->period_ms, 60000);
	conf_free(&s);
	s = load(PROVIDERS);
	assert_null(s->relay.bounce_route);
	assert_null(s->relay.bounce_rate);
	conf_free(&s);
}

static void
each_route_has_its_id(void **state)
{
	struct settings *s = load(PROVIDERS
	    "routes = ( { name = \"news\"; use = [ \"ses\" ];" MATCH " } );");

	(void)state;
	conf_set_route(s, 0, 7);
	conf_set_route(s, 1, 3);
	assert_int_equal(route_of(s, "news")->id, 7);
	assert_int_equal(route_of(s, "default")->id, 3);
	conf_free(&s);
}

static void
a_route_may_be_named_by_listeners_and_users_instead_of_a_match(void **state)
{
	struct settings *s = load(PROVIDERS
	    "listeners = ( { name = \"a\"; address = [ \"127.0.0.1:0\" ];"
	    " route = \"codes\"; } );"
	    "routes = ( { name = \"codes\"; use = [ \"ses\" ]; } );");

	(void)state;
	assert_string_equal(s->inlet.listeners[0].route, "codes");
	conf_free(&s);
}

/* "a:$6$..." with the options */
static void
put_users(const char *options)
{
	static char text[512];
	FILE *f = fopen(users, "w");

	(void)snprintf(text, sizeof text, "ann:%s:%s\n", HASH, options);
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fchmod(fileno(f), 0600), 0);
	assert_int_equal(fclose(f), 0);
}

static void
a_users_route_has_to_be_there(void **state)
{
	struct settings *s = NULL;
	struct conf_report r;
	char *text = mem_printf(PROVIDERS
	    "users_file = \"%s\";\n"
	    "routes = ( { name = \"codes\"; use = [ \"ses\" ]; } );",
	    users);

	(void)state;
	put_users("route=codes");
	s = load(text);
	conf_free(&s);
	put_users("route=code");
	put_file(text);
	assert_int_equal(conf_load(&s, file, false, &r), -1);
	assert_int_equal(r.nmistakes, 2); /* nobody names the route then */
	assert_non_null(strstr(r.mistakes[1],
	    "users:1: users_file: there is no route \"code\"; did you mean "
	    "\"codes\"?"));
	conf_report_done(&r);
	free(text);
	(void)unlink(users);
}

static void
what_a_route_matches_is_read(void **state)
{
	struct settings *s = load(PROVIDERS
	    "routes = ( { name = \"news\"; use = [ \"ses\" ];"
	    " priority = \"low\"; lane = \"header:X-Tenant\"; match = {"
	    " sender = [ \"*@news.example.com\", \"<>\" ];"
	    " recipient = [ \"example.org\" ]; user = [ \"*\" ];"
	    " listener = [ \"local\" ]; client = [ \"10.0.0.0/8\" ];"
	    " header = [ \"X-Campaign: *\" ]; size = \">10M\"; }; } );");
	const struct routes *r = s->inlet.intake.routes;
	size_t i = routes_find(r, "news");

	(void)state;
	assert_int_not_equal(i, ROUTES_NONE);
	assert_int_equal(routes_at(r, i)->priority, SPOOL_LOW);
	assert_string_equal(routes_at(r, i)->lane, "header:X-Tenant");
	assert_true(routes_wants(r, STR("X-Campaign")));
	assert_int_equal(routes_at(r, routes_find(r, "default"))->priority, -1);
	conf_free(&s);
}

static void
there_may_be_a_thousand_routes_and_no_more(void **state)
{
	struct buf b;
	char *got;

	(void)state;
	buf_init(&b, 1 << 20);
	assert_int_equal(buf_adds(&b, "routes = ("), 0);
	for (int i = 0; i < ROUTES_MAX + 1000; i++)
		assert_int_equal(
		    buf_addf(&b,
		        "%s{ name = \"r%d\"; use = [ \"ses\" ];" MATCH "}",
		        i > 0 ? ",\n" : "", i),
		    0);
	assert_int_equal(buf_add(&b, " );", 4), 0);
	got = mistakes_of(buf_at(&b));
	assert_string_equal(
	    got, ":1002: routes: are more than 1000; write fewer");
	free(got);
	buf_done(&b);
}

static const struct {
	const char *text, *says;
} mistakes[] = {
	{ "routes = ( { name = \"default\"; shares = [ 8, 4 ]; } );",
	    ":2: routes.shares: has to be an array of three numbers, for "
	    "high, normal and low; write shares = [ 8, 4, 1 ];" },
	{ "routes = ( { name = \"default\"; shares = [ 8, 4, 0 ]; } );",
	    ":2: routes.shares: 0 is out of range; write 1 to 1000" },
	{ "routes = ( { name = \"default\"; shares = [ 1001, 4, 1 ]; } );",
	    ":2: routes.shares: 1001 is out of range; write 1 to 1000" },
	{ "routes = ( { name = \"default\"; spill = \"yes\"; } );",
	    ":2: routes.spill: has to be true or false; write spill = "
	    "true; without quotes" },
	{ "routes = ( { name = \"news\"; use = [ \"ses\" ]; on_dead = "
	  "\"news\";" MATCH " } );",
	    ":2: routes.on_dead: is the route itself; write another one's "
	    "name, or \"keep\"" },
	{ "routes = ( { name = \"news\"; use = [ \"ses\" ]; on_dead = "
	  "\"defautl\";" MATCH " } );",
	    ":2: routes.on_dead: there is no route \"defautl\"; did you mean "
	    "\"default\"?" },
	{ "routes = ( { name = \"news\"; use = [ \"ses\" ]; on_doubt = "
	  "\"probe\";" MATCH " } );",
	    ":2: routes.on_doubt: \"probe\" is not possible; write "
	    "\"retry\" or \"hold\"" },
	{ "bounce = { route = \"nobody\"; };",
	    ":2: bounce.route: there is no route \"nobody\"; write the name "
	    "of one" },
	{ "groups = ( { members = [ \"ses\" ]; } );",
	    ":2: groups.name: is missing; write name = \"pool\";" },
	{ "groups = ( { name = \"g\"; } );",
	    ":2: groups.members: is missing; write members = [ \"PROVIDER\" "
	    "];" },
	{ "groups = ( { name = \"g\"; members = [ ]; } );",
	    ":2: groups.members: is empty; write members = [ \"NAME\" ]; or "
	    "take the key away" },
	{ "groups = ( { name = \"g\"; members = [ \"sse\" ]; } );",
	    ":2: groups.members: there is no provider \"sse\"; did you mean "
	    "\"ses\"?" },
	{ "groups = ( { name = \"g\"; members = [ \"ses\", \"ses\" ]; } );",
	    ":2: groups.members: \"ses\" stands twice; write it once" },
	{ "groups = ( { name = \"g\"; members = [ \"ses\" ]; },\n"
	  "{ name = \"g\"; members = [ \"ses\" ]; } );",
	    ":3: groups.name: \"g\" stands twice; write another name" },
	{ "groups = ( { name = \"ses\"; members = [ \"m365\" ]; } );",
	    ":2: groups.name: \"ses\" is a provider's name, too; write another "
	    "one" },
	{ "groups = ( { name = \"g\"; members = [ \"ses\" ]; },\n"
	  "{ name = \"h\"; members = [ \"g\" ]; } );",
	    ":3: groups.members: there is no provider \"g\"; write the name of "
	    "one" },
	{ "groups = ( { name = \"g\"; members = [ \"ses\" ];\n"
	  "balance = \"p2c\"; } );",
	    ":3: groups.balance: \"p2c\" is not possible; did you mean "
	    "\"p2c-ewma\"?" },
	{ "limits = ( { name = \"a\"; } );",
	    ":2: limits: limits nothing; write rate = [ \"10000 rcpt/day\" "
	    "]; or max_connections = 3;" },
	{ "limits = ( { name = \"a\"; rate = [ \"9 msg/h@00:00Z\" ]; } );",
	    ":2: limits.rate: \"9 msg/h@00:00Z\" starts anew at a time of "
	    "the day, so it is of a day; write one such as \"50000 "
	    "rcpt/day@00:00Z\"\n:2: limits: limits nothing; write rate = [ "
	    "\"10000 rcpt/day\" ]; or max_connections = 3;" },
	{ "limits = ( { rate = [ \"1 msg/s\" ]; } );",
	    ":2: limits.name: is missing; write name = \"tenant\";" },
	{ "limits = ( { name = \"a\"; max_connections = 1; },"
	  " { name = \"a\"; max_connections = 1; } );",
	    ":2: limits.name: \"a\" stands twice; write another name" },
	{ "routes = ( { use = [ \"ses\" ];" MATCH " } );",
	    ":2: routes.name: is missing; write name = \"news\";" },
	{ "routes = ( { name = \"news\";" MATCH " } );",
	    ":2: routes.use: is missing; write use = [ \"PROVIDER\" ];" },
	{ "routes = ( { name = \"default\"; use = [ ]; } );",
	    ":2: routes.use: is empty; write use = [ \"NAME\" ]; or take the "
	    "key away" },
	{ "routes = ( { name = \"default\";\n use = [ \"bakcup\" ]; } );",
	    ":3: routes.use: there is no provider or group \"bakcup\"; did you "
	    "mean \"backup\"?" },
	{ "routes = ( { name = \"default\"; use = [ \"x\", \"ses\", \"ses\" ]; "
	  "} "
	  ");",
	    ":2: routes.use: there is no provider or group \"x\"; write the "
	    "name of one\n:2: routes.use: \"ses\" stands twice; write it "
	    "once" },
	{ "routes = ( { name = \"default\"; }, { name = \"default\"; } );",
	    ":2: routes.name: \"default\" stands twice; write another name" },
	{ "routes = ( { name = \"news\"; use = [ \"ses\" ]; } );",
	    ":2: routes.match: is missing, and nobody names the route; write "
	    "match = { sender = [ \"*@news.example.com\" ]; };" },
	{ "routes = ( { name = \"news\"; use = [ \"ses\" ];\nmatch = { }; } );",
	    ":3: routes.match: is empty; write match = { sender = [ "
	    "\"*@news.example.com\" ]; };" },
	{ "routes = ( { name = \"default\";\n" MATCH " } );",
	    ":3: routes.match: the default route takes what no other one does; "
	    "take it away, or write another name" },
	{ "routes = ( { name = \"news\"; use = [ \"ses\" ];\n"
	  "match = { listener = [ \"locl\" ]; }; } );",
	    ":3: routes.match.listener: there is no listener \"locl\"; did you "
	    "mean \"local\"?" },
	{ "routes = ( { name = \"news\"; use = [ \"ses\" ];\n"
	  "match = { header = [ \"X-Campaign\" ]; }; } );",
	    ":3: routes.match.header: \"X-Campaign\" is no header field; write "
	    "\"X-Campaign: *\", the field's name and what it holds, * being "
	    "any text" },
	{ "routes = ( { name = \"news\"; use = [ \"ses\" ];\n"
	  "match = { size = \"10M\"; }; } );",
	    ":3: routes.match.size: \"10M\" is no bound; write \">10M\" for "
	    "what is larger, or \"<1M\" for what is smaller" },
	{ "routes = ( { name = \"news\"; use = [ \"ses\" ];\n"
	  "match = { user = [ ]; }; } );",
	    ":3: routes.match.user: is empty; write user = [ \"NAME\" ]; or "
	    "take the key away" },
	{ "routes = ( { name = \"news\"; use = [ \"ses\" ]; lane = \"a b\";"
	  "\n" MATCH " } );",
	    ":2: routes.lane: is no lane; write 1 to 63 letters, digits, '-', "
	    "'_', '.', or header:X-Tenant" },
	{ "listeners = ( { name = \"a\"; address = [ \"127.0.0.1:0\" ];\n"
	  "route = \"defualt\"; } );",
	    ":3: listeners.route: there is no route \"defualt\"; did you mean "
	    "\"default\"?" },
	{ "routes = ( { name = \"default\";\n"
	  "retry = { min = \"2h\"; }; } );",
	    ":3: routes.retry.min: is longer than retry.max; write it "
	    "shorter" },
	{ "routes = ( { name = \"default\";\n"
	  "retry = { warn_after = \"5d\"; }; } );",
	    ":3: routes.retry.warn_after: is not before retry.give_up; write "
	    "it shorter" },
};

static void
each_mistake_has_its_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
		char *got = mistakes_of(mistakes[i].text);

		if (strcmp(got, mistakes[i].says) != 0)
			fail_msg("%s\ngives %s\nnot   %s", mistakes[i].text,
			    got, mistakes[i].says);
		free(got);
	}
}

static void
a_provider_that_no_route_uses_is_a_warning(void **state)
{
	struct conf_report r;
	struct settings *s = load_good(PROVIDERS
	    "groups = ( { name = \"g\"; members = [ \"m365\" ]; } );"
	    "routes = ( { name = \"default\"; use = [ \"ses\", \"g\" ]; } );",
	    &r);

	(void)state;
	assert_int_equal(r.nwarnings, 1);
	assert_non_null(strstr(r.warnings[0],
	    "routes.use: nothing leaves through \"backup\"; write it into the "
	    "use of a route, or take it away"));
	conf_report_done(&r);
	conf_free(&s);
}

static int
make_dir(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	(void)snprintf(file, sizeof file, "%s/main.conf", dir);
	(void)snprintf(users, sizeof users, "%s/users", dir);
	return 0;
}

static int
remove_dir(void **state)
{
	(void)state;
	(void)unlink(file);
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    without_routes_the_default_uses_all_providers_in_order),
		cmocka_unit_test(
		    the_default_route_is_there_when_others_are_written),
		cmocka_unit_test(limits_groups_and_routes_are_read),
		cmocka_unit_test(
		    shares_spill_and_weight_are_read_or_as_documented),
		cmocka_unit_test(
		    what_a_route_does_not_say_of_retries_is_as_at_the_top),
		cmocka_unit_test(what_happens_after_the_dot_and_in_the_end),
		cmocka_unit_test(each_route_has_its_id),
		cmocka_unit_test(
		    a_route_may_be_named_by_listeners_and_users_instead_of_a_match),
		cmocka_unit_test(a_users_route_has_to_be_there),
		cmocka_unit_test(what_a_route_matches_is_read),
		cmocka_unit_test(there_may_be_a_thousand_routes_and_no_more),
		cmocka_unit_test(each_mistake_has_its_line),
		cmocka_unit_test(a_provider_that_no_route_uses_is_a_warning),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
