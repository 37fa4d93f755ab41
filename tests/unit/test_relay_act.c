/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an operator does with mail, beside a relay that is sending it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/clock.h"
#include "postern/base/crc32c.h"
#include "postern/base/mem.h"
#include "postern/io/loop.h"
#include "postern/io/mailbox.h"
#include "postern/relay/relay_act.h"
#include "postern/spool/body.h"
#include "postern/spool/envelope.h"

#include "relay_world.h"

#define UID 4711
#define MANY 100 /* more than the relay has in memory at once */

/* --- asking --- */

struct asked {
	struct loop *loop;
	size_t n;
	struct relay_acted first, last;
	size_t done;
};

static void
on_acted(
    void *arg, const struct relay_acted *acted, size_t n, const char *error)
{
	struct asked *a = arg;

	assert_null(error);
	a->n = n;
	for (size_t i = 0; i < n; i++)
		a->done += acted[i].result == RELAY_ACT_DONE;
	if (n > 0) {
		a->first = acted[0];
		a->last = acted[n - 1];
	}
	loop_stop(a->loop);
}

static struct asked
ask(struct world *w, const struct relay_act *what)
{
	struct asked a = { 0 };
	struct mailbox *box;
	struct err err;

	assert_int_equal(loop_new(&a.loop, &err), 0);
	box = mailbox_new(a.loop, NULL);
	relay_act_ask(w->relay, what, box, on_acted, &a);
	loop_run(a.loop);
	mailbox_free(&box);
	loop_free(&a.loop);
	return a;
}

static struct asked
act_on(struct world *w, enum relay_act_verb verb, uint64_t mid, int n)
{
	return ask(w, &(struct relay_act){
	                  .verb = verb, .mid = mid, .n = n, .uid = UID });
}

static enum relay_act_result
act(struct world *w, enum relay_act_verb verb, uint64_t mid)
{
	struct asked a = act_on(w, verb, mid, -1);

	assert_int_equal(a.n, 1);
	assert_int_equal(a.first.mid, mid);
	return a.first.result;
}

/* The last event of the journal. */
static struct spool_event
last_event(struct world *w)
{
	static struct spool_event ev[SPOOL_JOURNAL_MIN];
	struct spool_event last = { 0 };
	uint64_t place = 0;
	int n;

	while ((n = spool_journal_page(
	            w->reader, &place, ev, SPOOL_JOURNAL_MIN)) > 0)
		last = ev[n - 1];
	return last;
}

static int64_t
due_of(struct world *w, uint64_t mid)
{
	struct spool_loaded l = world_load(w, mid);

	envelope_free(&l.env);
	return l.key.due_ms;
}

static void
begin(struct world *w, const struct fake_rule *rules)
{
	world_init(w);
	world_provider(w, rules);
	w->provider[0].max_connections = 1;
	w->settings.retry.min_ms = w->settings.retry.max_ms = 600000;
}

static const struct fake_rule hangs_first[] = {
	{ .stage = "DOT", .message = 1, .conn = 1, .reply = "hang" },
	{ .stage = NULL }
};
static const struct fake_rule later[] = {
	{ .stage = "RCPT", .has = "<later", .reply = "451 4.3.0 later" },
	{ .stage = NULL }
};
static const struct fake_rule refuses[] = {
	{ .stage = "RCPT", .reply = "550 5.1.1 no such user" },
	{ .stage = NULL }
};
static const struct fake_rule none[] = { { .stage = NULL } };

/* --- hold, release --- */

