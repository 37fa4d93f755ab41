/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool/batch - one transaction of the writer and what goes with it: changed
 * counters, journal, keys that the relay is told of after the commit.
 */
#ifndef SPOOL_BATCH_H
#define SPOOL_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/err.h"
#include "postern/spool/spool.h"

#include "spool/arena.h"
#include "spool/letter.h"
#include "spool/record.h"
#include "spool/store.h"

struct batch {
	struct spool *sp;
	struct store_txn x;
	int64_t now_ms;
	struct arena arena;        /* reset for each operation */
	struct spool_ready *ready; /* owned, references in it too */
	size_t nready, cap;
	size_t nsure; /* of these, committed */
	bool gc;      /* content was left for the gc tick */
};

void batch_init(struct batch *b, struct spool *sp);
void batch_done(struct batch *b);
MUST_CHECK int batch_begin(struct batch *b);
/* -1: nothing of it happened; store_fault(&b->x) tells why. */
MUST_CHECK int batch_commit(struct batch *b);
void batch_abort(struct batch *b);

/* env (NULL: none): a reference is taken where memory allows. */
void batch_ready(
    struct batch *b, const struct spool_key *key, struct envelope *env);
void batch_event(struct batch *b, const struct spool_event *e);

/* The places of a delivery: its key is put or taken, its counter changed. */
struct spool_key batch_key(
    const struct letter *l, uint16_t n, const struct record_delivery *d);
MUST_CHECK int batch_place(struct batch *b, struct letter *l, uint16_t n,
    const struct record_delivery *d);
MUST_CHECK int batch_unplace(struct batch *b, struct letter *l, uint16_t n,
    const struct record_delivery *d);
/* From wherever it is: parked, for nobody knows whether it was delivered. */
MUST_CHECK int batch_doubt(
    struct batch *b, struct letter *l, uint16_t n, struct record_delivery *d);
/* batch_place() of a dead one, with the words for its record. */
MUST_CHECK int batch_bury(struct batch *b, struct letter *l, uint16_t n,
    const struct record_delivery *d, const struct record_dead *why);
/* The delivery is over and has been unplaced: what was counted in msg follows,
 * and the message goes with its last delivery (1), or stays (0). */
MUST_CHECK int batch_finish(
    struct batch *b, struct letter *l, uint16_t n, struct record_delivery *d);

#endif
