/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/delivery - one key in hand: its recipients and what became of each,
 * who was tried, and the transaction that is under way.
 */
#ifndef RELAY_DELIVERY_H
#define RELAY_DELIVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/heap.h"
#include "postern/base/list.h"
#include "postern/smtp/smtp_client.h"
#include "postern/spool/spool.h"

#include "relay/flow.h"
#include "relay/keyset.h"
#include "relay/receipt.h"
#include "relay/verdict.h"

struct agenda_line;
struct domains;
struct doubt;
struct dress;
struct envelope;
struct provider;
struct relay;
struct relay_generation;
struct relay_route;

#define RELAY_WHERE_MAX 160 /* host[address]:port */
#define DELIVERY_MAGIC 0x64656c69u
#define DELIVERY_TRIED_MAX 16
#define DELIVERY_ROUND 3 /* providers asked in a round */

enum delivery_phase {
	DELIVERY_TAKEN,
	DELIVERY_LOADING, /* a helper reads it */
	DELIVERY_WAITING, /* for a session of d->provider */
	DELIVERY_SENDING,
	DELIVERY_QUICK, /* for a short time to pass */
	DELIVERY_SETTLING,
};

enum delivery_purpose {
	DELIVERY_SEND,
	DELIVERY_EXPIRE,
	DELIVERY_WARN,
	DELIVERY_OVERDUE,
	DELIVERY_ACT /* an operator's: nothing is read, nothing sent */
};

enum delivery_rcpt_state {
	DELIVERY_TODO,
	DELIVERY_IN_TXN,   /* in the transaction, no reply yet */
	DELIVERY_ACCEPTED, /* its RCPT was taken; the dot decides */
	DELIVERY_DONE,
	DELIVERY_LATER, /* stays queued, by the schedule */
	DELIVERY_DEAD,
	DELIVERY_HANDED, /* dead here; another route takes it over */
	DELIVERY_DOUBT,  /* perhaps done: held for an operator */
};

struct delivery_reply {
	uint16_t code; /* 0: none */
	char enhanced[12];
	char *text; /* owned, or NULL */
};

struct delivery_rcpt {
	uint32_t index; /* in env->rcpts */
	enum delivery_rcpt_state state;
	bool settled; /* written down already, before the others */
	bool quiet;   /* dead, but nobody is told */
	bool relayed; /* done; to be said, and nobody further on will */
	struct delivery_reply reply;
};

enum delivery_need {
	DELIVERY_NEEDS_UTF8 = 1,
	DELIVERY_NEEDS_8BIT = 2,
	DELIVERY_NEEDS_TLS = 4,    /* RFC 8689 */
	DELIVERY_NEEDS_BINARY = 8, /* RFC 3030 */
	DELIVERY_NEEDS_BY = 16     /* RFC 2852, mode R */
};

