/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The spool when writing fails: the n-th write or sync of the store fails, the
 * map is full, the disk is full.  Nothing that was answered is lost.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "postern/base/clock.h"
#include "postern/base/mem.h"

#include "spool_audit.h"
#include "spool_fault.h"
#include "spool_kit.h"

/* --- the tests' world --- */

static struct kit *kit;
static char fatal_text[256];

static void
on_fatal(void *arg, const struct err *err)
{
	(void)arg;
	memcpy(fatal_text, err->text, sizeof fatal_text);
}

static int
setup(void **state)
{
	struct kit *k = mem_new(sizeof *k);

	fault_heal();
	fatal_text[0] = 0;
	kit_init(k);
	kit = *state = k;
	return 0;
}

static int
teardown(void **state)
{
	fault_heal();
	return kit_teardown(state);
}

static void
open_with_hook(struct kit *k)
{
	kit_open(k);
	spool_on_fatal(k->sp, on_fatal, NULL);
}

static bool
is_there(struct kit *k, uint64_t mid)
{
	struct spool_key key;

	return spool_deliveries(k->r, mid, &key, 1) > 0;
}

static void
pause_ms(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&ts, NULL); /* the writer looks again once a second */
}

/* A life with a failing call in it; then everything that was answered with
 * "done" is there, and everything that was not may be or not. */
static void
live_through(struct kit *k, enum fault_call call, long after, int error)
{
	struct kit_message m = { .bytes = 30000, .nrcpts = 1 };
	enum spool_result r[30];
	uint64_t mids[30];
	bool fatal;

	fatal_text[0] = 0;
	open_with_hook(k);
	fault_at(call, after, error, false);
	for (int i = 0; i < 30; i++) {
		struct spool_accept *a = mem_new(sizeof *a);

		kit_op(k, &a->op);
		a->op.arg = &r[i];
		a->env = kit_envelope(k, &m);
		mids[i] = a->env->mid;
		a->ndeliveries = 1;
		spool_accept(k->sp, a);
		if (i % 7 == 6)
			kit_wait(k);
	}
	kit_wait(k);
	fatal = fatal_text[0] != 0;
	fault_heal();
	kit_reopen(k);
	kit_audit(k);
	for (int i = 0; i < 30; i++)
		if (r[i] == SPOOL_DONE)
			assert_true(is_there(k, mids[i]));
		else if (!fatal)
			assert_false(is_there(k, mids[i]));
	for (int i = 0; i < 30; i++)
		if (is_there(k, mids[i]))
			assert_int_equal(
			    kit_deliver(k, mids[i], 0), SPOOL_DONE);
	kit_audit(k);
	kit_close(k);
}

static void
any_write_may_fail(void **state)
{
	struct kit *k = *state;

	for (long n = 0; n < 12; n += 2) {
		live_through(k, FAULT_DATA, n, EIO);
		live_through(k, FAULT_DATA, n, ENOSPC);
		live_through(k, FAULT_DATA, n, ENOMEM);
		live_through(k, FAULT_DATA, n, 0);
	}
}

static void
any_sync_may_fail(void **state)
{
	struct kit *k = *state;

	for (long n = 0; n < 6; n++)
		live_through(k, FAULT_SYNC, n, EIO);
}

static void
any_meta_write_may_fail(void **state)
{
	struct kit *k = *state;

	for (long n = 0; n < 6; n++)
		live_through(k, FAULT_META, n, EIO);
}

static void
an_io_error_with_room_on_the_disk_ends_it(void **state)
{
	struct kit *k = *state;
	struct kit_message m = { .bytes = 100, .nrcpts = 1 };
	uint64_t mid;

	open_with_hook(k);
	assert_int_equal(kit_accept(k, &m, &mid), SPOOL_DONE);
	fault_at(FAULT_SYNC, 0, EIO, false);
	assert_int_equal(kit_accept(k, &m, NULL), SPOOL_FAILED);
	assert_non_null(strstr(fatal_text, "cannot be written"));
	assert_non_null(strstr(fatal_text, k->dir));
	assert_true(spool_is_stuck(k->sp));
	assert_int_equal(spool_room(k->sp, 0), SPOOL_FULL);
	assert_int_equal(kit_deliver(k, mid, 0), SPOOL_FAILED);
	kit_reopen(k);
	assert_true(is_there(k, mid));
}

/* --- any change of any operation --- */

