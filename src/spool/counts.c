/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/counts.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"

#include "spool/keys.h"
#include "spool/record.h"
#include "spool/store.h"

void
counts_done(struct counts *c)
{
	free(c->row);
	memset(c, 0, sizeof *c);
}

void
counts_clear(struct counts *c)
{
	c->rows = c->last = 0;
	for (int i = 0; i < COUNTS_CLASSES; i++) {
		for (int k = 0; k < SPOOL_PRIORITIES; k++)
			atomic_store(&c->total[i][k], 0);
		atomic_store(&c->total_bytes[i], 0);
	}
}

static struct counts_row *
row_of(struct counts *c, struct counts_of of)
{
	struct counts_row *r;

	for (size_t i = 0; i < c->rows; i++) {
		r = &c->row[(c->last + i) % c->rows];
		if (r->route == of.route && r->priority == of.priority &&
		    r->class == of.class) {
			c->last = (size_t)(r - c->row);
			return r;
		}
	}
	if (c->rows == c->cap) {
		c->cap = c->cap ? 2 * c->cap : 16;
		c->row = mem_resize(c->row, c->cap * sizeof *c->row);
	}
	r = &c->row[c->rows++];
	*r = (struct counts_row){ .route = of.route,
		.priority = of.priority,
		.class = (uint8_t)of.class };
	return r;
}

static void
total(struct counts *c, const struct counts_row *r, uint64_t n, uint64_t bytes)
{
	uint8_t k = r->priority < SPOOL_PRIORITIES ? r->priority : SPOOL_LOW;

	if (r->class >= COUNTS_CLASSES)
		return;
	atomic_fetch_add_explicit(
	    &c->total[r->class][k], n, memory_order_relaxed);
	atomic_fetch_add_explicit(
	    &c->total_bytes[r->class], bytes, memory_order_relaxed);
}

static int
load_row(struct counts *c, struct store_cursor *cur)
{
	struct counts_of of;
	struct counts_row *r;
	uint64_t n, bytes;
	uint8_t class;

	if (keys_read_stat(cur->k, &of.route, &of.priority, &class) ||
	    record_read_pair(cur->v, &n, &bytes))
		return 1;
	of.class = (enum counts_class) class;
	r = row_of(c, of);
	r->n = n;
	r->bytes = bytes;
	total(c, r, n, bytes);
	return 0;
}

int
counts_load(struct counts *c, struct store_txn *x)
{
	struct store_cursor cur;
	int rc = store_cursor(&cur, x, STORE_STAT), bad = 0;

	if (rc)
		return -1;
	counts_clear(c); /* a second try of a start loads again */
	for (rc = store_seek(&cur, STR("\0")); rc == 0; rc = store_next(&cur))
		bad |= load_row(c, &cur);
	store_cursor_done(&cur);
	return rc < 0 ? -1 : bad;
}

static void
change(struct counts *c, struct counts_of of, uint64_t n, uint64_t bytes)
{
	struct counts_row *r = row_of(c, of);

	r->dn += n;
	r->dbytes += bytes;
	r->touched = true;
}

void
counts_add(struct counts *c, struct counts_of of, uint64_t bytes)
{
	change(c, of, 1, bytes);
}

void
counts_sub(struct counts *c, struct counts_of of, uint64_t bytes)
{
	change(c, of, UINT64_MAX, 0 - bytes);
}

int
counts_flush(struct counts *c, struct store_txn *x)
{
	unsigned char v[32];
	struct record_out o;
	struct counts_row *r;
	struct keys k;

	for (size_t i = 0; i < c->rows; i++) {
		r = &c->row[i];
		if (!r->touched)
			continue;
		keys_stat(&k, r->route, r->priority, r->class);
		record_begin(&o, v, sizeof v);
		record_put_pair(&o, r->n + r->dn, r->bytes + r->dbytes);
		if (store_put(x, STORE_STAT, keys_str(&k),
		        (struct str){ (char *)v, o.n }))
			return -1;
	}
	return 0;
}

static void
settle(struct counts *c, bool keep)
{
	for (size_t i = 0; i < c->rows; i++) {
		struct counts_row *r = &c->row[i];

		if (keep && r->touched) {
			r->n += r->dn;
			r->bytes += r->dbytes;
			total(c, r, r->dn, r->dbytes);
		}
		r->dn = r->dbytes = 0;
		r->touched = false;
	}
}

void
counts_commit(struct counts *c)
{
	settle(c, true);
}

void
counts_abort(struct counts *c)
{
	settle(c, false);
}

void
counts_each(const struct counts *c, enum counts_class class,
    uint64_t n[SPOOL_PRIORITIES])
{
	for (int k = 0; k < SPOOL_PRIORITIES; k++)
		n[k] = atomic_load_explicit(
		    &((struct counts *)(uintptr_t)c)->total[class][k],
		    memory_order_relaxed);
}

uint64_t
counts_total(const struct counts *c, enum counts_class class)
{
	uint64_t n[SPOOL_PRIORITIES], sum = 0;

	counts_each(c, class, n);
	for (int k = 0; k < SPOOL_PRIORITIES; k++)
		sum += n[k];
	return sum;
}

uint64_t
counts_bytes(const struct counts *c, enum counts_class class)
{
	return atomic_load_explicit(
	    &((struct counts *)(uintptr_t)c)->total_bytes[class],
	    memory_order_relaxed);
}
