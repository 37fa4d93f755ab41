/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relay against providers on loopback: what is accepted, chained, split,
 * re-used; and what becomes of recipients and messages that are refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "postern/spool/envelope.h"

#include "relay_world.h"

static void
a_message_arrives_byte_for_byte(void **state)
{
	static const char content[] =
	    "Subject: dots\r\n\r\n.\r\n..two\r\nend\r\n";
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, NULL);
	world_start(&w);
	world_send(&w, &(struct world_mail){ .content = content });
	fake_wait_mails(w.fake[0], 1);
	world_wait(&w, 0, 0, 0);
	assert_string_equal(fake_mail(w.fake[0], 0)->content, content);
	assert_string_equal(
	    fake_mail(w.fake[0], 0)->sender, "<sender@example.com>");
	assert_string_equal(
	    fake_mail(w.fake[0], 0)->rcpts, "<rcpt@example.net>");
	assert_int_equal(world_count_log(&w, "delivered", "code=250"), 1);
	world_done(&w);
}

static void
large_content_comes_from_the_store(void **state)
{
	static const char *const chunking[] = { "PIPELINING", "CHUNKING",
		NULL };
	struct fake_settings s = { .ehlo = chunking };
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, NULL);
	world_start(&w);
	world_send(
	    &w, &(struct world_mail){ .bytes = 3 << 20, .on_disk = true });
	fake_wait_mails(w.fake[0], 1);
	world_wait(&w, 0, 0, 0);
	assert_int_equal(fake_mail(w.fake[0], 0)->size, 3 << 20);
	world_done(&w);
	world_init(&w);
	world_provider_with(&w, &s);
	world_start(&w);
	world_send(&w, &(struct world_mail){ .bytes = 60000, .on_disk = true });
	world_send(&w, &(struct world_mail){ .bytes = 50000 });
	fake_wait_mails(w.fake[0], 2);
	world_wait(&w, 0, 0, 0);
	world_done(&w);
}

/* Two minutes old: a helper reads it. */
static void
old_mail_is_read_by_a_helper(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, NULL);
	world_start(&w);
	world_send(
	    &w, &(struct world_mail){
	            .bytes = 1 << 20, .on_disk = true, .age_ms = 120000 });
	world_send(
	    &w, &(struct world_mail){ .on_disk = true, .age_ms = 130000 });
	fake_wait_mails(w.fake[0], 2);
	world_wait(&w, 0, 0, 0);
	world_done(&w);
}

static void
many_messages_share_few_sessions(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, NULL)->max_connections = 3;
	world_start(&w);
	world_send_many(&w, 200, &(struct world_mail){ 0 });
	fake_wait_mails(w.fake[0], 200);
	world_wait(&w, 0, 0, 0);
	assert_in_range(fake_conns(w.fake[0]), 1, 5); /* 100 on each */
	world_done(&w);
}

static void
a_session_carries_no_more_than_its_share(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, NULL)->max_connections = 1;
	w.provider[0].max_messages_per_connection = 5;
	world_start(&w);
	world_send_many(&w, 23, &(struct world_mail){ 0 });
	fake_wait_mails(w.fake[0], 23);
	world_wait(&w, 0, 0, 0);
	assert_int_equal(fake_conns(w.fake[0]), 5);
	world_done(&w);
}

static void
without_pipelining_it_works_as_well(void **state)
{
	static const char *const none[] = { NULL };
	struct fake_settings s = { .ehlo = none };
	struct world w;

	(void)state;
	world_init(&w);
	world_provider_with(&w, &s);
	world_start(&w);
	world_send_many(&w, 20, &(struct world_mail){ .rcpts = "a@x b@x c@x" });
	fake_wait_mails(w.fake[0], 20);
	world_wait(&w, 0, 0, 0);
	world_done(&w);
}

static void
an_idle_session_is_used_again_and_closed_in_time(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, NULL)->idle_timeout_ms = 200;
	world_start(&w);
	world_send(&w, &(struct world_mail){ 0 });
	fake_wait_mails(w.fake[0], 1);
	world_send(&w, &(struct world_mail){ 0 });
	fake_wait_mails(w.fake[0], 2);
	assert_int_equal(fake_conns(w.fake[0]), 1);
	fake_wait(w.fake[0], "QUIT", 1);
	world_done(&w);
}

/* --- recipients ------------------------------------------------------------
 */

