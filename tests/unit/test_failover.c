/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is counted where mail does not go to whose turn it is: from whom, to
 * whom, why.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "postern/io/loop.h"
#include "postern/io/mailbox.h"
#include "postern/relay/relay_order.h"
#include "postern/relay/relay_view.h"

#include "relay/tally_book.h"

#include "relay_world.h"

#define MAILS 5

static struct world world;

struct asker {
	struct loop *loop;
	struct mailbox *mailbox;
	uint64_t all, wanted; /* failovers; of those as they should be */
	const char *from, *to, *reason;
};

static bool
is_name(const struct tally *t, const char *name)
{
	return strcmp(t ? t->name : "other", name) == 0;
}

static void
on_view(void *arg, const struct relay_view *view)
{
	struct asker *a = arg;

	for (size_t i = 0; i < view->nfailovers; i++) {
		const struct tally_failover *f = &view->failovers[i];
		uint64_t n = stat_get(&f->n);

		a->all += n;
		if (is_name(f->from, a->from) && is_name(f->to, a->to) &&
		    strcmp(tally_reason_word(f->reason), a->reason) == 0)
			a->wanted += n;
	}
	loop_stop(a->loop);
}

static void
on_order(void *arg, bool is_known)
{
	assert_true(is_known);
	loop_stop(((struct asker *)arg)->loop);
}

static void
open_asker(struct asker *a)
{
	struct err err;

	*a = (struct asker){ .from = "one", .to = "two" };
	assert_int_equal(loop_new(&a->loop, &err), 0);
	a->mailbox = mailbox_new(a->loop, NULL);
}

static void
ask(struct asker *a)
{
	a->all = a->wanted = 0;
	relay_view_ask(world.relay, a->mailbox, on_view, a);
	loop_run(a->loop);
}

static void
give(struct asker *a, enum relay_order_kind kind)
{
	struct relay_order o = { .kind = kind, .provider = "one" };

	relay_order_give(world.relay, a->mailbox, &o, on_order, a);
	loop_run(a->loop);
}

static void
close_all(struct asker *a)
{
	world_done(&world);
	mailbox_free(&a->mailbox);
	loop_free(&a->loop);
}

/* Each of them went elsewhere for that reason, and nothing else did. */
static void
check(struct asker *a, const char *why, const char *reason)
{
	a->reason = reason;
	ask(a);
	if (a->wanted != MAILS || a->all != MAILS)
		fail_msg("%s: %lu of %lu %s", why, (unsigned long)a->wanted,
		    (unsigned long)a->all, reason);
}

static void
send_all(struct asker *a, struct fake *to)
{
	(void)a;
	for (int i = 0; i < MAILS; i++)
		world_send(&world, &(struct world_mail){ 0 });
	fake_wait_mails(to, MAILS);
	world_wait(&world, 0, 0, 0);
}

/* --- what the first one says -------------------------------------------------
 */

static const struct {
	const char *why, *stage, *reply, *reason;
} cases[] = {
	{ "refuses", NULL, NULL, "net" },
	{ "no banner", "BANNER", "close", "net" },
	{ "421", "MAIL", "421 4.3.2 busy", "backoff" },
	{ "lost at DATA", "DATA", "close", "net" },
	{ "quota", "DOT", "550 5.4.5 Daily limit exceeded", "quota" },
	{ "rate", "DOT", "454 Throttling failure", "rate" },
	{ "suspended", "MAIL", "550 5.7.1 account suspended", "suspended" },
	{ "sender", "MAIL", "553 5.7.1 Sender address rejected: not owned",
	    "message" },
	{ "later", "DOT", "451 4.3.0 try later", "message" },
};

static void
what_the_first_one_says_is_the_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct fake_rule rules[] = { { .stage = cases[i].stage,
			                         .reply = cases[i].reply },
			{ .stage = NULL } };
		struct asker a;

		world_init(&world);
		world_provider(&world, rules);
		world_provider(&world, NULL);
		if (!cases[i].stage)
			fake_refuse(world.fake[0], true);
		world_start(&world);
		open_asker(&a);
		send_all(&a, world.fake[1]);
		check(&a, cases[i].why, cases[i].reason);
		close_all(&a);
	}
}

/* --- what is in its way ------------------------------------------------------
 */

static void
who_is_paused_is_passed_by(void **state)
{
	struct asker a;

	(void)state;
	world_init(&world);
	world_provider(&world, NULL);
	world_provider(&world, NULL);
	world_start(&world);
	open_asker(&a);
	give(&a, RELAY_ORDER_PAUSE);
	send_all(&a, world.fake[1]);
	check(&a, "paused", "paused");
	give(&a, RELAY_ORDER_RESUME);
	send_all(&a, world.fake[0]); /* its turn, and no failover */
	check(&a, "resumed", "paused");
	close_all(&a);
}

