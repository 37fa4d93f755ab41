/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may have been delivered: it is written down before its end leaves, a
 * crash leaves it held, and nobody but an operator decides.  What was handed
 * over to another route; what an operator finds.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "postern/base/clock.h"
#include "postern/base/mem.h"

#include "spool/keys.h"
#include "spool/store.h"

#include "spool_audit.h"
#include "spool_fault.h"
#include "spool_kit.h"

static int
setup(void **state)
{
	fault_heal();
	return kit_setup(state);
}

static int
teardown(void **state)
{
	fault_heal();
	return kit_teardown(state);
}

static uint64_t
sent(struct kit *k, uint32_t nrcpts, uint16_t ndeliveries)
{
	struct kit_message m = {
		.bytes = 100, .nrcpts = nrcpts, .ndeliveries = ndeliveries
	};
	uint64_t mid;

	assert_int_equal(kit_accept(k, &m, &mid), SPOOL_DONE);
	return mid;
}

static struct spool_doubt *
doubt_new(struct kit *k, uint64_t mid, uint32_t first, uint32_t last)
{
	struct spool_doubt *d = mem_new(sizeof *d);

	kit_op(k, &d->op);
	d->key = (struct spool_key){ .priority = SPOOL_NORMAL, .mid = mid };
	strcpy(d->provider, "ses");
	d->first = first;
	d->last = last;
	return d;
}

static enum spool_result
doubt(struct kit *k, uint64_t mid, uint32_t first, uint32_t last)
{
	spool_doubt(k->sp, doubt_new(k, mid, first, last));
	kit_wait(k);
	return k->last;
}

static struct spool_settle *
results(struct kit *k, uint64_t mid, uint32_t n, enum envelope_rcpt_state state)
{
	struct spool_key key = kit_key(k, mid, 0);
	struct spool_settle *s = kit_settle_new(k, &key, n);

	for (uint32_t i = 0; i < n; i++)
		s->results[i].state = state;
	s->keep_dead = true;
	return s;
}

static enum spool_result
move(struct kit *k, uint64_t mid, enum spool_hold hold, bool remove)
{
	struct spool_move *m = mem_new(sizeof *m);

	kit_op(k, &m->op);
	m->mid = mid;
	m->to.priority = SPOOL_NORMAL;
	m->to.hold = hold;
	m->remove = remove;
	spool_move(k->sp, m);
	kit_wait(k);
	return k->last;
}

static struct spool_loaded
load(struct kit *k, uint64_t mid, uint16_t n)
{
	struct spool_loaded l;
	struct err err;

	if (spool_load(k->r, mid, n, &l, &err))
		fail_msg("delivery %u is gone", n);
	return l;
}

static enum spool_hold
hold_of(struct kit *k, uint64_t mid)
{
	struct spool_loaded l = load(k, mid, 0);

	envelope_free(&l.env);
	return l.hold;
}

static struct spool_stats
stats(struct kit *k)
{
	struct spool_stats st;

	spool_stats(k->sp, &st);
	return st;
}

/* --- a crash --- */

/* The life so far is over without a stop: the parent's files are a copy. */
static void
crash(struct kit *k, void (*live)(struct kit *k, uint64_t mid), uint64_t mid)
{
	kit_close(k);
	kit_live_and_die(k, live, mid);
	kit_open(k);
	kit_audit(k);
}

static void
all_in_doubt(struct kit *k, uint64_t mid)
{
	if (doubt(k, mid, 0, 9) != SPOOL_DONE)
		_exit(1);
}

