/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values and keys as bytes and back: what is written comes back, what is cut
 * off or goes on is not read, and nothing beyond the bytes is looked at.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/mem.h"
#include "postern/spool/body.h"
#include "postern/spool/spool.h"

#include "spool/journal.h"
#include "spool/keys.h"
#include "spool/queue.h"
#include "spool/op.h"
#include "spool/record.h"

static unsigned char mem[8192];

static struct record_out
out(size_t max)
{
	struct record_out o;

	record_begin(&o, mem, max);
	return o;
}

/* A copy in memory of its own, so that ASan sees a byte beyond. */
static struct str
own(const struct record_out *o, size_t n)
{
	return (struct str){ mem_dup(o->p, n), n };
}

static void
drop(struct str s)
{
	free((char *)(uintptr_t)s.p);
}

/* Every beginning of what o holds is refused, and so is one byte more. */
static void
only_whole(const struct record_out *o, int (*read)(struct str v))
{
	struct record_out more = *o;
	struct str v;

	for (size_t n = 0; n < o->n; n++) {
		v = own(o, n);
		if (read(v) == 0)
			fail_msg("%zu of %zu bytes were read", n, o->n);
		drop(v);
	}
	record_u8(&more, 0);
	v = own(&more, more.n);
	assert_int_equal(read(v), -1);
	drop(v);
	v = own(o, o->n);
	assert_int_equal(read(v), 0);
	((char *)(uintptr_t)v.p)[0] = 2; /* another version */
	assert_int_equal(read(v), -1);
	drop(v);
}

static const struct {
	const char *why;
	uint64_t v;
	size_t bytes;
} nums[] = {
	{ "nothing", 0, 1 },
	{ "the last of one byte", 0x7f, 1 },
	{ "the first of two", 0x80, 2 },
	{ "32 bits", UINT32_MAX, 5 },
	{ "63 bits", INT64_MAX, 9 },
	{ "all 64", UINT64_MAX, 10 },
};

static void
numbers_come_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof nums / sizeof nums[0]; i++) {
		struct record_out o = out(sizeof mem);
		struct record_in in;

		record_num(&o, nums[i].v);
		if (o.n != nums[i].bytes)
			fail_msg("%s", nums[i].why);
		in = record_of((struct str){ (char *)mem, o.n });
		assert_true(record_get_num(&in, UINT64_MAX) == nums[i].v);
		assert_int_equal(record_end(&in), 0);
		in = record_of((struct str){ (char *)mem, o.n });
		if (nums[i].v) {
			assert_int_equal(record_get_num(&in, nums[i].v - 1), 0);
			assert_true(in.bad);
		}
	}
}

static void
signed_numbers_come_back(void **state)
{
	static const int64_t all[] = { 0, 1, -1, 63, -64, 64, INT64_MAX,
		INT64_MIN };

	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		struct record_out o = out(sizeof mem);
		struct record_in in;

		record_signed(&o, all[i]);
		in = record_of((struct str){ (char *)mem, o.n });
		assert_true(record_get_signed(&in) == all[i]);
		assert_int_equal(record_end(&in), 0);
	}
}

static const struct {
	const char *why, *bytes;
	size_t n;
} bad_nums[] = {
	{ "no byte at all", "", 0 },
	{ "the last byte is missing", "\x80", 1 },
	{ "65 bits", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10 },
	{ "eleven bytes", "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x81\x00", 11 },
};

static void
numbers_that_are_none_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad_nums / sizeof bad_nums[0]; i++) {
		struct record_in in =
		    record_of((struct str){ bad_nums[i].bytes, bad_nums[i].n });

		assert_int_equal(record_get_num(&in, UINT64_MAX), 0);
		if (!in.bad)
			fail_msg("%s", bad_nums[i].why);
		/* and nothing is read after it */
		assert_int_equal(record_get_u8(&in), 0);
		assert_null(record_get_text(&in).p);
		assert_int_equal(record_get_fixed(&in, 8), 0);
		assert_int_equal(record_end(&in), -1);
	}
}

