/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/agenda - what is to be sent: the schedule of each route id, and whose
 * turn it is among those that may send.  Keys of a route that is no more stay
 * under its id and go the default's way.
 */
#ifndef RELAY_AGENDA_H
#define RELAY_AGENDA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/list.h"
#include "postern/spool/spool.h"

struct agenda;
struct keyset;
struct provider;
struct scheduler;
struct way;
struct ways;

struct agenda_line { /* the schedule of a route id */
	uint32_t id;
	const struct way *way;   /* of the current generation */
	struct scheduler *sched; /* owned */
	struct provider *aim;    /* who had room when that was last asked */
	size_t nheld;            /* deliveries in hand that point here */
	struct list turn[SPOOL_PRIORITIES]; /* of the agenda's turns */
};

/* reader and inhand are borrowed. */
struct agenda *agenda_new(
    struct spool_reader *reader, const struct keyset *inhand);
void agenda_free(struct agenda **a); /* no delivery is in hand */
/* Other ways: each line gets its own of these, borrowed until the next call.
 * Lines without keys go. */
void agenda_change(struct agenda *a, const struct ways *ways);
/* Made where it is missing. */
struct agenda_line *agenda_line(struct agenda *a, uint32_t id);
/* A key is new, was moved, or comes back as it was. */
void agenda_put(struct agenda *a, const struct spool_key *key);
typedef bool agenda_may(struct agenda_line *l, enum spool_priority class);
/* A due key of the line that waits longest for its turn, of those for which
 * may() holds; the line.  NULL: there is none now. */
struct agenda_line *agenda_take(struct agenda *a, enum spool_priority class,
    int64_t now_ms, agenda_may *may, struct spool_key *key);
/* When there may be one again; INT64_MAX: when told. */
int64_t agenda_next_ms(
    const struct agenda *a, enum spool_priority class, agenda_may *may);

#endif