static void
what_a_crash_leaves_in_doubt_is_held(void **state)
{
	struct kit *k = *state;
	uint64_t mid = sent(k, 2, 1);
	struct spool_key keys[2];
	struct spool_loaded l;
	int64_t next;

	crash(k, all_in_doubt, mid);
	assert_int_equal(stats(k).doubted, 1);
	assert_int_equal(stats(k).doubt, 1);
	assert_int_equal(stats(k).queued + stats(k).held, 0);
	assert_int_equal(
	    spool_due(k->r, 0, 1, 0, NULL, INT64_MAX, keys, 2, &next), 0);
	assert_int_equal(
	    spool_parked(k->r, SPOOL_HOLD_DOUBT, NULL, keys, 2), 1);
	l = load(k, mid, 0);
	assert_int_equal(l.hold, SPOOL_HOLD_DOUBT);
	assert_string_equal(l.provider, "ses");
	assert_true(l.key.due_ms > clock_wall_ms() - 60000); /* since when */
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(l.env->rcpts[i].state, ENVELOPE_DOUBT);
		assert_non_null(strstr(l.env->rcpts[i].text, "nobody knows"));
	}
	envelope_free(&l.env);
	kit_reopen(k); /* and stays so */
	assert_int_equal(stats(k).doubted, 0);
	assert_int_equal(hold_of(k, mid), SPOOL_HOLD_DOUBT);
}

static void
some_in_doubt(struct kit *k, uint64_t mid)
{
	if (doubt(k, mid, 1, 2) != SPOOL_DONE)
		_exit(1);
}

/* Those that were not in the transaction go on; when they are through, what is
 * left is held. */
static void
only_those_of_the_transaction_are_in_doubt(void **state)
{
	struct kit *k = *state;
	uint64_t mid = sent(k, 4, 1);
	struct spool_loaded l;

	crash(k, some_in_doubt, mid);
	l = load(k, mid, 0);
	assert_int_equal(l.hold, SPOOL_HOLD_NONE);
	assert_int_equal(l.env->rcpts[0].state, ENVELOPE_QUEUED);
	assert_int_equal(l.env->rcpts[1].state, ENVELOPE_DOUBT);
	assert_int_equal(l.env->rcpts[2].state, ENVELOPE_DOUBT);
	assert_int_equal(l.env->rcpts[3].state, ENVELOPE_QUEUED);
	envelope_free(&l.env);
	assert_int_equal(stats(k).queued, 1);
	assert_int_equal(
	    kit_settle(k, results(k, mid, 4, ENVELOPE_DELIVERED)), SPOOL_DONE);
	l = load(k, mid, 0);
	assert_int_equal(l.hold, SPOOL_HOLD_DOUBT);
	assert_int_equal(l.env->rcpts[0].state, ENVELOPE_DELIVERED);
	assert_int_equal(l.env->rcpts[2].state, ENVELOPE_DOUBT);
	envelope_free(&l.env);
	kit_audit(k);
}

static void
in_doubt_and_settled(struct kit *k, uint64_t mid)
{
	if (doubt(k, mid, 0, 9) != SPOOL_DONE ||
	    kit_settle(k, results(k, mid, 1, ENVELOPE_QUEUED)) != SPOOL_DONE)
		_exit(1);
}

static void
in_doubt_and_refused(struct kit *k, uint64_t mid)
{
	struct spool_doubt *d;

	if (doubt(k, mid, 0, 9) != SPOOL_DONE)
		_exit(1);
	d = doubt_new(k, mid, 0, 0);
	d->over = true;
	spool_doubt(k->sp, d);
	kit_wait(k);
}

static void
held_while_in_doubt(struct kit *k, uint64_t mid)
{
	if (doubt(k, mid, 0, 9) != SPOOL_DONE ||
	    move(k, mid, SPOOL_HOLD_OPERATOR, false) != SPOOL_DONE)
		_exit(1);
}

static const struct {
	const char *why;
	void (*live)(struct kit *k, uint64_t mid);
	enum spool_hold hold;
} ends[] = {
	{ "a settling ends the doubt", in_doubt_and_settled, SPOOL_HOLD_NONE },
	{ "so does a refusal", in_doubt_and_refused, SPOOL_HOLD_NONE },
	{ "an operator's hold does not", held_while_in_doubt,
	    SPOOL_HOLD_DOUBT },
};

static void
it_ends_with_what_is_known_again(void **state)
{
	struct kit *k = *state;
	uint64_t mid;

	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
		mid = sent(k, 1, 1);
		crash(k, ends[i].live, mid);
		if (hold_of(k, mid) != ends[i].hold)
			fail_msg("%s", ends[i].why);
	}
}