static void
a_text_longer_than_the_value_is_refused(void **state)
{
	struct record_in in = record_of((struct str){ "\x05xyz", 4 });

	(void)state;
	assert_null(record_get_text(&in).p);
	assert_true(in.bad);
	in = record_of((struct str){ "\x04xyz", 4 });
	assert_int_equal(record_get_text(&in).len, 3);
	in = record_of((struct str){ "\x01", 1 });
	assert_non_null(record_get_text(&in).p); /* empty is not none */
	in = record_of((struct str){ "\x00", 1 });
	assert_null(record_get_text(&in).p);
	assert_false(in.bad);
}

static void
what_does_not_fit_is_not_written_beyond(void **state)
{
	struct record_msg m = { .sender = STR("a@example.com") };

	struct record_out o = out(sizeof mem);
	unsigned char *exact;
	size_t whole;

	(void)state;
	record_put_msg(&o, &m);
	whole = o.n;
	for (size_t max = 0; max <= whole; max++) {
		exact = mem_new(max);
		record_begin(&o, exact, max);
		record_put_msg(&o, &m);
		assert_int_equal(o.full, max < whole);
		free(exact);
	}
}

#define S(lit)                                                                 \
	{                                                                      \
		"" lit, sizeof(lit) - 1                                        \
	}
static const struct record_msg a_msg = {
	.inlined = RECORD_BODY_INLINE | RECORD_RCPTS_INLINE,
	.queued = 1,
	.dead = 2,
	.deliveries = 3,
	.nrcpts = 4,
	.flags = 0x7f,
	.crc32c = 0xdeadbeef,
	.size = 5,
	.parent = UINT64_MAX,
	.arrival_ms = 1764000000000,
	.sender = S(""),
	.client = S("192.0.2.1"),
	.message_id = S("<1@x>"),
	.first = { .place = RECORD_PARKED,
	    .handed = true,
	    .hold = 3,
	    .priority = 2,
	    .lane = 255,
	    .route = UINT32_MAX,
	    .due_ms = -1,
	    .attempts = 7,
	    .provider = S("ses") },
	.rcpts = S(""),
	.body = S("hello"),
};

static int
read_msg(struct str v)
{
	struct record_msg m;

	return record_read_msg(v, &m);
}

static void
a_message_comes_back(void **state)
{
	struct record_out o = out(sizeof mem);
	struct record_msg m;

	(void)state;
	record_put_msg(&o, &a_msg);
	assert_false(o.full);
	assert_true(o.n <= record_msg_room(&a_msg));
	assert_int_equal(
	    record_read_msg((struct str){ (char *)mem, o.n }, &m), 0);
	assert_int_equal(m.queued, 1);
	assert_int_equal(m.dead, 2);
	assert_int_equal(m.deliveries, 3);
	assert_int_equal(m.nrcpts, 4);
	assert_int_equal(m.flags, 0x7f);
	assert_int_equal(m.crc32c, 0xdeadbeef);
	assert_true(m.parent == UINT64_MAX);
	assert_true(m.arrival_ms == 1764000000000);
	assert_non_null(m.sender.p);
	assert_null(m.envid.p);
	assert_true(str_eq(m.client, a_msg.client));
	assert_int_equal(m.first.place, RECORD_PARKED);
	assert_true(m.first.handed);
	assert_int_equal(m.first.lane, 255);
	assert_int_equal(m.first.due_ms, -1);
	assert_true(str_eq(m.first.provider, STR("ses")));
	assert_true(str_eq(m.body, STR("hello")));
	assert_int_equal(m.mt_priority, 0);
	assert_true(m.release_ms == 0);
	assert_true(m.by_ms == 0);
	only_whole(&o, read_msg);
}

static const struct {
	int8_t priority;
	int64_t release_ms;
	bool good;
} wishes[] = { { 9, 0, true }, { -9, INT64_MAX, true },
	{ 0, 1764000000000, true }, { 0, -1, true }, { 10, 0, false },
	{ -10, 5, false } };

static void
what_the_sender_wished_comes_back(void **state)
{
	struct record_msg m, got;
	struct str v;

	(void)state;
	for (size_t i = 0; i < sizeof wishes / sizeof wishes[0]; i++) {
		struct record_out o = out(sizeof mem);

		m = a_msg;
		m.mt_priority = wishes[i].priority;
		m.release_ms = wishes[i].release_ms;
		record_put_msg(&o, &m);
		assert_true(o.n <= record_msg_room(&m));
		v = (struct str){ (char *)mem, o.n };
		assert_int_equal(record_read_msg(v, &got) == 0, wishes[i].good);
		if (!wishes[i].good)
			continue;
		assert_int_equal(got.mt_priority, wishes[i].priority);
		assert_true(got.release_ms == wishes[i].release_ms);
		assert_int_equal(got.inlined, a_msg.inlined);
		only_whole(&o, read_msg);
	}
}

