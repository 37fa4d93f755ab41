/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several routes, groups, priorities and lanes, against providers on loopback:
 * which way mail goes, and in which order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "relay_world.h"

static const struct fake_rule first_hangs[] = {
	{ .stage = "DOT", .times = 1, .reply = "hang" }, { 0 }
};

/* The sender tells where it is among the mails of a fake; -1: it is not. */
static int
place_of(struct fake *f, const char *sender)
{
	for (size_t i = 0; i < fake_mails(f); i++) {
		if (strstr(fake_mail(f, i)->sender, sender))
			return (int)i;
	}
	return -1;
}

static void
each_route_has_its_own_providers(void **state)
{
	static const char *second[] = { "two" };
	struct relay_route *news;
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, NULL);
	world_provider(&w, NULL);
	news = world_route(&w, "news", 1, second);
	world_start(&w);
	world_send_many(&w, 20, &(struct world_mail){ .route = news });
	world_send_many(&w, 10, &(struct world_mail){ 0 });
	fake_wait_mails(w.fake[1], 20);
	fake_wait_mails(w.fake[0], 10);
	world_wait(&w, 0, 0, 0);
	world_done(&w);
}

/* And the other way round: its own retries are its own. */
static void
a_route_that_cannot_send_does_not_stop_the_others(void **state)
{
	static const char *second[] = { "two" };
	struct relay_route *news;
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, NULL);
	world_provider(&w, NULL);
	news = world_route(&w, "news", 1, second);
	fake_refuse(w.fake[1], true);
	world_start(&w);
	world_send_many(&w, 300, &(struct world_mail){ .route = news });
	world_wait_log(&w, "provider.trouble", "two");
	world_send_many(&w, 300, &(struct world_mail){ 0 });
	fake_wait_mails(w.fake[0], 300);
	world_wait(&w, 300, 0, 0);
	fake_refuse(w.fake[1], false);
	fake_wait_mails(w.fake[1], 300);
	world_wait(&w, 0, 0, 0);
	world_done(&w);
}

/* The first generation has the route, the second has not. */
static void
mail_of_a_vanished_route_goes_the_defaults_way(void **state)
{
	static const char *first[] = { "one" }, *second[] = { "two" };
	_Atomic bool old_gone = false;
	struct relay_settings next;
	struct relay_route *news;
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, NULL);
	world_provider(&w, NULL);
	w.route[0].use = first;
	w.route[0].nuse = 1;
	news = world_route(&w, "news", 1, second);
	fake_refuse(w.fake[1], true);
	world_start(&w);
	world_send_many(&w, 50, &(struct world_mail){ .route = news });
	world_wait_log(&w, "provider.trouble", "two");
	next = w.settings;
	next.nroutes = 1;
	world_change(&w, &next, &old_gone);
	fake_wait_mails(w.fake[0], 50);
	world_wait(&w, 0, 0, 0);
	world_send_many(&w, 5, &(struct world_mail){ .route = news });
	fake_wait_mails(w.fake[0], 55); /* what is accepted late, too */
	world_wait(&w, 0, 0, 0);
	world_done(&w);
	assert_true(old_gone);
}

static void
a_group_shares_by_weight_and_the_next_entry_waits(void **state)
{
	static const char *members[] = { "one", "two" };
	static const char *use[] = { "pool", "three" };
	struct relay_group pool = { "pool", 2, members,
		RELAY_BALANCE_WEIGHTED };
	struct world w;

	(void)state;
	world_init(&w);
	for (int i = 0; i < 3; i++)
		world_provider(&w, NULL);
	w.provider[0].weight = 3;
	w.settings.ngroups = 1;
	w.settings.groups = &pool;
	w.route[0].use = use;
	w.route[0].nuse = 2;
	world_start(&w);
	world_send_many(&w, 400, &(struct world_mail){ 0 });
	world_wait_operations(&w, 400);
	world_wait(&w, 0, 0, 0);
	assert_int_equal(fake_mails(w.fake[0]), 300);
	assert_int_equal(fake_mails(w.fake[1]), 100);
	assert_int_equal(fake_mails(w.fake[2]), 0);
	fake_refuse(w.fake[0], true);
	fake_drop(w.fake[0]);
	fake_refuse(w.fake[1], true);
	fake_drop(w.fake[1]);
	world_send_many(&w, 10, &(struct world_mail){ 0 });
	fake_wait_mails(w.fake[2], 10);
	world_wait(&w, 0, 0, 0);
	world_done(&w);
}