/* --- a session that was lost --- */

static void
what_a_settling_says_is_in_doubt_waits_for_an_operator(void **state)
{
	struct kit *k = *state;
	uint64_t mid = sent(k, 3, 1);
	struct spool_settle *s = results(k, mid, 3, ENVELOPE_DOUBT);
	struct spool_key keys[4];

	s->results[1].state = ENVELOPE_DEAD;
	assert_int_equal(kit_settle(k, s), SPOOL_DONE);
	assert_int_equal(hold_of(k, mid), SPOOL_HOLD_DOUBT);
	assert_int_equal(stats(k).doubt, 1);
	/* it is not given up, however long it waits */
	assert_int_equal(spool_deliveries(k->r, mid, keys, 4), 0);
	/* and not sent by the way */
	assert_int_equal(doubt(k, mid, 0, 9), SPOOL_GONE);
	assert_int_equal(
	    kit_settle(k, results(k, mid, 3, ENVELOPE_DELIVERED)), SPOOL_DONE);
	assert_int_equal(hold_of(k, mid), SPOOL_HOLD_DOUBT);
	kit_audit(k);
}

static uint64_t
in_doubt(struct kit *k, uint32_t nrcpts)
{
	uint64_t mid = sent(k, nrcpts, 1);

	assert_int_equal(
	    kit_settle(k, results(k, mid, nrcpts, ENVELOPE_DOUBT)), SPOOL_DONE);
	return mid;
}

static void
an_operator_sends_it_again_or_ends_it(void **state)
{
	struct kit *k = *state;
	uint64_t mid = in_doubt(k, 2);
	struct spool_loaded l;

	assert_int_equal(move(k, mid, SPOOL_HOLD_DOUBT, false), SPOOL_DONE);
	assert_int_equal(hold_of(k, mid), SPOOL_HOLD_DOUBT); /* only moved */
	assert_int_equal(move(k, mid, SPOOL_HOLD_NONE, false), SPOOL_DONE);
	l = load(k, mid, 0);
	assert_int_equal(l.hold, SPOOL_HOLD_NONE);
	assert_int_equal(l.env->rcpts[1].state, ENVELOPE_QUEUED);
	/* its time counts from now */
	assert_true(l.env->release_ms >= l.env->arrival_ms);
	assert_true(l.env->flags & ENVELOPE_REVIVED);
	envelope_free(&l.env);
	assert_int_equal(kit_deliver(k, mid, 0), SPOOL_DONE);
	mid = in_doubt(k, 1);
	assert_int_equal(move(k, mid, SPOOL_HOLD_NONE, true), SPOOL_DONE);
	mid = sent(k, 1, 1);
	assert_int_equal(move(k, mid, SPOOL_HOLD_DOUBT, false), SPOOL_GONE);
	assert_int_equal(hold_of(k, mid), SPOOL_HOLD_NONE);
	assert_int_equal(stats(k).doubt, 0);
	kit_audit(k);
}

/* --- when something fails --- */

static void
pause_ms(long ms)
{
	struct timespec ts = { 0, ms * 1000000 };

	nanosleep(&ts, NULL);
}

static void
none_begins_before_the_settling_that_waits(void **state)
{
	struct kit *k = *state;
	uint64_t mid = sent(k, 2, 1);
	enum spool_result settled = SPOOL_FAILED, begun = SPOOL_DONE;
	struct spool_settle *s = results(k, mid, 1, ENVELOPE_DELIVERED);
	struct spool_doubt *d = doubt_new(k, mid, 0, 9);
	struct audit a;
	struct err err;

	fault_at(FAULT_DATA, 0, ENOSPC, true);
	s->op.arg = &settled;
	spool_settle(k->sp, s); /* with the other one, or 20 ms later */
	d->op.arg = &begun;
	spool_doubt(k->sp, d);
	while (!spool_is_stuck(k->sp))
		pause_ms(2);
	fault_heal();
	kit_wait(k);
	assert_int_equal(begun, SPOOL_FULL);
	assert_int_equal(settled, SPOOL_DONE);
	assert_int_equal(audit_spool(k->sp, &a, &err), 0);
	assert_int_equal(a.doubts, 0);
}

