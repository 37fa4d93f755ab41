/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trouble of providers: it costs time, never a message, and writes nothing to
 * the spool.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "postern/base/clock.h"
#include "postern/base/secret.h"
#include "postern/spool/envelope.h"

#include "relay_world.h"

/* What has been written since: commits beyond these. */
static void
nothing_written(struct world *w, const struct spool_stats *before)
{
	assert_int_equal(world_stats(w).operations, before->operations);
}

/* --- one provider ----------------------------------------------------------
 */

static const struct {
	const char *why, *stage, *reply;
	bool unsure; /* it may arrive twice */
} troubles[] = {
	{ "no banner: closed", "BANNER", "close", false },
	{ "421 for a banner", "BANNER", "421 4.3.2 busy", false },
	{ "554 for a banner", "BANNER", "554 5.3.2 no service", false },
	{ "rubbish for a banner", "BANNER", "hello", false },
	{ "EHLO: 421", "EHLO", "421 4.3.2 busy", false },
	{ "MAIL: 421", "MAIL", "421 4.3.2 busy", false },
	{ "MAIL: lost", "MAIL", "close", false },
	{ "MAIL: rubbish", "MAIL", "what", false },
	{ "RCPT: 421", "RCPT", "421 4.3.2 busy", false },
	{ "RCPT: lost", "RCPT", "close", false },
	{ "DATA: 421", "DATA", "421 4.3.2 busy", false },
	{ "DATA: lost", "DATA", "close", false },
	{ "dot: 421", "DOT", "421 4.3.2 busy", false },
	{ "dot: lost", "DOT", "close", true },
	{ "session after the message: lost", "END", "close", false },
};

static void
it_is_tried_again_and_arrives(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof troubles / sizeof troubles[0]; i++) {
		struct fake_rule rules[] = { { .stage = troubles[i].stage,
			                         .times = 2,
			                         .reply = troubles[i].reply },
			{ .stage = NULL } };
		struct world w;

		world_init(&w);
		world_provider(&w, rules);
		world_start(&w);
		world_send(&w, &(struct world_mail){ 0 });
		fake_wait_mails(w.fake[0], 1);
		world_wait(&w, 0, 0, 0);
		if (world_stats(&w).operations > 3)
			fail_msg("%s: %lu operations", troubles[i].why,
			    world_stats(&w).operations);
		if (fake_mails(w.fake[0]) != 1)
			fail_msg("%s: twice", troubles[i].why);
		if (troubles[i].unsure !=
		    (world_count_log(&w, "unsure", "duplicate") > 0))
			fail_msg("%s: said to be unsure", troubles[i].why);
		world_done(&w);
	}
}

static void
a_provider_that_hangs_is_given_up_in_time(void **state)
{
	static const struct fake_rule rules[] = {
		{ .stage = "BANNER", .conn = 1, .reply = "hang" },
		{ .stage = "MAIL", .conn = 2, .reply = "hang" },
		{ .stage = "DATA", .conn = 3, .reply = "hang" },
		{ .stage = NULL }
	};
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, rules);
	w.provider[0].timeouts = (struct relay_timeouts){ 200, 200, 200, 200,
		200, 200, 200, 200, 200 };
	world_start(&w);
	world_send(&w, &(struct world_mail){ 0 });
	fake_wait_mails(w.fake[0], 1);
	world_wait(&w, 0, 0, 0);
	assert_int_equal(fake_conns(w.fake[0]), 4);
	world_done(&w);
}

