/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool/envelope - a message: from whom, to whom, how it came; and its content
 * where that is in memory.  Reference-counted, immutable once handed to the
 * spool.  RFC 5321 (envelope), 3461 (NOTIFY, ORCPT, RET, ENVID), 6710, 4865,
 * 2852.
 */
#ifndef SPOOL_ENVELOPE_H
#define SPOOL_ENVELOPE_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/base/str.h"

struct body;

enum envelope_flag {
	ENVELOPE_8BITMIME = 1 << 0,    /* MAIL ... BODY=8BITMIME */
	ENVELOPE_SMTPUTF8 = 1 << 1,    /* MAIL ... SMTPUTF8 */
	ENVELOPE_BODY_8BIT = 1 << 2,   /* bytes above 0x7f in the body */
	ENVELOPE_HEADER_8BIT = 1 << 3, /* ... in the header */
	ENVELOPE_RET_FULL = 1 << 4,    /* RET=FULL */
	ENVELOPE_RET_HDRS = 1 << 5,    /* RET=HDRS */
	ENVELOPE_NOTICE = 1 << 6,      /* made here: bounce, delay, success */
	ENVELOPE_REQUIRETLS = 1 << 7,  /* MAIL ... REQUIRETLS */
	ENVELOPE_AUTH = 1 << 8,        /* MAIL ... AUTH=, whoever it named */
	ENVELOPE_BINARY = 1 << 9,      /* the body is not made of lines */
	ENVELOPE_BY_RETURN = 1 << 10,  /* BY=...;R: not later than by_ms */
	ENVELOPE_BY_TRACE = 1 << 11,   /* BY=...;NT, ;RT */
	ENVELOPE_REVIVED = 1 << 12,    /* release_ms: when it got a new life */
};

enum envelope_notify { /* 0: none was given */
	ENVELOPE_NOTIFY_NEVER = 1 << 0,
	ENVELOPE_NOTIFY_SUCCESS = 1 << 1,
	ENVELOPE_NOTIFY_FAILURE = 1 << 2,
	ENVELOPE_NOTIFY_DELAY = 1 << 3,
};

/* Of those who get a message in one recipient's place the first keeps NOTIFY as
 * it was said, and the others this: each failure is told as was asked for, a
 * success once (RFC 3461 5.2.7.3, its ways (b) and (c) each where it fits). */
uint8_t envelope_notify_others(uint8_t notify);

enum envelope_rcpt_state {
	ENVELOPE_QUEUED,
	ENVELOPE_DELIVERED,
	ENVELOPE_DEAD,  /* failed for good; kept while the message is */
	ENVELOPE_DOUBT, /* nobody knows whether it was delivered */
};

struct envelope_rcpt {
	const char *address; /* as in RCPT TO, without <> */
	const char *orcpt;   /* "rfc822;..." as given (xtext), or NULL */
	uint8_t notify;      /* enum envelope_notify */
	uint16_t delivery;   /* n of the delivery it belongs to */
	enum envelope_rcpt_state state;
	uint16_t code;        /* last reply, 0: none */
	const char *enhanced; /* "4.2.1", or NULL */
	const char *text;     /* last reply's text, or NULL */
};

struct envelope {
	uint64_t mid;
	uint64_t parent;    /* mid that a notice speaks of, else 0 */
	int64_t arrival_ms; /* wall clock */
	uint64_t size;      /* bytes of content, our Received included */
	uint32_t crc32c;    /* of the content */
	uint32_t flags;     /* enum envelope_flag */
	int8_t mt_priority; /* RFC 6710: -9 to 9 */
	int64_t release_ms; /* wall clock: not sent before; 0: at once */
	int64_t by_ms;      /* wall clock: BY= of MAIL; 0: none was said */
	const char *sender; /* "" is the null sender */
	const char *envid;  /* xtext as given, or NULL */
	const char *client; /* "192.0.2.1", "local", "uid=33" */
	const char *helo;   /* what it called itself, or NULL */
	const char *listener;
	const char *user;       /* authenticated as, or NULL */
	const char *message_id; /* of the header, cut at 255 bytes, or NULL */
	uint32_t nrcpts;
	const struct envelope_rcpt *rcpts;
	struct body *body; /* whole content, or NULL: in the store only */
};

/* Copies everything (also the strings); takes its own reference to body. */
struct envelope *envelope_new(const struct envelope *from);
struct envelope *envelope_ref(struct envelope *e); /* any thread */
void envelope_free(struct envelope **e);           /* drops a reference */
/* Bytes of memory it holds, content included. */
size_t envelope_memory(const struct envelope *e);

#endif