/* A record that says nothing: all of its recipients are in doubt.  One without
 * a message, or with a message that cannot be read, hinders no start. */
static void
what_cannot_be_read_hinders_no_start(void **state)
{
	struct kit *k = *state;
	uint64_t mid = sent(k, 2, 1), bad = sent(k, 2, 1);
	const struct str rubbish = { "\x07rubbish", 8 };
	const uint64_t mids[] = { mid, bad, spool_mid(k->sp) };
	struct store_txn x;
	struct store *st;
	struct keys key;
	struct err err;
	bool fresh;

	kit_close(k);
	assert_int_equal(
	    store_open(&st, k->dir, k->settings.map_max, &fresh, &err), 0);
	assert_int_equal(store_begin(st, &x), 0);
	for (int i = 0; i < 3; i++) {
		keys_dlv(&key, mids[i], 0);
		assert_int_equal(
		    store_put(&x, STORE_DOUBT, keys_str(&key), rubbish), 0);
	}
	assert_int_equal(store_put(&x, STORE_DOUBT, STR("odd"), rubbish), 0);
	keys_mid(&key, bad);
	assert_int_equal(store_put(&x, STORE_MSG, keys_str(&key), rubbish), 0);
	assert_int_equal(store_commit(&x), 0);
	store_close(&st);
	kit_open(k);
	assert_int_equal(stats(k).doubted, 1);
	assert_int_equal(hold_of(k, mid), SPOOL_HOLD_DOUBT);
}

/* --- handed over to another route --- */

static void
the_dead_become_a_delivery_of_another_route(void **state)
{
	struct kit *k = *state;
	uint64_t mid = sent(k, 300, 1); /* in msg and in rcpt */
	struct spool_settle *s = results(k, mid, 300, ENVELOPE_DELIVERED);
	struct spool_dead dead[2];
	struct spool_loaded l;

	s->results[7].state = s->results[299].state = ENVELOPE_DEAD;
	s->results[7].code = 550;
	s->results[8].state = ENVELOPE_QUEUED;
	s->hands_over = true;
	s->over_to = (struct spool_delivery){
		.route = 9, .priority = SPOOL_LOW, .due_ms = 5
	};
	assert_int_equal(kit_settle(k, s), SPOOL_DONE);
	kit_audit(k);
	assert_int_equal(stats(k).queued, 2);
	assert_int_equal(stats(k).dead, 0);
	l = load(k, mid, 0);
	assert_false(l.handed);
	assert_int_equal(l.env->rcpts[7].delivery, 1);
	assert_int_equal(l.env->rcpts[8].delivery, 0);
	envelope_free(&l.env);
	l = load(k, mid, 1);
	assert_true(l.handed);
	assert_int_equal(l.attempts, 0);
	assert_int_equal(l.key.route, 9);
	assert_int_equal(l.key.priority, SPOOL_LOW);
	assert_int_equal(l.env->rcpts[7].state, ENVELOPE_QUEUED);
	assert_int_equal(l.env->rcpts[7].code, 550); /* what was said before */
	assert_true(l.env->flags & ENVELOPE_REVIVED);
	envelope_free(&l.env);
	assert_int_equal(kit_deliver(k, mid, 0), SPOOL_DONE);
	kit_audit(k);
	s = kit_settle_new(k, &(struct spool_key){ .mid = mid, .n = 1 }, 2);
	s->results[0] =
	    (struct spool_rcpt_result){ .index = 7, .state = ENVELOPE_DEAD };
	s->results[1] = (struct spool_rcpt_result){ .index = 299,
		.state = ENVELOPE_DELIVERED };
	s->keep_dead = true;
	assert_int_equal(kit_settle(k, s), SPOOL_DONE);
	assert_int_equal(spool_dead_page(k->r, NULL, dead, 2), 1);
	assert_int_equal(dead[0].n, 1);
	kit_audit(k);
	kit_reopen(k);
	kit_audit(k);
}