static void
by_when_it_is_wanted_comes_back(void **state)
{
	static const int64_t times[] = { 1, -1, 1764000000000, INT64_MAX };
	struct record_msg m, got;
	struct str v;

	(void)state;
	for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
		struct record_out o = out(sizeof mem);

		m = a_msg;
		m.mt_priority = i % 2 ? 9 : 0;
		m.by_ms = times[i];
		record_put_msg(&o, &m);
		assert_true(o.n <= record_msg_room(&m));
		v = (struct str){ (char *)mem, o.n };
		assert_int_equal(record_read_msg(v, &got), 0);
		assert_true(got.by_ms == times[i]);
		assert_int_equal(got.mt_priority, m.mt_priority);
		assert_int_equal(got.inlined, a_msg.inlined);
		only_whole(&o, read_msg);
	}
}

static void
content_of_another_length_is_refused(void **state)
{
	struct record_out o = out(sizeof mem);
	struct record_msg m = a_msg;

	(void)state;
	m.size = 6;
	record_put_msg(&o, &m);
	assert_int_equal(
	    record_read_msg((struct str){ (char *)mem, o.n }, &m), -1);
}

static int
read_delivery(struct str v)
{
	struct record_delivery d;

	return record_read_delivery(v, &d);
}

static int
read_dead(struct str v)
{
	struct record_dead d;

	return record_read_dead(v, &d);
}

static int
read_doubt(struct str v)
{
	struct record_doubt d;

	return record_read_doubt(v, &d);
}

static int
read_pair(struct str v)
{
	uint64_t a, b;

	return record_read_pair(v, &a, &b);
}

static int
read_named(struct str v)
{
	struct str name;

	return record_read_named(v, &name);
}

static void
small_records_are_read_as_a_whole_or_not(void **state)
{
	struct record_dead d = { .code = 550,
		.cause = STR("refused"),
		.text = STR("no such user") };
	struct record_doubt doubt = { .provider = STR("ses"),
		.at_ms = 1764000000000,
		.first = 3,
		.last = 300 };
	struct record_out o = out(sizeof mem);

	(void)state;
	record_put_delivery(&o, &a_msg.first);
	only_whole(&o, read_delivery);
	mem[1] = RECORD_PLACES; /* a place that does not exist */
	assert_int_equal(read_delivery((struct str){ (char *)mem, o.n }), -1);
	o = out(sizeof mem);
	record_put_dead(&o, &d);
	only_whole(&o, read_dead);
	o = out(sizeof mem);
	record_put_doubt(&o, &doubt);
	only_whole(&o, read_doubt);
	o = out(sizeof mem);
	record_put_pair(&o, 300, UINT64_MAX);
	only_whole(&o, read_pair);
	o = out(sizeof mem);
	record_put_named(&o, STR("default"));
	only_whole(&o, read_named);
}

/* --- recipients --- */

static size_t
read_run(struct str v, struct record_rcpt *to, int *rc)
{
	struct record_rcpt r = { .index = 0 };
	struct record_in in = record_of(v);
	size_t n = 0;

	while ((*rc = record_read_rcpt(&in, &r)) > 0)
		to[n++] = r;
	return n;
}

