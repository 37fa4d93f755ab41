/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool/spool - the only door to the store (LMDB).  Owns every message that
 * was accepted.  One thread writes (group commit, no timer); others read in
 * short transactions through a reader of their own.
 *
 * An operation is an object that the caller allocates (mem_new) and submits;
 * it belongs to the spool until it comes back through op.reply_to, after the
 * commit, where op.done is called and the object is the caller's to free.
 * References and arrays that were handed over with it are gone by then (their
 * pointers NULL).  Order: the operations on one message are applied in the
 * order of their submits; what settles goes before what comes in.
 * docs/spool.md has the tables, docs/path-of-a-message.md the way.
 *
 * This header has the life of a spool and what it tells at any time;
 * spool_ops.h the operations, spool_read.h the reading, spool_walk.h what an
 * operator looks at.
 */
#ifndef SPOOL_SPOOL_H
#define SPOOL_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/err.h"
#include "postern/base/str.h"
#include "postern/io/mailbox.h"
#include "postern/spool/envelope.h"

struct body;
struct spool;
struct spool_reader;
struct stat_histogram;

struct spool_settings {
	const char *directory;
	uint64_t map_max;       /* bytes of address space; 0: 1 TiB */
	uint64_t size_max;      /* of what is stored; 0: as the disk has */
	uint64_t min_free;      /* 0: min(max(5 %, 256 MiB), 25 %) */
	uint64_t ballast;       /* 0: min(64 MiB, 2 %); UINT64_MAX: none */
	uint64_t memory_max;    /* bodies in reception and kept for delivery */
	uint64_t journal_max;   /* bytes; 0: 64 MiB */
	uint64_t dead_keep_ms;  /* dead letters older are purged */
	uint64_t dead_size_max; /* the oldest go first beyond; 0: no bound */
};

/* A key of the schedule: one delivery of one message, due at a time. */
enum spool_priority { SPOOL_HIGH, SPOOL_NORMAL, SPOOL_LOW };
#define SPOOL_PRIORITIES 3
struct spool_key {
	uint32_t route;
	uint8_t priority;
	uint8_t lane;
	int64_t due_ms; /* wall clock */
	uint64_t mid;
	uint16_t n; /* delivery of the message, 0 is its first */
};

enum spool_result {
	SPOOL_DONE,   /* committed: durable */
	SPOOL_FULL,   /* no room: 452 4.3.1 */
	SPOOL_FAILED, /* not written: 451 4.3.0; err says why */
	SPOOL_GONE,   /* the message or delivery is not there (any more) */
};

enum spool_hold { /* why a key is parked instead of scheduled */
	SPOOL_HOLD_NONE,
	SPOOL_HOLD_OPERATOR,
	SPOOL_HOLD_POISON,
	SPOOL_HOLD_SMTPUTF8,
	SPOOL_HOLD_REQUIRETLS,
	SPOOL_HOLD_SIZE,
	SPOOL_HOLD_IDENTITY,
	SPOOL_HOLD_8BIT,
	SPOOL_HOLD_DAMAGED, /* a record or the content cannot be read */
	SPOOL_HOLD_BINARY,
	SPOOL_HOLD_DELIVERBY,
	SPOOL_HOLD_DOUBT, /* it may have been delivered; an operator decides */
};
const char *spool_hold_word(enum spool_hold hold); /* "operator"; borrowed */

/* Why a delivery has its route. */
enum spool_route_why {
	SPOOL_ROUTE_GIVEN,   /* to what was made here, by its settings */
	SPOOL_ROUTE_NAMED,   /* by listener or user */
	SPOOL_ROUTE_MATCHED, /* its match fits */
	SPOOL_ROUTE_DEFAULT, /* no other fits */
};

struct spool_op;
typedef void spool_op_fn(
    struct spool_op *op, void *owner); /* owner: of the mailbox */

struct spool_op {
	struct mailbox_item item; /* private */
	struct spool_op *next;    /* private */
	int kind;                 /* private */
	struct mailbox *reply_to; /* NULL: nobody waits, the spool frees it */
	spool_op_fn *done;
	void *arg; /* the caller's own; the spool never looks */
	enum spool_result result;
	struct err err;
};

/* --- life ------------------------------------------------------------- */

/* Takes the directory's lock, opens or makes the store, checks its version,
 * empties what was half received, reads the in-flight ring.  Writes nothing
 * into a directory that is not a spool, except an empty one.  Before threads
 * other than the logger exist. */