static void
an_outage_writes_nothing_and_asks_little(void **state)
{
	struct spool_stats before;
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, NULL);
	fake_refuse(w.fake[0], true);
	world_start(&w);
	world_send_many(&w, 100, &(struct world_mail){ 0 });
	world_wait(&w, 100, 0, 0);
	world_wait_operations(&w, 100);
	before = world_stats(&w);
	world_wait_log(&w, "provider.down", "one");
	world_wait_logs(&w, "provider.trouble", "refused", 7); /* 2 probes */
	nothing_written(&w, &before);
	assert_in_range(
	    world_count_log(&w, "provider.trouble", "refused"), 7, 12);
	assert_int_equal(world_count_log(&w, "provider.up", ""), 0);
	fake_refuse(w.fake[0], false);
	world_wait_log(&w, "provider.up", "half-open");
	fake_wait_mails(w.fake[0], 100);
	world_wait(&w, 0, 0, 0);
	assert_int_equal(world_count_log(&w, "bounced", ""), 0);
	world_done(&w);
}

static void
a_stale_session_costs_nothing(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, NULL);
	world_start(&w);
	world_send(&w, &(struct world_mail){ 0 });
	fake_wait_mails(w.fake[0], 1);
	world_wait(&w, 0, 0, 0);
	fake_rules(w.fake[0],
	    (struct fake_rule[]){ { .stage = "MAIL",
	                              .conn = 1,
	                              .reply = "451 4.4.2 Timeout waiting for "
	                                       "data from client." },
	        { .stage = NULL } });
	world_send(&w, &(struct world_mail){ 0 });
	fake_wait_mails(w.fake[0], 2);
	world_wait(&w, 0, 0, 0);
	fake_rules(
	    w.fake[0], (struct fake_rule[]){
	                   { .stage = "MAIL", .conn = 2, .reply = "close" },
	                   { .stage = NULL } });
	world_send(&w, &(struct world_mail){ 0 });
	fake_wait_mails(w.fake[0], 3);
	world_wait(&w, 0, 0, 0);
	assert_int_equal(world_count_log(&w, "deferred", ""), 0);
	assert_int_equal(world_count_log(&w, "provider.down", ""), 0);
	world_done(&w);
}

static void
a_session_that_is_ended_after_some_messages_is_learned(void **state)
{
	static const struct fake_rule rules[] = {
		{ .stage = "MAIL",
		    .message = 4,
		    .reply = "421 4.7.0 too many messages in one session" },
		{ .stage = NULL }
	};
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, rules)->max_connections = 1;
	world_start(&w);
	world_send_many(&w, 30, &(struct world_mail){ 0 });
	fake_wait_mails(w.fake[0], 30);
	world_wait(&w, 0, 0, 0);
	assert_int_equal(world_count_log(&w, "provider.trouble", "recycle"), 2);
	assert_int_equal(world_count_log(&w, "provider.down", ""), 0);
	world_done(&w);
}

static void
a_silent_close_between_messages_is_the_same(void **state)
{
	static const struct fake_rule rules[] = {
		{ .stage = "END", .message = 3, .reply = "close" },
		{ .stage = NULL }
	};
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, rules)->max_connections = 1;
	world_start(&w);
	world_send_many(&w, 20, &(struct world_mail){ 0 });
	fake_wait_mails(w.fake[0], 20);
	world_wait(&w, 0, 0, 0);
	assert_int_equal(fake_mails(w.fake[0]), 20);
	assert_int_equal(world_count_log(&w, "provider.down", ""), 0);
	assert_int_equal(world_count_log(&w, "unsure", ""), 0);
	world_done(&w);
}

static void
too_many_sessions_become_fewer(void **state)
{
	static const struct fake_rule rules[] = {
		{ .stage = "BANNER",
		    .conn = 3,
		    .reply = "421 4.7.0 Too many connections" },
		{ .stage = "BANNER",
		    .conn = 4,
		    .reply = "421 4.7.0 Too many connections" },
		{ .stage = NULL }
	};
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, rules)->max_connections = 4;
	w.provider[0].max_messages_per_connection = 1000;
	world_start(&w);
	world_send_many(&w, 300, &(struct world_mail){ 0 });
	fake_wait_mails(w.fake[0], 300);
	world_wait(&w, 0, 0, 0);
	assert_in_range(fake_conns(w.fake[0]), 1, 6);
	assert_int_equal(world_count_log(&w, "bounced", ""), 0);
	world_done(&w);
}

