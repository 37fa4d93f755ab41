/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records that cannot be read, as a bad disk or a bug may leave them: each
 * harms its own message only, and that one is out of the way and kept.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "postern/base/mem.h"

#include "spool/keys.h"
#include "spool/store.h"

#include "spool_audit.h"
#include "spool_kit.h"

static const struct str rubbish = { "\x01\xff\xff\xff", 4 };

/* v NULL: the key goes. */
static void
spoil_closed(struct kit *k, enum store_table t, const struct keys *key,
    const struct str *v)
{
	struct store *st;
	struct store_txn x;
	struct err err;
	bool fresh;

	assert_int_equal(
	    store_open(&st, k->dir, k->settings.map_max, &fresh, &err), 0);
	assert_int_equal(store_begin(st, &x), 0);
	if (v)
		assert_int_equal(store_put(&x, t, keys_str(key), *v), 0);
	else
		assert_int_equal(store_del(&x, t, keys_str(key)), 0);
	assert_int_equal(store_commit(&x), 0);
	store_close(&st);
}

static void
spoil(struct kit *k, enum store_table t, const struct keys *key,
    const struct str *v)
{
	kit_close(k);
	spoil_closed(k, t, key, v);
	kit_open(k);
}

static uint64_t
sent(struct kit *k, size_t bytes, uint32_t nrcpts, uint16_t ndeliveries)
{
	struct kit_message m = {
		.bytes = bytes, .nrcpts = nrcpts, .ndeliveries = ndeliveries
	};
	uint64_t mid;

	assert_int_equal(kit_accept(k, &m, &mid), SPOOL_DONE);
	return mid;
}

/* Loading it fails with words; settling it parks its key, and the neighbour in
 * the same batch is settled. */
static void
is_set_aside(struct kit *k, uint64_t mid, uint16_t n)
{
	struct spool_key key = { .priority = 1, .mid = mid, .n = n }, other,
	                 keys[8];
	enum spool_result bad = SPOOL_DONE, good = SPOOL_FAILED;
	uint64_t neighbour = sent(k, 100, 1, 1);
	struct spool_settle *s;
	struct spool_loaded l;
	struct err err = { 0 };
	int64_t next;

	assert_int_equal(spool_load(k->r, mid, n, &l, &err), -1);
	assert_non_null(strstr(err.text, "cannot be read"));
	other = kit_key(k, neighbour, 0);
	s = kit_settle_new(k, &key, 1);
	s->op.arg = &bad;
	spool_settle(k->sp, s);
	s = kit_settle_new(k, &other, 1);
	s->op.arg = &good;
	spool_settle(k->sp, s);
	kit_wait(k);
	assert_int_equal(bad, SPOOL_FAILED);
	assert_int_equal(good, SPOOL_DONE);
	assert_false(spool_is_stuck(k->sp));
	for (int i = spool_due(k->r, 0, 1, 0, NULL, 1, keys, 8, &next); i > 0;)
		assert_false(keys[--i].mid == mid && keys[i].n == n);
	assert_int_equal(
	    spool_parked(k->r, SPOOL_HOLD_DAMAGED, NULL, keys, 8), 1);
	assert_true(keys[0].mid == mid);
	assert_int_equal(keys[0].n, n);
}