MUST_CHECK int spool_open(
    struct spool **sp, const struct spool_settings *s, struct err *err);
/* The writer thread; its mailbox-free loop ends with spool_stop(). */
void spool_start(struct spool *sp);
/* Commits all that was submitted, marks the stop as clean, joins.  What is
 * submitted later is answered with SPOOL_FAILED. */
void spool_stop(struct spool *sp);
/* After spool_stop(), when no reader and no content charged to this spool
 * (spool_memory_own()) is left. */
void spool_close(struct spool **sp);
/* Reload: all but directory and map_max. */
void spool_change(struct spool *sp, const struct spool_settings *s);
/* Called once, by the writer thread, when the store cannot be used any more
 * (EIO with room on the disk, MDB_PANIC): the daemon ends with the text. */
void spool_on_fatal(
    struct spool *sp, void (*fn)(void *arg, const struct err *err), void *arg);
/* The last drop file whose message was committed when the spool was opened; it
 * may still be there.  "": there was none. */
const char *spool_last_drop(const struct spool *sp);
/* Random, its own since it was made: for digests that others cannot guess. */
#define SPOOL_SECRET 16
const unsigned char *spool_secret(const struct spool *sp);
/* Median of 16 flushes of 4 KiB in the directory, us: measured at open. */
uint64_t spool_flush_us(const struct spool *sp);
/* The daemon's lines at start: "spool.open" and so on are logged by daemon. */

/* --- ids, room --------------------------------------------------------- */
uint64_t spool_mid(struct spool *sp); /* a new id, any thread */
/* May a message of so many bytes (0: unknown) come in now?  Any thread. */
enum spool_result spool_room(struct spool *sp, uint64_t size);
/* Reserves memory for content in reception; false: settings.memory_max is
 * reached (stage earlier, or stop reading and try again).  Any thread. */
bool spool_memory_take(struct spool *sp, size_t n);
void spool_memory_give(struct spool *sp, size_t n);
/* The n bytes taken belong to the body from here on: they are given back when
 * its last reference goes, whoever drops it (do not give them back yourself).
 * May be called again as it grows. */
void spool_memory_own(struct spool *sp, struct body *b, size_t n);
/* The writer has more queued than it should: stop reading from clients until
 * it is false again (asked again on the next commit's answer).  Any thread. */
bool spool_is_busy(struct spool *sp);
/* What was delivered cannot be written down: lease nothing, or it would be
 * sent again and again.  Any thread. */
bool spool_is_stuck(struct spool *sp);

/* --- routes ------------------------------------------------------------ */
/* The id of a name, made durable when new.  Waits; main thread at start and
 * reload. */
MUST_CHECK int spool_route(
    struct spool *sp, const char *name, uint32_t *id, struct err *err);

/* --- figures ---------------------------------------------------------- */
struct spool_stats {
	uint64_t queued, queued_bytes, held, dead, doubt;
	/* The same by priority. */
	uint64_t queued_of[SPOOL_PRIORITIES], held_of[SPOOL_PRIORITIES],
	    dead_of[SPOOL_PRIORITIES], doubt_of[SPOOL_PRIORITIES];
	uint64_t size_max; /* as the settings have it; 0: as the disk has */
	uint64_t commits, operations, commit_us_p50, commit_us_p99;
	uint64_t commit_us_recent;    /* p99 of the last seconds */
	uint64_t commit_us_under_way; /* so long already; 0: none is */
	uint64_t map_used, disk_free, readers;
	uint64_t memory;   /* taken of memory_max */
	uint64_t poisoned; /* messages that this start has parked as poison */
	uint64_t doubted;  /* deliveries that this start has found in doubt */
	bool full;         /* low-water mark reached: nothing is accepted */
};
void spool_stats(struct spool *sp, struct spool_stats *st); /* any thread */
uint64_t spool_commits(struct spool *sp); /* that alone; likewise */
/* How long the longest look lasts that is under way, a copy too; any thread. */
uint64_t spool_reader_ms(struct spool *sp);
/* How long commits took, and how many operations shared one. */
const struct stat_histogram *spool_commit_us(const struct spool *sp);
const struct stat_histogram *spool_batches(const struct spool *sp);

#include "postern/spool/spool_ops.h"
#include "postern/spool/spool_read.h"
#include "postern/spool/spool_walk.h"

#endif
