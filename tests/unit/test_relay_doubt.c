/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of a message when nobody knows whether it was delivered, and of
 * one that could not be: held, handed to another route, told to no more than so
 * many.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/clock.h"
#include "postern/base/mem.h"
#include "postern/mail/rate.h"
#include "postern/spool/envelope.h"

#include "relay/ration.h"

#include "relay_world.h"

static void
begin(struct world *w, const struct fake_rule *rules)
{
	world_init(w);
	world_provider(w, rules);
	w->settings.retry.min_ms = w->settings.retry.max_ms = 60000;
}

static void
begin_hold(struct world *w, const struct fake_rule *rules)
{
	begin(w, rules);
	w->route[0].on_doubt = RELAY_DOUBT_HOLD;
}

/* A second provider, which the second route leaves by. */
static void
begin_routes(
    struct world *w, const struct fake_rule *one, const struct fake_rule *two)
{
	static const char *two_only[] = { "two" };

	begin(w, one);
	world_provider(w, two);
	w->route[0].nuse = 1;
	w->route[0].on_dead = "other";
	world_route(w, "other", 1, two_only);
}

/* What a crash would leave now: how much of it is in doubt. */
static uint64_t
doubt_after_crash(struct world *w)
{
	char *dir = mem_printf("%s.crash", w->dir);
	char *cmd = mem_printf("cp -r '%s' '%s'", w->dir, dir);
	struct spool_settings s = { .directory = dir,
		.map_max = UINT64_C(1) << 30,
		.min_free = 1 << 20,
		.ballast = UINT64_MAX,
		.memory_max = 1 << 20 };
	struct spool_stats st;
	struct spool *sp;
	struct err err;

	assert_int_equal(system(cmd), 0);
	free(cmd);
	if (spool_open(&sp, &s, &err))
		fail_msg("%s", err.text);
	spool_stats(sp, &st);
	spool_close(&sp);
	cmd = mem_printf("rm -rf '%s'", dir);
	assert_int_equal(system(cmd), 0);
	free(cmd);
	free(dir);
	return st.doubted;
}

static void
wait_doubt(struct world *w, uint64_t n)
{
	world_wait(w, 0, 0, 0);
	assert_int_equal(world_stats(w).doubt, n);
}

/* --- on_doubt = "hold" --- */

static const struct fake_rule lost_once[] = {
	{ .stage = "DOT", .times = 1, .reply = "close" }, { .stage = NULL }
};

static void
what_may_have_been_delivered_is_held(void **state)
{
	struct spool_loaded l;
	struct world w;
	uint64_t mid;

	(void)state;
	begin_hold(&w, lost_once);
	world_start(&w);
	mid = world_send(&w, &(struct world_mail){ .rcpts = "a@x b@x" });
	world_wait_logs(&w, "doubt", "provider=one", 2);
	wait_doubt(&w, 1);
	l = world_load(&w, mid);
	assert_int_equal(l.hold, SPOOL_HOLD_DOUBT);
	assert_string_equal(l.provider, "one");
	assert_int_equal(l.env->rcpts[1].state, ENVELOPE_DOUBT);
	assert_non_null(strstr(l.env->rcpts[1].text, "nobody knows"));
	envelope_free(&l.env);
	world_send(&w, &(struct world_mail){ .rcpts = "c@x" }); /* goes on */
	fake_wait_mails(w.fake[0], 1);
	wait_doubt(&w, 1);
	assert_int_equal(fake_count(w.fake[0], "DOT"), 2);
	assert_int_equal(world_count_log(&w, "unsure", ""), 0);
	assert_int_equal(doubt_after_crash(&w), 0); /* it is settled */
	world_done(&w);
}

static const char *const chunking[] = { "PIPELINING", "CHUNKING", NULL };

static void
it_is_written_down_before_the_end_leaves(void **state)
{
	static const struct fake_rule rules[] = {
		{ .stage = "DOT", .reply = "hang" }, { .stage = NULL }
	};
	struct world w;

	(void)state;
	for (int i = 0; i < 4; i++) {
		world_init(&w);
		world_provider_with(
		    &w, &(struct fake_settings){
		            .ehlo = i & 1 ? chunking : NULL, .rules = rules });
		w.route[0].on_doubt = RELAY_DOUBT_HOLD;
		w.provider[0].timeouts.dot = 60000;
		world_start(&w);
		world_send(&w, &(struct world_mail){ .bytes = i & 2 ? 60000 : 0,
		                   .on_disk = i & 2 });
		fake_wait(w.fake[0], "DOT", 1);
		assert_int_equal(doubt_after_crash(&w), 1);
		fake_drop(w.fake[0]);
		wait_doubt(&w, 1);
		world_done(&w);
	}
}

