/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool/record - the values of the tables as bytes, and back.  Pure.  A value
 * starts with its version; numbers are LEB128 varints (or fixed big-endian),
 * strings are length + 1 (0: none) and bytes.  Reading checks every bound and
 * allocates nothing: what it fills in borrows from the value.
 */
#ifndef SPOOL_RECORD_H
#define SPOOL_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/err.h"
#include "postern/base/str.h"

#define RECORD_VERSION 1

/* --- bytes out; full sticks when max was not enough --- */
struct record_out {
	unsigned char *p;
	size_t n, max;
	bool full;
};
void record_begin(struct record_out *o, void *p, size_t max);
void record_u8(struct record_out *o, uint8_t v);
void record_fixed(struct record_out *o, uint64_t v, unsigned bytes);
void record_num(struct record_out *o, uint64_t v);
void record_signed(struct record_out *o, int64_t v);  /* zigzag */
void record_text(struct record_out *o, struct str s); /* p NULL: none */
void record_raw(struct record_out *o, struct str s);

/* --- bytes in; bad sticks, everything after it is 0 or none --- */
struct record_in {
	const unsigned char *p;
	size_t n;
	bool bad;
};
struct record_in record_of(struct str v);
uint8_t record_get_u8(struct record_in *in);
uint64_t record_get_fixed(struct record_in *in, unsigned bytes);
uint64_t record_get_num(struct record_in *in, uint64_t max);
int64_t record_get_signed(struct record_in *in);
struct str record_get_text(struct record_in *in);
/* 0: all was read and was in order. */
MUST_CHECK int record_end(const struct record_in *in);

/* --- a delivery: the value of dlv, and part of msg --- */
enum record_place {
	RECORD_SCHEDULED,
	RECORD_PARKED,
	RECORD_DEAD, /* kept as a dead letter */
	RECORD_GONE, /* finished; kept while others of the message are not */
	RECORD_PLACES
};
struct record_delivery {
	enum record_place place;
	uint8_t hold; /* enum spool_hold, when parked */
	bool handed;  /* over from another route */
	uint8_t priority, lane;
	uint32_t route;
	int64_t due_ms; /* when dead: since when */
	uint32_t attempts;
	struct str provider; /* last one tried */
};
void record_put_delivery(struct record_out *o, const struct record_delivery *d);
MUST_CHECK int record_read_delivery(struct str v, struct record_delivery *d);

/* --- a message --- */
enum record_msg_flag {
	RECORD_BODY_INLINE = 1 << 0,  /* body stands in the value */
	RECORD_RCPTS_INLINE = 1 << 1, /* so do the recipients of delivery 0 */
	RECORD_WISHES = 1 << 2, /* and mt_priority and release_ms: not both 0 */
	RECORD_BY = 1 << 3,     /* and by_ms: not 0 */
};
struct record_msg {
	uint8_t inlined;     /* enum record_msg_flag */
	uint16_t queued;     /* deliveries scheduled or parked */
	uint16_t dead;       /* deliveries kept as dead letters */
	uint16_t deliveries; /* in all */
	uint32_t nrcpts;     /* of all deliveries */
	uint32_t flags;      /* enum envelope_flag */
	uint32_t crc32c;
	uint64_t size, parent;
	int64_t arrival_ms;
	int8_t mt_priority;
	int64_t release_ms; /* 0: none */
	int64_t by_ms;      /* 0: none */
	struct str sender, envid, client, helo, listener, user, message_id;
	struct record_delivery first;
	struct str rcpts; /* records of recipients, when inline */
	struct str body;  /* when inline */
};
void record_put_msg(struct record_out *o, const struct record_msg *m);
size_t record_msg_room(const struct record_msg *m); /* it takes no more */
MUST_CHECK int record_read_msg(struct str v, struct record_msg *m);

/* --- recipients: a run of records, in msg or in chunks of rcpt --- */
struct record_rcpt {
	uint32_t index; /* in the envelope */
	uint8_t state;  /* enum envelope_rcpt_state */
	uint8_t notify;
	uint16_t code;
	struct str address, orcpt, enhanced, text;
};
/* prev: the record before it in the same run (NULL: the first); an equal reply
 * is stored once. */
void record_put_rcpt(struct record_out *o, const struct record_rcpt *r,
    const struct record_rcpt *prev);
/* 1 *r filled (give it back unchanged for the next), 0 the end, -1 bad. */
MUST_CHECK int record_read_rcpt(struct record_in *in, struct record_rcpt *r);

/* --- a dead letter --- */
struct record_dead {
	uint16_t code;
	struct str cause, provider, enhanced, text;
};
void record_put_dead(struct record_out *o, const struct record_dead *d);
MUST_CHECK int record_read_dead(struct str v, struct record_dead *d);

/* --- a delivery whose end may have left --- */
struct record_doubt {
	struct str provider;
	int64_t at_ms;
	uint32_t first, last; /* indexes of recipients */
};
void record_put_doubt(struct record_out *o, const struct record_doubt *d);
MUST_CHECK int record_read_doubt(struct str v, struct record_doubt *d);

/* --- small ones: a version and numbers (stat, stage, gc, quota, ...) --- */
void record_put_pair(struct record_out *o, uint64_t a, uint64_t b);
MUST_CHECK int record_read_pair(struct str v, uint64_t *a, uint64_t *b);
void record_put_quota(struct record_out *o, int64_t reserved, int64_t spent);
MUST_CHECK int record_read_quota(
    struct str v, int64_t *reserved, int64_t *spent);
void record_put_named(struct record_out *o, struct str name);
MUST_CHECK int record_read_named(struct str v, struct str *name);

#endif