static struct spool_settle *
results(struct kit *k, uint64_t mid, uint32_t n, enum envelope_rcpt_state state)
{
	struct spool_key key = kit_key(k, mid, 0);
	struct spool_settle *s = kit_settle_new(k, &key, n);

	for (uint32_t i = 0; i < n; i++) {
		s->results[i].state = state;
		s->results[i].code = (uint16_t)(400 + i);
		memset(s->results[i].text, 'x', 300);
	}
	s->keep_dead = true;
	return s;
}

static void
move(struct kit *k, uint64_t mid, enum spool_hold hold, bool remove)
{
	struct spool_move *m = mem_new(sizeof *m);

	kit_op(k, &m->op);
	m->mid = mid;
	m->to.hold = hold;
	m->to.priority = 1;
	m->remove = remove;
	spool_move(k->sp, m);
	kit_wait(k);
	assert_int_equal(k->last, SPOOL_DONE);
}

static void
spend(struct kit *k, int64_t hour)
{
	struct spool_reserve *r = mem_new(sizeof *r);

	kit_op(k, &r->op);
	strcpy(r->owner, "ses");
	r->window_s = 3600;
	r->start_ms = hour * 3600000;
	r->spent = 1;
	spool_reserve(k->sp, r);
	kit_wait(k);
	assert_int_equal(k->last, SPOOL_DONE);
}

/* In doubt, held, sent again, handed over. */
static void
doubts(struct kit *k)
{
	struct kit_message m = { .bytes = 100, .nrcpts = 20 };
	struct spool_doubt *d = mem_new(sizeof *d);
	struct spool_settle *s;
	uint64_t mid;

	assert_int_equal(kit_accept(k, &m, &mid), SPOOL_DONE);
	kit_op(k, &d->op);
	d->key = kit_key(k, mid, 0);
	d->last = 19;
	spool_doubt(k->sp, d);
	kit_wait(k);
	assert_int_equal(k->last, SPOOL_DONE);
	s = results(k, mid, 20, ENVELOPE_DOUBT);
	assert_int_equal(kit_settle(k, s), SPOOL_DONE);
	move(k, mid, SPOOL_HOLD_NONE, false);
	s = results(k, mid, 20, ENVELOPE_DEAD);
	s->results[0].state = ENVELOPE_QUEUED;
	s->hands_over = true;
	assert_int_equal(kit_settle(k, s), SPOOL_DONE);
	assert_int_equal(kit_deliver(k, mid, 1), SPOOL_DONE);
	assert_int_equal(kit_deliver(k, mid, 0), SPOOL_DONE);
}

/* Every operation, so that each has each of its changes fail in turn. */
static void
do_everything(struct kit *k, long round)
{
	struct kit_message small = { .bytes = 100, .nrcpts = 20 },
	                   big = { .bytes = 9000,
		                   .nrcpts = 300,
		                   .ndeliveries = 3 },
	                   staged = {
		                   .bytes = 300000, .nrcpts = 1, .staged = true
	                   };
	struct spool_settle *s;
	struct err err;
	uint32_t id;
	uint64_t mid;
	char name[32];

	assert_int_equal(kit_accept(k, &small, &mid), SPOOL_DONE);
	s = results(k, mid, 20, ENVELOPE_QUEUED); /* out of msg, into rcpt */
	assert_int_equal(kit_settle(k, s), SPOOL_DONE);
	s = results(k, mid, 20, ENVELOPE_DEAD);
	small.mid = 0;
	s->child = kit_envelope(k, &big);
	for (uint32_t i = 0; i < 300; i++)
		((struct envelope_rcpt *)(uintptr_t)s->child->rcpts)[i]
		    .delivery = 0;
	assert_int_equal(kit_settle(k, s), SPOOL_DONE);
	move(k, mid, SPOOL_HOLD_NONE, false); /* revived */
	move(k, mid, SPOOL_HOLD_OPERATOR, false);
	move(k, mid, SPOOL_HOLD_NONE, true);
	doubts(k);
	assert_int_equal(kit_accept(k, &big, &mid), SPOOL_DONE);
	for (uint16_t n = 0; n < 3; n++)
		assert_int_equal(kit_deliver(k, mid, n), SPOOL_DONE);
	staged.mid = spool_mid(k->sp);
	kit_stage(k, staged.mid, staged.bytes, 100000);
	assert_int_equal(kit_accept(k, &staged, NULL), SPOOL_DONE);
	assert_int_equal(kit_deliver(k, staged.mid, 0), SPOOL_DONE);
	staged.mid = spool_mid(k->sp);
	kit_stage(k, staged.mid, staged.bytes, 100000);
	kit_wait(k);
	spool_abort_staged(k->sp, staged.mid);
	spend(k, 100 * round);
	snprintf(name, sizeof name, "route%ld", round);
	assert_int_equal(spool_route(k->sp, name, &id, &err), 0);
	spool_health_put(k->sp, "ses", name, 8);
	spend(k, 100 * round + 80); /* drops the window before */
}