/* --- what an operator finds --- */

static uint64_t
dead(struct kit *k, const char *provider, const char *cause, uint16_t code)
{
	uint64_t mid = sent(k, 2, 1);
	struct spool_settle *s = results(k, mid, 2, ENVELOPE_DELIVERED);

	s->results[1].state = ENVELOPE_DEAD;
	s->results[1].code = code;
	strcpy(s->results[1].enhanced, "5.1.1");
	strcpy(s->results[1].text, "no such user");
	strcpy(s->provider, provider);
	s->cause = cause;
	assert_int_equal(kit_settle(k, s), SPOOL_DONE);
	return mid;
}

struct seen {
	size_t n, max;
	uint64_t mid[8];
	uint16_t delivery[8];
	struct spool_row row; /* the last one; its texts are gone */
	char cause[32], provider[64], text[64], rcpt[64];
};

static void
keep(char *to, size_t size, struct str s)
{
	assert_true(s.len < size);
	memcpy(to, s.len ? s.p : "", s.len);
	to[s.len] = 0;
}

static bool
see(void *arg, const struct spool_row *row)
{
	struct seen *s = arg;

	s->mid[s->n % 8] = row->key.mid;
	s->delivery[s->n % 8] = row->key.n;
	s->row = *row;
	keep(s->cause, sizeof s->cause, row->cause);
	keep(s->provider, sizeof s->provider, row->provider);
	if (row->nrcpts > 0) {
		keep(s->text, sizeof s->text, row->rcpts[0].text);
		keep(s->rcpt, sizeof s->rcpt, row->rcpts[0].address);
	}
	return ++s->n % s->max != 0;
}

/* All of it, in pages of max; how many pages. */
static int
walk(struct kit *k, enum spool_walk_where where, size_t max, struct seen *s)
{
	struct spool_walk w = { .where = where, .n = -1, .fn = see, .arg = s };
	struct spool_mark mark = { 0 };
	int pages = 0;

	*s = (struct seen){ .max = max };
	for (; !mark.over; pages++)
		assert_int_equal(spool_walk(k->r, &w, &mark), 0);
	assert_int_equal(spool_walk(k->r, &w, &mark), 0); /* and no more */
	return pages;
}

static void
what_is_held_or_dead_is_found(void **state)
{
	struct kit *k = *state;
	uint64_t a, b, h, d;
	struct seen s;

	a = dead(k, "ses", "refused", 550);
	b = dead(k, "other", "expired", 451);
	h = sent(k, 1, 1);
	assert_int_equal(move(k, h, SPOOL_HOLD_OPERATOR, false), SPOOL_DONE);
	d = in_doubt(k, 1);
	(void)walk(k, SPOOL_WALK_DEAD, 99, &s);
	assert_int_equal(s.n, 2);
	assert_true(s.mid[0] == a && s.mid[1] == b); /* the oldest first */
	(void)walk(k, SPOOL_WALK_HELD, 99, &s);
	assert_int_equal(s.n, 2);
	assert_true(s.mid[0] == h && s.mid[1] == d);
	assert_int_equal(s.row.hold, SPOOL_HOLD_DOUBT);
	(void)walk(k, SPOOL_WALK_ALL, 99, &s);
	assert_int_equal(s.n, 4);
}

static void
what_is_found_says_what_it_is(void **state)
{
	struct kit *k = *state;
	uint64_t mid = dead(k, "ses", "refused", 550);
	struct seen s;

	for (int by = SPOOL_WALK_ALL; by <= SPOOL_WALK_DEAD; by += 2) {
		(void)walk(k, (enum spool_walk_where)by, 99, &s);
		assert_int_equal(s.n, 1);
		assert_int_equal(s.row.key.mid, mid);
		assert_int_equal(s.row.state, SPOOL_ROW_DEAD);
		assert_int_equal(s.row.size, 100);
		assert_int_equal(s.row.attempts, 1);
		assert_int_equal(s.row.nrcpts, 1); /* the other one has it */
		assert_string_equal(s.cause, "refused");
		assert_string_equal(s.provider, "ses");
		assert_string_equal(s.text, "no such user");
		assert_string_equal(s.rcpt, "rcpt1@example.net");
		assert_true(s.row.key.due_ms >= s.row.arrival_ms);
	}
}

