/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool/letter - one message in the store, inside a transaction: msg, and
 * dlv, rcpt and body where it does not fit in there.  What it holds borrows
 * from the arena.
 *
 * Numbers returned as in store.h; a record that cannot be read is -1 with
 * store_damaged().
 */
#ifndef SPOOL_LETTER_H
#define SPOOL_LETTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/err.h"
#include "postern/base/str.h"

#include "spool/record.h"

struct arena;
struct store_txn;

struct letter {
	struct store_txn *x;
	struct arena *a;
	size_t value_max;
	uint64_t mid;
	struct record_msg msg;
};

struct letter_rcpts { /* of one delivery */
	struct record_rcpt *v;
	size_t n;
	uint32_t chunks; /* that they take in the table now */
};

void letter_init(
    struct letter *l, struct store_txn *x, struct arena *a, uint64_t mid);
MUST_CHECK int letter_open(struct letter *l); /* fills msg */
/* As letter_open() and letter_delivery(), but what cannot be read does no harm
 * to the transaction. */
bool letter_try(struct letter *l, uint16_t n, struct record_delivery *d);
bool letter_try_rcpts(
    struct letter *l, uint16_t n, struct letter_rcpts *r); /* likewise */
MUST_CHECK int letter_save(struct letter *l);              /* writes msg */
/* The id must not be in use. */
MUST_CHECK int letter_save_new(struct letter *l);
/* Delivery n: of msg, or of dlv. */
MUST_CHECK int letter_delivery(
    struct letter *l, uint16_t n, struct record_delivery *d);
/* n 0: lands in msg, letter_save() writes it. */
MUST_CHECK int letter_set_delivery(
    struct letter *l, uint16_t n, const struct record_delivery *d);
MUST_CHECK int letter_rcpts(
    struct letter *l, uint16_t n, struct letter_rcpts *r);
/* After letter_set_delivery() and before letter_save(). */
MUST_CHECK int letter_set_rcpts(
    struct letter *l, uint16_t n, struct letter_rcpts *r);
/* It has a new life: its time begins again.  Not written yet. */
void letter_revive(struct letter *l, int64_t now_ms);
uint32_t letter_chunks(const struct letter *l); /* of the body table */
/* Everything of it goes; *gc: the content goes slice by slice. */
MUST_CHECK int letter_delete(struct letter *l, bool *gc);

#endif
