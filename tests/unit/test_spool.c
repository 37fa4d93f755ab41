/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The spool as the layers above see it: what comes in, what goes out, what is
 * there after a stop.
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

#include "spool_audit.h"
#include "spool_kit.h"

/* The whole content through spool_content() is what was sent. */
static void
check_content(struct kit *k, uint64_t mid, size_t bytes)
{
	char *got = mem_new(65536), *want = mem_new(65536);
	struct err err = { 0 };
	uint64_t at = 0;
	int64_t n;

	while ((n = spool_content(k->r, mid, at, got, 65536, &err)) > 0) {
		kit_content(mid, at, want, (size_t)n);
		assert_memory_equal(got, want, (size_t)n);
		at += (uint64_t)n;
	}
	assert_int_equal(n, 0);
	assert_int_equal(at, bytes);
	free(got);
	free(want);
}

static const struct {
	const char *why;
	size_t bytes;
	uint32_t nrcpts;
	uint16_t ndeliveries;
} shapes[] = {
	{ "one byte", 1, 1, 1 },
	{ "content within msg", 1024, 1, 1 },
	{ "content just within msg", 1400, 3, 1 },
	{ "one byte more lies in body", 1401, 1, 1 },
	{ "exactly a chunk", 4080, 1, 1 },
	{ "a chunk and a byte", 4081, 1, 1 },
	{ "the most that is kept in memory", 262144, 1, 1 },
	{ "recipients that do not fit into msg", 1000, 300, 1 },
	{ "a thousand recipients", 5000, 1000, 1 },
	{ "three deliveries", 1000, 7, 3 },
	{ "many deliveries of many", 70000, 500, 20 },
	{ "content deleted by slices", 1 << 20, 1, 1 },
};

static void
a_message_of_each_shape_comes_back_and_goes(void **state)
{
	struct kit *k = *state;
	struct spool_loaded l;
	struct err err = { 0 };
	uint64_t mid;

	for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
		struct kit_message m = { .bytes = shapes[i].bytes,
			.nrcpts = shapes[i].nrcpts,
			.ndeliveries = shapes[i].ndeliveries };

		print_message("    %s\n", shapes[i].why);
		assert_int_equal(kit_accept(k, &m, &mid), SPOOL_DONE);
		kit_reopen(k);
		kit_audit(k);
		for (uint16_t n = 0; n < m.ndeliveries; n++) {
			assert_int_equal(spool_load(k->r, mid, n, &l, &err), 0);
			assert_int_equal(l.env->nrcpts, m.nrcpts);
			assert_string_equal(
			    l.env->sender, "sender@example.com");
			assert_null(l.env->helo);
			assert_string_equal(
			    l.env->rcpts[0].address, "rcpt0@example.net");
			assert_int_equal(l.env->size, m.bytes);
			if (m.bytes <= 65536)
				assert_int_equal(l.env->crc32c,
				    crc32c(0, body_str(l.env->body).p,
				        body_str(l.env->body).len));
			else
				assert_null(l.env->body);
			envelope_free(&l.env);
		}
		check_content(k, mid, m.bytes);
		for (uint16_t n = 0; n < m.ndeliveries; n++) {
			assert_int_equal(kit_deliver(k, mid, n), SPOOL_DONE);
			kit_audit(k);
		}
		assert_int_equal(spool_load(k->r, mid, 0, &l, &err), 1);
	}
	kit_reopen(k);
	kit_audit(k);
}

/* --- settling --- */

static void
what_is_tried_again_keeps_its_reply_and_its_order(void **state)
{
	struct kit *k = *state;
	struct kit_message m = { .bytes = 100, .nrcpts = 3 };
	struct spool_settle *s;
	struct spool_key key;
	struct spool_loaded l;
	struct err err;
	uint64_t mid;

	assert_int_equal(kit_accept(k, &m, &mid), SPOOL_DONE);
	assert_int_equal(k->nready, 1);
	key = k->ready[0].key;
	assert_int_equal(key.mid, mid);
	s = kit_settle_new(k, &key, 2);
	s->results[0].state = ENVELOPE_DELIVERED;
	s->results[1].state = ENVELOPE_QUEUED;
	s->results[1].code = 451;
	strcpy(s->results[1].enhanced, "4.7.1");
	strcpy(s->results[1].text, "come back later");
	s->next_due_ms = 5000;
	assert_int_equal(kit_settle(k, s), SPOOL_DONE);
	assert_int_equal(k->nready, 2);
	assert_int_equal(k->ready[1].key.due_ms, 5000);
	kit_audit(k);
	assert_int_equal(spool_load(k->r, mid, 0, &l, &err), 0);
	assert_int_equal(l.key.due_ms, 5000);
	assert_int_equal(l.attempts, 1);
	assert_string_equal(l.provider, "ses");
	assert_int_equal(l.env->rcpts[0].state, ENVELOPE_DELIVERED);
	assert_int_equal(l.env->rcpts[1].state, ENVELOPE_QUEUED);
	assert_int_equal(l.env->rcpts[1].code, 451);
	assert_string_equal(l.env->rcpts[1].enhanced, "4.7.1");
	assert_string_equal(l.env->rcpts[1].text, "come back later");
	assert_int_equal(l.env->rcpts[2].code, 0);
	envelope_free(&l.env);
	/* the first word about a recipient holds */
	s = kit_settle_new(k, &l.key, 1);
	s->results[0].state = ENVELOPE_DEAD;
	s->next_due_ms = 6000;
	assert_int_equal(kit_settle(k, s), SPOOL_DONE);
	assert_int_equal(kit_key(k, mid, 0).due_ms, 6000);
	assert_int_equal(kit_deliver(k, mid, 0), SPOOL_DONE);
	assert_int_equal(kit_deliver(k, mid, 0), SPOOL_GONE);
	kit_audit(k);
}

