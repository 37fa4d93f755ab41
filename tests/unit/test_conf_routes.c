/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "postern/base/mem.h"
#include "postern/conf/conf.h"
#include "postern/mail/rate.h"

static char dir[] = "/tmp/conf-routes-XXXXXX";
static char file[64];

#define PROVIDERS                                                              \
	"providers = ( { name = \"ses\"; host = \"h\"; },"                     \
	" { name = \"m365\"; host = \"h\"; },"                                 \
	" { name = \"backup\"; host = \"h\"; } );"

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
	struct settings *s =
	    load(PROVIDERS "routes = ( { name = \"news\"; use = [ \"backup\" ];"
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
what_a_route_does_not_say_of_retries_is_as_at_the_top(void **state)
{
	struct settings *s = load(PROVIDERS
	    "retry = { quick = [ \"3s\" ]; max = \"2h\"; give_up = \"1d\"; };"
	    "routes = ( { name = \"codes\"; use = [ \"ses\" ];"
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
	    " { name = \"codes\"; use = [ \"ses\" ]; on_dead = \"keep\"; "
	    "} );");

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
	struct settings *s =
	    load(PROVIDERS "routes = ( { name = \"news\"; use = [ \"ses\" ];"
	                   " } );");

	(void)state;
	conf_set_route(s, 0, 7);
	conf_set_route(s, 1, 3);
	assert_int_equal(route_of(s, "news")->id, 7);
	assert_int_equal(route_of(s, "default")->id, 3);
	conf_free(&s);
}

static const struct {
	const char *text, *says;
} mistakes[] = {
	{ "routes = ( { name = \"news\"; use = [ \"ses\" ]; on_dead = "
	  "\"news\"; } );",
	    ":2: routes.on_dead: is the route itself; write another one's "
	    "name, or \"keep\"" },
	{ "routes = ( { name = \"news\"; use = [ \"ses\" ]; on_dead = "
	  "\"defautl\"; } );",
	    ":2: routes.on_dead: there is no route \"defautl\"; did you mean "
	    "\"default\"?" },
	{ "routes = ( { name = \"news\"; use = [ \"ses\" ]; on_doubt = "
	  "\"probe\"; } );",
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
	{ "limits = ( { rate = [ \"1 msg/s\" ]; } );",
	    ":2: limits.name: is missing; write name = \"tenant\";" },
	{ "limits = ( { name = \"a\"; }, { name = \"a\"; } );",
	    ":2: limits.name: \"a\" stands twice; write another name" },
	{ "routes = ( { use = [ \"ses\" ]; } );",
	    ":2: routes.name: is missing; write name = \"news\";" },
	{ "routes = ( { name = \"news\"; } );",
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
	{ "routes = ( { name = \"default\";\n"
	  "retry = { min = \"2h\"; }; } );",
	    ":3: routes.retry.min: is longer than retry.max; write it "
	    "shorter" },
	{ "routes = ( { name = \"default\";\n"
	  "retry = { warn_after = \"5d\"; }; } );",
	    ":3: routes.retry.warn_after: is not before retry.give_up; write "
	    "it shorter" },
};

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
		    what_a_route_does_not_say_of_retries_is_as_at_the_top),
		cmocka_unit_test(what_happens_after_the_dot_and_in_the_end),
		cmocka_unit_test(each_route_has_its_id),
		cmocka_unit_test(each_mistake_has_its_line),
		cmocka_unit_test(a_provider_that_no_route_uses_is_a_warning),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