static const struct {
	const char *why, *stage, *reply;
} closings[] = {
	{ "quota at the dot", "DOT", "550 5.4.5 Daily sending limit exceeded" },
	{ "quota at DATA", "DATA",
	    "421 Domain x is not allowed to send: recipient limit exceeded" },
	{ "suspended", "MAIL", "550 5.7.1 Your account has been suspended" },
	{ "rate, for long", "DOT", "454 Throttling failure, in 60 seconds" },
};

static void
a_closed_account_holds_its_mail(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof closings / sizeof closings[0]; i++) {
		struct fake_rule rules[] = { { .stage = closings[i].stage,
			                         .reply = closings[i].reply },
			{ .stage = NULL } };
		struct spool_stats before;
		struct world w;

		world_init(&w);
		world_provider(&w, rules);
		world_start(&w);
		world_send_many(&w, 10, &(struct world_mail){ 0 });
		world_wait_log(&w, "provider.down", "one");
		world_wait(&w, 10, 0, 0);
		before = world_stats(&w);
		world_stop(&w);
		if (fake_mails(w.fake[0]) > 0)
			fail_msg("%s", closings[i].why);
		assert_int_equal(before.operations, 10);
		assert_int_equal(world_count_log(&w, "deferred", ""), 0);
		world_done(&w);
	}
}

/* --- logins ----------------------------------------------------------------
 */

static void
a_refused_login_never_bounces(void **state)
{
	static const struct fake_rule rules[] = {
		{ .stage = "AUTH", .reply = "535 5.7.8 wrong" },
		{ .stage = NULL }
	};
	struct secret *password = secret_new("secret", 6);
	struct world w;

	(void)state;
	world_init(&w);
	world_provider_login(&w, rules, password);
	world_start(&w);
	world_send_many(&w, 20, &(struct world_mail){ 0 });
	world_wait_log(&w, "provider.alert", "class=auth");
	world_wait_log(&w, "provider.down", "one");
	world_wait(&w, 20, 0, 0);
	assert_int_equal(world_stats(&w).operations, 20);
	assert_int_equal(fake_count(w.fake[0], "AUTH"), 1);
	world_done(&w);
	secret_free(&password);
}

static void
nor_does_a_login_that_cannot_be_said(void **state)
{
	struct secret *password = secret_new("secret", 6);
	struct relay_provider *p;
	struct world w;

	(void)state;
	world_init(&w);
	p = world_provider(&w, NULL); /* offers no AUTH */
	p->user = "user";
	p->password = password;
	world_start(&w);
	world_send(&w, &(struct world_mail){ 0 });
	world_wait_log(&w, "provider.alert", "class=auth");
	world_wait(&w, 1, 0, 0);
	assert_int_equal(fake_count(w.fake[0], "AUTH"), 0);
	world_done(&w);
	secret_free(&password);
}

static void
no_tls_no_mail(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, NULL)->tls = RELAY_TLS_VERIFY;
	world_provider(&w, NULL);
	world_start(&w);
	world_send(&w, &(struct world_mail){ 0 });
	fake_wait_mails(w.fake[1], 1);
	world_wait_log(&w, "provider.alert", "class=tls");
	assert_int_equal(fake_count(w.fake[0], "MAIL"), 0);
	world_done(&w);
}

/* --- two providers ---------------------------------------------------------
 */

static const struct {
	const char *why, *stage, *reply;
} failovers[] = {
	{ "refuses", NULL, NULL },
	{ "no banner", "BANNER", "close" },
	{ "421", "MAIL", "421 4.3.2 busy" },
	{ "busy in words", "MAIL", "451 4.7.500 Server busy" },
	{ "lost at DATA", "DATA", "close" },
	{ "quota", "DOT", "550 5.4.5 Daily limit exceeded" },
	{ "rate", "DOT", "454 Throttling failure" },
	{ "suspended", "MAIL", "550 5.7.1 account suspended" },
	{ "sender", "MAIL", "553 5.7.1 Sender address rejected: not owned" },
	{ "sender at the dot", "DOT", "554 Email address is not verified" },
	{ "later", "DOT", "451 4.3.0 try later" },
};