static void
what_it_cannot_carry_is_the_message_s(void **state)
{
	struct asker a;

	(void)state;
	world_init(&world);
	world_provider(&world, NULL)->max_size = 10;
	world_provider(&world, NULL);
	world_start(&world);
	open_asker(&a);
	send_all(&a, world.fake[1]);
	check(&a, "max_size", "message");
	close_all(&a);
}

/* The only session of the first one hangs at its DATA. */
static void
who_is_full_spills_over(void **state)
{
	const struct fake_rule rules[] = { { .stage = "DATA", .reply = "hang" },
		{ .stage = NULL } };
	struct asker a;

	(void)state;
	world_init(&world);
	world_provider(&world, rules)->max_connections = 1;
	world_provider(&world, NULL);
	world.route[0].spill = true;
	world_start(&world);
	open_asker(&a);
	world_send(&world, &(struct world_mail){ 0 });
	fake_wait(world.fake[0], "DATA", 1);
	a.reason = "full";
	for (int i = 0; a.wanted == 0; i++) {
		assert_in_range(i, 0, 10000);
		world_send(&world, &(struct world_mail){ 0 });
		ask(&a);
	}
	assert_int_equal(a.wanted, a.all);
	close_all(&a);
}

/* --- members of a group ------------------------------------------------------
 */

/* They share the mail: whoever takes it, it is nobody else's turn.  One that
 * was given it, and failed, was passed by. */
static void
members_take_turns_without_a_failover(void **state)
{
	static const char *members[] = { "one", "two" }, *use[] = { "pool" };
	struct relay_group group = { .name = "pool",
		.members = members,
		.nmembers = 2,
		.balance = RELAY_BALANCE_WEIGHTED };
	struct asker a;

	(void)state;
	world_init(&world);
	world_provider(&world, NULL);
	world_provider(&world, NULL);
	world.settings.groups = &group;
	world.settings.ngroups = 1;
	world.route[0].use = use;
	world.route[0].nuse = 1;
	world_start(&world);
	open_asker(&a);
	for (int i = 0; i < MAILS; i++)
		world_send(&world, &(struct world_mail){ 0 });
	world_wait_logs(&world, "delivered", "", MAILS);
	assert_int_not_equal(fake_mails(world.fake[1]), 0);
	a.reason = "other";
	ask(&a);
	assert_int_equal(a.all, 0);
	fake_rules(
	    world.fake[0], (const struct fake_rule[]){
	                       { .stage = "MAIL", .reply = "421 4.3.2 busy" },
	                       { .stage = NULL } });
	for (int i = 0; i < MAILS; i++)
		world_send(&world, &(struct world_mail){ 0 });
	world_wait_logs(&world, "delivered", "", 2 * MAILS);
	a.reason = "backoff";
	ask(&a);
	assert_int_equal(a.wanted, a.all);
	assert_in_range(a.all, 1, MAILS);
	close_all(&a);
}

/* --- how many there may be ---------------------------------------------------
 */

static void
further_combinations_are_counted_by_reason(void **state)
{
	struct tally_book *b = tally_book_new();
	const struct tally_failover *f;
	char name[TALLY_NAME] = "x00";
	size_t n;

	(void)state;
	for (int i = 0; i < TALLY_FAILOVERS + 2; i++) {
		name[1] = (char)('0' + i / 10);
		name[2] = (char)('0' + i % 10);
		tally_book_failover(b, tally_book_of(b, "one"),
		    tally_book_of(b, name), TALLY_GROUP_NET);
	}
	tally_book_failover(b, tally_book_of(b, "one"), tally_book_of(b, "x00"),
	    TALLY_GROUP_NET);
	f = tally_book_failovers(b, &n);
	assert_int_equal(n, TALLY_REASONS + TALLY_FAILOVERS);
	for (size_t i = 0; i < n; i++) {
		uint64_t want = i >= TALLY_REASONS;

		if (i == TALLY_REASONS || i == TALLY_GROUP_NET)
			want =
			    2; /* seen again; the two for which was no room */
		assert_int_equal(stat_get(&f[i].n), want);
		assert_true((f[i].from == NULL) == (i < TALLY_REASONS));
	}
	tally_book_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_first_one_says_is_the_reason),
		cmocka_unit_test(who_is_paused_is_passed_by),
		cmocka_unit_test(what_it_cannot_carry_is_the_message_s),
		cmocka_unit_test(who_is_full_spills_over),
		cmocka_unit_test(members_take_turns_without_a_failover),
		cmocka_unit_test(further_combinations_are_counted_by_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