static void
what_is_gone_is_said_to_be(void **state)
{
	struct kit *k = *state;
	struct spool_key key = { .mid = 77, .priority = 1 };
	struct kit_message m = { .bytes = 100, .nrcpts = 1 };
	struct spool_move *mv = mem_new(sizeof *mv);

	assert_int_equal(kit_settle(k, kit_settle_new(k, &key, 1)), SPOOL_GONE);
	kit_op(k, &mv->op);
	mv->mid = 77;
	spool_move(k->sp, mv);
	kit_wait(k);
	assert_int_equal(k->last, SPOOL_GONE);
	assert_int_equal(kit_accept(k, &m, &key.mid), SPOOL_DONE);
	key.n = 3; /* no such delivery */
	assert_int_equal(kit_settle(k, kit_settle_new(k, &key, 1)), SPOOL_GONE);
	kit_audit(k);
}

/* Recipients 1 to 4 are left; each has a part. */
static void
share_out(struct kit *k, uint64_t mid, enum spool_hold hold)
{
	static const uint16_t part_of[] = { 2, 0, 1, 2, 0 };
	struct spool_move *m = mem_new(sizeof *m);

	kit_op(k, &m->op);
	m->mid = mid;
	m->to.hold = hold;
	m->nparts = 3;
	m->parts = mem_array(3, sizeof *m->parts);
	for (uint32_t i = 0; i < 3; i++)
		m->parts[i] = (struct spool_delivery){ .route = 10 + i,
			.priority = SPOOL_LOW,
			.due_ms = 7000,
			.hold = hold };
	m->nrcpts = 5;
	m->part_of = mem_dup(part_of, sizeof part_of);
	spool_move(k->sp, m);
	kit_wait(k);
	assert_int_equal(k->last, SPOOL_DONE);
}

static uint64_t
one_of_five_is_delivered(struct kit *k)
{
	struct kit_message m = { .bytes = 3000, .nrcpts = 5, .by_ms = 9000 };
	struct spool_settle *s;
	struct spool_key key;
	uint64_t mid;

	assert_int_equal(kit_accept(k, &m, &mid), SPOOL_DONE);
	key = kit_key(k, mid, 0);
	s = kit_settle_new(k, &key, 1);
	s->results[0].state = ENVELOPE_DELIVERED;
	assert_int_equal(kit_settle(k, s), SPOOL_DONE);
	return mid;
}

static void
a_delivery_is_shared_out(void **state)
{
	static const uint16_t delivery[] = { 0, 0, 1, 2, 0 };
	static const uint32_t route[] = { 10, 11, 12 };
	struct kit *k = *state;
	struct spool_loaded l;
	struct spool_stats st;
	struct err err;
	uint64_t mid = one_of_five_is_delivered(k);

	share_out(k, mid, SPOOL_HOLD_OPERATOR);
	spool_stats(k->sp, &st);
	assert_int_equal(st.held, 3);
	assert_int_equal(st.held_of[SPOOL_LOW], 3);
	kit_audit(k);
	share_out(k, mid, SPOOL_HOLD_NONE); /* what is whole stays whole */
	kit_audit(k);
	assert_int_equal(spool_load(k->r, mid, 0, &l, &err), 0);
	for (uint32_t i = 0; i < 5; i++)
		assert_int_equal(l.env->rcpts[i].delivery, delivery[i]);
	envelope_free(&l.env);
	for (uint16_t n = 0; n < 3; n++) {
		struct spool_key key = kit_key(k, mid, n);

		assert_int_equal(key.route, route[n]);
		assert_int_equal(key.priority, SPOOL_LOW);
		assert_int_equal(key.due_ms, 7000);
		assert_int_equal(kit_deliver(k, mid, n), SPOOL_DONE);
	}
	assert_int_equal(spool_load(k->r, mid, 0, &l, &err), 1);
	kit_audit(k);
}

static void
give_up(struct kit *k, const struct spool_key *key, uint64_t *child)
{
	struct kit_message bounce = { .bytes = 700, .nrcpts = 1 };
	struct spool_settle *s = kit_settle_new(k, key, 1);

	s->results[0].state = ENVELOPE_DEAD;
	s->results[0].code = 550;
	strcpy(s->results[0].enhanced, "5.1.1");
	strcpy(s->results[0].text, "no such user");
	s->keep_dead = true;
	s->cause = "refused";
	if (child) {
		s->child = kit_envelope(k, &bounce);
		*child = s->child->mid;
		s->child_delivery.priority = SPOOL_HIGH;
	}
	assert_int_equal(kit_settle(k, s), SPOOL_DONE);
}