static void
equal_replies_are_stored_once(void **state)
{
	struct record_rcpt r[4] = {
		{ .index = 0, .address = STR("a"), .notify = 15 },
		{ .index = 1, .address = STR("b"), .code = 550,
		    .text = STR("a long text of a reply that all share") },
		{ .index = 900, .address = STR("c"), .state = 2, .code = 550,
		    .text = STR("a long text of a reply that all share") },
		{ .index = 901, .address = STR("d"), .orcpt = STR("x") },
	}, got[8];
	struct record_out o = out(sizeof mem);
	struct str v;
	int rc;

	(void)state;
	for (int i = 0; i < 4; i++)
		record_put_rcpt(&o, &r[i], i ? &r[i - 1] : NULL);
	assert_in_range(o.n, 50, 80); /* the text is in it once */
	v = own(&o, o.n);
	assert_int_equal(read_run(v, got, &rc), 4);
	assert_int_equal(rc, 0);
	assert_int_equal(got[0].notify, 15);
	assert_int_equal(got[0].code, 0);
	assert_true(str_eq(got[2].text, r[1].text));
	assert_int_equal(got[2].state, 2);
	assert_int_equal(got[2].index, 900);
	assert_int_equal(got[3].code, 0);
	assert_null(got[3].text.p);
	assert_true(str_eq(got[3].orcpt, STR("x")));
	drop(v);
	for (size_t n = 0; n < o.n; n++) { /* cut: fewer of them, or bad */
		v = own(&o, n);
		assert_true(read_run(v, got, &rc) < 4);
		drop(v);
	}
}

static const struct {
	const char *why, *bytes;
	size_t n;
} bad_rcpts[] = {
	{ "the same reply as nobody's", "\x00\x80\x02y\x00", 5 },
	{ "the same reply and one of its own",
	    "\x00\x00\x02y\x00\x01\xc0\x02z\x00\x00\x00\x00", 13 },
	{ "no address", "\x00\x00\x00\x00", 4 },
};

static void
bad_recipients_are_refused(void **state)
{
	struct record_rcpt got[8];
	int rc;

	(void)state;
	for (size_t i = 0; i < sizeof bad_rcpts / sizeof bad_rcpts[0]; i++) {
		(void)read_run(
		    (struct str){ bad_rcpts[i].bytes, bad_rcpts[i].n }, got,
		    &rc);
		if (rc != -1)
			fail_msg("%s", bad_rcpts[i].why);
	}
}

/* --- keys --- */

static int
compare(const struct spool_key *a, const struct spool_key *b)
{
	struct keys x, y;

	keys_sched(&x, a);
	keys_sched(&y, b);
	return memcmp(x.b, y.b, x.n);
}

static void
keys_sort_as_their_parts(void **state)
{
	/* each is above the one before, whatever its further parts are */
	static const struct spool_key all[] = {
		{ 1, 0, 255, 500, UINT64_MAX, UINT16_MAX },
		{ 1, 1, 0, 400, 9, 9 },
		{ 1, 1, 1, 300, 9, 9 },
		{ 1, 1, 1, 301, 1, 0 },
		{ 1, 1, 1, 301, 256, 0 },
		{ 1, 1, 1, 301, 256, 1 },
		{ 256, 0, 0, 0, 0, 0 },
	};
	struct spool_key k;
	struct keys x;
	uint8_t hold;

	(void)state;
	for (size_t i = 1; i < sizeof all / sizeof all[0]; i++)
		assert_true(compare(&all[i - 1], &all[i]) < 0);
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		keys_sched(&x, &all[i]);
		assert_int_equal(keys_read_sched(keys_str(&x), &k), 0);
		assert_int_equal(compare(&k, &all[i]), 0);
		keys_park(&x, 7, &all[i]);
		assert_int_equal(keys_read_park(keys_str(&x), &hold, &k), 0);
		assert_int_equal(hold, 7);
		assert_int_equal(compare(&k, &all[i]), 0);
	}
	keys_sched(&x, &(struct spool_key){ .due_ms = -5 });
	assert_int_equal(keys_read_sched(keys_str(&x), &k), 0);
	assert_int_equal(k.due_ms, 0);
}

static void
keys_of_another_length_are_refused(void **state)
{
	static const char zeros[64];
	struct spool_key k;
	uint64_t mid;
	uint32_t u;
	uint16_t n;
	uint8_t b, c;
	int64_t at;

	(void)state;
	for (size_t len = 0; len < sizeof zeros; len++) {
		struct str s = { zeros, len };

		assert_int_equal(keys_read_mid(s, &mid), len == 8 ? 0 : -1);
		assert_int_equal(keys_read_u32(s, &u), len == 4 ? 0 : -1);
		assert_int_equal(keys_read_sched(s, &k), len == 24 ? 0 : -1);
		assert_int_equal(keys_read_park(s, &b, &k), len == 25 ? 0 : -1);
		assert_int_equal(
		    keys_read_dead(s, &at, &mid, &n), len == 18 ? 0 : -1);
		assert_int_equal(
		    keys_read_dlv(s, &mid, &n), len == 10 ? 0 : -1);
		assert_int_equal(
		    keys_read_rcpt(s, &mid, &n, &u), len == 14 ? 0 : -1);
		assert_int_equal(
		    keys_read_body(s, &mid, &u), len == 12 ? 0 : -1);
		assert_int_equal(
		    keys_read_stat(s, &u, &b, &c), len == 6 ? 0 : -1);
	}
}

