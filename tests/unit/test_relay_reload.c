/* SPDX-License-Identifier: Apache-2.0 */
/*
 * New settings while there are sessions: which go on, and what is let go.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/secret.h"

#include "relay_world.h"

static void
wait_gone(struct world *w, _Atomic bool *gone, size_t nmails)
{
	while (!*gone) { /* each mail is a turn of the relay */
		world_send(w, &(struct world_mail){ 0 });
		fake_wait_mails(w->fake[0], ++nmails);
		assert_true(nmails < 100);
	}
}

/* Another provider and another route: the session of the first stays, and holds
 * nothing of the settings that it was opened with. */
static void
a_session_outlives_the_settings_that_opened_it(void **state)
{
	static const char *use[] = { "one" };
	_Atomic bool old_gone = false;
	struct relay_provider p[2];
	struct relay_settings next;
	struct relay_route route;
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, NULL);
	world_provider(&w, NULL);
	world_start(&w);
	world_send(&w, &(struct world_mail){ 0 });
	fake_wait_mails(w.fake[0], 1);
	world_wait(&w, 0, 0, 0);
	p[0] = w.provider[0];
	p[1] = w.provider[1];
	p[1].helo = "other.test";
	p[0].weight = 7;
	route = w.route[0];
	route.use = use;
	route.nuse = 1;
	next = w.settings;
	next.providers = p;
	next.routes = &route;
	world_change(&w, &next, &old_gone);
	wait_gone(&w, &old_gone, 1);
	world_wait(&w, 0, 0, 0);
	assert_int_equal(fake_conns(w.fake[0]), 1);
	assert_int_equal(world_count_log(&w, "provider.closed", "one"), 0);
	world_done(&w);
}

/* Its sender is the settings' own; what is tried after the reload goes by the
 * new ones. */
static void
a_transaction_ends_by_the_settings_that_it_began_with(void **state)
{
	static const char *const no_pipelining[] = { "SIZE", NULL };
	static const struct fake_rule slow[] = {
		{ .stage = "MAIL", .times = 1, .reply = "hang" },
		{ .stage = NULL }
	};
	struct fake_settings s = { .ehlo = no_pipelining, .rules = slow };
	_Atomic bool old_gone = false;
	struct relay_provider p;
	struct relay_settings next;
	struct relay_route route;
	struct world w;

	(void)state;
	world_init(&w);
	world_provider_with(&w, &s)->null_sender_refused = true;
	w.provider[0].timeouts.command = 500;
	w.settings.bounce_from = "first@example.com";
	world_start(&w);
	world_send(&w, &(struct world_mail){ .sender = "" });
	fake_wait(w.fake[0], "MAIL", 1);
	p = w.provider[0];
	route = w.route[0];
	next = w.settings;
	next.providers = &p;
	next.routes = &route;
	next.bounce_from = "second@example.com";
	world_change(&w, &next, &old_gone);
	fake_wait_mails(w.fake[0], 1); /* the try after that */
	world_wait(&w, 0, 0, 0);
	assert_non_null(
	    strstr(fake_mail(w.fake[0], 0)->sender, "second@example.com"));
	wait_gone(&w, &old_gone, 1);
	world_done(&w);
}

/* What the provider sees of the change ends them. */
static void
another_password_is_another_session(void **state)
{
	struct secret *first = secret_new("first", 5);
	struct secret *same = secret_new("first", 5);
	struct secret *second = secret_new("second", 6);
	struct relay_provider p[2];
	struct relay_settings next[2];
	struct world w;

	(void)state;
	world_init(&w);
	world_provider_login(&w, NULL, first);
	world_start(&w);
	for (size_t i = 0; i < 3; i++) {
		world_send(&w, &(struct world_mail){ 0 });
		fake_wait_mails(w.fake[0], i + 1);
		world_wait(&w, 0, 0, 0);
		assert_int_equal(fake_count(w.fake[0], "AUTH"), i < 2 ? 1 : 2);
		if (i == 2)
			break;
		p[i] = w.provider[0];
		p[i].password = i == 0 ? same : second;
		next[i] = w.settings;
		next[i].providers = &p[i];
		world_change(&w, &next[i], NULL);
	}
	world_wait_log(&w, "provider.closed", "reason=reload");
	assert_int_equal(fake_conns(w.fake[0]), 2);
	world_done(&w);
	secret_free(&first);
	secret_free(&same);
	secret_free(&second);
}

/* Each reload is one more attempt, by a session without a message. */
static void
a_reload_is_one_attempt_where_a_provider_is_down(void **state)
{
	static const struct fake_rule busy[] = {
		{ .stage = "BANNER", .reply = "421 4.3.2 busy" },
		{ .stage = NULL }
	};
	struct relay_settings next[20];
	struct relay_provider p[20];
	struct world w;
	size_t n;

	(void)state;
	world_init(&w);
	world_provider(&w, busy)->breaker_failures = 2;
	w.provider[0].breaker_open_ms = 600000;
	w.provider[0].breaker_open_max_ms = 3600000;
	world_start(&w);
	world_send(&w, &(struct world_mail){ 0 });
	world_wait_log(&w, "provider.down", "class=backoff");
	n = fake_conns(w.fake[0]);
	for (size_t i = 0; i < 20; i++) {
		p[i] = w.provider[0];
		if (i % 3 == 2) /* one that its sessions see */
			p[i].max_age_ms += i;
		next[i] = w.settings;
		next[i].providers = &p[i];
		world_change(&w, &next[i], NULL);
		world_wait_logs(
		    &w, "provider.trouble", "class=backoff", n + i + 1);
	}
	assert_int_equal(fake_conns(w.fake[0]), n + 20);
	assert_int_equal(world_count_log(&w, "provider.trouble", "msg="), 0);
	world_done(&w);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_session_outlives_the_settings_that_opened_it),
		cmocka_unit_test(
		    a_transaction_ends_by_the_settings_that_it_began_with),
		cmocka_unit_test(another_password_is_another_session),
		cmocka_unit_test(
		    a_reload_is_one_attempt_where_a_provider_is_down),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
