/* SPDX-License-Identifier: Apache-2.0 */
/* DELIVERBY (RFC 2852): who gets such a message, with how much time left, and
 * what becomes of it when there is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "postern/smtp/smtp_client.h"
#include "postern/spool/envelope.h"

#include "relay_world.h"

#define R ENVELOPE_BY_RETURN
#define T ENVELOPE_BY_TRACE
#define BY_NEVER 1 /* ms: as good as past */

static const char *const offers[] = { "PIPELINING", "DSN", "DELIVERBY", NULL };
static const char *const slow[] = { "PIPELINING", "DELIVERBY 3600", NULL };
static const char *const lacks[] = { "PIPELINING", "DSN", NULL };

static const struct fake_rule later[] = { { .stage = "RCPT",
	                                      .has = "<later",
	                                      .reply =
	                                          "450 4.2.0 <later> not now" },
	{ .stage = NULL } };

static void
begin(struct world *w, const char *const *ehlo, const struct fake_rule *rules)
{
	struct fake_settings s = { .ehlo = ehlo, .rules = rules };

	world_init(w);
	world_provider_with(w, &s);
	w->settings.retry.min_ms = w->settings.retry.max_ms = 60000;
}

static void
has(const struct fake_mail *m, const char *words)
{
	if (!strstr(m->content, words))
		fail_msg("no %s in:\n%s", words, m->content);
}

/* What BY= of a sender's parameters says. */
static long
seconds_of(const struct fake_mail *m, const char *mode)
{
	const char *by = strstr(m->sender, " BY=");
	char *end;
	long s;

	if (!by)
		fail_msg("no BY= in %s", m->sender);
	s = strtol(by + 4, &end, 10);
	if (strncmp(end, mode, strlen(mode)) != 0)
		fail_msg("not %s: %s", mode, m->sender);
	return s;
}

static void
it_goes_on_with_the_time_that_is_left(void **state)
{
	struct world w;

	(void)state;
	begin(&w, offers, NULL);
	world_start(&w);
	world_send(&w, &(struct world_mail){ .flags = R, .by_ms = 60000 });
	fake_wait_mails(w.fake[0], 1);
	assert_in_range(seconds_of(fake_mail(w.fake[0], 0), ";R"), 45, 60);
	world_send(&w, &(struct world_mail){ .by_ms = -60000 });
	fake_wait_mails(w.fake[0], 2);
	assert_in_range(-seconds_of(fake_mail(w.fake[0], 1), ";N"), 60, 75);
	world_wait(&w, 0, 0, 0);
	world_stop(&w);
	assert_int_equal(fake_mails(w.fake[0]), 2); /* and nobody was told */
	world_done(&w);
}

static void
one_to_be_returned_goes_to_those_that_can(void **state)
{
	struct fake_settings s = { .ehlo = slow }, good = { .ehlo = offers };
	struct world w;

	(void)state;
	begin(&w, lacks, NULL);
	world_provider_with(&w, &s);
	world_provider_with(&w, &good);
	world_start(&w);
	world_send(&w, &(struct world_mail){ .flags = R, .by_ms = 60000 });
	fake_wait_mails(w.fake[2], 1);
	world_wait(&w, 0, 0, 0);
	assert_int_equal(fake_mails(w.fake[0]) + fake_mails(w.fake[1]), 0);
	world_done(&w);
}

static const struct {
	const char *why;
	const char *const *ehlo;
	uint32_t disable;
} unfit[] = {
	{ "not offered", lacks, 0 },
	{ "not soon enough", slow, 0 },
	{ "switched off", offers, SMTP_CAP_DELIVERBY },
};

static void
one_to_be_returned_is_where_nobody_can(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof unfit / sizeof unfit[0]; i++) {
		struct world w;

		begin(&w, unfit[i].ehlo, NULL);
		w.provider[0].disable = unfit[i].disable;
		world_start(&w);
		world_send(
		    &w, &(struct world_mail){ .flags = R, .by_ms = 60000 });
		fake_wait_mails(w.fake[0], 1);
		world_wait(&w, 0, 0, 1);
		if (world_count_log(&w, "bounced", "5.4.7") != 1 ||
		    fake_mail(w.fake[0], 0)->sender[1] != '>')
			fail_msg("%s", unfit[i].why);
		has(fake_mail(w.fake[0], 0), "Status: 5.4.7");
		has(fake_mail(w.fake[0], 0), "Deliver-By-Date: ");
		world_done(&w);
	}
}

