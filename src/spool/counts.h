/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool/counts - how many deliveries are queued, held, dead by route and
 * priority: table stat, kept in memory, each touched row written once a
 * commit.  The writer's; the totals may be read by any thread.
 */
#ifndef SPOOL_COUNTS_H
#define SPOOL_COUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/err.h"
#include "postern/spool/spool.h"

struct store_txn;

enum counts_class { /* part of the format */
	COUNTS_QUEUED,
	COUNTS_HELD,
	COUNTS_DEAD,
	COUNTS_DOUBT,
	COUNTS_CLASSES
};

struct counts_row {
	uint32_t route;
	uint8_t priority, class;
	bool touched;
	uint64_t n, bytes;   /* as committed */
	uint64_t dn, dbytes; /* change of this transaction, wraps */
};

struct counts {
	struct counts_row *row; /* owned */
	size_t rows, cap, last;
	_Atomic uint64_t total[COUNTS_CLASSES][SPOOL_PRIORITIES];
	_Atomic uint64_t total_bytes[COUNTS_CLASSES];
};

struct counts_of {
	uint32_t route;
	uint8_t priority;
	enum counts_class class;
};

void counts_done(struct counts *c);
void counts_clear(struct counts *c);
/* 1: one of them cannot be read, so none is to be believed. */
MUST_CHECK int counts_load(struct counts *c, struct store_txn *x);
/* One more (or, with minus, less) of so many bytes. */
void counts_add(struct counts *c, struct counts_of of, uint64_t bytes);
void counts_sub(struct counts *c, struct counts_of of, uint64_t bytes);
MUST_CHECK int counts_flush(struct counts *c, struct store_txn *x);
void counts_commit(struct counts *c); /* after the commit */
void counts_abort(struct counts *c);
uint64_t counts_total(const struct counts *c, enum counts_class class);
void counts_each(const struct counts *c, enum counts_class class,
    uint64_t n[SPOOL_PRIORITIES]);
uint64_t counts_bytes(const struct counts *c, enum counts_class class);

#endif