static void
each_recipient_has_its_own_verdict(void **state)
{
	static const struct fake_rule rules[] = {
		{ .stage = "RCPT", .has = "<bad@", .reply = "550 5.1.1 no" },
		{ .stage = "RCPT",
		    .has = "<slow@",
		    .times = 1,
		    .reply = "450 4.2.0 later" },
		{ .stage = NULL }
	};
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, rules);
	world_start(&w);
	world_send(&w, &(struct world_mail){ .rcpts = "good@x bad@x slow@x" });
	fake_wait_mails(w.fake[0], 3); /* good; bounce; slow */
	world_wait(&w, 0, 0, 1);
	assert_string_equal(fake_mail(w.fake[0], 0)->rcpts, "<good@x>");
	assert_int_equal(world_count_log(&w, "deferred", "slow@x"), 1);
	assert_int_equal(world_count_log(&w, "bounced", "bad@x"), 1);
	assert_int_equal(world_count_log(&w, "delivered", "slow@x"), 1);
	assert_int_equal(world_dead(&w).code, 550);
	world_done(&w);
}

/* The schedule shows a key before the news of its commit is heard. */
static void
what_is_taken_before_its_news_comes_is_not_sent_again(void **state)
{
	static const struct fake_rule rules[] = { { .stage = "RCPT",
		                                      .has = "<slow@",
		                                      .times = 1,
		                                      .reply = "450 4.2.0 no" },
		{ .stage = NULL } };
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, rules);
	world_open(&w);
	world_send(&w, &(struct world_mail){ .rcpts = "good@x slow@x" });
	world_wait(&w, 1, 0, 0);
	relay_start(w.relay);
	world_wait(&w, 0, 0, 0);
	assert_int_equal(fake_count(w.fake[0], "MAIL"), 2);
	assert_string_equal(fake_mail(w.fake[0], 0)->rcpts, "<good@x>");
	assert_string_equal(fake_mail(w.fake[0], 1)->rcpts, "<slow@x>");
	world_done(&w);
}

static void
recipients_beyond_the_limit_go_in_further_transactions(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, NULL)->max_recipients = 2;
	world_start(&w);
	world_send(&w, &(struct world_mail){ .rcpts = "a@x b@x c@x d@x e@x" });
	fake_wait_mails(w.fake[0], 3);
	world_wait(&w, 0, 0, 0);
	assert_string_equal(fake_mail(w.fake[0], 0)->rcpts, "<a@x> <b@x>");
	assert_string_equal(fake_mail(w.fake[0], 1)->rcpts, "<c@x> <d@x>");
	assert_string_equal(fake_mail(w.fake[0], 2)->rcpts, "<e@x>");
	world_done(&w);
}

static void
a_limit_that_the_provider_tells_is_learned(void **state)
{
	static const struct fake_rule rules[] = {
		{ .stage = "RCPT",
		    .has = "<c@",
		    .message = 1,
		    .reply = "452 4.5.3 too many recipients" },
		{ .stage = "RCPT",
		    .has = "<d@",
		    .message = 1,
		    .reply = "452 4.5.3 too many recipients" },
		{ .stage = NULL }
	};
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, rules);
	world_start(&w);
	world_send(&w, &(struct world_mail){ .rcpts = "a@x b@x c@x d@x" });
	fake_wait_mails(w.fake[0], 2);
	world_wait(&w, 0, 0, 0);
	assert_string_equal(fake_mail(w.fake[0], 0)->rcpts, "<a@x> <b@x>");
	assert_string_equal(fake_mail(w.fake[0], 1)->rcpts, "<c@x> <d@x>");
	world_send(&w, &(struct world_mail){ .rcpts = "e@x f@x g@x" });
	fake_wait_mails(w.fake[0], 4);
	assert_string_equal(fake_mail(w.fake[0], 2)->rcpts, "<e@x> <f@x>");
	world_wait(&w, 0, 0, 0);
	world_done(&w);
}

/* --- messages --------------------------------------------------------------
 */

static const struct {
	const char *why, *stage, *reply;
	uint64_t dead;
	size_t mails; /* that get through in the end, bounce included */
} refusals[] = {
	{ "MAIL 5xx about the message: bounced", "MAIL", "552 5.3.4 too large",
	    1, 1 },
	{ "MAIL 5xx about the sender, nobody else: bounced", "MAIL",
	    "550 5.7.1 no", 1, 1 },
	{ "MAIL 4xx: later", "MAIL", "451 4.3.0 later", 0, 1 },
	{ "RCPT 5xx: bounced", "RCPT", "550 5.1.1 no such user", 1, 1 },
	{ "RCPT 4xx: later", "RCPT", "450 4.7.1 greylisted", 0, 1 },
	{ "DATA 5xx: bounced", "DATA", "554 5.7.1 policy", 1, 1 },
	{ "DATA 4xx: later", "DATA", "451 4.3.0 later", 0, 1 },
	{ "dot 5xx: bounced", "DOT", "554 5.7.1 spam", 1, 1 },
	{ "dot 4xx: later", "DOT", "451 4.3.0 later", 0, 1 },
};