/* Whatever a page ends with: the end, a message, a delivery of one. */
static void
a_walk_goes_on_where_it_was(void **state)
{
	struct kit *k = *state;
	struct seen s;

	(void)sent(k, 7, 7);
	for (int i = 0; i < 3; i++)
		(void)sent(k, 1, 1);
	(void)sent(k, 3, 3);
	for (size_t max = 1; max <= 14; max++) {
		(void)walk(k, SPOOL_WALK_ALL, max, &s);
		assert_int_equal(s.n, 13);
		assert_int_equal(s.delivery[12 % 8], 2);
	}
}

/* Also where nothing of it is wanted. */
static void
a_walk_looks_at_so_many_at_once(void **state)
{
	struct kit *k = *state;
	struct kit_message m = {
		.bytes = 10, .nrcpts = 1, .hold = SPOOL_HOLD_SIZE
	};
	struct seen s;
	int least = 1500 / SPOOL_WALK_LOOKS; /* one or two looks at each */

	for (int i = 0; i < 1500; i++)
		(void)kit_send(k, &m);
	kit_wait(k);
	assert_in_range(
	    walk(k, SPOOL_WALK_HELD, 9999, &s), least, 2 * least + 2);
	assert_int_equal(s.n, 1500);
	assert_in_range(
	    walk(k, SPOOL_WALK_ALL, 9999, &s), least, 2 * least + 2);
	assert_int_equal(s.n, 1500);
}

static void
one_message_or_one_delivery_of_it_is_seen_alone(void **state)
{
	struct kit *k = *state;
	struct spool_walk w = { .fn = see, .n = -1 };
	struct spool_mark mark = { 0 };
	struct seen s = { .max = 99 };

	(void)sent(k, 1, 1);
	w.mid = sent(k, 3, 3);
	w.arg = &s;
	(void)sent(k, 1, 1);
	assert_int_equal(spool_walk(k->r, &w, &mark), 0);
	assert_true(mark.over);
	assert_int_equal(s.n, 3);
	assert_int_equal(s.row.key.mid, w.mid);
	mark = (struct spool_mark){ 0 };
	w.n = 1;
	assert_int_equal(spool_walk(k->r, &w, &mark), 0);
	assert_int_equal(s.n, 4);
	assert_int_equal(s.row.key.n, 1);
}

static void
routes_that_there_were_have_a_name(void **state)
{
	struct kit *k = *state;
	struct spool_route_name names[4];
	struct err err;
	uint32_t id;

	assert_int_equal(spool_route(k->sp, "default", &id, &err), 0);
	assert_int_equal(spool_route(k->sp, "news", &id, &err), 0);
	assert_int_equal(spool_route_names(k->r, 0, names, 4), 2);
	assert_int_equal(names[1].id, id);
	assert_string_equal(names[1].name, "news");
	assert_int_equal(spool_route_names(k->r, names[0].id, names, 4), 1);
	assert_int_equal(spool_route_names(k->r, id, names, 4), 0);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(what_a_crash_leaves_in_doubt_is_held),
		T(only_those_of_the_transaction_are_in_doubt),
		T(it_ends_with_what_is_known_again),
		T(what_a_settling_says_is_in_doubt_waits_for_an_operator),
		T(an_operator_sends_it_again_or_ends_it),
		T(none_begins_before_the_settling_that_waits),
		T(what_cannot_be_read_hinders_no_start),
		T(the_dead_become_a_delivery_of_another_route),
		T(what_is_held_or_dead_is_found),
		T(what_is_found_says_what_it_is),
		T(a_walk_goes_on_where_it_was),
		T(a_walk_looks_at_so_many_at_once),
		T(one_message_or_one_delivery_of_it_is_seen_alone),
		T(routes_that_there_were_have_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