static void
a_failed_one_is_kept_with_its_reply_and_a_child_comes(void **state)
{
	struct kit *k = *state;
	struct kit_message m = { .bytes = 2000, .nrcpts = 1 };
	struct spool_dead d[4];
	struct spool_stats st;
	struct spool_loaded l;
	struct err err;
	uint64_t mid, child;
	struct spool_key key;

	assert_int_equal(kit_accept(k, &m, &mid), SPOOL_DONE);
	key = kit_key(k, mid, 0);
	give_up(k, &key, &child);
	kit_audit(k);
	kit_reopen(k);
	kit_audit(k);
	assert_int_equal(spool_load(k->r, mid, 0, &l, &err), 1);
	assert_int_equal(spool_load(k->r, child, 0, &l, &err), 0);
	assert_int_equal(l.key.priority, SPOOL_HIGH);
	envelope_free(&l.env);
	assert_int_equal(spool_dead_page(k->r, NULL, d, 4), 1);
	assert_int_equal(d[0].mid, mid);
	assert_int_equal(d[0].code, 550);
	assert_string_equal(d[0].cause, "refused");
	assert_string_equal(d[0].provider, "ses");
	assert_string_equal(d[0].enhanced, "5.1.1");
	assert_string_equal(d[0].text, "no such user");
	assert_int_equal(spool_dead_page(k->r, &d[0], d, 4), 0);
	spool_stats(k->sp, &st);
	assert_int_equal(st.dead, 1);
	assert_int_equal(st.queued, 1);
	assert_int_equal(st.dead_of[key.priority], 1);
	assert_int_equal(st.queued_of[SPOOL_HIGH], 1);
	assert_int_equal(
	    st.queued_of[SPOOL_NORMAL] + st.queued_of[SPOOL_LOW], 0);
	check_content(k, mid, 2000); /* kept */
}

static enum spool_result
move(struct kit *k, uint64_t mid, const struct spool_delivery *to)
{
	struct spool_move *mv = mem_new(sizeof *mv);

	kit_op(k, &mv->op);
	mv->mid = mid;
	if (to)
		mv->to = *to;
	else
		mv->remove = true;
	spool_move(k->sp, mv);
	kit_wait(k);
	return k->last;
}

static void
a_dead_letter_is_revived_or_removed(void **state)
{
	struct kit *k = *state;
	struct kit_message m = { .bytes = 2000, .nrcpts = 1 };
	struct spool_delivery to = { .route = 4, .due_ms = 9 };
	struct spool_dead d;
	struct spool_key key;
	uint64_t mid;

	assert_int_equal(kit_accept(k, &m, &mid), SPOOL_DONE);
	key = kit_key(k, mid, 0);
	give_up(k, &key, NULL);
	assert_int_equal(move(k, mid, &to), SPOOL_DONE);
	kit_audit(k);
	assert_int_equal(spool_dead_page(k->r, NULL, &d, 1), 0);
	key = kit_key(k, mid, 0);
	assert_int_equal(key.route, 4);
	assert_int_equal(key.due_ms, 9);
	give_up(k, &key, NULL);
	assert_int_equal(move(k, mid, NULL), SPOOL_DONE);
	assert_int_equal(move(k, mid, NULL), SPOOL_GONE);
	assert_int_equal(spool_dead_page(k->r, NULL, &d, 1), 0);
	kit_audit(k);
}

static void
what_was_sent_to_all_cannot_be_revived(void **state)
{
	struct kit *k = *state;
	struct kit_message m = { .bytes = 100, .nrcpts = 2, .ndeliveries = 2 };
	struct spool_delivery to = { .route = 4 };
	uint64_t mid;

	assert_int_equal(kit_accept(k, &m, &mid), SPOOL_DONE);
	assert_int_equal(kit_deliver(k, mid, 0), SPOOL_DONE);
	assert_int_equal(move(k, mid, &to), SPOOL_GONE);
	assert_int_equal(kit_deliver(k, mid, 1), SPOOL_DONE);
	kit_audit(k);
}

static void
what_is_held_waits_until_it_is_released(void **state)
{
	struct kit *k = *state;
	struct kit_message m = {
		.bytes = 100, .nrcpts = 1, .hold = SPOOL_HOLD_OPERATOR
	};
	struct spool_delivery to = { .due_ms = 3, .priority = 1 };
	struct spool_key keys[4];
	struct spool_stats st;
	int64_t next;
	uint64_t mid;

	assert_int_equal(kit_accept(k, &m, &mid), SPOOL_DONE);
	kit_audit(k);
	assert_int_equal(k->nready, 0);
	spool_stats(k->sp, &st);
	assert_int_equal(st.held, 1);
	assert_int_equal(st.queued, 0);
	assert_int_equal(spool_due(k->r, 0, 1, 0, NULL, 10, keys, 4, &next), 0);
	assert_int_equal(
	    spool_parked(k->r, SPOOL_HOLD_OPERATOR, NULL, keys, 4), 1);
	assert_int_equal(keys[0].mid, mid);
	assert_int_equal(
	    spool_parked(k->r, SPOOL_HOLD_OPERATOR, keys, keys, 4), 0);
	assert_int_equal(spool_parked(k->r, SPOOL_HOLD_SIZE, NULL, keys, 4), 0);
	assert_int_equal(spool_parked(k->r, SPOOL_HOLD_NONE, NULL, keys, 4), 0);
	assert_int_equal(move(k, mid, &to), SPOOL_DONE);
	assert_int_equal(k->nready, 1);
	assert_int_equal(spool_due(k->r, 0, 1, 0, NULL, 10, keys, 4, &next), 1);
	kit_audit(k);
}