static void
the_next_one_takes_it_at_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof failovers / sizeof failovers[0]; i++) {
		struct fake_rule rules[] = { { .stage = failovers[i].stage,
			                         .reply = failovers[i].reply },
			{ .stage = NULL } };
		struct world w;

		world_init(&w);
		world_provider(&w, rules);
		world_provider(&w, NULL);
		w.settings.retry.nquick = 1;
		w.settings.retry.quick_ms[0] = 60000;
		w.settings.retry.min_ms = 60000;
		if (!failovers[i].stage)
			fake_refuse(w.fake[0], true);
		world_start(&w);
		world_send_many(&w, 30, &(struct world_mail){ 0 });
		fake_wait_mails(w.fake[1], 30);
		world_wait(&w, 0, 0, 0);
		if (fake_mails(w.fake[0]) > 0 || fake_mails(w.fake[1]) != 30)
			fail_msg("%s", failovers[i].why);
		world_done(&w);
	}
}

static void
the_first_gets_its_mail_again_when_it_is_back(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, NULL);
	world_provider(&w, NULL);
	fake_refuse(w.fake[0], true);
	world_start(&w);
	world_send_many(&w, 40, &(struct world_mail){ 0 });
	fake_wait_mails(w.fake[1], 40);
	world_wait_log(&w, "provider.down", "one");
	fake_refuse(w.fake[0], false);
	world_wait_log(&w, "provider.up", "one");
	world_send(&w, &(struct world_mail){ 0 });
	fake_wait_mails(w.fake[0], 1);
	world_wait(&w, 0, 0, 0);
	world_done(&w);
}

static void
a_sender_that_all_refuse_fails(void **state)
{
	static const struct fake_rule rules[] = {
		{ .stage = "MAIL",
		    .has = "<sender@",
		    .reply = "553 5.7.1 Sender address rejected" },
		{ .stage = NULL }
	};
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, rules);
	world_provider(&w, rules);
	world_start(&w);
	world_send(&w, &(struct world_mail){ 0 });
	fake_wait_mails(w.fake[0], 1); /* the bounce */
	world_wait(&w, 0, 0, 1);
	assert_int_equal(fake_count(w.fake[0], "MAIL"), 2);
	assert_int_equal(fake_count(w.fake[1], "MAIL"), 1);
	world_done(&w);
}

/* More than are asked in a round: each once. */
static void
all_of_many_are_asked_before_it_does(void **state)
{
	static const struct fake_rule rules[] = {
		{ .stage = "MAIL",
		    .has = "<sender@",
		    .reply = "553 5.7.1 Sender address rejected" },
		{ .stage = NULL }
	};
	struct world w;

	(void)state;
	world_init(&w);
	for (int i = 0; i < WORLD_PROVIDERS; i++)
		world_provider(&w, rules);
	world_start(&w);
	world_send(&w, &(struct world_mail){ 0 });
	fake_wait_mails(w.fake[0], 1); /* the bounce */
	world_wait(&w, 0, 0, 1);
	assert_int_equal(fake_count(w.fake[0], "MAIL"), 2);
	for (int i = 1; i < WORLD_PROVIDERS; i++)
		assert_int_equal(fake_count(w.fake[i], "MAIL"), 1);
	world_done(&w);
}

/* Once busy and once refused is not broken. */
static void
nor_is_one_given_up_for_what_another_refuses(void **state)
{
	static const struct fake_rule busy[] = {
		{ .stage = "MAIL", .reply = "421 4.3.2 busy", .times = 1 },
		{ .stage = NULL }
	};
	static const struct fake_rule refuses[] = {
		{ .stage = "MAIL",
		    .reply = "553 5.7.1 Sender address rejected" },
		{ .stage = NULL }
	};
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, busy);
	world_provider(&w, refuses);
	world_start(&w);
	world_send(&w, &(struct world_mail){ 0 });
	fake_wait_mails(w.fake[0], 1);
	world_wait(&w, 0, 0, 0);
	assert_int_equal(world_count_log(&w, "provider.down", ""), 0);
	assert_int_equal(fake_count(w.fake[1], "MAIL"), 1);
	world_done(&w);
}

