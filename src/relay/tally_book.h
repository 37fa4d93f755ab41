/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/tally_book - the tallies of a relay; its thread's side of
 * postern/relay/tally.h.
 */
#ifndef RELAY_TALLY_BOOK_H
#define RELAY_TALLY_BOOK_H

#include "postern/relay/tally.h"
#include "postern/smtp/outcome.h"

struct tally_book;

struct tally_book *tally_book_new(void);
/* A view that is on its way to another thread keeps the tallies. */
struct tally_book *tally_book_ref(struct tally_book *b);
void tally_book_free(struct tally_book **b); /* a reference */
/* The one of that name; NULL: of what no provider was asked for. */
struct tally *tally_book_of(struct tally_book *b, const char *name);
const struct tally *tally_book_others(const struct tally_book *b); /* or NULL */
/* Each of a name so far, by its place; what has been there stays. */
const struct tally *const *tally_book_all(
    const struct tally_book *b, size_t *n);
/* One more; and all of them, the further combinations by reason first: what has
 * been there stays. */
void tally_book_failover(struct tally_book *b, const struct tally *from,
    const struct tally *to, size_t reason);
const struct tally_failover *tally_book_failovers(
    const struct tally_book *b, size_t *n);

/* How long the steps of a session take. */
struct tally_watch {
	enum outcome_stage stage;
	uint64_t since_us; /* 0: nothing is awaited */
};
/* The step before is over, another one begins. */
void tally_book_step(
    struct tally *t, struct tally_watch *w, enum outcome_stage stage);

#endif
