/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool/spool_walk - what an operator looks at: the deliveries in the spool,
 * whatever became of them so far, one after the other.  A call is one short
 * transaction, and the next one goes on behind it.
 */
#ifndef SPOOL_SPOOL_WALK_H
#define SPOOL_SPOOL_WALK_H

#include "postern/spool/spool.h"

enum spool_row_state {
	SPOOL_ROW_QUEUED,
	SPOOL_ROW_HELD, /* hold says why; in doubt too */
	SPOOL_ROW_DEAD,
	SPOOL_ROW_DAMAGED, /* a record cannot be read: the id is all there is */
};

struct spool_row_rcpt {
	uint32_t index;
	enum envelope_rcpt_state state;
	uint16_t code; /* last reply, 0: none */
	struct str address, enhanced, text;
};

/* A delivery: of those of its recipients about whom something is still to be
 * done, or that are dead.  Texts are borrowed until the hook returns. */
struct spool_row {
	enum spool_row_state state;
	struct spool_key key; /* due_ms: when dead, since when */
	enum spool_hold hold;
	bool handed;       /* over from another route */
	uint32_t attempts; /* of this delivery */
	uint32_t flags;    /* enum envelope_flag */
	uint64_t size, parent;
	int64_t arrival_ms;
	int64_t release_ms;  /* its life began anew then; 0: it did not */
	struct str provider; /* last one tried */
	struct str cause;    /* of a dead one */
	struct str sender, client, listener, user, helo, message_id;
	size_t nrcpts;
	const struct spool_row_rcpt *rcpts;
};

enum spool_walk_where {
	SPOOL_WALK_ALL,  /* by id: oldest first */
	SPOOL_WALK_HELD, /* by reason */
	SPOOL_WALK_DEAD, /* by when they died */
};
/* Called within the transaction: looks, copies, and returns at once.  false: no
 * more, this one was the last. */
typedef bool spool_walk_fn(void *arg, const struct spool_row *row);
struct spool_walk {
	enum spool_walk_where where;
	uint64_t mid;  /* of this message alone (ALL); 0: of all */
	uint64_t from; /* of none before this one (ALL); 0: of all */
	int n;         /* ... of this delivery alone; -1: of all */
	spool_walk_fn *fn;
	void *arg;
};
struct spool_mark { /* begin with all zero */
	bool over;
	unsigned char key[32]; /* private */
	size_t n;              /* private */
	uint32_t delivery;     /* private */
};
/* Looks at SPOOL_WALK_LOOKS deliveries or so.  0; -1: an error of the store. */
#define SPOOL_WALK_LOOKS 512
MUST_CHECK int spool_walk(struct spool_reader *r, const struct spool_walk *w,
    struct spool_mark *mark);

/* The routes that there have been, by id, behind after: how many; -1. */
#define SPOOL_ROUTE_NAME 64
struct spool_route_name {
	uint32_t id;
	char name[SPOOL_ROUTE_NAME];
};
int spool_route_names(struct spool_reader *r, uint32_t after,
    struct spool_route_name *out, size_t max);

#endif
