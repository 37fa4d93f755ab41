/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The health of providers: what outlives a restart, sessions without mail, and
 * when silence is too long.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/secret.h"
#include "postern/mail/rate.h"
#include "postern/relay/relay.h"
#include "postern/relay/relay_view.h"
#include "postern/spool/spool.h"

#include "relay/breaker.h"
#include "relay/stall.h"
#include "relay/turns.h"

#include "relay_world.h"

static const struct fake_rule wrong[] = {
	{ .stage = "AUTH", .reply = "535 5.7.8 wrong" }, { .stage = NULL }
};
static const struct fake_rule blocked[] = {
	{ .stage = "MAIL", .reply = "550 5.7.1 Your account is suspended" },
	{ .stage = NULL }
};

/* --- a restart -------------------------------------------------------------
 */

static void
a_suspension_survives_a_restart_and_no_reload(void **state)
{
	struct relay_settings next;
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, blocked);
	world_start(&w);
	world_send(&w, &(struct world_mail){ 0 });
	world_wait_log(&w, "provider.down", "class=suspended");
	world_stop(&w);
	world_start(&w);
	world_wait_logs(&w, "provider.down", "class=suspended", 2);
	world_send(&w, &(struct world_mail){ 0 });
	world_wait(&w, 2, 0, 0);
	assert_int_equal(fake_conns(w.fake[0]), 1);
	fake_rules(w.fake[0], NULL);
	next = w.settings;
	world_change(&w, &next, NULL);
	fake_wait_mails(w.fake[0], 2);
	world_wait(&w, 0, 0, 0);
	world_stop(&w); /* and that it is well is known, too */
	world_start(&w);
	world_send(&w, &(struct world_mail){ 0 });
	fake_wait_mails(w.fake[0], 3);
	world_wait(&w, 0, 0, 0);
	world_done(&w);
}

/* How many messages a session may carry was learned by two that ended there. */
static void
what_was_learned_survives_a_restart(void **state)
{
	static const struct fake_rule rules[] = {
		{ .stage = "MAIL",
		    .message = 4,
		    .reply = "421 4.7.0 too many messages in this session" },
		{ .stage = NULL }
	};
	struct world w;
	size_t had;

	(void)state;
	world_init(&w);
	world_provider(&w, rules)->max_connections = 1;
	world_start(&w);
	world_send_many(&w, 12, &(struct world_mail){ 0 });
	fake_wait_mails(w.fake[0], 12);
	world_wait(&w, 0, 0, 0);
	world_stop(&w);
	had = world_count_log(&w, "provider.trouble", "recycle");
	assert_int_equal(had, 2);
	world_start(&w);
	world_send_many(&w, 12, &(struct world_mail){ 0 });
	fake_wait_mails(w.fake[0], 24);
	world_wait(&w, 0, 0, 0);
	assert_int_equal(
	    world_count_log(&w, "provider.trouble", "recycle"), had);
	world_done(&w);
}

static void
bad_logins_count_across_restarts(void **state)
{
	struct secret *password = secret_new("secret", 6);
	struct relay_settings next[5];
	struct world w;

	(void)state;
	world_init(&w);
	world_provider_login(&w, wrong, password);
	world_start(&w);
	world_send(&w, &(struct world_mail){ 0 });
	world_wait_logs(&w, "provider.alert", "class=auth", 1);
	next[0] = w.settings;
	world_change(&w, &next[0], NULL);
	world_wait_logs(&w, "provider.alert", "class=auth", 2);
	world_stop(&w);
	world_start(&w);
	for (int i = 1; i < 4; i++) {
		next[i] = w.settings;
		world_change(&w, &next[i], NULL);
		world_wait_logs(&w, "provider.alert", "class=auth", 3);
	}
	world_send(&w, &(struct world_mail){ 0 });
	world_wait(&w, 2, 0, 0);
	assert_int_equal(fake_count(w.fake[0], "AUTH"), 3);
	assert_int_equal(world_count_log(&w, "provider.alert", "advice="), 3);
	world_done(&w);
	secret_free(&password);
}