/* Its only session hangs, and so many wait there as there is room for. */
static void
mail_spills_over_only_where_the_route_says_so(void **state)
{
	(void)state;
	for (int spill = 0; spill < 2; spill++) {
		struct world w;

		world_init(&w);
		world_provider(&w, first_hangs)->max_connections = 1;
		w.provider[0].timeouts.dot = 20000;
		world_provider(&w, NULL);
		w.route[0].spill = spill;
		world_start(&w);
		world_send(&w, &(struct world_mail){ 0 });
		fake_wait(w.fake[0], "DOT", 1);
		world_send_many(&w, 100, &(struct world_mail){ 0 });
		if (spill) {
			fake_wait_mails(w.fake[1], 80);
		} else {
			world_wait_operations(&w, 101);
			assert_int_equal(fake_mails(w.fake[1]), 0);
		}
		fake_drop(w.fake[0]);
		world_wait(&w, 0, 0, 0);
		world_done(&w);
	}
}

/* Its only session is taken up by a message until go(): meanwhile all others
 * come. */
static void
begin_busy(struct world *w)
{
	world_start(w);
	world_send(w, &(struct world_mail){ .sender = "plug@x" });
	fake_wait(w->fake[0], "DOT", 1);
}

static void
one_session(struct world *w)
{
	world_init(w);
	world_provider(w, first_hangs)->max_connections = 1;
	w->provider[0].max_messages_per_connection = 0;
}

static void
go(struct world *w, size_t n)
{
	world_wait_operations(w, n + 1);
	fake_drop(w->fake[0]);
	fake_wait_mails(w->fake[0], n + 1);
	world_wait(w, 0, 0, 0);
}

static unsigned
count(struct fake *f, size_t n, const char *sender)
{
	unsigned found = 0;

	for (size_t i = 0; i < n; i++)
		found += strstr(fake_mail(f, i)->sender, sender) != NULL;
	return found;
}

static void
priorities_get_their_shares_and_none_starves(void **state)
{
	struct world w;

	(void)state;
	one_session(&w);
	begin_busy(&w);
	world_send_many(&w, 150,
	    &(struct world_mail){ .sender = "l@x", .priority = SPOOL_LOW });
	world_send_many(&w, 150,
	    &(struct world_mail){ .sender = "n@x", .priority = SPOOL_NORMAL });
	world_send_many(&w, 150,
	    &(struct world_mail){ .sender = "h@x", .priority = SPOOL_HIGH });
	go(&w, 450);
	assert_in_range(count(w.fake[0], 130, "h@x"), 77, 83);
	assert_in_range(count(w.fake[0], 130, "n@x"), 37, 43);
	assert_in_range(count(w.fake[0], 130, "l@x"), 8, 12);
	world_done(&w);
}

static void
the_shares_are_the_routes_own(void **state)
{
	struct world w;

	(void)state;
	one_session(&w);
	w.route[0].shares[SPOOL_HIGH] = w.route[0].shares[SPOOL_LOW] = 1;
	begin_busy(&w);
	world_send_many(&w, 150,
	    &(struct world_mail){ .sender = "l@x", .priority = SPOOL_LOW });
	world_send_many(&w, 150,
	    &(struct world_mail){ .sender = "h@x", .priority = SPOOL_HIGH });
	go(&w, 300);
	assert_in_range(count(w.fake[0], 100, "h@x"), 47, 53);
	world_done(&w);
}

/* However many low ones wait. */
static void
a_high_one_does_not_wait_for_the_low_ones(void **state)
{
	struct world w;

	(void)state;
	one_session(&w);
	begin_busy(&w);
	world_send_many(&w, 500,
	    &(struct world_mail){ .sender = "l@x", .priority = SPOOL_LOW });
	world_send(&w,
	    &(struct world_mail){ .sender = "h@x", .priority = SPOOL_HIGH });
	go(&w, 501);
	assert_in_range(place_of(w.fake[0], "h@x"), 0, 3);
	world_done(&w);
}

static void
a_lane_does_not_wait_for_another(void **state)
{
	struct world w;

	(void)state;
	one_session(&w);
	begin_busy(&w);
	world_send_many(
	    &w, 500, &(struct world_mail){ .sender = "a@x", .lane = 7 });
	world_send(&w, &(struct world_mail){ .sender = "b@x", .lane = 9 });
	go(&w, 501);
	assert_in_range(place_of(w.fake[0], "b@x"), 0, 16);
	world_done(&w);
}

static void
routes_take_turns_at_a_provider(void **state)
{
	static const char *first[] = { "one" };
	struct relay_route *news;
	struct world w;

	(void)state;
	one_session(&w);
	news = world_route(&w, "news", 1, first);
	begin_busy(&w);
	world_send_many(
	    &w, 200, &(struct world_mail){ .sender = "n@x", .route = news });
	world_send_many(&w, 50, &(struct world_mail){ .sender = "d@x" });
	go(&w, 250);
	assert_in_range(count(w.fake[0], 100, "d@x"), 40, 50);
	world_done(&w);
}

/* The operator's word: so many rounds, also for those that find the breaker
 * open because of others. */