static void
an_operators_hold_outlives_the_attempt_under_way(void **state)
{
	struct kit *k = *state;
	struct kit_message m = { .bytes = 100, .nrcpts = 1 };
	struct spool_delivery hold = { .hold = SPOOL_HOLD_OPERATOR };
	struct spool_settle *s;
	struct spool_key key, keys[2];
	uint64_t mid;

	assert_int_equal(kit_accept(k, &m, &mid), SPOOL_DONE);
	key = kit_key(k, mid, 0);
	assert_int_equal(move(k, mid, &hold), SPOOL_DONE);
	s = kit_settle_new(k, &key, 1);
	s->results[0].state = ENVELOPE_QUEUED;
	s->next_due_ms = 99;
	assert_int_equal(kit_settle(k, s), SPOOL_DONE);
	assert_int_equal(
	    spool_parked(k->r, SPOOL_HOLD_OPERATOR, NULL, keys, 2), 1);
	assert_int_equal(kit_settle(k, kit_settle_new(k, &key, 1)), SPOOL_DONE);
	assert_int_equal(
	    spool_parked(k->r, SPOOL_HOLD_OPERATOR, NULL, keys, 2), 0);
	kit_audit(k);
}

static void
long_replies_of_a_thousand_recipients_find_their_place(void **state)
{
	struct kit *k = *state;
	struct kit_message m = { .bytes = 100, .nrcpts = 1000 };
	struct spool_settle *s;
	struct spool_loaded l;
	struct spool_key key;
	struct err err;
	uint64_t mid;

	assert_int_equal(kit_accept(k, &m, &mid), SPOOL_DONE);
	key = kit_key(k, mid, 0);
	for (int round = 0; round < 3; round++) {
		s = kit_settle_new(k, &key, 1000);
		for (uint32_t i = 0; i < 1000; i++) {
			s->results[i].state = ENVELOPE_QUEUED;
			s->results[i].code = (uint16_t)(400 + i % 90);
			memset(s->results[i].text, (int)('a' + i % 26),
			    round == 1 ? 511 : i % 100);
		}
		s->next_due_ms = round + 1;
		assert_int_equal(kit_settle(k, s), SPOOL_DONE);
		kit_audit(k);
		assert_int_equal(spool_load(k->r, mid, 0, &l, &err), 0);
		assert_int_equal(l.env->rcpts[777].code, 400 + 777 % 90);
		assert_int_equal(
		    strlen(
		        l.env->rcpts[777].text ? l.env->rcpts[777].text : ""),
		    round == 1 ? 511 : 77);
		key = l.key;
		envelope_free(&l.env);
	}
	assert_int_equal(kit_deliver(k, mid, 0), SPOOL_DONE);
	kit_audit(k);
}

static void
recipients_leave_msg_when_their_replies_grow(void **state)
{
	struct kit *k = *state;
	struct kit_message m = { .bytes = 1400, .nrcpts = 20 };
	struct spool_settle *s;
	struct spool_key key;
	uint64_t mid;

	assert_int_equal(kit_accept(k, &m, &mid), SPOOL_DONE);
	key = kit_key(k, mid, 0);
	s = kit_settle_new(k, &key, 20);
	for (uint32_t i = 0; i < 20; i++) {
		s->results[i].state = ENVELOPE_QUEUED;
		memset(s->results[i].text, (int)('a' + i), 500);
	}
	assert_int_equal(kit_settle(k, s), SPOOL_DONE);
	kit_audit(k);
	kit_reopen(k);
	check_content(k, mid, 1400);
	assert_int_equal(kit_deliver(k, mid, 0), SPOOL_DONE);
	kit_audit(k);
}

/* --- refusals --- */

static void
a_bad_message_fails_alone(void **state)
{
	struct kit *k = *state;
	struct kit_message good = { .bytes = 100, .nrcpts = 1 };
	struct kit_message twin = good;
	enum spool_result r[7];
	struct spool_accept *a;
	char *name = mem_new(3000);

	memset(name, 'x', 2999);
	assert_int_equal(kit_accept(k, &good, &twin.mid), SPOOL_DONE);
	for (int i = 0; i < 7; i++) {
		a = mem_new(sizeof *a);
		kit_op(k, &a->op);
		a->op.arg = &r[i];
		a->env = kit_envelope(k, i == 1 ? &twin : &good);
		a->ndeliveries = 1;
		if (i == 2)
			a->env->sender = name;
		if (i == 3)
			a->env->size++;
		if (i == 4)
			((struct envelope_rcpt *)(uintptr_t)a->env->rcpts)
			    ->delivery = 1;
		if (i == 5)
			((struct envelope_rcpt *)(uintptr_t)a->env->rcpts)
			    ->address = name;
		if (i == 6)
			a->env->nrcpts = 0;
		spool_accept(k->sp, a);
	}
	kit_wait(k);
	assert_int_equal(r[0], SPOOL_DONE);
	for (int i = 1; i < 7; i++)
		assert_int_equal(r[i], SPOOL_FAILED);
	assert_string_not_equal(k->err.text, "");
	kit_audit(k);
	assert_false(spool_is_stuck(k->sp));
	free(name);
}