/* The login was good: what was said at MAIL counts for none. */
static void
what_mail_is_told_is_no_bad_login(void **state)
{
	static const struct fake_rule wants[] = {
		{ .stage = "MAIL", .reply = "530 5.7.0 Login first" },
		{ .stage = NULL }
	};
	struct secret *password = secret_new("secret", 6);
	struct relay_settings next[4];
	struct world w;

	(void)state;
	world_init(&w);
	world_provider_login(&w, wants, password);
	world_start(&w);
	world_send(&w, &(struct world_mail){ 0 });
	world_wait_logs(&w, "provider.alert", "class=auth", 1);
	for (size_t i = 1; i < 4; i++) {
		next[i] = w.settings;
		world_change(&w, &next[i], NULL);
		world_wait_logs(&w, "provider.alert", "class=auth", i + 1);
	}
	fake_rules(w.fake[0], NULL);
	next[0] = w.settings;
	world_change(&w, &next[0], NULL);
	fake_wait_mails(w.fake[0], 1);
	world_wait(&w, 0, 0, 0);
	world_done(&w);
	secret_free(&password);
}

static void
a_mended_password_is_tried_at_once(void **state)
{
	struct secret *password = secret_new("secret", 6);
	struct secret *better = secret_new("better", 6);
	struct world w;

	(void)state;
	world_init(&w);
	world_provider_login(&w, wrong, password);
	world_start(&w);
	world_send(&w, &(struct world_mail){ 0 });
	world_wait_log(&w, "provider.down", "class=auth");
	world_stop(&w);
	fake_rules(w.fake[0], NULL);
	w.provider[0].password = better;
	world_start(&w);
	fake_wait_mails(w.fake[0], 1);
	world_wait(&w, 0, 0, 0);
	world_done(&w);
	secret_free(&password);
	secret_free(&better);
}

/* --- who is not believed ---------------------------------------------------
 */

/* An operator's word about one recipient is not a doubt of the provider's about
 * the others. */
static void
one_that_a_pattern_defers_keeps_no_other(void **state)
{
	static const struct relay_reply moon = { .stages = ~0u,
		.low = 400,
		.high = 499,
		.text = "moon",
		.class = "deferred" };
	static const struct fake_rule rules[] = {
		{ .stage = "RCPT",
		    .has = "<bad@",
		    .reply = "550 5.1.1 no such user" },
		{ .stage = "RCPT",
		    .has = "<later@",
		    .reply = "450 4.3.0 wrong moon" },
		{ .stage = NULL }
	};
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, rules);
	w.provider[0].replies = &moon;
	w.provider[0].nreplies = 1;
	w.settings.retry.min_ms = w.settings.retry.max_ms = 60000;
	world_start(&w);
	world_send(
	    &w, &(struct world_mail){ .rcpts = "bad@x.test later@x.test" });
	fake_wait_mails(w.fake[0], 1); /* the bounce */
	world_wait(&w, 1, 0, 0);
	assert_int_equal(world_count_log(&w, "deferred", "later@"), 1);
	world_done(&w);
}

/* --- a session that waits for its first message ----------------------------
 */

/* It is opened early, and rests until there is a slot: what it says then is no
 * reason to ask the same again. */
static void
who_is_busy_with_each_first_message_is_left(void **state)
{
	static const struct rate rate = { .count = 1, .period_ms = 1300 };
	static const struct fake_rule busy[] = {
		{ .stage = "MAIL", .reply = "421 4.3.2 busy" },
		{ .stage = NULL }
	};
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, busy);
	world_provider(&w, NULL);
	w.provider[0].rates = &rate;
	w.provider[0].nrates = 1;
	world_start(&w);
	world_send(&w, &(struct world_mail){ 0 });
	world_send(&w, &(struct world_mail){ 0 });
	fake_wait_mails(w.fake[1], 2);
	world_wait(&w, 0, 0, 0);
	assert_int_equal(
	    world_count_log(&w, "provider.trouble", "class=stale"), 0);
	assert_int_equal(
	    world_count_log(&w, "provider.trouble", "class=backoff"), 2);
	world_done(&w);
}

/* A minute would be left, and what was in the way was the network. */
static void
a_start_asks_at_once_what_was_busy_or_gone(void **state)
{
	static const struct fake_rule busy[] = {
		{ .stage = "EHLO", .reply = "421 4.3.2 busy" },
		{ .stage = NULL }
	};
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, busy)->breaker_failures = 1;
	w.provider[0].breaker_open_ms = 60000;
	w.provider[0].breaker_open_max_ms = 120000;
	world_start(&w);
	world_send(&w, &(struct world_mail){ 0 });
	world_wait_log(&w, "provider.down", "class=backoff");
	world_stop(&w);
	world_start(&w); /* still busy: an empty session, no message */
	world_wait_logs(&w, "provider.trouble", "stage=ehlo", 2);
	world_stop(&w);
	assert_int_equal(fake_conns(w.fake[0]), 2);
	assert_int_equal(world_count_log(&w, "provider.trouble", "msg="), 0);
	fake_rules(w.fake[0], NULL);
	world_start(&w);
	fake_wait_mails(w.fake[0], 1);
	world_wait(&w, 0, 0, 0);
	world_done(&w);
}

