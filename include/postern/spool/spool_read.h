/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool/spool_read - reading the spool: the schedule, a message, listings.
 * Include spool.h.  Numbers returned: how many, or -1 for an error of the
 * store.
 */
#ifndef SPOOL_SPOOL_READ_H
#define SPOOL_SPOOL_READ_H

#include "postern/spool/spool.h"
#include "postern/spool/spool_ops.h"

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
/* The first lane >= lane that has keys (due or not); SPOOL_LANES: none. */
#define SPOOL_LANES 256
int spool_lane(
    struct spool_reader *r, uint32_t route, uint8_t priority, uint8_t lane);
/* 1 *route: the first >= from that has keys (due or not); 0 none. */
int spool_next_route(struct spool_reader *r, uint32_t from, uint32_t *route);
/* The parked keys of a reason, of all routes; as spool_due(). */
int spool_parked(struct spool_reader *r, enum spool_hold hold,
    const struct spool_key *after, struct spool_key *keys, size_t max);

struct spool_loaded {
	struct envelope *env; /* yours; content in it up to 64 KiB */
	uint32_t attempts;    /* of this delivery so far */
	struct spool_key key; /* as it is in the store now */
	char provider[64];    /* last one tried, or "" */
	enum spool_hold hold; /* parked for it; NONE: scheduled */
	bool handed;          /* another route handed it over */
};
/* 0; 1 it is gone; -1 *err (also a record that cannot be read). */
MUST_CHECK int spool_load(struct spool_reader *r, uint64_t mid, uint16_t n,
    struct spool_loaded *out, struct err *err);
/* A message as a whole, with all of its deliveries that are not over, dead ones
 * too, counted anew from 0; without the recipients of those that are.  Content
 * as in spool_load().  0; 1 it is gone; -1 *err.  Yours to spool_whole_free().
 */
struct spool_whole {
	struct envelope *env;
	uint16_t ndeliveries;
	struct spool_delivery *at; /* ndeliveries */
	struct spool_past *past;   /* likewise */
};
MUST_CHECK int spool_whole(struct spool_reader *r, uint64_t mid,
    struct spool_whole *out, struct err *err);
void spool_whole_free(struct spool_whole *w);
/* Content from offset: fills up to max bytes, returns how many (0 at the
 * end), -1 *err.  At most 64 KiB a call. */
MUST_CHECK int64_t spool_content(struct spool_reader *r, uint64_t mid,
    uint64_t offset, char *p, size_t max, struct err *err);

/* The schedule's keys that are due later than due_ms, of all routes, in order:
 * the next of them.  A page takes a bounded number of looks, so it may be empty
 * and not yet the last; as spool_due(). */
struct spool_late { /* begin with the rest all zero */
	int64_t due_ms;
	bool over;           /* there is no other */
	struct spool_key at; /* private */
	bool behind;         /* private */
};
int spool_late(struct spool_reader *r, struct spool_late *l,
    struct spool_key *keys, size_t max);

/* Message ids > after and < until that have queued deliveries, in order; the
 * age sweeper's (expiry, delay notices).  A page looks at no more than 1,024
 * messages.  Those that are released later than released_ms are left out. */
struct spool_sweep {
	uint64_t after, until;
	int64_t released_ms;
	/* what was found: */
	uint64_t seen;   /* the last one looked at */
	int64_t held_ms; /* the first release of those left out; 0: none */
};
int spool_sweep(
    struct spool_reader *r, struct spool_sweep *s, uint64_t *mids, size_t max);
/* The deliveries of a message that are still queued, or parked but by an
 * operator or in doubt: those whose time may be over. */
int spool_deliveries(
    struct spool_reader *r, uint64_t mid, struct spool_key *keys, size_t max);

/* Deliveries whose deadline (BY= of MAIL) is until_ms or before it, in order,
 * behind *after (NULL: from the start); as spool_due(). */
