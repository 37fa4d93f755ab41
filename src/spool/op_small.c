/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool/op_small - small operations: quota and route ids.
 */
#include "spool/op.h"

#include <string.h>

#include "spool/batch.h"
#include "spool/engine.h"
#include "spool/keys.h"

#define WINDOWS_KEPT 2 /* what began before that is dropped */
#define WINDOW_DROPS 4 /* per operation */

/* --- quota --- */

static int
quota_read(struct batch *b, struct keys *k, struct spool_reserve *r)
{
	struct str v;
	int rc = store_get(&b->x, STORE_QUOTA, keys_str(k), &v);

	r->reserved_now = r->spent_now = 0;
	if (rc)
		return rc < 0 ? -1 : 0;
	if (record_read_quota(v, &r->reserved_now, &r->spent_now))
		return store_damaged(&b->x);
	return 0;
}

/* What is reserved is in use, however long ago that began. */
static int
quota_drop(struct store_cursor *c, struct batch *b)
{
	int64_t reserved, spent;

	if (record_read_quota(c->v, &reserved, &spent))
		return store_damaged(&b->x);
	return reserved <= 0 ? store_del_next(c) : store_next(c);
}

/* Entries of the same owner and length that began long before. */
static int
quota_prune(struct batch *b, const struct spool_reserve *r)
{
	int64_t oldest =
	    r->start_ms - (int64_t)WINDOWS_KEPT * 1000 * (int64_t)r->window_s;
	struct keys from, to;
	struct store_cursor c;
	int rc;

	keys_quota(&from, str_of(r->owner), r->window_s, 0);
	keys_quota(&to, str_of(r->owner), r->window_s, oldest);
	if (store_cursor(&c, &b->x, STORE_QUOTA))
		return -1;
	rc = store_seek(&c, keys_str(&from));
	for (int i = 0; rc == 0 && i < WINDOW_DROPS; i++) {
		if (c.k.len != to.n || memcmp(c.k.p, to.b, to.n) >= 0)
			break;
		rc = quota_drop(&c, b);
	}
	store_cursor_done(&c);
	return rc < 0 ? -1 : 0;
}

int
op_reserve(struct batch *b, struct spool_op *op)
{
	struct spool_reserve *r = (struct spool_reserve *)op;
	unsigned char mem[32];
	struct record_out o;
	struct keys k;

	keys_quota(&k, str_of(r->owner), r->window_s, r->start_ms);
	if (quota_read(b, &k, r))
		return -1;
	if (r->reserve == 0 && r->spent == 0)
		return 0;
	r->reserved_now += r->reserve;
	r->spent_now += r->spent;
	if (r->reserved_now == 0 && r->spent_now == 0)
		return store_del(&b->x, STORE_QUOTA, keys_str(&k)) < 0 ? -1 : 0;
	record_begin(&o, mem, sizeof mem);
	record_put_quota(&o, r->reserved_now, r->spent_now);
	if (store_put(&b->x, STORE_QUOTA, keys_str(&k),
	        (struct str){ (char *)mem, o.n }))
		return -1;
	return quota_prune(b, r);
}

/* --- routes: few, so they are looked for one by one --- */

int
op_route(struct batch *b, struct spool_op *op)
{
	struct op_route *r = (struct op_route *)op;
	unsigned char mem[256];
	uint32_t id = 0, highest = 0;
	struct store_cursor c;
	struct record_out o;
	struct keys k;
	struct str name;
	int rc;

	if (store_cursor(&c, &b->x, STORE_ROUTE))
		return -1;
	for (rc = store_seek(&c, STR("\0")); rc == 0; rc = store_next(&c)) {
		if (keys_read_u32(c.k, &id) || record_read_named(c.v, &name))
			rc = store_damaged(&b->x);
		highest = id;
		if (rc || str_eq(name, str_of(r->name)))
			break;
	}
	store_cursor_done(&c);
	r->id = rc ? highest + 1 : id;
	if (rc <= 0)
		return rc; /* known, or an error */
	record_begin(&o, mem, sizeof mem);
	record_put_named(&o, str_of(r->name));
	if (o.full) {
		err_set(&op->err, ERR_LIMIT, "the route's name is too long");
		return store_damaged(&b->x);
	}
	keys_u32(&k, r->id);
	return store_put(
	    &b->x, STORE_ROUTE, keys_str(&k), (struct str){ (char *)mem, o.n });
}