static void
what_is_refused_is_in_no_doubt(void **state)
{
	static const struct fake_rule rules[] = { { .stage = "DOT",
		                                      .has = NULL,
		                                      .times = 1,
		                                      .reply = "421 busy" },
		{ .stage = "MAIL", .times = 1, .reply = "451 later" },
		{ .stage = "RCPT", .has = "<later", .reply = "450 later" },
		{ .stage = NULL } };
	struct world w;

	(void)state;
	begin_hold(&w, rules);
	world_start(&w);
	world_send(&w, &(struct world_mail){ .rcpts = "a@x" });
	world_send(&w, &(struct world_mail){ .rcpts = "b@x later@x" });
	fake_wait_mails(w.fake[0], 1);
	world_wait_log(&w, "deferred", "later");
	for (int i = 0; i < 100 && doubt_after_crash(&w) > 0; i++)
		continue; /* it rides with the next commit */
	assert_int_equal(doubt_after_crash(&w), 0);
	assert_int_equal(world_stats(&w).doubt, 0);
	world_done(&w);
}

static void
the_others_of_it_go_on(void **state)
{
	struct spool_loaded l;
	struct world w;
	uint64_t mid;

	(void)state;
	begin_hold(&w, lost_once);
	w.provider[0].max_recipients = 1;
	world_start(&w);
	mid = world_send(&w, &(struct world_mail){ .rcpts = "a@x b@x c@x" });
	fake_wait_mails(w.fake[0], 2);
	wait_doubt(&w, 1);
	l = world_load(&w, mid);
	assert_int_equal(l.env->rcpts[0].state, ENVELOPE_DOUBT);
	assert_int_equal(l.env->rcpts[1].state, ENVELOPE_DELIVERED);
	assert_int_equal(l.env->rcpts[2].state, ENVELOPE_DELIVERED);
	envelope_free(&l.env);
	world_done(&w);
}

static void
a_stop_leaves_it_held(void **state)
{
	static const struct fake_rule rules[] = {
		{ .stage = "DOT", .reply = "hang" }, { .stage = NULL }
	};
	struct world w;

	(void)state;
	begin_hold(&w, rules);
	w.provider[0].timeouts.dot = 60000;
	world_start(&w);
	world_send(&w, &(struct world_mail){ .rcpts = "a@x" });
	fake_wait(w.fake[0], "DOT", 1);
	world_stop(&w); /* its patience is 3 s */
	assert_int_equal(doubt_after_crash(&w), 0);
	world_start(&w);
	wait_doubt(&w, 1);
	world_done(&w);
}

static void
released_it_is_sent_again_and_its_time_begins_anew(void **state)
{
	struct spool_move *m = mem_new(sizeof *m);
	struct world w;

	(void)state;
	begin_hold(&w, lost_once);
	w.settings.retry.give_up_ms = 5000;
	world_start(&w);
	/* older than it may be: only a new life lets it live */
	m->mid = world_send(&w, &(struct world_mail){ .rcpts = "a@x" });
	wait_doubt(&w, 0);
	world_wait_log(&w, "doubt", "");
	m->to = (struct spool_delivery){ .route = w.settings.route,
		.priority = SPOOL_HIGH };
	spool_move(w.sp, m);
	fake_wait_mails(w.fake[0], 1);
	wait_doubt(&w, 0);
	world_done(&w);
}

/* --- on_dead --- */

static const struct fake_rule refuses[] = {
	{ .stage = "RCPT", .has = "<no", .reply = "550 5.1.1 no such user" },
	{ .stage = NULL }
};

static void
the_dead_go_another_way(void **state)
{
	struct world w;

	(void)state;
	begin_routes(&w, refuses, NULL);
	world_start(&w);
	world_send(&w, &(struct world_mail){ .rcpts = "yes@x no1@x no2@x" });
	fake_wait_mails(w.fake[1], 1);
	world_wait(&w, 0, 0, 0);
	assert_string_equal(fake_mail(w.fake[1], 0)->rcpts, "<no1@x> <no2@x>");
	assert_string_equal(fake_mail(w.fake[0], 0)->rcpts, "<yes@x>");
	assert_int_equal(world_count_log(&w, "handed", "route=other"), 2);
	assert_int_equal(world_count_log(&w, "bounced", ""), 0);
	assert_int_equal(fake_mails(w.fake[0]), 1); /* nobody was told */
	world_done(&w);
}