struct spool_deadline {
	int64_t by_ms;
	uint64_t mid;
	uint16_t n;
};
int spool_deadlines(struct spool_reader *r, const struct spool_deadline *after,
    int64_t until_ms, struct spool_deadline *out, size_t max);

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

/* What is reserved and spent of an owner's allowance, by window and start:
 * behind *after (its first two). */
struct spool_quota {
	uint32_t window_s;
	int64_t start_ms, reserved, spent;
};
int spool_quotas(struct spool_reader *r, const char *owner,
    const struct spool_quota *after, struct spool_quota *out, size_t max);

/* A page of all messages, by id: behind after.  One short read. */
struct spool_item {
	uint64_t mid, size;
	uint32_t crc32c; /* of the content */
	int64_t arrival_ms;
	uint16_t queued; /* deliveries scheduled or parked */
	uint16_t dead;   /* deliveries kept as dead letters */
	uint32_t nrcpts;
	uint32_t attempts; /* of the first delivery */
	char sender[256];  /* cut */
};
#define SPOOL_PAGE 256
int spool_list(
    struct spool_reader *r, uint64_t after, struct spool_item *out, size_t max);
/* The id before that one (UINT64_MAX: the last one): 1 *mid; 0 none; -1. */
int spool_before(struct spool_reader *r, uint64_t before, uint64_t *mid);

/* What happened to messages lately, oldest first; the oldest are dropped when
 * journal_max is reached.  Addresses and ids as fingerprints. */
enum spool_event_kind {
	SPOOL_EVENT_ACCEPTED = 1,
	SPOOL_EVENT_DELIVERED,
	SPOOL_EVENT_DEFERRED,
	SPOOL_EVENT_DEAD,
	SPOOL_EVENT_PARKED,
	SPOOL_EVENT_MOVED,
	SPOOL_EVENT_REMOVED,
	SPOOL_EVENT_PURGED,
	SPOOL_EVENT_DOUBT,
};
#define SPOOL_EVENT_RCPTS 32 /* more recipients: another event of the kind */
#define SPOOL_EVENT_TEXT 128 /* a reply is cut */
struct spool_event {
	int64_t at_ms;
	uint64_t mid;
	enum spool_event_kind kind;
	uint16_t n;
	uint16_t code;
	bool is_short; /* its fingerprints have 16 bits: of an older version */
	uint32_t sender, message_id, provider_id; /* fingerprints, 0: none */
	uint16_t nrcpts;
	uint32_t rcpts[SPOOL_EVENT_RCPTS];
	char provider[64];
	bool by_operator;
	uint32_t uid;   /* the operator's */
	uint32_t route; /* accepted, handed over; 0: none */
	enum spool_route_why why;
	char client[64]; /* accepted */
	char cause[32];  /* "expired"; or what it is parked for */
	char enhanced[12], text[SPOOL_EVENT_TEXT];
};
/* The events of the commits behind *place (start with 0), as many whole
 * commits as fit max (at least SPOOL_JOURNAL_MIN); moves *place. */
#define SPOOL_JOURNAL_MIN 512
int spool_journal_page(struct spool_reader *r, uint64_t *place,
    struct spool_event *out, size_t max);
uint32_t spool_fingerprint(struct str s); /* ASCII case ignored */
/* Is one of the names of the event one with that fingerprint? */
bool spool_event_names(const struct spool_event *e, uint32_t fingerprint);

/* --- a copy -----------------------------------------------------------------
 */

/* All of the spool as it is now, into an empty file of the caller's, and to the
 * disk: whole databases may be made of it (data.mdb).  Any thread; as long as
 * it goes on no page that is freed meanwhile is used again, so that the spool's
 * own file grows.  ERR_FULL: there is no room for it, which is found out
 * before. */
MUST_CHECK int spool_copy(struct spool *sp, int fd, struct err *err);
/* Bytes that it will have, about. */
MUST_CHECK int spool_copy_bytes(
    struct spool *sp, uint64_t *bytes, struct err *err);

#endif
