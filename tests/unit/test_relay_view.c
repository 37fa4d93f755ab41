/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "postern/io/loop.h"
#include "postern/io/mailbox.h"
#include "postern/mail/rate.h"
#include "postern/relay/relay_view.h"

#include "relay_world.h"

static struct world world;

struct asker {
	struct loop *loop;
	struct mailbox *mailbox;
	int answers;
};

static void
on_view(void *arg, const struct relay_view *view)
{
	struct asker *a = arg;

	a->answers++;
	assert_int_equal(view->n, 1);
	assert_string_equal(
	    view->providers[0].tally->name, view->providers[0].name);
	assert_int_equal(view->nroutes, 1);
	assert_int_equal(view->routes[0].id, view->route);
	assert_int_equal(view->routes[0].at, 0);
	assert_int_equal(stat_get(&view->nobody->results[TALLY_DELIVERED]), 0);
	loop_stop(a->loop);
}

static void
set_up(struct asker *a)
{
	struct err err;

	world_init(&world);
	(void)world_provider(&world, NULL);
	world_start(&world);
	assert_int_equal(loop_new(&a->loop, &err), 0);
	a->mailbox = mailbox_new(a->loop, NULL);
}

/* A series of metrics must not be there twice. */
static void
on_windows(void *arg, const struct relay_view *view)
{
	static const char *const texts[] = { "9 rcpt/1d", "9 rcpt/1d@00:00Z",
		"9 rcpt/1d@23:59Z", "9 msg/1d", "8 rcpt/1d", "9 rcpt/1m" };
	struct asker *a = arg;

	assert_int_equal(view->nwindows, sizeof texts / sizeof texts[0]);
	for (size_t i = 0; i < view->nwindows; i++) {
		assert_string_equal(view->windows[i].owner, "provider/one");
		assert_string_equal(view->windows[i].window, texts[i]);
	}
	loop_stop(a->loop);
}

static void
each_window_has_a_text_of_its_own(void **state)
{
	static const char *const texts[] = { "9 rcpt/day", "9 rcpt/day@00:00Z",
		"9 rcpt/day@23:59Z", "9 msg/day", "9 rcpt/24h", "8 rcpt/day",
		"9 rcpt/min", "9 rcpt/60s" };
	struct rate rates[sizeof texts / sizeof texts[0]];
	struct asker a = { 0 };
	struct relay_provider *p;
	struct err err;

	(void)state;
	world_init(&world);
	p = world_provider(&world, NULL);
	p->rates = rates;
	p->nrates = sizeof texts / sizeof texts[0];
	for (size_t i = 0; i < p->nrates; i++)
		assert_int_equal(
		    rate_parse_quota(&rates[i], str_of(texts[i]), &err), 0);
	world_start(&world);
	assert_int_equal(loop_new(&a.loop, &err), 0);
	a.mailbox = mailbox_new(a.loop, NULL);
	relay_view_ask(world.relay, a.mailbox, on_windows, &a);
	loop_run(a.loop);
	world_done(&world);
	mailbox_free(&a.mailbox);
	loop_free(&a.loop);
}

static void
an_answer_comes(void **state)
{
	struct asker a = { 0 };

	(void)state;
	set_up(&a);
	relay_view_ask(world.relay, a.mailbox, on_view, &a);
	loop_run(a.loop);
	assert_int_equal(a.answers, 1);
	world_done(&world);
	mailbox_free(&a.mailbox);
	loop_free(&a.loop);
}

/* As at the daemon's stop, where main's loop has ended before the relay. */
static void
it_may_be_read_after_the_relay_is_gone(void **state)
{
	struct asker a = { 0 };

	(void)state;
	set_up(&a);
	relay_view_ask(world.relay, a.mailbox, on_view, &a);
	world_done(&world);
	assert_int_equal(a.answers, 0);
	mailbox_free(&a.mailbox);
	assert_int_equal(a.answers, 1);
	loop_free(&a.loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_comes),
		cmocka_unit_test(each_window_has_a_text_of_its_own),
		cmocka_unit_test(it_may_be_read_after_the_relay_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