static void
a_child_that_cannot_be_stored_takes_its_parent_out_of_the_way(void **state)
{
	struct kit *k = *state;
	struct kit_message m = { .bytes = 100, .nrcpts = 1 };
	struct spool_settle *s;
	struct spool_key key, keys[2];
	int64_t next;
	uint64_t mid;

	assert_int_equal(kit_accept(k, &m, &mid), SPOOL_DONE);
	key = kit_key(k, mid, 0);
	s = kit_settle_new(k, &key, 1);
	s->child = kit_envelope(k, &m);
	s->child->size = 7;
	assert_int_equal(kit_settle(k, s), SPOOL_FAILED);
	assert_int_equal(spool_due(k->r, 0, 1, 0, NULL, 10, keys, 2, &next), 0);
	assert_int_equal(
	    spool_parked(k->r, SPOOL_HOLD_DAMAGED, NULL, keys, 2), 1);
	assert_int_equal(keys[0].mid, mid);
	kit_audit(k);
}

/* --- staged --- */

static void
slices_of_any_size_make_one_message(void **state)
{
	struct kit *k = *state;
	static const size_t slices[] = { 65536, 65537, 100000, 262144, 4080,
		1000 };
	struct kit_message m = { .bytes = 700000, .nrcpts = 1, .staged = true };

	for (size_t i = 0; i < sizeof slices / sizeof slices[0]; i++) {
		m.mid = spool_mid(k->sp);
		kit_stage(k, m.mid, m.bytes, slices[i]);
		kit_send(k, &m); /* at once: it waits for its slices */
		kit_wait(k);
		assert_int_equal(k->last, SPOOL_DONE);
		kit_audit(k);
		check_content(k, m.mid, m.bytes);
	}
}

static void
many_arrive_at_once(void **state)
{
	struct kit *k = *state;
	struct kit_message m = { .bytes = 400000, .nrcpts = 1, .staged = true };
	uint64_t mids[40];

	for (int i = 0; i < 40; i++) {
		mids[i] = m.mid = spool_mid(k->sp);
		kit_stage(k, m.mid, m.bytes, 65536);
		if (i % 4 == 3)
			spool_abort_staged(k->sp, m.mid);
		else
			kit_send(k, &m);
	}
	kit_wait(k);
	kit_audit(k);
	for (int i = 0; i < 40; i++)
		if (i % 4 != 3)
			check_content(k, mids[i], m.bytes);
}

static void
a_25_mib_message_with_a_thousand_recipients(void **state)
{
	struct kit *k = *state;
	struct kit_message m = {
		.bytes = 25 << 20, .nrcpts = 1000, .staged = true
	};
	struct spool_loaded l;
	struct err err;
	struct audit a;

	m.mid = spool_mid(k->sp);
	kit_stage(k, m.mid, m.bytes, SPOOL_STAGE_MAX);
	assert_int_equal(kit_accept(k, &m, NULL), SPOOL_DONE);
	kit_reopen(k);
	kit_audit(k);
	assert_int_equal(spool_load(k->r, m.mid, 0, &l, &err), 0);
	assert_null(l.env->body);
	envelope_free(&l.env);
	check_content(k, m.mid, m.bytes);
	assert_int_equal(kit_deliver(k, m.mid, 0), SPOOL_DONE);
	kit_audit(k);
	kit_reopen(k); /* what is in gc goes on */
	do
		assert_int_equal(audit_spool(k->sp, &a, &err), 0);
	while (a.chunks);
}

static void
what_was_not_staged_as_a_whole_is_refused(void **state)
{
	struct kit *k = *state;
	struct kit_message m = { .bytes = 200000, .nrcpts = 1, .staged = true };
	struct audit a;
	struct err err;

	m.mid = spool_mid(k->sp);
	kit_stage(k, m.mid, 131072, 65536);
	assert_int_equal(kit_accept(k, &m, NULL), SPOOL_FAILED);
	m.mid = spool_mid(k->sp);
	assert_int_equal(kit_accept(k, &m, NULL), SPOOL_FAILED);
	kit_audit(k);
	kit_reopen(k); /* the half message goes at the next start */
	do
		assert_int_equal(audit_spool(k->sp, &a, &err), 0);
	while (a.chunks || a.stages || a.gc);
	spool_abort_staged(k->sp, m.mid); /* of nothing: harmless */
	assert_int_equal(
	    kit_settle(k, kit_settle_new(k, &(struct spool_key){ 0 }, 1)),
	    SPOOL_GONE);
}

/* --- the writer --- */

static void
delivered_rides_with_the_next_commit(void **state)
{
	struct kit *k = *state;
	struct kit_message m = { .bytes = 100, .nrcpts = 1 };
	struct spool_stats before, after;
	struct spool_key keys[50];
	uint64_t mids[50];
	int64_t next;

	for (int i = 0; i < 50; i++)
		mids[i] = kit_send(k, &m);
	kit_wait(k);
	assert_int_equal(
	    spool_due(k->r, 0, 1, 0, NULL, 10, keys, 50, &next), 50);
	spool_stats(k->sp, &before);
	for (int i = 0; i < 50; i++) {
		assert_int_equal(keys[i].mid, mids[i]);
		spool_settle(k->sp, kit_settle_new(k, &keys[i], 1));
	}
	kit_wait(k);
	spool_stats(k->sp, &after);
	assert_int_equal(after.queued, 0);
	assert_in_range(after.commits - before.commits, 1, 2);
	kit_audit(k);
}