static void
but_not_while_one_has_not_been_asked(void **state)
{
	static const struct fake_rule rules[] = {
		{ .stage = "MAIL",
		    .reply = "553 5.7.1 Sender address rejected" },
		{ .stage = NULL }
	};
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, rules);
	world_provider(&w, NULL);
	fake_refuse(w.fake[1], true);
	world_start(&w);
	world_send(&w, &(struct world_mail){ 0 });
	world_wait_log(&w, "deferred", "rcpt@");
	assert_int_equal(world_stats(&w).dead, 0);
	fake_refuse(w.fake[1], false);
	fake_wait_mails(w.fake[1], 1);
	world_wait(&w, 0, 0, 0);
	world_done(&w);
}

/* A sender whose domain does not resolve is no trouble of the provider's. */
static void
many_bad_senders_stop_not_the_good(void **state)
{
	static const struct fake_rule rules[] = {
		{ .stage = "MAIL",
		    .has = "<bad@",
		    .reply = "450 4.1.8 Sender address rejected: not found" },
		{ NULL }
	};
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, rules);
	w.settings.retry.min_ms = w.settings.retry.max_ms = 60000;
	world_start(&w);
	world_send_many(&w, 20, &(struct world_mail){ .sender = "bad@x" });
	world_send(&w, &(struct world_mail){ 0 });
	fake_wait_mails(w.fake[0], 1);
	assert_int_equal(world_count_log(&w, "provider.down", ""), 0);
	world_wait(&w, 20, 0, 0);
	assert_int_equal(world_count_log(&w, "deferred", "4.1.8"), 20);
	world_done(&w);
}

/* How long the reply wants it to wait is for that sender. */
static void
one_fast_sender_slows_not_the_others(void **state)
{
	static const struct fake_rule rules[] = {
		{ .stage = "MAIL",
		    .has = "<fast@",
		    .reply = "450 4.7.1 <fast@x>: Sender address rejected: "
		             "rate limit exceeded, try again in 2 hours" },
		{ NULL }
	};
	struct spool_loaded l;
	struct world w;
	uint64_t mid;

	(void)state;
	world_init(&w);
	world_provider(&w, rules);
	w.settings.retry.min_ms = w.settings.retry.max_ms = 60000;
	world_start(&w);
	mid = world_send(&w, &(struct world_mail){ .sender = "fast@x" });
	world_wait_log(&w, "deferred", "4.7.1");
	world_send(&w, &(struct world_mail){ 0 });
	fake_wait_mails(w.fake[0], 1);
	assert_int_equal(world_count_log(&w, "provider.down", ""), 0);
	world_wait(&w, 1, 0, 0);
	l = world_load(&w, mid);
	assert_true(l.key.due_ms > clock_wall_ms() + 3600 * 1000);
	envelope_free(&l.env);
	world_done(&w);
}

/* The same words, but of what is broken there: it is no sender's. */
static void
what_every_sender_is_told_sends_mail_elsewhere(void **state)
{
	static const struct fake_rule rules[] = {
		{ .stage = "RCPT",
		    .reply = "451 4.3.5 <sender@example.com>: Sender address "
		             "rejected: Server configuration problem" },
		{ .stage = NULL }
	};
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, rules);
	world_provider(&w, NULL);
	world_start(&w);
	world_send_many(&w, 20, &(struct world_mail){ 0 });
	fake_wait_mails(w.fake[1], 10);
	world_wait_log(&w, "provider.down", "one");
	world_done(&w);
}