struct delivery {
	uint32_t magic;
	enum delivery_phase phase;
	enum delivery_purpose purpose;
	struct relay *relay;
	struct agenda_line *line; /* of its key; counted there */
	struct spool_key key;
	struct keyset_node inhand;
	struct list node; /* of provider.waiting or relay.unsettled */
	struct heap_node wake;
	struct envelope *env;
	uint32_t needs; /* enum delivery_need */
	bool stored;    /* its content comes from the store: to be checked */
	uint32_t attempts;
	struct provider *provider; /* WAITING or SENDING: there */
	struct provider *aim;      /* takes room there while at none; or NULL */
	uint64_t prefer;           /* id of the provider to ask first, or 0 */
	uint64_t tried[DELIVERY_TRIED_MAX]; /* ids */
	uint64_t *refused;                  /* ids: for good; owned */
	uint32_t ntried, nrefused;
	uint32_t nround;        /* asked in this round, and in trouble */
	uint32_t nquick;        /* quick waits so far */
	enum verdict_class why; /* last that was in the way; OK: nothing */
	uint64_t why_provider, why_delivered; /* id; its count at the first */
	const struct tally *turn; /* whose it was, and is not; NULL: the same */
	size_t turn_reason;
	bool later;            /* somebody said 4xx about the message */
	bool cost_session;     /* one was lost with it in hand */
	bool was_stale;        /* the last one was, that it was given to */
	struct doubt *doubt;   /* operation under way, or NULL */
	bool doubted;          /* the spool has it in doubt */
	bool handed;           /* it came over from another route */
	bool unsure;           /* may have been delivered already */
	bool corrupt;          /* what the store has is not what was accepted */
	enum spool_hold lacks; /* what a provider did not offer */
	struct delivery_reply reply; /* last one about the whole message */
	const char *cause; /* static word of the dead letter, or NULL */
	uint32_t nrcpts;
	struct delivery_rcpt *rcpts; /* &one, or owned */
	struct delivery_rcpt one;
	char *from; /* in its header; owned; "": unclear; NULL: none */
	bool from_known;
	struct dress *dress; /* its header at a provider; owned, or NULL */
	struct smtp_txn txn;
	struct relay_generation *gen; /* owned; txn borrows from it, or NULL */
	uint64_t begun;               /* id of txn's provider when it began */
	struct smtp_txn_rcpt *txn_rcpts; /* &txn_one, or owned; NULL: none */
	uint32_t *slot; /* in rcpts, of each recipient of txn */
	struct smtp_txn_rcpt txn_one;
	uint32_t slot_one;
	uint32_t naccepted;
	uint32_t nguessed;          /* refused for good, in unknown words */
	struct flow_lease lease;    /* of txn */
	char receipt[RECEIPT_MAX];  /* the provider's id of it, or "" */
	uint64_t wait_ms;           /* a reply asked for so long, at least */
	enum verdict_class txn_why; /* a RCPT's class that is not its own */
	uint32_t crc;               /* of the content handed on so far */
	uint64_t taken_us, leased_us, sent_us;
	uint64_t setup_us;           /* of the last session, while it waited */
	struct tally *tally;         /* of that provider; else nobody's */
	char via[64];                /* name of the last provider tried */
	char where[RELAY_WHERE_MAX]; /* where that was, or "" */
	int64_t by_ms;          /* this deadline is dealt with in settling it */
	uint32_t nsettles;      /* unanswered ones */
	struct envelope *child; /* a notice, kept until it is committed */
};

struct delivery *delivery_new(struct relay *r, const struct spool_key *key,
    enum delivery_purpose purpose);
void delivery_free(struct delivery **d); /* out of hand too */
/* It turns out to have another place in the schedule. */
void delivery_set_key(struct delivery *d, const struct spool_key *key);
/* It is meant for p, as far as is known. */
void delivery_aim(struct delivery *d, struct provider *p);
/* As its route is now. */
const struct relay_route *delivery_route(const struct delivery *d);
void delivery_set_phase(struct delivery *d, enum delivery_phase phase);
/* Takes the reference; finds its recipients.  false: none is queued. */
bool delivery_open(struct delivery *d, struct envelope *env);
/* Is there room for one of its recipients at least? */
bool delivery_fits(const struct delivery *d, const struct domains *domains);
/* Builds the transaction for up to max recipients (0: all); takes domains. */
struct smtp_txn *delivery_begin(struct delivery *d, struct provider *p,
    uint32_t max, struct domains *domains);
void delivery_rcpt(struct delivery *d, uint32_t index, const struct outcome *o,
    const struct verdict *v);
/* What was said of each recipient is not about recipients. */
void delivery_believe_none(struct delivery *d);
/* The transaction's end: what it means for its recipients. */
void delivery_end(
    struct delivery *d, const struct outcome *o, const struct verdict *v);
/* All that are still to do. */
void delivery_set_todo(struct delivery *d, enum delivery_rcpt_state state,
    const struct delivery_reply *reply);
uint32_t delivery_count(
    const struct delivery *d, enum delivery_rcpt_state state);
void delivery_mark_tried(struct delivery *d, const struct provider *p);
bool delivery_has_tried(const struct delivery *d, const struct provider *p);
/* It will never take it.  All others are asked before it fails: they do not
 * count in the round, and none is forgotten. */
void delivery_mark_refused(struct delivery *d, const struct provider *p);
bool delivery_was_refused(const struct delivery *d, const struct provider *p);
void delivery_reply_set(struct delivery_reply *reply, uint16_t code,
    const char *enhanced, const char *text);
void delivery_reply_done(struct delivery_reply *reply);
/* Whole seconds until its deadline, less than 0 past it; with env->by_ms. */
int32_t delivery_by_s(const struct delivery *d);
/* When its time began: it came, or it was released (RFC 4865). */
int64_t delivery_since_ms(const struct delivery *d);
bool delivery_is_in_memory(const struct delivery *d); /* its whole content */

#endif