static void
a_stop_commits_what_was_submitted(void **state)
{
	struct kit *k = *state;
	struct kit_message m = { .bytes = 100, .nrcpts = 1 };
	struct spool_key key;
	struct spool_loaded l;
	struct err err;
	uint64_t mid, late;

	assert_int_equal(kit_accept(k, &m, &mid), SPOOL_DONE);
	key = kit_key(k, mid, 0);
	spool_settle(k->sp, kit_settle_new(k, &key, 1));
	late = kit_send(k, &m);
	kit_reopen(k);
	assert_int_equal(k->waiting, 0);
	assert_int_equal(spool_load(k->r, mid, 0, &l, &err), 1);
	assert_int_equal(spool_load(k->r, late, 0, &l, &err), 0);
	envelope_free(&l.env);
}

static void
what_comes_after_the_stop_fails(void **state)
{
	struct kit *k = *state;
	struct kit_message m = { .bytes = 100, .nrcpts = 1 };
	uint64_t mid;

	kit_stage(k, spool_mid(k->sp), 70000, 65536);
	spool_stop(k->sp);
	spool_abort_staged(k->sp, 4711);
	assert_int_equal(kit_accept(k, &m, &mid), SPOOL_FAILED);
	assert_string_equal(k->err.text, "the spool has been stopped");
	spool_stop(k->sp); /* twice is harmless */
}

static void
a_writer_with_too_much_to_do_says_so(void **state)
{
	struct kit *k = *state;
	struct spool_key key = { .mid = 1 };
	struct err err;

	kit_close(k);
	assert_int_equal(spool_open(&k->sp, &k->settings, &err), 0);
	for (int i = 0; i < 8192; i++)
		spool_settle(k->sp, kit_settle_new(k, &key, 1));
	assert_false(spool_is_busy(k->sp));
	spool_settle(k->sp, kit_settle_new(k, &key, 1));
	assert_true(spool_is_busy(k->sp));
	spool_start(k->sp);
	k->r = spool_reader_new(k->sp);
	kit_wait(k);
	assert_false(spool_is_busy(k->sp));
}

static void
the_relay_is_given_content_while_there_is_memory(void **state)
{
	struct kit *k = *state;
	struct kit_message m = { .bytes = 100000, .nrcpts = 1 };
	struct spool_stats st;
	struct spool_settings s = k->settings;

	k->keep_env = true;
	s.memory_max = 300000; /* a quarter is kept for reception */
	spool_change(k->sp, &s);
	for (int i = 0; i < 5; i++)
		assert_int_equal(kit_accept(k, &m, NULL), SPOOL_DONE);
	assert_int_equal(k->nready, 5);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(k->ready[i].env != NULL, i < 3);
	spool_stats(k->sp, &st);
	assert_int_equal(st.memory, 300000);
	envelope_free(&k->ready[1].env);
	spool_stats(k->sp, &st);
	assert_int_equal(st.memory, 200000);
	assert_int_equal(kit_accept(k, &m, NULL), SPOOL_DONE);
	assert_non_null(k->ready[5].env);
	m.due_ms = clock_wall_ms() + 60000; /* not soon: no content */
	envelope_free(&k->ready[5].env);
	assert_int_equal(kit_accept(k, &m, NULL), SPOOL_DONE);
	assert_null(k->ready[6].env);
	for (size_t i = 0; i < k->nready; i++)
		envelope_free(&k->ready[i].env);
	spool_stats(k->sp, &st);
	assert_int_equal(st.memory, 0);
}

static void
memory_of_reception_goes_over_to_the_content(void **state)
{
	struct kit *k = *state;
	struct spool_settings s = k->settings;
	struct body *b = body_new(1000), *c;
	struct spool_stats st;

	s.memory_max = 1000;
	spool_change(k->sp, &s);
	assert_true(spool_memory_take(k->sp, 600));
	assert_false(spool_memory_take(k->sp, 600));
	spool_memory_own(k->sp, b, 600);
	assert_true(spool_memory_take(k->sp, 400));
	spool_memory_own(k->sp, b, 400);
	c = body_ref(b);
	body_free(&b);
	spool_stats(k->sp, &st);
	assert_int_equal(st.memory, 1000);
	body_free(&c);
	spool_stats(k->sp, &st);
	assert_int_equal(st.memory, 0);
}

/* --- order --- */

static uint64_t
place(
    struct kit *k, uint32_t route, uint8_t priority, uint8_t lane, int64_t due)
{
	struct spool_accept *a = mem_new(sizeof *a);
	struct kit_message m = { .bytes = 10, .nrcpts = 1 };
	uint64_t mid;

	kit_op(k, &a->op);
	a->env = kit_envelope(k, &m);
	mid = a->env->mid;
	a->ndeliveries = 1;
	a->first = (struct spool_delivery){ .route = route,
		.priority = priority,
		.lane = lane,
		.due_ms = due };
	spool_accept(k->sp, a);
	return mid;
}