/* A message that makes the provider drop the session each time: others pass,
 * and it waits by the schedule. */
static void
one_bad_message_stops_not_the_others(void **state)
{
	static const struct fake_rule rules[] = {
		{ .stage = "MAIL", .has = "<poison@", .reply = "close" },
		{ NULL }
	};
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, rules);
	w.provider[0].breaker_failures = 3;
	w.settings.retry.min_ms = w.settings.retry.max_ms = 60000;
	world_start(&w);
	world_send(&w, &(struct world_mail){ .sender = "poison@x" });
	for (int i = 0; i < 60; i++) {
		world_send(&w, &(struct world_mail){ 0 });
		fake_wait_mails(w.fake[0], (size_t)i + 1);
	}
	world_wait_log(&w, "deferred", "rcpt@");
	world_wait(&w, 1, 0, 0);
	world_done(&w);
}

/* --- attempts --------------------------------------------------------------
 */

static void
attempts_end_in_a_dead_letter_without_a_bounce(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, NULL);
	w.settings.retry.attempts = 3;
	fake_refuse(w.fake[0], true);
	world_start(&w);
	world_send(&w, &(struct world_mail){ 0 });
	world_wait(&w, 0, 0, 1);
	assert_string_equal(world_dead(&w).cause, "attempts");
	assert_int_equal(world_count_log(&w, "provider.trouble", "refused"), 3);
	assert_int_equal(world_count_log(&w, "notice", ""), 0);
	world_done(&w);
}

/* --- settings --------------------------------------------------------------
 */

/* A reload lets a closed provider try again; it does not let the account be
 * locked, also where it cuts off a login: the provider has counted that. */
static void
reload_at_each_login(const char *reply, bool cuts)
{
	static const char *const names[2] = { "even.test", "odd.test" };
	const struct fake_rule rules[] = { { .stage = "AUTH", .reply = reply },
		{ NULL } };
	struct secret *password = secret_new("secret", 6);
	struct secret *better = secret_new("better", 6);
	struct relay_settings next[6];
	struct relay_provider mended;
	_Atomic bool old_gone;
	struct world w;

	world_init(&w);
	world_provider_login(&w, rules, password);
	world_start(&w);
	world_send(&w, &(struct world_mail){ 0 });
	for (size_t i = 0; i < 5; i++) {
		if (i >= 3)
			world_wait_log(&w, "provider.down", "for_ms=");
		else if (cuts)
			fake_wait(w.fake[0], "AUTH", i + 1);
		else
			world_wait_logs(&w, "provider.alert", "auth", i + 1);
		next[i] = w.settings;
		if (cuts) /* what EHLO says: sessions of before end */
			next[i].hostname = names[i % 2];
		world_change(&w, &next[i], &old_gone);
	}
	assert_int_equal(fake_count(w.fake[0], "AUTH"), 3);
	fake_rules(w.fake[0], NULL);
	mended = w.provider[0];
	mended.password = better;
	next[5] = w.settings;
	next[5].providers = &mended;
	world_change(&w, &next[5], &old_gone);
	fake_wait_mails(w.fake[0], 1); /* another password is another matter */
	assert_int_equal(fake_count(w.fake[0], "AUTH"), 4);
	world_wait(&w, 0, 0, 0);
	world_done(&w);
	secret_free(&password);
	secret_free(&better);
}

static void
reloads_do_not_add_up_to_a_lock_out(void **state)
{
	(void)state;
	reload_at_each_login("535 5.7.8 wrong", false);
}

static void
nor_do_those_that_cut_a_login_off(void **state)
{
	(void)state;
	reload_at_each_login("hang", true);
}

/* localhost is ::1 as well, where nobody listens. */
static void
all_addresses_of_a_name_are_tried(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, NULL)->host = "localhost";
	w.provider[0].prefer = DNS_PREFER_IPV6;
	world_start(&w);
	world_send(&w, &(struct world_mail){ 0 });
	fake_wait_mails(w.fake[0], 1);
	world_wait(&w, 0, 0, 0);
	assert_int_equal(world_count_log(&w, "provider.trouble", ""), 0);
	world_done(&w);
}