static void
a_message_that_cannot_be_read(void **state)
{
	struct kit *k = *state;
	uint64_t mid = sent(k, 5000, 1, 1), got[4];
	struct spool_sweep s = { .until = UINT64_MAX };
	struct spool_item item;
	struct spool_stats st;
	struct err err;
	struct keys key;
	char c;

	keys_mid(&key, mid);
	spoil(k, STORE_MSG, &key, &rubbish);
	assert_int_equal(spool_sweep(k->r, &s, got, 4), 0);
	assert_true(s.seen == mid);
	assert_int_equal(spool_list(k->r, 0, &item, 1), 1);
	assert_int_equal(item.size, 0); /* listed, with nothing known */
	assert_int_equal(spool_content(k->r, mid, 0, &c, 1, &err), -1);
	assert_int_equal(
	    spool_deliveries(k->r, mid, &(struct spool_key){ 0 }, 1), -1);
	is_set_aside(k, mid, 0);
	spool_stats(k->sp, &st);
	assert_int_equal(st.held, 1);
	assert_int_equal(st.queued, 0);
	/* a second settling of it does nothing */
	assert_int_equal(
	    kit_settle(
	        k, kit_settle_new(
	               k, &(struct spool_key){ .priority = 1, .mid = mid }, 1)),
	    SPOOL_FAILED);
}

static void
a_delivery_that_cannot_be_read(void **state)
{
	struct kit *k = *state;
	uint64_t mid = sent(k, 100, 4, 2);
	struct keys key;

	keys_dlv(&key, mid, 1);
	spoil(k, STORE_DLV, &key, &rubbish);
	is_set_aside(k, mid, 1);
}

static void
recipients_that_cannot_be_read(void **state)
{
	struct kit *k = *state;
	uint64_t mid = sent(k, 100, 400, 1);
	struct keys key;

	keys_rcpt(&key, mid, 0, 1);
	spoil(k, STORE_RCPT, &key, &rubbish);
	is_set_aside(k, mid, 0);
	kit_reopen(k);
}

static void
recipients_of_another_version(void **state)
{
	struct kit *k = *state;
	uint64_t mid = sent(k, 100, 400, 1);
	struct keys key;

	keys_rcpt(&key, mid, 0, 0);
	spoil(k, STORE_RCPT, &key, &(struct str){ "\x09", 1 });
	is_set_aside(k, mid, 0);
}

static void
recipients_that_are_missing(void **state)
{
	struct kit *k = *state;
	uint64_t mid = sent(k, 100, 400, 1);
	struct spool_loaded l;
	struct keys key;
	struct err err;

	keys_rcpt(&key, mid, 0, 1);
	spoil(k, STORE_RCPT, &key, NULL);
	assert_int_equal(spool_load(k->r, mid, 0, &l, &err), -1);
}

static void
content_that_is_missing_or_short(void **state)
{
	struct kit *k = *state;
	uint64_t mid = sent(k, 30000, 1, 1);
	struct spool_loaded l;
	char *p = mem_new(65536);
	struct keys key;
	struct err err;

	keys_body(&key, mid, 3);
	spoil(k, STORE_BODY, &key, &(struct str){ "short", 5 });
	assert_int_equal(spool_load(k->r, mid, 0, &l, &err), -1);
	assert_int_equal(spool_content(k->r, mid, 0, p, 65536, &err), -1);
	assert_int_equal(
	    spool_content(k->r, mid, 0, p, 8000, &err), 8000); /* before */
	spoil(k, STORE_BODY, &key, NULL);
	assert_int_equal(spool_content(k->r, mid, 0, p, 65536, &err), -1);
	assert_int_equal(spool_content(k->r, mid + 1, 0, p, 1, &err), -1);
	free(p);
}

static void
a_dead_letter_without_its_message_is_purged(void **state)
{
	struct kit *k = *state;
	struct timespec ms = { 0, 5000000 };
	struct spool_dead d;
	struct spool_settle *s;
	uint64_t mid = sent(k, 100, 1, 1), other = sent(k, 100, 1, 1);
	struct spool_key key = kit_key(k, mid, 0);
	struct keys dead;

	s = kit_settle_new(k, &key, 1);
	s->results[0].state = ENVELOPE_DEAD;
	s->keep_dead = true;
	assert_int_equal(kit_settle(k, s), SPOOL_DONE);
	keys_dead(&dead, 1, other, 0); /* of one that is not dead */
	spoil(k, STORE_DEAD, &dead,
	    &(struct str){ "\x01\x00\x00\x00\x00\x00", 6 });
	keys_dead(&dead, 2, 4711, 0); /* of one that is not there */
	spoil(k, STORE_DEAD, &dead, &(struct str){ "\x09", 1 });
	do
		nanosleep(&ms, NULL); /* the writer ticks once a second */
	while (spool_dead_page(k->r, NULL, &d, 1) != 1 || d.mid != mid);
	kit_audit(k);
}