/* Some are in the relay's memory, others the schedule has read already. */
static void
what_is_held_is_not_sent(void **state)
{
	uint64_t mid[MANY];
	struct world w;

	(void)state;
	begin(&w, hangs_first);
	world_start(&w);
	mid[0] = world_send(&w, &(struct world_mail){ .rcpts = "first@x" });
	fake_wait(w.fake[0], "DOT", 1);
	for (int i = 1; i < MANY; i++)
		mid[i] = world_send(&w, &(struct world_mail){ 0 });
	world_wait(&w, MANY, 0, 0);
	assert_int_equal(act(&w, RELAY_ACT_HOLD, mid[0]), RELAY_ACT_BUSY);
	for (int i = MANY - 1; i > 0; i--) /* from the schedule's end */
		assert_int_equal(
		    act(&w, RELAY_ACT_HOLD, mid[i]), RELAY_ACT_DONE);
	assert_int_equal(act(&w, RELAY_ACT_HOLD, mid[1]), RELAY_ACT_AS_IS);
	assert_int_equal(last_event(&w).kind, SPOOL_EVENT_PARKED);
	assert_int_equal(last_event(&w).uid, UID);
	world_wait(&w, 1, MANY - 1, 0);
	fake_drop(w.fake[0]);
	fake_wait_mails(w.fake[0], 1);
	world_wait(&w, 0, MANY - 1, 0);
	assert_string_equal(fake_mail(w.fake[0], 0)->rcpts, "<first@x>");
	assert_int_equal(fake_count(w.fake[0], "MAIL"), 2);
	for (int i = 1; i < MANY; i++)
		assert_int_equal(
		    act(&w, RELAY_ACT_RELEASE, mid[i]), RELAY_ACT_DONE);
	fake_wait_mails(w.fake[0], MANY);
	world_wait(&w, 0, 0, 0);
	assert_int_equal(fake_mails(w.fake[0]), MANY);
	world_wait_log(&w, "message.act", "act=release was=operator uid=4711");
	world_done(&w);
}

static void
what_a_sender_wants_later_stays_later(void **state)
{
	struct world w;
	uint64_t mid;

	(void)state;
	begin(&w, NULL);
	world_start(&w);
	mid = world_send(&w, &(struct world_mail){ .held_ms = 3600000 });
	world_wait(&w, 1, 0, 0);
	assert_int_equal(act(&w, RELAY_ACT_RETRY, mid), RELAY_ACT_EARLY);
	assert_int_equal(act(&w, RELAY_ACT_HOLD, mid), RELAY_ACT_DONE);
	assert_int_equal(act(&w, RELAY_ACT_RELEASE, mid), RELAY_ACT_DONE);
	assert_true(due_of(&w, mid) > clock_wall_ms() + 3000000);
	assert_int_equal(fake_conns(w.fake[0]), 0);
	world_done(&w);
}

static void
doubtful_mail_is_sent_again(void **state)
{
	static const struct fake_rule lost_once[] = {
		{ .stage = "DOT", .times = 1, .reply = "close" },
		{ .stage = NULL }
	};
	struct asked a;
	struct world w;
	uint64_t mid;

	(void)state;
	begin(&w, lost_once);
	w.route[0].on_doubt = RELAY_DOUBT_HOLD;
	world_start(&w);
	mid = world_send(&w, &(struct world_mail){ 0 });
	world_wait_log(&w, "doubt", "");
	world_wait(&w, 0, 0, 0);
	assert_int_equal(world_stats(&w).doubt, 1);
	assert_int_equal(act(&w, RELAY_ACT_HOLD, mid), RELAY_ACT_AS_IS);
	a = act_on(&w, RELAY_ACT_RELEASE, mid, 0);
	assert_int_equal(a.first.result, RELAY_ACT_DONE);
	assert_int_equal(a.first.hold, SPOOL_HOLD_DOUBT);
	fake_wait_mails(w.fake[0], 1);
	world_wait(&w, 0, 0, 0);
	assert_int_equal(world_stats(&w).doubt, 0);
	world_done(&w);
}

/* --- retry --- */

static void
what_waits_for_its_time_is_due_now(void **state)
{
	struct world w;
	uint64_t mid;

	(void)state;
	begin(&w, later);
	world_start(&w);
	mid = world_send(&w, &(struct world_mail){ .rcpts = "later@x" });
	world_wait_operations(&w, 2);
	fake_rules(w.fake[0], none);
	assert_int_equal(act(&w, RELAY_ACT_RELEASE, mid), RELAY_ACT_UNFIT);
	assert_int_equal(act(&w, RELAY_ACT_RETRY, mid), RELAY_ACT_DONE);
	fake_wait_mails(w.fake[0], 1);
	world_wait(&w, 0, 0, 0);
	assert_int_equal(act_on(&w, RELAY_ACT_RETRY, mid, -1).n, 0);
	world_done(&w);
}