/* ::1 and the port of the provider at 127.0.0.1: connections are accepted by
 * the kernel, and nobody speaks. */
static int
mute_listener(uint16_t port)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6,
		.sin6_addr = IN6ADDR_LOOPBACK_INIT,
		.sin6_port = htons(port) };
	int on = 1, fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(fd, 16), 0);
	return fd;
}

static void
an_address_that_accepts_and_never_speaks_is_left(void **state)
{
	struct world w;
	int fd;

	(void)state;
	world_init(&w);
	world_provider(&w, NULL)->host = "localhost";
	w.provider[0].prefer = DNS_PREFER_IPV6;
	w.provider[0].timeouts.banner = 1500;
	fd = mute_listener(fake_port(w.fake[0]));
	world_start(&w);
	world_send(&w, &(struct world_mail){ 0 });
	fake_wait_mails(w.fake[0], 1);
	world_wait(&w, 0, 0, 0);
	assert_int_equal(world_count_log(&w, "provider.trouble", ""), 0);
	close(fd);
	world_done(&w);
}

static void
new_settings_take_hold_of_queued_mail(void **state)
{
	_Atomic bool old_gone = false;
	struct relay_settings next;
	struct relay_provider p;
	struct relay_route route;
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, NULL);
	world_provider(&w, NULL);
	w.settings.nproviders = w.route[0].nuse = 1;
	fake_refuse(w.fake[0], true);
	world_start(&w);
	world_send_many(&w, 20, &(struct world_mail){ 0 });
	world_wait_log(&w, "provider.trouble", "one");
	next = w.settings;
	p = w.provider[1];
	next.providers = &p;
	route = w.route[0];
	route.use = &w.use[1];
	next.routes = &route;
	world_change(&w, &next, &old_gone);
	fake_wait_mails(w.fake[1], 20);
	world_wait(&w, 0, 0, 0);
	world_stop(&w);
	assert_true(old_gone);
	w.settings.nproviders = 2;
	world_done(&w);
}

/* Everything at once, on chained sessions, with reloads: nothing is lost,
 * nothing bounces, and only what was said to be unsure comes twice. */
static void
in_a_storm_all_arrives(void **state)
{
	static const struct fake_rule storm[] = {
		{ .stage = "BANNER", .times = 2, .reply = "close" },
		{ .stage = "EHLO", .times = 2, .reply = "421 4.3.2 busy" },
		{ .stage = "MAIL", .message = 3, .times = 4, .reply = "close" },
		{ .stage = "MAIL",
		    .message = 5,
		    .times = 4,
		    .reply = "421 4.7.0 too many messages in this session" },
		{ .stage = "RCPT", .has = "b@", .times = 5, .reply = "close" },
		{ .stage = "RCPT",
		    .has = "c@",
		    .times = 5,
		    .reply = "452 4.5.3 too many recipients" },
		{ .stage = "RCPT",
		    .has = "a@",
		    .times = 5,
		    .reply = "450 4.2.0 later" },
		{ .stage = "DATA", .times = 5, .reply = "421 4.3.2 busy" },
		{ .stage = "DOT",
		    .message = 2,
		    .times = 5,
		    .reply = "451 4.3.0 later" },
		{ .stage = "DOT", .message = 4, .times = 5, .reply = "close" },
		{ .stage = "DOT",
		    .message = 6,
		    .times = 5,
		    .reply = "454 Throttling failure" },
		{ .stage = "END", .message = 7, .times = 5, .reply = "close" },
		{ NULL }
	};
	static const unsigned n = 300;
	struct relay_settings next[3];
	_Atomic bool old_gone[3] = { 0 };
	size_t copies = 0;
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, storm);
	world_provider(&w, storm);
	w.provider[0].breaker_open_ms = w.provider[1].breaker_open_ms = 50;
	world_start(&w);
	for (unsigned i = 0; i < n; i++) {
		world_send(&w, &(struct world_mail){ .rcpts = "a@x b@x c@x" });
		if (i % 100 != 50)
			continue;
		next[i / 100] = w.settings;
		world_change(&w, &next[i / 100], &old_gone[i / 100]);
	}
	world_wait_operations(&w, n);
	world_wait(&w, 0, 0, 0);
	world_stop(&w);
	for (int f = 0; f < 2; f++) {
		for (size_t i = 0; i < fake_mails(w.fake[f]); i++)
			copies += strlen(fake_mail(w.fake[f], i)->rcpts);
	}
	assert_int_equal(world_count_log(&w, "delivered", ""), 3 * n);
	assert_true(copies >= n * strlen("<a@x><b@x><c@x>"));
	assert_int_equal(world_count_log(&w, "bounced", ""), 0);
	assert_true(old_gone[0] && old_gone[1] && old_gone[2]);
	world_done(&w);
}