static void
it_waits_for_one_that_may_offer_it(void **state)
{
	struct fake_settings good = { .ehlo = offers };
	struct world w;

	(void)state;
	begin(&w, lacks, NULL);
	world_provider_with(&w, &good);
	fake_refuse(w.fake[1], true);
	world_start(&w);
	world_send(&w, &(struct world_mail){ .flags = R, .by_ms = 60000 });
	world_wait_log(&w, "parked", "reason=deliverby");
	fake_refuse(w.fake[1], false);
	fake_wait_mails(w.fake[1], 1);
	world_wait(&w, 0, 0, 0);
	world_done(&w);
}

/* --- the time is over --- */

static void
what_is_returned_then_is_not_tried_again(void **state)
{
	const struct fake_mail *m;
	struct world w;

	(void)state;
	begin(&w, offers, later);
	world_start(&w);
	world_send(
	    &w, &(struct world_mail){
	            .rcpts = "yes@x later@x", .flags = R, .by_ms = 2500 });
	fake_wait_mails(w.fake[0], 2); /* yes@x, and the report */
	world_wait(&w, 0, 0, 1);
	m = fake_mail(w.fake[0], 1);
	has(m, "To: <sender@example.com>");
	has(m, "Action: failed");
	has(m, "Status: 5.4.7");
	has(m, "Final-Recipient: rfc822; later@x");
	has(m, "not now");
	assert_null(strstr(m->content, "yes@x"));
	assert_string_equal(world_dead(&w).cause, "deadline");
	assert_int_equal(world_count_log(&w, "notice", ""), 1);
	world_done(&w);
}

static void
what_goes_on_is_told_of_once(void **state)
{
	struct world w;

	(void)state;
	begin(&w, offers, later);
	world_start(&w);
	world_send(
	    &w, &(struct world_mail){ .rcpts = "later@x", .by_ms = 1500 });
	fake_wait_mails(w.fake[0], 1);
	has(fake_mail(w.fake[0], 0), "Action: delayed");
	has(fake_mail(w.fake[0], 0), "Status: 4.4.7");
	has(fake_mail(w.fake[0], 0), "Deliver-By-Date: ");
	world_wait(&w, 1, 0, 0);
	world_stop(&w);
	world_start(&w); /* not again after a restart */
	world_send(
	    &w, &(struct world_mail){ .rcpts = "later2@x", .by_ms = 1500 });
	fake_wait_mails(w.fake[0], 2);
	has(fake_mail(w.fake[0], 1), "later2@x");
	world_wait(&w, 2, 0, 0);
	assert_int_equal(world_count_log(&w, "notice", ""), 2);
	world_done(&w);
}

/* RFC 2852 4.2 with NOTIFY: a failure is told of by FAILURE, a delay by DELAY;
 * without NOTIFY both are. */
static const struct {
	const char *why;
	uint32_t flags;
	uint8_t notify;
	bool is_told;
} asked[] = {
	{ "returned, not asked for", R, 0, true },
	{ "returned, asked for", R, ENVELOPE_NOTIFY_FAILURE, true },
	{ "returned, delays only", R, ENVELOPE_NOTIFY_DELAY, false },
	{ "returned, never", R, ENVELOPE_NOTIFY_NEVER, false },
	{ "delayed, not asked for", 0, 0, true },
	{ "delayed, asked for", 0, ENVELOPE_NOTIFY_DELAY, true },
	{ "delayed, failures only", 0, ENVELOPE_NOTIFY_FAILURE, false },
	{ "delayed, never", 0, ENVELOPE_NOTIFY_NEVER, false },
};

static void
a_notice_is_made_where_it_is_wanted(void **state)
{
	size_t dead = 0, told = 0;
	struct world w;

	(void)state;
	begin(&w, offers, later);
	world_start(&w);
	for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
		world_send(&w, &(struct world_mail){ .rcpts = "later@x",
		                   .flags = asked[i].flags,
		                   .notify = asked[i].notify,
		                   .by_ms = 1500 });
		dead += (asked[i].flags & R) != 0;
		told += asked[i].is_told;
	}
	fake_wait_mails(w.fake[0], told);
	world_wait(&w, sizeof asked / sizeof asked[0] - dead, 0, dead);
	assert_int_equal(world_count_log(&w, "notice", ""), told);
	world_done(&w);
}