static void
rounds_that_nobody_could_be_asked_in_count_where_tries_are_bounded(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, NULL);
	w.provider[0].breaker_open_ms = w.provider[0].breaker_open_max_ms =
	    60000;
	w.settings.retry.attempts = 3;
	fake_refuse(w.fake[0], true);
	world_start(&w);
	world_send_many(&w, 100, &(struct world_mail){ 0 });
	world_wait_operations(&w, 100);
	world_wait(&w, 0, 0, 100);
	assert_string_equal(world_dead(&w).cause, "attempts");
	assert_int_equal(world_count_log(&w, "bounced", ""), 0);
	world_done(&w);
}

static void
mail_for_this_host_stays_where_nobody_reads_it(void **state)
{
	static const char *domains[] = { "web1", "localhost" };
	struct spool_dead dead;
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, NULL);
	w.settings.local.domains = domains;
	w.settings.local.ndomains = 2;
	world_start(&w);
	world_send(
	    &w, &(struct world_mail){ .rcpts = "a@web1 b@x.net c@LOCALHOST" });
	world_wait(&w, 0, 0, 1);
	world_wait_logs(&w, "dead", "5.1.1", 2);
	dead = world_dead(&w);
	assert_string_equal(dead.cause, "no alias");
	world_send(&w, &(struct world_mail){ .rcpts = "Postmaster" });
	world_send(&w, &(struct world_mail){ .rcpts = "d@x.web1" });
	world_wait(&w, 0, 0, 2);
	world_stop(&w);
	assert_int_equal(fake_mails(w.fake[0]), 2); /* and no bounce */
	for (size_t i = 0; i < 2; i++)
		assert_non_null(strstr(
		    "<b@x.net> <d@x.web1>", fake_mail(w.fake[0], i)->rcpts));
	world_done(&w);
}

static void
who_reads_it_by_now_gets_it(void **state)
{
	static const char *domains[] = { "web1" };
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, NULL);
	w.settings.local = (struct local){
		.root = "ops@example.com", .domains = domains, .ndomains = 1
	};
	world_start(&w);
	world_send(
	    &w, &(struct world_mail){ .rcpts = "a@web1 b@x.net c@web1" });
	fake_wait_mails(w.fake[0], 1);
	world_send(
	    &w, &(struct world_mail){ .rcpts = "a@web1", .on_disk = true });
	fake_wait_mails(w.fake[0], 2);
	world_send(
	    &w, &(struct world_mail){ .rcpts = "ops@example.com a@web1" });
	fake_wait_mails(w.fake[0], 3);
	world_wait(&w, 0, 0, 0);
	world_stop(&w);
	assert_string_equal(
	    fake_mail(w.fake[0], 0)->rcpts, "<ops@example.com> <b@x.net>");
	assert_string_equal(
	    fake_mail(w.fake[0], 1)->rcpts, "<ops@example.com>");
	assert_string_equal(
	    fake_mail(w.fake[0], 2)->rcpts, "<ops@example.com>");
	world_done(&w);
}

static void
root_may_be_at_this_host_and_a_route_may_redirect(void **state)
{
	static const char *first[] = { "one" };
	static const char *domains[] = { "example.com" };
	struct relay_route *stage;
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, NULL);
	stage = world_route(&w, "stage", 1, first);
	stage->mode = RELAY_MODE_REDIRECT;
	stage->redirect_to = "stage@example.net";
	w.settings.local = (struct local){
		.root = "Ops@example.com", .domains = domains, .ndomains = 1
	};
	world_start(&w);
	world_send(&w, &(struct world_mail){ .rcpts = "ops@example.com" });
	fake_wait_mails(w.fake[0], 1);
	world_send(&w,
	    &(struct world_mail){ .rcpts = "ann@example.com", .route = stage });
	fake_wait_mails(w.fake[0], 2);
	world_stop(&w);
	assert_string_equal(
	    fake_mail(w.fake[0], 0)->rcpts, "<ops@example.com>");
	assert_string_equal(
	    fake_mail(w.fake[0], 1)->rcpts, "<stage@example.net>");
	world_done(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_route_has_its_own_providers),
		cmocka_unit_test(
		    a_route_that_cannot_send_does_not_stop_the_others),
		cmocka_unit_test(
		    mail_of_a_vanished_route_goes_the_defaults_way),
		cmocka_unit_test(
		    a_group_shares_by_weight_and_the_next_entry_waits),
		cmocka_unit_test(mail_spills_over_only_where_the_route_says_so),
		cmocka_unit_test(priorities_get_their_shares_and_none_starves),
		cmocka_unit_test(the_shares_are_the_routes_own),
		cmocka_unit_test(a_high_one_does_not_wait_for_the_low_ones),
		cmocka_unit_test(a_lane_does_not_wait_for_another),
		cmocka_unit_test(routes_take_turns_at_a_provider),
		cmocka_unit_test(
		    rounds_that_nobody_could_be_asked_in_count_where_tries_are_bounded),
		cmocka_unit_test(
		    mail_for_this_host_stays_where_nobody_reads_it),
		cmocka_unit_test(who_reads_it_by_now_gets_it),
		cmocka_unit_test(
		    root_may_be_at_this_host_and_a_route_may_redirect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