/* Whatever is in the spool: mail leaves. */
static void
records_that_make_no_sense_are_left_alone(void **state)
{
	static const char *const records[] = { "", "x", "\1\1" };
	char all[512];

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		struct world w;

		world_init(&w);
		world_provider(&w, NULL);
		world_start(&w);
		memset(all, i == 3 ? 0xff : 1, sizeof all);
		if (i < 3)
			spool_health_put(
			    w.sp, "one", records[i], strlen(records[i]));
		else
			spool_health_put(w.sp, "one", all, sizeof all);
		world_stop(&w);
		world_start(&w);
		world_send(&w, &(struct world_mail){ 0 });
		fake_wait_mails(w.fake[0], 1);
		world_wait(&w, 0, 0, 0);
		world_done(&w);
	}
}

/* --- sessions without mail -------------------------------------------------
 */

static void
some_are_kept_warm(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, NULL)->warm = 2;
	w.provider[0].idle_timeout_ms = 100;
	world_start(&w);
	fake_wait_conns(w.fake[0], 2);
	fake_wait(w.fake[0], "NOOP", 6);
	world_send(&w, &(struct world_mail){ 0 });
	fake_wait_mails(w.fake[0], 1);
	world_wait(&w, 0, 0, 0);
	assert_int_equal(fake_conns(w.fake[0]), 2);
	fake_drop(w.fake[0]); /* they are replaced, and it was no trouble */
	fake_wait_conns(w.fake[0], 4);
	assert_int_equal(world_count_log(&w, "provider.trouble", ""), 0);
	world_done(&w);
}

static void
warm_ones_are_replaced_when_they_are_old(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, NULL)->warm = 1;
	w.provider[0].idle_timeout_ms = 50;
	w.provider[0].max_age_ms = 200;
	world_start(&w);
	fake_wait_conns(w.fake[0], 4);
	world_wait_log(&w, "provider.closed", "reason=age");
	assert_int_equal(world_count_log(&w, "provider.closed", "idle"),
	    world_count_log(&w, "provider.closed", "state=idle"));
	assert_string_equal(relay_view_end_word(2), "age");
	assert_true(stat_get(&relay_view_counters(w.relay)->ended[2]) > 0);
	world_done(&w);
}

/* While it is down nothing but empty sessions ask, and none of the messages is
 * touched. */
static void
no_message_is_the_probe(void **state)
{
	static const struct fake_rule rules[] = {
		{ .stage = "EHLO", .reply = "421 4.3.2 busy" },
		{ .stage = NULL }
	};
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, rules);
	w.provider[0].max_connections = 1;
	world_start(&w);
	world_send(&w, &(struct world_mail){ 0 });
	world_wait_logs(&w, "provider.trouble", "stage=ehlo", 7);
	assert_int_equal(world_count_log(&w, "provider.trouble", "msg="), 0);
	fake_rules(w.fake[0], NULL);
	fake_wait_mails(w.fake[0], 1);
	assert_int_equal(fake_count(w.fake[0], "NOOP"), 1);
	world_wait(&w, 0, 0, 0);
	world_done(&w);
}

/* It lets in, and takes nothing: each opening costs one message a try, and
 * lasts twice as long as the one before. */
static void
one_message_is_on_trial(void **state)
{
	static const struct fake_rule rules[] = {
		{ .stage = "DOT", .reply = "421 4.3.2 busy" }, { .stage = NULL }
	};
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, rules);
	world_provider(&w, NULL);
	w.provider[0].breaker_failures = 2;
	w.provider[0].breaker_open_max_ms = 300;
	world_start(&w);
	world_send_many(&w, 10, &(struct world_mail){ 0 });
	world_wait_log(&w, "provider.down", "one");
	fake_wait_mails(w.fake[1], 10);
	for (size_t i = 1; i < 4; i++) {
		size_t had = world_count_log(&w, "provider.trouble", "msg=");

		world_wait_logs(&w, "provider.up", "one", i);
		world_send_many(&w, 5, &(struct world_mail){ 0 });
		world_wait_logs(&w, "provider.down", "one", i + 1);
		fake_wait_mails(w.fake[1], 10 + 5 * i);
		assert_int_equal(
		    world_count_log(&w, "provider.trouble", "msg="), had + 1);
	}
	world_wait(&w, 0, 0, 0);
	world_done(&w);
}

