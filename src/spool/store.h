/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool/store - LMDB behind a small door: tables, transactions, cursors.  It
 * knows no mail.  store.c has the layout of keys and values.
 *
 * Numbers returned: 0 done or found, 1 not there, -1 failed: the transaction
 * is then good for store_abort() only, and store_fault() tells why.
 */
#ifndef SPOOL_STORE_H
#define SPOOL_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/err.h"
#include "postern/base/str.h"

struct MDB_cursor;
struct MDB_txn;
struct store;

/* The order is of no account; the names are part of the format. */
enum store_table {
	STORE_CFG,
	STORE_MSG,
	STORE_DLV,
	STORE_RCPT,
	STORE_BODY,
	STORE_SCHED,
	STORE_TIMER,
	STORE_DEAD,
	STORE_STAT,
	STORE_STAGE,
	STORE_GC,
	STORE_ROUTE,
	STORE_PROV,
	STORE_QUOTA,
	STORE_JOURNAL,
	STORE_PARK,
	STORE_DOUBT,
	STORE_TABLES
};

enum store_fault {
	STORE_FINE,
	STORE_MAP_FULL, /* the map's maximum is reached */
	STORE_NO_SPACE, /* ENOSPC, EDQUOT: the disk is full */
	STORE_IO,       /* EIO: full (a short write) or broken */
	STORE_PANIC,    /* the environment refuses everything from now on */
	STORE_DAMAGED,  /* store_damaged() was called: one operation's fault */
	STORE_OTHER
};

struct store_txn {
	struct MDB_txn *t;
	struct store *st;
	int rc; /* of the first call that failed */
};

/* Opens or makes the environment in a directory that the caller has locked.
 * *fresh: it was empty (also: left half made).  map: 0 is the default. */
MUST_CHECK int store_open(struct store **st, const char *directory,
    uint64_t map, bool *fresh, struct err *err);
/* For readers alone, and nothing is written, not even a table of readers:
 * nobody may write meanwhile, for which the caller has the lock. */
MUST_CHECK int store_view(
    struct store **st, const char *directory, struct err *err);
void store_close(struct store **st);
/* Is this file an environment with our tables?  Touches nothing; 1: it is an
 * environment without any table, 0: yes, -1: *err. */
MUST_CHECK int store_probe(const char *directory, struct err *err);
size_t store_page_size(const struct store *st);
size_t store_value_max(const struct store *st); /* page - 16 */

MUST_CHECK int store_begin(struct store *st, struct store_txn *x);
MUST_CHECK int store_commit(struct store_txn *x);
void store_abort(struct store_txn *x); /* harmless after a failed commit */
/* A reader's: begun once, then renewed for each short look. */
MUST_CHECK int store_read_begin(struct store *st, struct store_txn *x);
MUST_CHECK int store_read_renew(struct store_txn *x);
void store_read_reset(struct store_txn *x);
void store_read_end(struct store_txn *x);

enum store_fault store_fault(const struct store_txn *x);
/* A value cannot be read, or what is asked for cannot be: returns -1. */
int store_damaged(struct store_txn *x);
/* What was damaged had only been read: the transaction goes on. */
void store_forgive(struct store_txn *x);
const char *store_fault_text(const struct store_txn *x);

/* *v is borrowed until the next change in this transaction. */
MUST_CHECK int store_get(
    struct store_txn *x, enum store_table t, struct str k, struct str *v);
/* A value is never longer than store_value_max(): asserted. */
MUST_CHECK int store_put(
    struct store_txn *x, enum store_table t, struct str k, struct str v);
/* 1: the key is there already, nothing changed. */
MUST_CHECK int store_put_new(
    struct store_txn *x, enum store_table t, struct str k, struct str v);
MUST_CHECK int store_del(struct store_txn *x, enum store_table t, struct str k);

struct store_cursor {
	struct MDB_cursor *c;
	struct store_txn *x;
	struct str k, v; /* where it stands */
};
MUST_CHECK int store_cursor(
    struct store_cursor *c, struct store_txn *x, enum store_table t);
void store_cursor_done(struct store_cursor *c);
MUST_CHECK int store_seek(struct store_cursor *c, struct str k); /* >= k */
MUST_CHECK int store_next(struct store_cursor *c);
MUST_CHECK int store_prev(struct store_cursor *c);
MUST_CHECK int store_last(struct store_cursor *c);
/* Deletes where it stands; then it is at the one behind, as store_next(). */
MUST_CHECK int store_del_next(struct store_cursor *c);

/* Pages of a table, pages that are free for use again (a look at no more than
 * max records of the free list), pages of the file and of the map. */
uint64_t store_pages(struct store_txn *x, enum store_table t);
uint64_t store_free_pages(struct store_txn *x, size_t max);
struct store_use {
	uint64_t file_bytes, map_bytes, readers;
};
void store_use(struct store *st, struct store_use *u);
void store_reader_check(struct store *st);
/* All that is in it now, without what is free, into an empty file: one read
 * transaction from its beginning to its end, beside a thread that writes. */
MUST_CHECK int store_copy(struct store *st, int fd, struct err *err);
/* Bytes that such a copy has, about. */
MUST_CHECK int store_copy_bytes(
    struct store *st, uint64_t *bytes, struct err *err);

#endif
