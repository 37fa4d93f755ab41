/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/oldest - since when the oldest mail is queued.  The store has no order
 * for that but the messages' own: a look costs one record as long as the one
 * that was found is still queued, else some of those behind it.  While none is
 * queued it is the newest that are looked at: what comes then is found at once.
 * Main thread.
 */
#ifndef ADMIN_OLDEST_H
#define ADMIN_OLDEST_H

#include <stdint.h>

struct oldest;
struct spool;
struct spool_stats;

/* Of a priority; SPOOL_PRIORITIES: of all. */
struct oldest *oldest_new(struct spool *sp, unsigned priority);
void oldest_free(struct oldest **o); /* before the spool; NULL is fine */
/* Its id, and when it was accepted (wall clock).  0, and 0: nothing is queued,
 * or it was not come across yet behind what is held, dead or of another
 * priority; the next look goes on there. */
uint64_t oldest_look(
    struct oldest *o, const struct spool_stats *st, int64_t *arrival_ms);

#endif