/* --- the queue --- */

static struct spool_op *
stage(uint64_t mid, size_t len)
{
	struct spool_stage *s = mem_new(sizeof *s);

	s->op.kind = OP_STAGE;
	s->mid = mid;
	s->len = len; /* the data is not looked at */
	return &s->op;
}

static struct spool_op *
settle(void)
{
	struct spool_settle *s = mem_new(sizeof *s);

	s->op.kind = OP_SETTLE;
	return &s->op;
}

static struct spool_op *
abort_of(uint64_t mid)
{
	struct op_abort *a = mem_new(sizeof *a);

	a->op.kind = OP_ABORT;
	a->mid = mid;
	return &a->op;
}

static void
drop_batch(struct queue *q)
{
	for (size_t i = 0; i < q->n; i++)
		free(q->ops[i]);
}

static void
what_settles_goes_first_and_slices_take_turns(void **state)
{
	static struct queue q;
	uint64_t mid;

	(void)state;
	queue_init(&q);
	for (int i = 0; i < 8; i++)
		queue_put(&q, stage(1, 256 << 10));
	queue_put(&q, abort_of(1)); /* behind its slices */
	queue_put(&q, stage(2, 64 << 10));
	queue_put(&q, abort_of(3)); /* of nothing: at once */
	queue_put(&q, settle());
	queue_choose(&q, false);
	assert_int_equal(q.ops[0]->kind, OP_ABORT);
	assert_int_equal(q.ops[1]->kind, OP_SETTLE);
	assert_true(op_is_staged(q.ops[2], &mid) && mid == 1);
	assert_true(op_is_staged(q.ops[3], &mid) && mid == 2);
	assert_int_equal(q.n, 6); /* at most 1 MiB of slices */
	drop_batch(&q);
	queue_choose(&q, false);
	assert_int_equal(q.n, 4);
	drop_batch(&q);
	queue_choose(&q, false);
	assert_int_equal(q.n, 2);
	assert_int_equal(q.ops[1]->kind, OP_ABORT);
	drop_batch(&q);
	assert_true(queue_is_empty(&q, false));
	queue_done(&q);
}

static void
a_batch_is_bounded_and_settlings_leave_room(void **state)
{
	static struct queue q;
	size_t slices = 0;

	(void)state;
	queue_init(&q);
	for (int i = 0; i < 3000; i++)
		queue_put(&q, settle());
	queue_choose(&q, false);
	assert_int_equal(q.n, QUEUE_BATCH);
	drop_batch(&q);
	queue_put(&q, stage(1, 1000));
	queue_choose(&q, false);
	for (size_t i = 0; i < q.n; i++)
		slices += q.ops[i]->kind == OP_STAGE;
	assert_int_equal(slices, 1);
	assert_int_equal(q.n, QUEUE_SETTLES_SHARE + 1);
	queue_put_back(&q, q.ops[0]); /* first again */
	memmove(q.ops, q.ops + 1, --q.n * sizeof q.ops[0]);
	drop_batch(&q);
	assert_true(queue_is_empty(&q, true));
	queue_choose(&q, true); /* without what settles */
	assert_int_equal(q.n, 0);
	while (!queue_is_empty(&q, false)) {
		queue_choose(&q, false);
		drop_batch(&q);
	}
	queue_put(&q, stage(1, 100 << 20)); /* one always goes */
	queue_choose(&q, false);
	assert_int_equal(q.n, 1);
	drop_batch(&q);
	queue_done(&q);
}