static void
each_refusal_has_its_consequence(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
		struct fake_rule rules[] = { { .stage = refusals[i].stage,
			                         .times = 1,
			                         .reply = refusals[i].reply },
			{ .stage = NULL } };
		struct world w;

		world_init(&w);
		world_provider(&w, rules);
		world_start(&w);
		world_send(&w, &(struct world_mail){ 0 });
		fake_wait_mails(w.fake[0], refusals[i].mails);
		world_wait(&w, 0, 0, refusals[i].dead);
		if (fake_mails(w.fake[0]) != refusals[i].mails)
			fail_msg("%s", refusals[i].why);
		if (world_count_log(&w, "deferred", "") != 1 - refusals[i].dead)
			fail_msg("%s: not deferred", refusals[i].why);
		world_done(&w);
	}
}

static void
nobody_accepted_and_354_all_the_same(void **state)
{
	static const struct fake_rule rules[] = {
		{ .stage = "RCPT", .message = 1, .reply = "550 5.1.1 no" },
		{ .stage = "DATA", .message = 1, .reply = "354 go on" },
		{ .stage = NULL }
	};
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, rules)->max_connections = 1;
	world_start(&w);
	world_send(&w, &(struct world_mail){ .rcpts = "a@x b@x" });
	fake_wait_mails(w.fake[0], 2); /* the empty one is not ours */
	world_wait(&w, 0, 0, 1);
	world_done(&w);
}

/* --- age, damage -----------------------------------------------------------
 */

static void
what_is_too_old_is_given_up(void **state)
{
	static const struct fake_rule rules[] = {
		{ .stage = "RCPT", .has = "rcpt@", .reply = "450 4.2.0 later" },
		{ .stage = NULL }
	};
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, rules);
	w.settings.retry.give_up_ms = 1500;
	world_start(&w);
	world_send(&w, &(struct world_mail){ 0 });
	fake_wait_mails(w.fake[0], 1); /* the bounce */
	world_wait(&w, 0, 0, 1);
	assert_string_equal(world_dead(&w).cause, "expired");
	assert_non_null(strstr(fake_mail(w.fake[0], 0)->content, "4.4.7"));
	assert_non_null(strstr(fake_mail(w.fake[0], 0)->content, "later"));
	assert_int_equal(world_count_log(&w, "bounced", "cause=expired"), 1);
	world_done(&w);
}

static void
damaged_content_never_leaves(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, NULL);
	world_start(&w);
	world_send(
	    &w, &(struct world_mail){
	            .bytes = 20000, .on_disk = true, .wrong_sum = true });
	world_send(
	    &w, &(struct world_mail){
	            .bytes = 200000, .on_disk = true, .wrong_sum = true });
	world_wait(&w, 0, 0, 2);
	assert_int_equal(fake_mails(w.fake[0]), 0);
	assert_string_equal(world_dead(&w).cause, "corrupt");
	assert_int_equal(world_count_log(&w, "content.corrupt", "ERROR"), 2);
	world_send(&w, &(struct world_mail){ 0 });
	fake_wait_mails(w.fake[0], 1);
	world_done(&w);
}

static void
after_a_restart_what_was_queued_leaves(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_provider(&w, NULL);
	fake_refuse(w.fake[0], true);
	world_start(&w);
	world_send_many(&w, 50, &(struct world_mail){ 0 });
	world_wait(&w, 50, 0, 0);
	world_stop(&w);
	fake_refuse(w.fake[0], false);
	world_start(&w);
	fake_wait_mails(w.fake[0], 50);
	world_wait(&w, 0, 0, 0);
	world_done(&w);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_arrives_byte_for_byte),
		cmocka_unit_test(large_content_comes_from_the_store),
		cmocka_unit_test(old_mail_is_read_by_a_helper),
		cmocka_unit_test(many_messages_share_few_sessions),
		cmocka_unit_test(a_session_carries_no_more_than_its_share),
		cmocka_unit_test(without_pipelining_it_works_as_well),
		cmocka_unit_test(
		    an_idle_session_is_used_again_and_closed_in_time),
		cmocka_unit_test(each_recipient_has_its_own_verdict),
		cmocka_unit_test(
		    what_is_taken_before_its_news_comes_is_not_sent_again),
		cmocka_unit_test(
		    recipients_beyond_the_limit_go_in_further_transactions),
		cmocka_unit_test(a_limit_that_the_provider_tells_is_learned),
		cmocka_unit_test(each_refusal_has_its_consequence),
		cmocka_unit_test(nobody_accepted_and_354_all_the_same),
		cmocka_unit_test(what_is_too_old_is_given_up),
		cmocka_unit_test(damaged_content_never_leaves),
		cmocka_unit_test(after_a_restart_what_was_queued_leaves),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