static void
keys_come_by_route_priority_lane_time_and_id(void **state)
{
	struct kit *k = *state;
	uint64_t late = place(k, 2, 1, 0, 300), first = place(k, 2, 1, 0, 100),
	         second = place(k, 2, 1, 0, 100), lane7 = place(k, 2, 1, 7, 50),
	         low = place(k, 2, 2, 9, 10);
	struct spool_key keys[8];
	int64_t next;
	uint32_t route;

	place(k, 1, 1, 0, 1);
	place(k, 3, 0, 0, 1);
	kit_wait(k);
	assert_int_equal(
	    spool_due(k->r, 2, 1, 0, NULL, 200, keys, 8, &next), 2);
	assert_int_equal(keys[0].mid, first);
	assert_int_equal(keys[1].mid, second);
	assert_int_equal(next, 300);
	assert_int_equal(
	    spool_due(k->r, 2, 1, 0, &keys[0], 200, keys, 8, &next), 1);
	assert_int_equal(keys[0].mid, second);
	assert_int_equal(
	    spool_due(k->r, 2, 1, 0, NULL, 200, keys, 1, &next), 1);
	assert_int_equal(next, 100); /* more is due */
	assert_int_equal(
	    spool_due(k->r, 2, 1, 0, NULL, 300, keys, 8, &next), 3);
	assert_int_equal(keys[2].mid, late);
	assert_true(next == INT64_MAX);
	assert_int_equal(spool_lane(k->r, 2, 1, 0), 0);
	assert_int_equal(spool_lane(k->r, 2, 1, 1), 7);
	assert_int_equal(spool_lane(k->r, 2, 1, 8), SPOOL_LANES);
	assert_int_equal(spool_lane(k->r, 2, 2, 0), 9);
	assert_int_equal(spool_lane(k->r, 2, 0, 0), SPOOL_LANES);
	assert_int_equal(spool_next_route(k->r, 0, &route), 1);
	assert_int_equal(route, 1);
	assert_int_equal(spool_next_route(k->r, 2, &route), 1);
	assert_int_equal(route, 2);
	assert_int_equal(spool_next_route(k->r, 3, &route), 1);
	assert_int_equal(spool_next_route(k->r, 4, &route), 0);
	assert_int_equal(
	    spool_due(k->r, 2, 1, 7, NULL, 200, keys, 8, &next), 1);
	assert_int_equal(keys[0].mid, lane7);
	assert_int_equal(
	    spool_due(k->r, 2, 2, 9, NULL, 200, keys, 8, &next), 1);
	assert_int_equal(keys[0].mid, low);
	assert_int_equal(
	    spool_due(k->r, 9, 0, 0, NULL, 200, keys, 8, &next), 0);
}

static void
pages_of_messages_resume_by_id(void **state)
{
	struct kit *k = *state;
	struct kit_message m = { .bytes = 50, .nrcpts = 2, .ndeliveries = 2 };
	uint64_t mids[300], got[400];
	struct spool_sweep s = { .after = 0 };
	struct spool_item items[300];
	struct spool_key keys[4];
	size_t total = 0;
	int n;

	for (int i = 0; i < 300; i++) {
		m.ndeliveries = i % 2 ? 2 : 1;
		mids[i] = kit_send(k, &m);
	}
	kit_wait(k);
	n = spool_list(k->r, 0, items, 300);
	assert_int_equal(n, SPOOL_PAGE);
	assert_int_equal(items[0].mid, mids[0]);
	assert_int_equal(items[1].queued, 2);
	assert_int_equal(items[1].nrcpts, 2);
	assert_string_equal(items[1].sender, "sender@example.com");
	assert_int_equal(
	    spool_list(k->r, items[n - 1].mid, items, 300), 300 - SPOOL_PAGE);
	assert_int_equal(spool_list(k->r, UINT64_MAX, items, 300), 0);
	s.until = mids[290];
	do {
		n = spool_sweep(k->r, &s, got + total, 100);
		total += (size_t)n;
		s.after = s.seen;
	} while (n > 0);
	assert_int_equal(total, 290);
	assert_memory_equal(got, mids, 290 * sizeof mids[0]);
	s.after = UINT64_MAX;
	assert_int_equal(spool_sweep(k->r, &s, got, 100), 0);
	assert_int_equal(spool_deliveries(k->r, mids[1], keys, 4), 2);
	assert_int_equal(keys[1].n, 1);
	assert_int_equal(kit_deliver(k, mids[1], 0), SPOOL_DONE);
	assert_int_equal(spool_deliveries(k->r, mids[1], keys, 4), 1);
	assert_int_equal(spool_deliveries(k->r, 4711, keys, 4), 0);
}

static int
deliveries_when(struct kit *k, uint64_t mid, enum spool_hold hold)
{
	struct spool_delivery to = {
		.priority = SPOOL_NORMAL, .due_ms = 1, .hold = hold
	};
	struct spool_key key;

	assert_int_equal(move(k, mid, &to), SPOOL_DONE);
	return spool_deliveries(k->r, mid, &key, 1);
}

static void
what_an_operator_holds_has_all_the_time(void **state)
{
	struct kit *k = *state;
	struct kit_message m = { .bytes = 50, .nrcpts = 1 };
	uint64_t mid = kit_send(k, &m);

	kit_wait(k);
	assert_int_equal(deliveries_when(k, mid, SPOOL_HOLD_SIZE), 1);
	assert_int_equal(deliveries_when(k, mid, SPOOL_HOLD_OPERATOR), 0);
	assert_int_equal(deliveries_when(k, mid, SPOOL_HOLD_NONE), 1);
}

static void
dead_letters_do_not_hold_up_the_sweep(void **state)
{
	struct kit *k = *state;
	struct kit_message m = { .bytes = 50, .nrcpts = 1 };
	struct spool_key key;
	uint64_t mid, got[4];
	struct spool_sweep s = { .until = UINT64_MAX };

	assert_int_equal(kit_accept(k, &m, &mid), SPOOL_DONE);
	key = kit_key(k, mid, 0);
	give_up(k, &key, NULL);
	assert_int_equal(spool_sweep(k->r, &s, got, 4), 0);
	assert_int_equal(s.seen, mid);
}