static void
what_is_due_already_stays_where_it_is(void **state)
{
	struct world w;
	uint64_t mid;

	(void)state;
	begin(&w, hangs_first);
	world_start(&w);
	world_send(&w, &(struct world_mail){ 0 });
	fake_wait(w.fake[0], "DOT", 1);
	mid = world_send(&w, &(struct world_mail){ .rcpts = "second@x" });
	world_wait(&w, 2, 0, 0);
	assert_int_equal(act(&w, RELAY_ACT_RETRY, mid), RELAY_ACT_AS_IS);
	fake_drop(w.fake[0]);
	fake_wait_mails(w.fake[0], 2);
	world_done(&w);
}

/* --- delete --- */

static void
of_what_is_partly_delivered_the_rest_is_deleted(void **state)
{
	struct spool_event e;
	struct world w;
	uint64_t mid;

	(void)state;
	begin(&w, later);
	world_start(&w);
	mid = world_send(&w, &(struct world_mail){ .rcpts = "now@x later@x" });
	world_wait_operations(&w, 2);
	assert_int_equal(act(&w, RELAY_ACT_DISCARD, mid), RELAY_ACT_UNFIT);
	assert_int_equal(act(&w, RELAY_ACT_DELETE, mid), RELAY_ACT_DONE);
	world_wait(&w, 0, 0, 0);
	assert_int_equal(fake_mails(w.fake[0]), 1); /* and nobody is told */
	e = last_event(&w);
	assert_int_equal(e.kind, SPOOL_EVENT_REMOVED);
	assert_true(e.by_operator);
	assert_int_equal(e.uid, UID);
	assert_int_equal(act_on(&w, RELAY_ACT_DELETE, mid, -1).n, 0);
	world_done(&w);
}

/* One message to so many recipients, each by a delivery of its own. */
static uint64_t
send_many(struct world *w)
{
	static const char text[] = "Subject: x\r\n\r\n";
	struct envelope_rcpt rcpts[MANY];
	struct spool_accept *a = mem_new(sizeof *a);
	struct envelope e = { .mid = spool_mid(w->sp),
		.arrival_ms = clock_wall_ms(),
		.size = sizeof text - 1,
		.crc32c = crc32c(0, text, sizeof text - 1),
		.sender = "a@x",
		.client = "local",
		.listener = "test",
		.nrcpts = MANY,
		.rcpts = rcpts,
		.body = body_new(sizeof text) };

	for (uint16_t i = 0; i < MANY; i++)
		rcpts[i] =
		    (struct envelope_rcpt){ .address = "b@x", .delivery = i };
	assert_int_equal(body_add(e.body, text, sizeof text - 1), 0);
	a->env = envelope_new(&e);
	body_free(&e.body);
	a->ndeliveries = MANY;
	a->first = (struct spool_delivery){ .route = w->settings.route,
		.hold = SPOOL_HOLD_OPERATOR };
	a->more = mem_array(MANY - 1, sizeof *a->more);
	for (size_t i = 0; i < MANY - 1; i++)
		a->more[i] = a->first;
	spool_accept(w->sp, a);
	world_wait(w, 0, MANY, 0);
	return e.mid;
}

static void
all_deliveries_of_a_message_or_one_of_them(void **state)
{
	struct asked a;
	struct world w;
	uint64_t mid;

	(void)state;
	begin(&w, NULL);
	world_start(&w);
	mid = send_many(&w);
	a = act_on(&w, RELAY_ACT_RELEASE, mid, 7);
	assert_int_equal(a.n, 1);
	assert_int_equal(a.first.n, 7);
	fake_wait_mails(w.fake[0], 1);
	world_wait(&w, 0, MANY - 1, 0);
	a = act_on(&w, RELAY_ACT_DELETE, mid, -1);
	assert_int_equal(a.n, MANY - 1);
	assert_int_equal(a.done, MANY - 1);
	assert_int_equal(a.last.n, MANY - 1);
	world_wait(&w, 0, 0, 0);
	world_done(&w);
}

/* --- the dead --- */

static void
the_dead_come_back_with_a_new_life(void **state)
{
	struct world w;
	uint64_t mid;

	(void)state;
	begin(&w, refuses);
	w.settings.bounce_to = RELAY_BOUNCE_NONE;
	world_start(&w);
	mid = world_send(&w, &(struct world_mail){ 0 });
	world_wait(&w, 0, 0, 1);
	fake_rules(w.fake[0], later);
	assert_int_equal(act(&w, RELAY_ACT_DELETE, mid), RELAY_ACT_UNFIT);
	assert_int_equal(act(&w, RELAY_ACT_RETRY, mid), RELAY_ACT_UNFIT);
	assert_int_equal(act(&w, RELAY_ACT_HOLD, mid), RELAY_ACT_UNFIT);
	assert_int_equal(act(&w, RELAY_ACT_RESEND, mid), RELAY_ACT_DONE);
	fake_wait_mails(w.fake[0], 1);
	world_wait(&w, 0, 0, 0);
	world_wait_log(&w, "delivered", "tries=1");
	world_done(&w);
}

