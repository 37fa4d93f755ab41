/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/quota - how much a user may bring in a long time, a day's recipients:
 * counted over all connections, and in the spool, so that a restart forgets
 * nothing.  One table with one mutex for all threads that bring mail.
 *
 * What is taken is pending until the message is accepted; then it is written
 * down with it, in the same commit, or given back.  A window is kept in
 * QUOTA_PARTS parts, the oldest of which counts until it is over as a whole: in
 * no time as long as the window more is accepted than the quota says.  One with
 * a fixed reset is counted from there.  Wall clock; a step back earns nothing.
 */
#ifndef INTAKE_QUOTA_H
#define INTAKE_QUOTA_H

#include <stddef.h>
#include <stdint.h>

#include "postern/mail/rate.h"

struct spool;
struct spool_reader;

#define QUOTA_PARTS 24u
#define QUOTA_KEPT 65536u /* users in the table; the store has all */

/* One thread's door to it. */
struct quota_book {
	struct spool *sp;
	struct spool_reader *reader; /* owned; from the first use on */
};

void quota_open(struct quota_book *b, struct spool *sp);
void quota_close(struct quota_book *b);

/* One message's. */
struct quota {
	struct rate rate; /* count 0: the user has none */
	uint32_t pending;
	uint32_t kept;   /* written down: accepted, if the commit says so */
	int64_t part_ms; /* where */
};

/* One more of those.  0: taken, or nothing that the quota counts; else so many
 * ms until there may be room. */
uint64_t quota_take(
    struct quota_book *b, struct quota *q, const char *user, enum rate_of of);
/* What is pending is written down with the operations that follow. */
void quota_keep(struct quota_book *b, struct quota *q, const char *user);
/* The message is not accepted: all goes back. */
void quota_give_back(struct quota_book *b, struct quota *q, const char *user);
size_t quota_known(void); /* users in the table */

#endif