static void
a_dead_letter_that_cannot_be_read_holds_no_other_up(void **state)
{
	struct kit *k = *state;
	struct timespec ms = { 0, 5000000 };
	struct spool_settle *s;
	struct spool_dead d;
	struct spool_key key;
	struct keys msg;
	uint64_t mid[2];

	for (int i = 0; i < 2; i++) {
		mid[i] = sent(k, 100, 1, 1);
		key = kit_key(k, mid[i], 0);
		s = kit_settle_new(k, &key, 1);
		s->results[0].state = ENVELOPE_DEAD;
		s->keep_dead = true;
		assert_int_equal(kit_settle(k, s), SPOOL_DONE);
	}
	k->settings.dead_keep_ms = 1;
	keys_mid(&msg, mid[0]);
	spoil(k, STORE_MSG, &msg, &rubbish);
	while (spool_dead_page(k->r, NULL, &d, 1))
		nanosleep(&ms, NULL); /* the writer ticks once a second */
	assert_int_equal(spool_deliveries(k->r, mid[1], &key, 1), 0);
}

static void
what_was_half_received_goes_whatever_is_said_of_it(void **state)
{
	struct kit *k = *state;
	struct audit a;
	struct err err;
	struct keys key;
	uint64_t mid = spool_mid(k->sp);

	kit_stage(k, mid, 5 << 20, SPOOL_STAGE_MIN); /* more than a tick's */
	kit_wait(k);
	keys_mid(&key, mid);
	spoil(k, STORE_STAGE, &key, &rubbish);
	(void)sent(k, 9000, 1, 1);
	kit_stage(k, mid + 1000, 1 << 20, SPOOL_STAGE_MIN);
	spool_abort_staged(k->sp, mid + 1000);
	keys_mid(&key, mid + 1000);
	kit_wait(k);
	spoil(k, STORE_GC, &key, &rubbish);
	for (int i = 0; i < 20; i++) /* a tick goes with each commit */
		(void)sent(k, 10, 1, 1);
	assert_int_equal(audit_spool(k->sp, &a, &err), 0);
	assert_int_equal(a.gc + a.stages, 0);
	assert_int_equal(a.chunks, 3);
}

static void
what_a_stop_left_and_cannot_be_read_stops_no_start(void **state)
{
	struct kit *k = *state;
	uint64_t mid[] = { sent(k, 10, 1, 1), sent(k, 10, 2, 2),
		sent(k, 10, 1, 1) };
	struct keys key;
	struct spool_stats st;

	memcpy(key.b, "stop", key.n = 4);
	spoil(k, STORE_CFG, &key, &rubbish);
	kit_close(k);
	kit_crash_with(k, mid, 3);
	kit_crash_with(k, mid, 3);
	kit_open(k); /* a clean stop: forgiven */
	kit_close(k);
	kit_crash_with(k, mid, 3);
	kit_crash_with(k, mid, 3);
	kit_crash_with(k, mid, 3);
	keys_mid(&key, mid[0]);
	spoil_closed(k, STORE_MSG, &key, &rubbish);
	keys_dlv(&key, mid[1], 1);
	spoil_closed(k, STORE_DLV, &key, &rubbish);
	kit_open(k);
	spool_stats(k->sp, &st);
	assert_int_equal(st.poisoned, 1);
	is_set_aside(k, mid[0], 0);
}

