/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool/spool - the only door to the store (LMDB).  Owns every message that
 * was accepted.  One thread writes (group commit, no timer); others read in
 * short transactions through a reader of their own.
 *
 * An operation is an object that the caller allocates (mem_new) and submits;
 * it belongs to the spool until it comes back through op.reply_to, after the
 * commit, where op.done is called and the object is the caller's to free.
 * Order: operations of one thread are applied in the order of their submits.
 * docs/spool.md has the tables, docs/path-of-a-message.md the way.
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

struct spool;
struct spool_reader;

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
/* Commits all that was submitted, marks the stop as clean, joins. */
void spool_stop(struct spool *sp);
void spool_close(struct spool **sp);
void spool_change(
    struct spool *sp, const struct spool_settings *s); /* reload */
/* Called once, by the writer thread, when the store cannot be used any more
 * (EIO with room on the disk, MDB_PANIC): the daemon ends with the text. */
void spool_on_fatal(
    struct spool *sp, void (*fn)(void *arg, const struct err *err), void *arg);
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
/* The writer has more queued than it should: stop reading from clients until
 * it is false again (asked again on the next commit's answer).  Any thread. */
bool spool_is_busy(struct spool *sp);

/* --- routes ------------------------------------------------------------ */
/* The id of a name, made durable when new.  Waits; main thread at start and
 * reload. */
MUST_CHECK int spool_route(
    struct spool *sp, const char *name, uint32_t *id, struct err *err);

/* --- what comes in ------------------------------------------------------ */
struct spool_delivery {
	uint32_t route;
	uint8_t priority, lane;
	int64_t due_ms;
	enum spool_hold hold; /* NONE: scheduled */
};

/* The whole content is env->body, or was staged before (env->body NULL). */
struct spool_accept {
	struct spool_op op;
	struct envelope *env; /* a reference, handed over */
	uint16_t ndeliveries; /* at least 1 */
	struct spool_delivery first;
	struct spool_delivery *more; /* ndeliveries - 1, owned, or NULL */
};
void spool_accept(struct spool *sp, struct spool_accept *a);

/* A slice of a message that is still arriving; slices of one mid in order. */
#define SPOOL_STAGE_MIN (64u << 10)
#define SPOOL_STAGE_MAX (256u << 10)
struct spool_stage {
	struct spool_op op;
	uint64_t mid;
	size_t len;
	char data[];
};
void spool_stage(struct spool *sp, struct spool_stage *s);
/* The client is gone, or the message too big: forget what was staged. */
void spool_abort_staged(struct spool *sp, uint64_t mid);

/* --- what goes out ------------------------------------------------------ */
struct spool_rcpt_result {
	uint32_t index; /* in env->rcpts */
	enum envelope_rcpt_state state;
	uint16_t code;
	char enhanced[12]; /* "5.1.1" or "" */
	char text[512];    /* NUL ended, cut */
};

/* Settles one attempt of one delivery.  Recipients without a result stay as
 * they are.  If recipients are still queued afterwards, the key moves to
 * next_due_ms (or is parked, with hold); else the delivery is finished: kept
 * as a dead letter when one of its recipients is dead and keep_dead is set,
 * removed otherwise; the message goes with its last delivery.  A settle with
 * only deliveries and no child starts no commit of its own (at most 20 ms). */
struct spool_settle {
	struct spool_op op;
	struct spool_key key; /* as it was handed out */
	int64_t next_due_ms;
	enum spool_hold hold;
	bool keep_dead;
	bool count_attempt;
	char provider[64];     /* name; "" none */
	char provider_id[128]; /* the provider's id of the message, or "" */
	const char
	    *cause; /* static word for journal and dead letter: "expired" */
	struct envelope
	    *child; /* bounce, ...: a reference handed over, or NULL */
	struct spool_delivery child_delivery;
	uint32_t nresults;
	struct spool_rcpt_result results[];
};
void spool_settle(struct spool *sp, struct spool_settle *s);

/* Operator's moves, one delivery each. */
struct spool_move {
	struct spool_op op;
	uint64_t mid;
	uint16_t n;
	struct spool_delivery
	    to;      /* hold NONE also releases; dead ones revive */
	bool revive; /* dead recipients are queued again */
	bool remove; /* delete the delivery instead */
};
void spool_move(struct spool *sp, struct spool_move *m);