/* With no provider at all, and parked. */
static void
what_nobody_is_asked_about_is_overdue_too(void **state)
{
	struct fake_settings good = { .ehlo = offers };
	struct world w;

	(void)state;
	world_init(&w);
	world_start(&w);
	world_send(&w, &(struct world_mail){ .flags = R, .by_ms = 1500 });
	world_wait(&w, 1, 0, 1); /* the bounce waits */
	world_done(&w);
	begin(&w, lacks, NULL);
	world_provider_with(&w, &good);
	fake_refuse(w.fake[1], true);
	world_start(&w);
	world_send(&w, &(struct world_mail){ .flags = R, .by_ms = 2500 });
	world_wait_log(&w, "parked", "reason=deliverby");
	fake_wait_mails(w.fake[0], 1); /* the bounce */
	world_wait(&w, 0, 0, 1);
	world_done(&w);
}

/* In hand, waiting for a session that does not come. */
static void
what_waits_for_a_session_is_overdue_too(void **state)
{
	static const struct fake_rule hang[] = {
		{ .stage = "BANNER", .reply = "hang" }, { NULL }
	};
	struct world w;

	(void)state;
	begin(&w, offers, hang);
	world_start(&w);
	world_send(&w, &(struct world_mail){ .flags = R, .by_ms = 2000 });
	world_send(&w, &(struct world_mail){ .by_ms = 2000 });
	fake_wait_conns(w.fake[0], 1);
	world_wait_log(&w, "bounced", "5.4.7");
	world_wait(&w, 3, 0, 1); /* one goes on, with two notices */
	world_done(&w);
}

static void
one_that_comes_too_late_is_not_handed_on(void **state)
{
	struct world w;

	(void)state;
	begin(&w, offers, NULL);
	world_start(&w);
	world_send(&w, &(struct world_mail){ .flags = R, .by_ms = BY_NEVER });
	fake_wait_mails(w.fake[0], 1);
	has(fake_mail(w.fake[0], 0), "Status: 5.4.7");
	world_wait(&w, 0, 0, 1);
	world_done(&w);
}

/* --- handed on to somebody --- */

static const struct {
	const char *why;
	const char *const *ehlo;
	uint32_t flags;
	uint8_t notify;
	bool is_told;
} handed[] = {
	{ "to one that knows deadlines", offers, 0, 0, false },
	{ "traced", offers, T, 0, true },
	{ "traced, to be returned", offers, R | T, 0, true },
	{ "traced, nobody is to be told", offers, T, ENVELOPE_NOTIFY_NEVER,
	    false },
	{ "traced, failures only", offers, T, ENVELOPE_NOTIFY_FAILURE, true },
	{ "to one that knows none", lacks, 0, 0, true },
	{ "to one that knows none, never", lacks, 0, ENVELOPE_NOTIFY_NEVER,
	    false },
};

static void
who_hands_it_on_says_so(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof handed / sizeof handed[0]; i++) {
		struct world w;

		begin(&w, handed[i].ehlo, NULL);
		world_start(&w);
		world_send(&w, &(struct world_mail){ .flags = handed[i].flags,
		                   .notify = handed[i].notify,
		                   .by_ms = 60000 });
		fake_wait_mails(w.fake[0], 1u + handed[i].is_told);
		world_wait(&w, 0, 0, 0);
		world_stop(&w);
		if (fake_mails(w.fake[0]) != 1u + handed[i].is_told)
			fail_msg("%s", handed[i].why);
		if (handed[i].is_told)
			has(fake_mail(w.fake[0], 1), "Action: relayed");
		world_done(&w);
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_goes_on_with_the_time_that_is_left),
		cmocka_unit_test(one_to_be_returned_goes_to_those_that_can),
		cmocka_unit_test(one_to_be_returned_is_where_nobody_can),
		cmocka_unit_test(it_waits_for_one_that_may_offer_it),
		cmocka_unit_test(what_is_returned_then_is_not_tried_again),
		cmocka_unit_test(what_goes_on_is_told_of_once),
		cmocka_unit_test(a_notice_is_made_where_it_is_wanted),
		cmocka_unit_test(what_nobody_is_asked_about_is_overdue_too),
		cmocka_unit_test(what_waits_for_a_session_is_overdue_too),
		cmocka_unit_test(one_that_comes_too_late_is_not_handed_on),
		cmocka_unit_test(who_hands_it_on_says_so),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