static void
any_change_may_fail(void **state)
{
	struct kit *k = *state;
	long n, every = getenv("POSTERN_ROUNDS") ? 1 : 5; /* the long tier */

	k->settings.journal_max = 20000;
	open_with_hook(k);
	for (n = 0; n < 2000; n += every) {
		fault_at(FAULT_CHANGE, n, 0, false);
		do_everything(k, n);
		if (!fault_happened())
			break;
		fault_heal();
		assert_string_equal(fatal_text, "");
		if (n % 20 == 0)
			kit_audit(k);
	}
	fault_heal();
	assert_in_range(n, 100, 1999);
	kit_reopen(k);
	kit_audit(k);
}

/* --- a full disk, as the system says it --- */

static void
on_a_full_disk_deliveries_are_kept_until_they_are_written(void **state)
{
	struct kit *k = *state;
	struct kit_message m = { .bytes = 20000, .nrcpts = 1 };
	struct spool_key keys[2];
	enum spool_result settled = SPOOL_FAILED, accepted = SPOOL_DONE;
	struct spool_settle *s;
	struct spool_accept *a;
	int64_t next;

	open_with_hook(k);
	assert_int_equal(kit_accept(k, &m, NULL), SPOOL_DONE);
	assert_int_equal(spool_due(k->r, 0, 1, 0, NULL, 1, keys, 2, &next), 1);
	fault_at(FAULT_DATA, 0, ENOSPC, true);
	a = mem_new(sizeof *a);
	kit_op(k, &a->op);
	a->op.arg = &accepted;
	a->env = kit_envelope(k, &m);
	a->ndeliveries = 1;
	spool_accept(k->sp, a);
	s = kit_settle_new(k, &keys[0], 1);
	s->op.arg = &settled;
	spool_settle(k->sp, s);
	while (!spool_is_stuck(k->sp))
		pause_ms(2);
	assert_int_equal(spool_room(k->sp, 0), SPOOL_FULL);
	fault_heal();
	kit_wait(k); /* tried again after a second */
	assert_int_equal(settled, SPOOL_DONE);
	assert_int_equal(accepted, SPOOL_FULL);
	assert_false(spool_is_stuck(k->sp));
	assert_string_equal(fatal_text, "");
	assert_false(is_there(k, keys[0].mid));
	kit_audit(k);
	while (spool_room(k->sp, 0) != SPOOL_DONE)
		pause_ms(5);
	assert_int_equal(kit_accept(k, &m, NULL), SPOOL_DONE);
}

static void
settlings_keep_their_order_while_they_wait(void **state)
{
	struct kit *k = *state;
	struct kit_message m = { .bytes = 100, .nrcpts = 1 };
	struct spool_settle *s;
	struct spool_key key;
	uint64_t mids[5];

	open_with_hook(k);
	for (int i = 0; i < 5; i++)
		assert_int_equal(kit_accept(k, &m, &mids[i]), SPOOL_DONE);
	fault_at(FAULT_DATA, 0, ENOSPC, true);
	for (int round = 1; round <= 2; round++)
		for (int i = 0; i < 5; i++) {
			key = kit_key(k, mids[i], 0);
			key.due_ms = round - 1;
			s = kit_settle_new(k, &key, 1);
			s->results[0].state = ENVELOPE_QUEUED;
			s->next_due_ms = round;
			spool_settle(k->sp, s);
		}
	while (!spool_is_stuck(k->sp))
		pause_ms(2);
	fault_heal();
	kit_wait(k);
	for (int i = 0; i < 5; i++)
		assert_int_equal(kit_key(k, mids[i], 0).due_ms, 2);
	kit_audit(k);
}