static void
the_dead_are_deleted_for_themselves(void **state)
{
	struct world w;
	uint64_t mid;

	(void)state;
	begin(&w, refuses);
	w.settings.bounce_to = RELAY_BOUNCE_NONE;
	world_start(&w);
	mid = world_send(&w, &(struct world_mail){ 0 });
	world_wait(&w, 0, 0, 1);
	assert_int_equal(act(&w, RELAY_ACT_DISCARD, mid), RELAY_ACT_DONE);
	world_wait(&w, 0, 0, 0);
	assert_int_equal(act_on(&w, RELAY_ACT_RESEND, mid, -1).n, 0);
	world_done(&w);
}

/* --- other ways --- */

/* One recipient of what waits in memory leaves by another route. */
static void
what_waits_goes_another_way(void **state)
{
	static const char *two_only[] = { "two" };
	static const uint16_t way_of[] = { 0, 1 };
	struct spool_delivery ways[2] = { 0 };
	struct relay_act what = { .verb = RELAY_ACT_REROUTE,
		.ways = ways,
		.nways = 2,
		.way_of = way_of,
		.nrcpts = 2 };
	struct world w;

	(void)state;
	begin(&w, hangs_first);
	world_provider(&w, NULL);
	w.route[0].nuse = 1;
	world_route(&w, "other", 1, two_only);
	world_start(&w);
	world_send(&w, &(struct world_mail){ .rcpts = "first@x" });
	fake_wait(w.fake[0], "DOT", 1);
	what.mid = world_send(&w, &(struct world_mail){ .rcpts = "a@x b@x" });
	world_wait(&w, 2, 0, 0);
	ways[0].route = w.route[0].id;
	ways[1].route = w.route[1].id;
	assert_int_equal(ask(&w, &what).first.result, RELAY_ACT_DONE);
	fake_wait_mails(w.fake[1], 1);
	assert_string_equal(fake_mail(w.fake[1], 0)->rcpts, "<b@x>");
	world_wait(&w, 2, 0, 0);
	fake_drop(w.fake[0]);
	fake_wait_mails(w.fake[0], 2);
	world_wait(&w, 0, 0, 0);
	assert_int_equal(fake_mails(w.fake[0]) + fake_mails(w.fake[1]), 3);
	world_done(&w);
}

/* --- the end --- */

static void
an_answer_comes_although_the_relay_has_ended(void **state)
{
	struct relay_act what = { .verb = RELAY_ACT_HOLD, .n = -1 };
	struct asked a = { 0 };
	struct mailbox *box;
	struct world w;
	struct err err;

	(void)state;
	begin(&w, NULL);
	world_start(&w);
	what.mid = world_send(&w, &(struct world_mail){ .held_ms = 3600000 });
	world_wait(&w, 1, 0, 0);
	assert_int_equal(loop_new(&a.loop, &err), 0);
	box = mailbox_new(a.loop, NULL);
	relay_act_ask(w.relay, &what, box, on_acted, &a);
	world_stop(&w);
	loop_run(a.loop); /* done, or not: but told */
	mailbox_free(&box);
	loop_free(&a.loop);
	world_done(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_held_is_not_sent),
		cmocka_unit_test(what_a_sender_wants_later_stays_later),
		cmocka_unit_test(doubtful_mail_is_sent_again),
		cmocka_unit_test(what_waits_for_its_time_is_due_now),
		cmocka_unit_test(what_is_due_already_stays_where_it_is),
		cmocka_unit_test(
		    of_what_is_partly_delivered_the_rest_is_deleted),
		cmocka_unit_test(all_deliveries_of_a_message_or_one_of_them),
		cmocka_unit_test(the_dead_come_back_with_a_new_life),
		cmocka_unit_test(the_dead_are_deleted_for_themselves),
		cmocka_unit_test(what_waits_goes_another_way),
		cmocka_unit_test(an_answer_comes_although_the_relay_has_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