static void
once_and_not_in_circles(void **state)
{
	struct spool_dead dead;
	struct world w;

	(void)state;
	begin_routes(&w, refuses, refuses);
	w.route[1].on_dead = "default";
	world_start(&w);
	world_send(&w, &(struct world_mail){ .rcpts = "no@x" });
	fake_wait_mails(w.fake[1], 1); /* the bounce, from where it died */
	world_wait(&w, 0, 0, 1);
	assert_string_equal(fake_mail(w.fake[1], 0)->sender, "<>");
	dead = world_dead(&w);
	assert_int_equal(dead.n, 1);
	assert_string_equal(dead.provider, "two");
	assert_int_equal(world_count_log(&w, "handed", ""), 1);
	assert_int_equal(world_count_log(&w, "bounced", ""), 1);
	assert_int_equal(fake_mails(w.fake[0]), 0);
	world_done(&w);
}

static void
what_expired_has_a_new_time_there(void **state)
{
	struct world w;

	(void)state;
	begin_routes(&w, NULL, NULL);
	w.settings.retry.give_up_ms = 1000;
	fake_refuse(w.fake[0], true);
	world_start(&w);
	world_send(&w, &(struct world_mail){ .rcpts = "a@x", .age_ms = 70000 });
	world_wait_log(&w, "handed", "cause=expired");
	fake_wait_mails(w.fake[1], 1);
	world_wait(&w, 0, 0, 0);
	world_done(&w);
}

/* --- notices --- */

static void
notices_leave_by_their_route(void **state)
{
	struct world w;

	(void)state;
	begin_routes(&w, refuses, NULL);
	w.route[0].on_dead = NULL;
	w.settings.bounce_route = "other";
	world_start(&w);
	world_send(&w, &(struct world_mail){ .rcpts = "no@x" });
	fake_wait_mails(w.fake[1], 1);
	assert_string_equal(fake_mail(w.fake[1], 0)->sender, "<>");
	world_wait(&w, 0, 0, 1);
	world_done(&w);
}

static void
no_more_notices_than_were_allowed(void **state)
{
	static const struct rate rate = { .count = 2, .period_ms = 3600000 };
	struct spool_dead found[8];
	struct world w;
	int capped = 0;

	(void)state;
	begin(&w, refuses);
	w.settings.bounce_rate = &rate;
	world_start(&w);
	world_send_many(&w, 5, &(struct world_mail){ .rcpts = "no@x" });
	world_wait(&w, 0, 0, 5);
	fake_wait_mails(w.fake[0], 2);
	assert_int_equal(fake_mails(w.fake[0]), 2);
	assert_int_equal(spool_dead_page(w.reader, NULL, found, 8), 5);
	for (int i = 0; i < 5; i++) {
		capped += strcmp(found[i].cause, "bounce capped") == 0;
		assert_int_equal(
		    found[i].code, 550); /* why it is dead at all */
	}
	assert_int_equal(capped, 3);
	assert_int_equal(world_count_log(&w, "notice.capped", ""), 3);
	assert_int_equal(world_count_log(&w, "bounced", ""), 2);
	assert_int_equal(
	    world_count_log(&w, "dead", "cause=\"bounce capped\""), 3);
	world_done(&w);
}

static void
never_more_in_any_stretch_of_time(void **state)
{
	static const struct rate rate = { .count = 10, .period_ms = 6400 };
	struct ration r = { 0 };
	uint64_t taken[200] = { 0 };
	size_t n = 0;

	(void)state;
	for (uint64_t t = 1000; t < 60000; t += 7)
		if (n < 200 && ration_take(&r, &rate, t))
			taken[n++] = t;
	assert_in_range(n, 90, 100); /* nearly all that is allowed */
	for (size_t i = 10; i < n; i++)
		assert_true(taken[i] - taken[i - 10] > 6400);
	assert_int_equal(taken[9], 1000 + 9 * 7); /* all at once, if need be */
	assert_true(ration_take(&r, &rate, 1u << 30));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_may_have_been_delivered_is_held),
		cmocka_unit_test(it_is_written_down_before_the_end_leaves),
		cmocka_unit_test(what_is_refused_is_in_no_doubt),
		cmocka_unit_test(the_others_of_it_go_on),
		cmocka_unit_test(a_stop_leaves_it_held),
		cmocka_unit_test(
		    released_it_is_sent_again_and_its_time_begins_anew),
		cmocka_unit_test(the_dead_go_another_way),
		cmocka_unit_test(once_and_not_in_circles),
		cmocka_unit_test(what_expired_has_a_new_time_there),
		cmocka_unit_test(notices_leave_by_their_route),
		cmocka_unit_test(no_more_notices_than_were_allowed),
		cmocka_unit_test(never_more_in_any_stretch_of_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