/* --- silence ---------------------------------------------------------------
 */

static void
silence_is_measured_by_what_is_usual(void **state)
{
	struct stall t = { 0 };

	(void)state;
	assert_int_equal(stall_limit_ms(&t, STALL_LOGIN), 5000);
	stall_learn(&t, STALL_MESSAGE, 20);
	assert_int_equal(stall_limit_ms(&t, STALL_MESSAGE), 5000);
	for (int i = 0; i < 100; i++)
		stall_learn(&t, STALL_MESSAGE, 2000);
	assert_in_range(stall_limit_ms(&t, STALL_MESSAGE), 15900, 16000);
	assert_int_equal(stall_limit_ms(&t, STALL_LOGIN), 5000);
	stall_learn(&t, STALL_LOGIN, 6000); /* the first counts as it is */
	assert_int_equal(stall_limit_ms(&t, STALL_LOGIN), 48000);
	for (int i = 0; i < 100; i++)
		stall_learn(&t, STALL_LOGIN, 1);
	assert_int_equal(stall_limit_ms(&t, STALL_LOGIN), 5000);
}

static void
a_restored_opening_is_no_longer_than_one_may_be(void **state)
{
	static const struct breaker_settings s = {
		.open_ms = 5000, .open_max_ms = 60000, .is_hard = true
	};
	struct breaker b;

	(void)state;
	breaker_init(&b);
	breaker_restore(&b, &s, 1000, 3000, 10000);
	assert_int_equal(b.state, BREAKER_OPEN);
	assert_int_equal(b.until_ms, 4000);
	breaker_trip(&b, &s, 4000, 4000); /* twice as long as that one */
	assert_int_equal(b.length_ms, 20000);
	breaker_restore(&b, &s, 1000, UINT64_MAX / 2, UINT64_MAX);
	assert_int_equal(b.until_ms, 73000);
	assert_int_equal(b.length_ms, 60000);
	assert_false(breaker_ok(&b, 2000));
}

/* What is dead shares a connection with who has mail: how long it leaves that
 * alone after a probe. */
static void
the_dead_leave_time_and_are_asked_all_the_same(void **state)
{
	static const struct {
		const char *why;
		struct turns_rest t;
		uint64_t rest_ms;
	} rows[] = {
		{ "one takes a tenth", { 30000, 1, 1 }, 270000 },
		{ "two take a tenth together", { 30000, 2, 1 }, 540000 },
		{ "of two connections", { 30000, 2, 2 }, 270000 },
		{ "just an hour", { 30000, 40, 3 }, 3600000 },
		{ "and no more than that", { 30000, 41, 3 }, 3600000 },
		{ "half of the time is an hour", { 30000, 120, 1 }, 3600000 },
		{ "they never have more", { 30000, 121, 1 }, 3630000 },
		{ "it took no time", { 0, 3, 1 }, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (turns_rest_for_ms(&rows[i].t) != rows[i].rest_ms)
			fail_msg("%s", rows[i].why);
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_suspension_survives_a_restart_and_no_reload),
		cmocka_unit_test(what_was_learned_survives_a_restart),
		cmocka_unit_test(bad_logins_count_across_restarts),
		cmocka_unit_test(what_mail_is_told_is_no_bad_login),
		cmocka_unit_test(a_mended_password_is_tried_at_once),
		cmocka_unit_test(one_that_a_pattern_defers_keeps_no_other),
		cmocka_unit_test(who_is_busy_with_each_first_message_is_left),
		cmocka_unit_test(a_start_asks_at_once_what_was_busy_or_gone),
		cmocka_unit_test(records_that_make_no_sense_are_left_alone),
		cmocka_unit_test(some_are_kept_warm),
		cmocka_unit_test(warm_ones_are_replaced_when_they_are_old),
		cmocka_unit_test(no_message_is_the_probe),
		cmocka_unit_test(one_message_is_on_trial),
		cmocka_unit_test(silence_is_measured_by_what_is_usual),
		cmocka_unit_test(
		    a_restored_opening_is_no_longer_than_one_may_be),
		cmocka_unit_test(
		    the_dead_leave_time_and_are_asked_all_the_same),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
