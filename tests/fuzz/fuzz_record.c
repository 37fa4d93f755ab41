/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of the store: the first byte says as what the rest is read.  What can
 * be read is written again, read again and written again: no byte may change.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "spool/journal.h"
#include "spool/keys.h"
#include "spool/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROOM 65536

static unsigned char first[ROOM], second[ROOM];

/* Reads v and writes it to o: 0, or -1 it cannot be read. */
typedef int again_fn(struct str v, struct record_out *o);

static int
msg(struct str v, struct record_out *o)
{
	struct record_msg m;

	if (record_read_msg(v, &m))
		return -1;
	record_put_msg(o, &m);
	assert(o->n <= record_msg_room(&m));
	return 0;
}

static int
delivery(struct str v, struct record_out *o)
{
	struct record_delivery d;

	if (record_read_delivery(v, &d))
		return -1;
	record_put_delivery(o, &d);
	return 0;
}

static int
rcpts(struct str v, struct record_out *o)
{
	struct record_rcpt r = { .index = 0 }, prev;
	struct record_in in = record_of(v);
	int n, rc;

	for (n = 0; (rc = record_read_rcpt(&in, &r)) > 0; n++) {
		assert(r.state <= 3 && r.notify <= 15);
		record_put_rcpt(o, &r, n ? &prev : NULL);
		prev = r;
	}
	return rc;
}

static int
dead(struct str v, struct record_out *o)
{
	struct record_dead d;

	if (record_read_dead(v, &d))
		return -1;
	record_put_dead(o, &d);
	return 0;
}

static int
doubt(struct str v, struct record_out *o)
{
	struct record_doubt d;

	if (record_read_doubt(v, &d))
		return -1;
	record_put_doubt(o, &d);
	return 0;
}

static int
pair(struct str v, struct record_out *o)
{
	uint64_t a, b;

	if (record_read_pair(v, &a, &b))
		return -1;
	record_put_pair(o, a, b);
	return 0;
}

static int
named(struct str v, struct record_out *o)
{
	struct str name;

	if (record_read_named(v, &name))
		return -1;
	record_put_named(o, name);
	return 0;
}

static void
journal(struct str v)
{
	static struct spool_event ev[SPOOL_JOURNAL_MIN];
	int n = journal_read(v, ev, SPOOL_JOURNAL_MIN);

	for (int i = 0; i < n; i++) {
		assert(ev[i].nrcpts <= SPOOL_EVENT_RCPTS);
		assert(memchr(ev[i].provider, 0, sizeof ev[i].provider));
		assert(memchr(ev[i].client, 0, sizeof ev[i].client));
		assert(memchr(ev[i].cause, 0, sizeof ev[i].cause));
		assert(memchr(ev[i].enhanced, 0, sizeof ev[i].enhanced));
		assert(memchr(ev[i].text, 0, sizeof ev[i].text));
	}
}

static void
key(struct str v)
{
	struct spool_key k;
	struct keys out;
	uint8_t hold;

	if (keys_read_sched(v, &k) == 0 && k.due_ms > 0) {
		keys_sched(&out, &k);
		assert(str_eq(keys_str(&out), v));
	}
	if (keys_read_park(v, &hold, &k) == 0 && k.due_ms > 0) {
		keys_park(&out, hold, &k);
		assert(str_eq(keys_str(&out), v));
	}
	if (keys_read_timer(v, &k.due_ms, &k.mid, &k.n) == 0 && k.due_ms > 0) {
		keys_timer(&out, k.due_ms, k.mid, k.n);
		assert(str_eq(keys_str(&out), v));
	}
}

static void
twice(again_fn *again, struct str v)
{
	struct record_out a, b;

	record_begin(&a, first, sizeof first);
	if (again(v, &a) || a.full)
		return;
	record_begin(&b, second, sizeof second);
	assert(again((struct str){ (char *)first, a.n }, &b) == 0);
	assert(a.n == b.n && memcmp(first, second, a.n) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static again_fn *const all[] = { msg, delivery, rcpts, dead, pair,
		named };
	const size_t n = sizeof all / sizeof all[0];
	struct str v;

	if (size == 0)
		return 0;
	v = (struct str){ (const char *)data + 1, size - 1 };
	if (data[0] % (n + 3) < n)
		twice(all[data[0] % (n + 3)], v);
	else if (data[0] % (n + 3) == n)
		journal(v);
	else if (data[0] % (n + 3) == n + 1)
		key(v);
	else
		twice(doubt, v);
	return 0;
}