static void
what_is_held_is_swept_from_its_release_on(void **state)
{
	struct kit *k = *state;
	struct kit_message m = { .bytes = 50, .nrcpts = 1 };
	struct spool_sweep s = { .until = UINT64_MAX, .released_ms = 999 };
	uint64_t mids[3], got[4];

	for (int i = 0; i < 3; i++) {
		m.release_ms = i == 0 ? 0 : 3000 - 1000 * i;
		assert_int_equal(kit_accept(k, &m, &mids[i]), SPOOL_DONE);
	}
	assert_int_equal(spool_sweep(k->r, &s, got, 4), 1);
	assert_int_equal(got[0], mids[0]);
	assert_int_equal(s.seen, mids[2]);
	assert_int_equal(s.held_ms, 1000);
	s.released_ms = 1000;
	assert_int_equal(spool_sweep(k->r, &s, got, 4), 2);
	assert_int_equal(got[1], mids[2]);
	assert_int_equal(s.held_ms, 2000);
}

/* --- who reads a recipient's mail --- */

#define READERS 200

static struct spool_rcpt_reader *
readers_of(uint32_t index, uint32_t n)
{
	struct spool_rcpt_reader *r = mem_array(n, sizeof *r);

	for (uint32_t i = 0; i < n; i++)
		r[i] = (struct spool_rcpt_reader){ .index = index,
			.address = mem_printf("reader%u@example.com", i) };
	return r;
}

static void
readers_free(struct spool_rcpt_reader *r, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		free(r[i].address);
	free(r);
}

static void
readers_take_a_recipients_place(void **state)
{
	struct kit *k = *state;
	struct kit_message m = { .bytes = 500, .nrcpts = 3 };
	struct spool_rcpt_reader *r = readers_of(1, READERS);
	struct spool_loaded l = { 0 };
	struct spool_settle *s;
	struct spool_key key;
	struct err err;
	uint64_t mid;

	assert_int_equal(kit_accept(k, &m, &mid), SPOOL_DONE);
	key = kit_key(k, mid, 0);
	s = kit_settle_new(k, &key, 1);
	s->results[0] = (struct spool_rcpt_result){ .index = 0,
		.state = ENVELOPE_DELIVERED };
	s->readers = r;
	s->nreaders = READERS;
	assert_int_equal(kit_settle(k, s), SPOOL_DONE);
	kit_audit(k);
	kit_reopen(k);
	assert_int_equal(spool_load(k->r, mid, 0, &l, &err), SPOOL_DONE);
	assert_int_equal(l.env->nrcpts, 3 + READERS - 1);
	assert_string_equal(l.env->rcpts[1].address, "reader0@example.com");
	assert_string_equal(l.env->rcpts[3].address, "reader1@example.com");
	assert_string_equal(
	    l.env->rcpts[3 + READERS - 2].address, "reader199@example.com");
	assert_int_equal(l.env->rcpts[0].state, ENVELOPE_DELIVERED);
	for (uint32_t i = 1; i < l.env->nrcpts; i++)
		assert_int_equal(l.env->rcpts[i].state, ENVELOPE_QUEUED);
	envelope_free(&l.env);
	/* nobody takes the place of one who has got it */
	s = kit_settle_new(k, &key, 0);
	for (uint32_t i = 0; i < READERS; i++)
		r[i].index = 0;
	s->readers = r;
	s->nreaders = READERS;
	assert_int_equal(kit_settle(k, s), SPOOL_DONE);
	assert_int_equal(spool_load(k->r, mid, 0, &l, &err), SPOOL_DONE);
	assert_int_equal(l.env->nrcpts, 3 + READERS - 1);
	envelope_free(&l.env);
	assert_int_equal(kit_deliver(k, mid, 0), SPOOL_DONE);
	kit_audit(k);
	readers_free(r, READERS);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)
	const struct CMUnitTest tests[] = {
		T(a_message_of_each_shape_comes_back_and_goes),
		T(what_is_tried_again_keeps_its_reply_and_its_order),
		T(what_is_gone_is_said_to_be),
		T(a_delivery_is_shared_out),
		T(a_failed_one_is_kept_with_its_reply_and_a_child_comes),
		T(a_dead_letter_is_revived_or_removed),
		T(what_was_sent_to_all_cannot_be_revived),
		T(what_is_held_waits_until_it_is_released),
		T(an_operators_hold_outlives_the_attempt_under_way),
		T(long_replies_of_a_thousand_recipients_find_their_place),
		T(recipients_leave_msg_when_their_replies_grow),
		T(a_bad_message_fails_alone),
		T(a_child_that_cannot_be_stored_takes_its_parent_out_of_the_way),
		T(slices_of_any_size_make_one_message),
		T(many_arrive_at_once),
		T(a_25_mib_message_with_a_thousand_recipients),
		T(what_was_not_staged_as_a_whole_is_refused),
		T(delivered_rides_with_the_next_commit),
		T(a_stop_commits_what_was_submitted),
		T(what_comes_after_the_stop_fails),
		T(a_writer_with_too_much_to_do_says_so),
		T(the_relay_is_given_content_while_there_is_memory),
		T(memory_of_reception_goes_over_to_the_content),
		T(keys_come_by_route_priority_lane_time_and_id),
		T(pages_of_messages_resume_by_id),
		T(what_an_operator_holds_has_all_the_time),
		T(dead_letters_do_not_hold_up_the_sweep),
		T(what_is_held_is_swept_from_its_release_on),
		T(readers_take_a_recipients_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