static void
a_stop_does_not_wait_for_ever(void **state)
{
	struct kit *k = *state;
	struct kit_message m = { .bytes = 100, .nrcpts = 1 };
	struct spool_key key;
	uint64_t mid;

	open_with_hook(k);
	assert_int_equal(kit_accept(k, &m, &mid), SPOOL_DONE);
	key = kit_key(k, mid, 0);
	fault_at(FAULT_DATA, 0, ENOSPC, true);
	spool_settle(k->sp, kit_settle_new(k, &key, 1));
	kit_close(k);
	assert_int_equal(k->waiting, 0);
	assert_int_equal(k->last, SPOOL_FULL);
	fault_heal();
	kit_open(k);
	assert_true(is_there(k, mid));
	kit_audit(k);
}

static void
a_start_that_needs_a_second_try_counts_once(void **state)
{
	struct kit *k = *state;
	struct kit_message m = { .bytes = 100, .nrcpts = 1 };
	struct spool_stats st;

	open_with_hook(k);
	assert_int_equal(kit_accept(k, &m, NULL), SPOOL_DONE);
	kit_close(k);
	fault_at(FAULT_DATA, 0, ENOSPC, false);
	open_with_hook(k);
	assert_true(fault_happened());
	spool_stats(k->sp, &st);
	assert_int_equal(st.queued, 1);
	assert_int_equal(st.queued_bytes, 100);
	kit_audit(k);
}

/* --- a full map --- */

static void
a_full_map_is_drained_and_taken_up_again(void **state)
{
	struct kit *k = *state;
	struct kit_message m = { .bytes = 20000, .nrcpts = 1 };
	uint64_t mids[500];
	size_t n = 0;

	k->settings.map_max = 2 << 20;
	open_with_hook(k);
	while (n < 500 && kit_accept(k, &m, &mids[n]) == SPOOL_DONE)
		n++;
	assert_in_range(n, 20, 499);
	assert_int_equal(k->last, SPOOL_FULL);
	assert_int_equal(spool_room(k->sp, 0), SPOOL_FULL);
	assert_string_equal(fatal_text, "");
	kit_audit(k);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(kit_deliver(k, mids[i], 0), SPOOL_DONE);
	assert_int_equal(kit_accept(k, &m, NULL), SPOOL_DONE);
	while (spool_room(k->sp, 0) != SPOOL_DONE)
		pause_ms(5);
	kit_audit(k);
}

/* --- a small disk, really full --- */

static void
a_full_disk_loses_nothing_and_drains(void **state)
{
	struct kit *k = *state;
	struct kit_message m = { .bytes = 50000, .nrcpts = 1 };
	uint64_t mids[1000];
	size_t n = 0;

	if (mount("tmpfs", k->dir, "tmpfs", 0, "size=12m,mode=0700"))
		skip();
	k->settings.map_max = 64 << 20;
	k->settings.min_free = 1; /* so that a write finds it out */
	k->settings.ballast = 512 << 10;
	open_with_hook(k);
	while (n < 1000 && kit_accept(k, &m, &mids[n]) == SPOOL_DONE)
		n++;
	assert_in_range(n, 50, 400);
	assert_int_equal(k->last, SPOOL_FULL);
	assert_int_equal(spool_room(k->sp, 0), SPOOL_FULL);
	m.bytes = 10; /* what the ballast left is for deliveries */
	assert_int_equal(kit_accept(k, &m, NULL), SPOOL_FULL);
	m.bytes = 50000;
	assert_string_equal(fatal_text, "");
	kit_reopen(k); /* also a start on a full disk works */
	kit_audit(k);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(kit_deliver(k, mids[i], 0), SPOOL_DONE);
	while (spool_room(k->sp, 0) != SPOOL_DONE)
		pause_ms(5);
	assert_int_equal(kit_accept(k, &m, NULL), SPOOL_DONE);
	kit_audit(k);
	kit_close(k);
	assert_int_equal(umount(k->dir), 0);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(any_write_may_fail),
		T(any_sync_may_fail),
		T(any_meta_write_may_fail),
		T(any_change_may_fail),
		T(an_io_error_with_room_on_the_disk_ends_it),
		T(on_a_full_disk_deliveries_are_kept_until_they_are_written),
		T(settlings_keep_their_order_while_they_wait),
		T(a_stop_does_not_wait_for_ever),
		T(a_start_that_needs_a_second_try_counts_once),
		T(a_full_map_is_drained_and_taken_up_again),
		T(a_full_disk_loses_nothing_and_drains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
