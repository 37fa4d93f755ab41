/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/poison.h"

#include <string.h>

#include "spool/batch.h"
#include "spool/engine.h"
#include "spool/keys.h"

#define PREFIX "flight" /* then the id */

static void
key_of(struct keys *k, uint64_t mid)
{
	keys_mid(k, mid);
	memmove(k->b + strlen(PREFIX), k->b, k->n);
	memcpy(k->b, PREFIX, strlen(PREFIX));
	k->n += strlen(PREFIX);
}

/* How often in a row before; 0: never. */
static int
stops_of(struct batch *b, uint64_t mid, uint64_t *stops)
{
	uint64_t unused;
	struct keys k;
	struct str v;
	int rc;

	key_of(&k, mid);
	*stops = 0;
	rc = store_get(&b->x, STORE_CFG, keys_str(&k), &v);
	if (rc)
		return rc < 0 ? -1 : 0;
	if (record_read_pair(v, stops, &unused))
		*stops = 0;
	return 0;
}

static int
forget_all(struct batch *b)
{
	struct store_cursor c;
	int rc;

	if (store_cursor(&c, &b->x, STORE_CFG))
		return -1;
	rc = store_seek(&c, STR(PREFIX));
	while (rc == 0 && c.k.len == strlen(PREFIX) + 8 &&
	       memcmp(c.k.p, PREFIX, strlen(PREFIX)) == 0)
		rc = store_del_next(&c);
	store_cursor_done(&c);
	return rc < 0 ? -1 : 0;
}

static int
remember(struct batch *b, uint64_t mid, uint64_t stops)
{
	unsigned char mem[32];
	struct record_out o;
	struct keys k;

	key_of(&k, mid);
	record_begin(&o, mem, sizeof mem);
	record_put_pair(&o, stops, 0);
	return store_put(
	    &b->x, STORE_CFG, keys_str(&k), (struct str){ (char *)mem, o.n });
}

static int
park_one(struct batch *b, struct letter *l, uint16_t n)
{
	struct spool_event ev = { .kind = SPOOL_EVENT_PARKED,
		.mid = l->mid,
		.n = n,
		.cause = "poison" };
	struct record_delivery d;
	int rc = letter_delivery(l, n, &d);

	if (rc || d.place != RECORD_SCHEDULED)
		return rc < 0 ? -1 : 0;
	if (batch_unplace(b, l, n, &d))
		return -1;
	d.place = RECORD_PARKED;
	d.hold = SPOOL_HOLD_POISON;
	batch_event(b, &ev);
	if (batch_place(b, l, n, &d))
		return -1;
	return letter_set_delivery(l, n, &d);
}

/* What cannot be read is left: it is set aside when it is tried. */
static bool
is_readable(struct batch *b, uint64_t mid)
{
	struct record_delivery d;
	struct letter l;

	letter_init(&l, &b->x, &b->arena, mid);
	if (!letter_try(&l, 0, &d))
		return false;
	for (uint32_t n = 1; n < l.msg.deliveries; n++)
		if (!letter_try(&l, (uint16_t)n, &d))
			return false;
	return true;
}

static int
park(struct batch *b, uint64_t mid)
{
	struct letter l;
	int rc;

	letter_init(&l, &b->x, &b->arena, mid);
	rc = letter_open(&l);
	if (rc)
		return rc < 0 ? -1 : 0;
	for (uint32_t n = 0; n < l.msg.deliveries; n++)
		if (park_one(b, &l, (uint16_t)n))
			return -1;
	return letter_save(&l);
}

static bool
is_there(struct batch *b, uint64_t mid)
{
	struct keys k;
	struct str v;

	keys_mid(&k, mid);
	return store_get(&b->x, STORE_MSG, keys_str(&k), &v) == 0;
}

static int
count_one(struct batch *b, struct poison_check *c, uint64_t mid, uint64_t stops)
{
	if (!is_there(b, mid))
		return 0;
	if (stops + 1 < POISON_STOPS)
		return remember(b, mid, stops + 1);
	if (!is_readable(b, mid))
		return 0;
	c->parked++;
	return park(b, mid);
}

int
poison_check(struct batch *b, struct poison_check *c)
{
	uint64_t *stops;
	int rc = 0;

	if (c->clean || c->n == 0)
		return forget_all(b);
	stops = arena_get(&b->arena, c->n * sizeof *stops);
	for (size_t i = 0; i < c->n && rc == 0; i++)
		rc = stops_of(b, c->ids[i], &stops[i]);
	if (rc == 0)
		rc = forget_all(b);
	for (size_t i = 0; i < c->n && rc == 0; i++)
		rc = count_one(b, c, c->ids[i], stops[i]);
	return rc;
}