static void
allowances_and_routes_that_cannot_be_read(void **state)
{
	struct kit *k = *state;
	struct spool_reserve *r = mem_new(sizeof *r);
	struct err err = { 0 };
	struct keys key;

	keys_quota(&key, STR("ses"), 60, 0);
	spoil(k, STORE_QUOTA, &key, &(struct str){ "\x02", 1 });
	kit_op(k, &r->op);
	strcpy(r->owner, "ses");
	r->window_s = 60;
	r->reserve = 1;
	spool_reserve(k->sp, r);
	kit_wait(k);
	assert_int_equal(k->last, SPOOL_FAILED);
	keys_u32(&key, 5);
	spoil(k, STORE_ROUTE, &key, &rubbish);
	assert_int_equal(spool_route(k->sp, "new", &(uint32_t){ 0 }, &err), -1);
	kit_reopen(k);
	(void)sent(k, 10, 1, 1);
}

static void
counters_that_cannot_be_read_are_counted_again(void **state)
{
	struct kit *k = *state;
	struct kit_message parked = {
		.bytes = 70, .nrcpts = 2, .hold = SPOOL_HOLD_SIZE, .route = 3
	};
	uint64_t mid = sent(k, 10, 1, 1), other = sent(k, 1000, 3, 3);
	struct spool_key key = kit_key(k, mid, 0);
	struct spool_settle *s = kit_settle_new(k, &key, 1);
	struct spool_stats st;
	struct keys stat;

	s->results[0].state = ENVELOPE_DEAD;
	s->keep_dead = true;
	assert_int_equal(kit_settle(k, s), SPOOL_DONE);
	assert_int_equal(kit_accept(k, &parked, NULL), SPOOL_DONE);
	keys_stat(&stat, 0, 1, 0);
	spoil(k, STORE_STAT, &stat, &rubbish);
	keys_stat(&stat, 9, 1, 1); /* and one of which there is nothing */
	spoil(k, STORE_STAT, &stat, &rubbish);
	kit_audit(k);
	spool_stats(k->sp, &st);
	assert_int_equal(st.queued, 3);
	assert_int_equal(st.queued_bytes, 3000);
	assert_int_equal(st.held, 1);
	assert_int_equal(st.dead, 1);
	assert_int_equal(kit_deliver(k, other, 1), SPOOL_DONE);
	kit_audit(k);
}

static void
a_value_of_the_journal_that_cannot_be_read_is_passed_over(void **state)
{
	struct kit *k = *state;
	struct spool_event ev[SPOOL_JOURNAL_MIN];
	uint64_t place = 0, mid;
	struct keys key;

	(void)sent(k, 10, 1, 1);
	assert_int_equal(
	    spool_journal_page(k->r, &place, ev, SPOOL_JOURNAL_MIN), 1);
	keys_mid(&key, place + 1);
	spoil(k, STORE_JOURNAL, &key, &rubbish);
	mid = sent(k, 10, 1, 1);
	place = 0;
	assert_int_equal(
	    spool_journal_page(k->r, &place, ev, SPOOL_JOURNAL_MIN), 1);
	assert_int_equal(
	    spool_journal_page(k->r, &place, ev, SPOOL_JOURNAL_MIN), 1);
	assert_true(ev[0].mid == mid);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)
	const struct CMUnitTest tests[] = {
		T(a_message_that_cannot_be_read),
		T(a_delivery_that_cannot_be_read),
		T(recipients_that_cannot_be_read),
		T(recipients_of_another_version),
		T(recipients_that_are_missing),
		T(content_that_is_missing_or_short),
		T(a_dead_letter_without_its_message_is_purged),
		T(a_dead_letter_that_cannot_be_read_holds_no_other_up),
		T(what_was_half_received_goes_whatever_is_said_of_it),
		T(what_a_stop_left_and_cannot_be_read_stops_no_start),
		T(allowances_and_routes_that_cannot_be_read),
		T(counters_that_cannot_be_read_are_counted_again),
		T(a_value_of_the_journal_that_cannot_be_read_is_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