/* Reserves part of a window's allowance (quota), or returns some of it. */
struct spool_reserve {
	struct spool_op op;
	char owner[64]; /* provider, shared limit or user */
	uint32_t window_s;
	int64_t start_ms;                /* of the window, wall clock */
	int64_t reserve, spent;          /* added to what is stored */
	int64_t reserved_now, spent_now; /* answer */
};
void spool_reserve(struct spool *sp, struct spool_reserve *r);

/* A provider's health (at most 512 bytes): rides with whatever is committed
 * next, the last one wins. */
void spool_health_put(
    struct spool *sp, const char *provider, const void *p, size_t n);
/* 0 and the bytes (at most max); -1: none. */
MUST_CHECK int spool_health_get(struct spool_reader *r, const char *provider,
    void *p, size_t max, size_t *n);

/* In-flight ring: what is being handled, for the poison rule.  Relay thread. */
void spool_flight_add(struct spool *sp, uint64_t mid);
void spool_flight_del(struct spool *sp, uint64_t mid);

/* After each commit that made keys: once per key, in the thread of the
 * mailbox.  env is a reference handed over where the content is in memory and
 * memory_max allows it, else NULL.  Set before spool_start(). */
struct spool_ready {
	struct spool_key key;
	struct envelope *env;
};
typedef void spool_ready_fn(
    void *owner, const struct spool_ready *ready, size_t n);
void spool_on_ready(struct spool *sp, struct mailbox *to, spool_ready_fn *fn);

/* --- reading (one reader a thread; nothing is held between the calls) -------
 */
struct spool_reader *spool_reader_new(struct spool *sp);
void spool_reader_free(struct spool_reader **r);

/* Keys of one route, priority and lane that are due, in order, behind *after
 * (NULL: from the start).  *next_due_ms: of the first that is not due, or
 * INT64_MAX.  Returns how many, at most max; -1 on an error of the store. */
int spool_due(struct spool_reader *r, uint32_t route, uint8_t priority,
    uint8_t lane, const struct spool_key *after, int64_t now_ms,
    struct spool_key *keys, size_t max, int64_t *next_due_ms);
/* The first lane >= lane that has keys (due or not); -1: none. */
int spool_lane(
    struct spool_reader *r, uint32_t route, uint8_t priority, uint8_t lane);
/* The parked keys of a route for a reason; as spool_due(). */
int spool_parked(struct spool_reader *r, enum spool_hold hold, uint32_t route,
    const struct spool_key *after, struct spool_key *keys, size_t max);

struct spool_loaded {
	struct envelope *env; /* yours; content in it up to 64 KiB */
	uint32_t attempts;    /* of this delivery so far */
	struct spool_key key; /* as it is in the store now */
	char provider[64];    /* last one tried, or "" */
};
/* 0; 1 it is gone; -1 *err (also a record that cannot be read). */
MUST_CHECK int spool_load(struct spool_reader *r, uint64_t mid, uint16_t n,
    struct spool_loaded *out, struct err *err);
/* Content from offset: fills up to max bytes, returns how many (0 at the
 * end), -1 *err.  At most 64 KiB a call. */
MUST_CHECK int64_t spool_content(struct spool_reader *r, uint64_t mid,
    uint64_t offset, char *p, size_t max, struct err *err);

/* Message ids > after and < until that have queued deliveries, in order; the
 * age sweeper's (expiry, delay notices).  A page looks at no more than 1,024
 * messages: *seen is the last one looked at. */
int spool_sweep(struct spool_reader *r, uint64_t after, uint64_t until,
    uint64_t *mids, size_t max, uint64_t *seen);
/* The deliveries of a message that are still queued. */
int spool_deliveries(
    struct spool_reader *r, uint64_t mid, struct spool_key *keys, size_t max);

struct spool_stats {
	uint64_t queued, queued_bytes, held, dead, doubt;
	uint64_t commits, operations, commit_us_p50, commit_us_p99;
	uint64_t map_used, disk_free, readers;
	bool full; /* low-water mark reached: nothing is accepted */
};
void spool_stats(struct spool *sp, struct spool_stats *st); /* any thread */

/* A page of the dead letters, oldest first: keys behind *after_ms/after_mid. */
struct spool_dead {
	int64_t at_ms;
	uint64_t mid;
	uint16_t n;
	char cause[32], provider[64];
	uint16_t code;
	char enhanced[12], text[512];
};
int spool_dead_page(struct spool_reader *r, const struct spool_dead *after,
    struct spool_dead *out, size_t max);

#endif