static void
a_stop_waits_for_what_is_past_the_dot(void **state)
{
	static const struct fake_rule rules[] = {
		{ .stage = "DOT", .conn = 1, .reply = "hang" },
		{ .stage = NULL }
	};
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, rules)->timeouts.dot = 500;
	world_start(&w);
	world_send(&w, &(struct world_mail){ 0 });
	fake_wait(w.fake[0], "DOT", 1);
	world_stop(&w); /* after the dot's time is over: unsure, and queued */
	assert_int_equal(world_count_log(&w, "unsure", "duplicate"), 1);
	fake_rules(w.fake[0], NULL);
	world_start(&w);
	fake_wait_mails(w.fake[0], 1);
	world_wait(&w, 0, 0, 0);
	world_done(&w);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_tried_again_and_arrives),
		cmocka_unit_test(a_provider_that_hangs_is_given_up_in_time),
		cmocka_unit_test(an_outage_writes_nothing_and_asks_little),
		cmocka_unit_test(a_stale_session_costs_nothing),
		cmocka_unit_test(
		    a_session_that_is_ended_after_some_messages_is_learned),
		cmocka_unit_test(a_silent_close_between_messages_is_the_same),
		cmocka_unit_test(too_many_sessions_become_fewer),
		cmocka_unit_test(a_closed_account_holds_its_mail),
		cmocka_unit_test(a_refused_login_never_bounces),
		cmocka_unit_test(nor_does_a_login_that_cannot_be_said),
		cmocka_unit_test(no_tls_no_mail),
		cmocka_unit_test(the_next_one_takes_it_at_once),
		cmocka_unit_test(the_first_gets_its_mail_again_when_it_is_back),
		cmocka_unit_test(a_sender_that_all_refuse_fails),
		cmocka_unit_test(all_of_many_are_asked_before_it_does),
		cmocka_unit_test(nor_is_one_given_up_for_what_another_refuses),
		cmocka_unit_test(but_not_while_one_has_not_been_asked),
		cmocka_unit_test(many_bad_senders_stop_not_the_good),
		cmocka_unit_test(one_fast_sender_slows_not_the_others),
		cmocka_unit_test(
		    what_every_sender_is_told_sends_mail_elsewhere),
		cmocka_unit_test(one_bad_message_stops_not_the_others),
		cmocka_unit_test(
		    attempts_end_in_a_dead_letter_without_a_bounce),
		cmocka_unit_test(reloads_do_not_add_up_to_a_lock_out),
		cmocka_unit_test(nor_do_those_that_cut_a_login_off),
		cmocka_unit_test(all_addresses_of_a_name_are_tried),
		cmocka_unit_test(
		    an_address_that_accepts_and_never_speaks_is_left),
		cmocka_unit_test(new_settings_take_hold_of_queued_mail),
		cmocka_unit_test(in_a_storm_all_arrives),
		cmocka_unit_test(a_stop_waits_for_what_is_past_the_dot),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