static struct spool_op *
comer(size_t bytes)
{
	struct spool_accept *a = mem_new(sizeof *a);
	struct envelope env = { .sender = "", .body = body_new(bytes) };
	char *p = mem_new(bytes);

	assert_int_equal(body_add(env.body, p, bytes), 0);
	free(p);
	a->op.kind = OP_ACCEPT;
	a->env = envelope_new(&env);
	body_free(&env.body);
	return &a->op;
}

static size_t
drop_kind(struct queue *q, int kind)
{
	size_t n = 0;

	for (size_t i = 0; i < q->n; i++) {
		n += q->ops[i]->kind == kind;
		op_release(q->ops[i]);
	}
	drop_batch(q);
	return n;
}

/* A flood of one kind, in number or in bytes, leaves room for the others. */
static void
nobody_starves(void **state)
{
	static const size_t bytes[] = { 10, 200 << 10 };
	static struct queue q;
	struct spool_settle *s;

	(void)state;
	for (int i = 0; i < 2; i++) {
		queue_init(&q);
		for (int n = 0; n < 3000 >> (6 * i); n++)
			queue_put(&q, comer(bytes[i]));
		queue_put(&q, stage(1, 256 << 10));
		queue_choose(&q, false);
		assert_int_equal(drop_kind(&q, OP_STAGE), 1);
		for (int n = 0; n < 1000; n++) {
			s = mem_new(sizeof *s + 100 * sizeof s->results[0]);
			s->op.kind = OP_SETTLE;
			s->nresults = 100;
			queue_put(&q, &s->op);
		}
		queue_put(&q, stage(1, 256 << 10));
		queue_choose(&q, false);
		assert_in_range(q.bytes, 1 << 20, QUEUE_BYTES);
		assert_true(q.ops[0]->kind == OP_SETTLE);
		assert_int_equal(q.ops[q.n - 1]->kind, OP_STAGE);
		assert_in_range(drop_kind(&q, OP_ACCEPT), 2, 999);
		while (!queue_is_empty(&q, false)) {
			queue_choose(&q, false);
			drop_kind(&q, OP_STAGE);
		}
		queue_done(&q);
	}
}

/* What it holds counts, not the number of operations alone. */
static void
an_operation_costs_what_it_carries(void **state)
{
	struct envelope_rcpt rcpts[2] = { { .address = "a@example.com" },
		{ .address = "b@example.com" } };
	struct envelope env = { .sender = "", .nrcpts = 2, .rcpts = rcpts };
	struct spool_accept a = { .op.kind = OP_ACCEPT };
	struct spool_settle *s = mem_new(sizeof *s + 50 * sizeof s->results[0]);
	size_t alone;

	(void)state;
	a.env = envelope_new(&env);
	assert_true(op_cost(&a.op) >= 2 * sizeof rcpts[0]);
	s->op.kind = OP_SETTLE;
	alone = op_cost(&s->op);
	s->nresults = 50;
	assert_true(op_cost(&s->op) >= alone + 50 * sizeof s->results[0]);
	alone = op_cost(&s->op);
	s->child = a.env;
	assert_int_equal(op_cost(&s->op), alone + envelope_memory(a.env));
	envelope_free(&a.env);
	free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_come_back),
		cmocka_unit_test(signed_numbers_come_back),
		cmocka_unit_test(numbers_that_are_none_are_refused),
		cmocka_unit_test(a_text_longer_than_the_value_is_refused),
		cmocka_unit_test(what_does_not_fit_is_not_written_beyond),
		cmocka_unit_test(a_message_comes_back),
		cmocka_unit_test(what_the_sender_wished_comes_back),
		cmocka_unit_test(by_when_it_is_wanted_comes_back),
		cmocka_unit_test(content_of_another_length_is_refused),
		cmocka_unit_test(small_records_are_read_as_a_whole_or_not),
		cmocka_unit_test(equal_replies_are_stored_once),
		cmocka_unit_test(bad_recipients_are_refused),
		cmocka_unit_test(keys_sort_as_their_parts),
		cmocka_unit_test(keys_of_another_length_are_refused),
		cmocka_unit_test(what_settles_goes_first_and_slices_take_turns),
		cmocka_unit_test(a_batch_is_bounded_and_settlings_leave_room),
		cmocka_unit_test(nobody_starves),
		cmocka_unit_test(an_operation_costs_what_it_carries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
