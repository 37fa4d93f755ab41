/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool/spool_ops - the operations: what comes in, what goes out.  Include
 * spool.h.
 */
#ifndef SPOOL_SPOOL_OPS_H
#define SPOOL_SPOOL_OPS_H

#include "postern/spool/spool.h"

/* --- what comes in ------------------------------------------------------ */
struct spool_delivery {
	uint32_t route;
	uint8_t priority, lane;
	int64_t due_ms;
	enum spool_hold hold;     /* NONE: scheduled */
	enum spool_route_why why; /* for the journal */
};

/* What has become of a delivery in the spool that it comes from. */
struct spool_past {
	bool is_dead; /* a dead letter, since due_ms */
	bool handed;  /* over from another route */
	uint32_t attempts;
	char provider[64]; /* last one tried, or "" */
	/* of a dead one, as far as it is known: */
	uint16_t code;
	char cause[32], enhanced[12], text[512];
};

/* The whole content is env->body, or was staged before (env->body NULL). */
#define SPOOL_DROP_MAX 33
struct spool_accept {
	struct spool_op op;
	/* The file of the drop directory that it came from, or "": the last one
	 * is remembered (spool_last_drop()). */
	char drop[SPOOL_DROP_MAX];
	struct envelope *env; /* a reference, handed over */
	uint16_t ndeliveries; /* at least 1 */
	struct spool_delivery first;
	struct spool_delivery *more; /* ndeliveries - 1, owned, or NULL */
	struct spool_past *past; /* ndeliveries, owned; NULL: they are new */
};
void spool_accept(struct spool *sp, struct spool_accept *a);
/* For tools, in the place of spool_start(): all of them in one commit, before
 * it returns, or none of them.  They stay the caller's, without what they
 * handed over. */
MUST_CHECK int spool_accept_now(struct spool *sp,
    struct spool_accept *const *all, size_t n, struct err *err);

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

struct spool_rcpt_reader {
	uint32_t index; /* of whom: in env->rcpts */
	char *address;  /* owned */
};

/* Settles one attempt of one delivery.  Recipients without a result stay as
 * they are.  If recipients are still queued afterwards, the key moves to
 * next_due_ms (or is parked, with hold); else the delivery is finished: kept
 * as a dead letter when one of its recipients is dead and keep_dead is set,
 * removed otherwise; the message goes with its last delivery.  With recipients
 * in doubt and none queued it is parked as such.  A settle with only deliveries
 * and no child starts no commit of its own (at most 20 ms).
 *
 * hands_over: the recipients that it says are dead become a delivery of their
 * own at over_to instead, with a new life (release_ms); that one is marked, so
 * that it is not handed over again.
 *
 * readers, by index: the first takes the place of a recipient that is still
 * queued, others are added behind all, with its ORCPT and
 * envelope_notify_others(). */
struct spool_settle {
	struct spool_op op;
	struct spool_key key; /* as it was handed out */
	int64_t next_due_ms;
	enum spool_hold hold;
	bool keep_dead;
	bool count_attempt;
	bool hands_over;
	struct spool_delivery over_to;
	char provider[64];     /* name; "" none */
	char provider_id[128]; /* the provider's id of the message, or "" */
	const char
	    *cause;    /* static word for journal and dead letter: "expired" */
	int64_t by_ms; /* this deadline of it is dealt with; 0: none */
	struct envelope
	    *child; /* bounce, ...: a reference handed over, or NULL */
	struct spool_delivery child_delivery;
	bool was_last; /* out: nothing of the message is queued or held now */
	uint32_t nreaders;
	struct spool_rcpt_reader *readers; /* owned by who asks; or NULL */
	uint32_t nresults;
	struct spool_rcpt_result results[];
};
void spool_settle(struct spool *sp, struct spool_settle *s);

/* The end of a delivery's content is about to leave: once this is answered with
 * DONE a crash leaves it in doubt.  The next settling ends that, or over: the
 * provider has refused it, and nothing is settled; that starts no commit of its
 * own. */
struct spool_doubt {
	struct spool_op op;
	struct spool_key key;
	bool over;
	char provider[64];
	uint32_t first, last; /* indexes of the recipients it is about */
};
void spool_doubt(struct spool *sp, struct spool_doubt *d);

/* Operator's moves, one delivery each.  One that is dead gets a new life: no
 * attempts, and it counts from now (release_ms).  One that is in doubt is sent
 * again; removed: it had arrived.
 *
 * parts, all with to's hold: it is shared out.  Of the recipients about whom
 * something is still to be done, number i of the message goes with
 * parts[part_of[i]]: the first one's part takes the delivery, each other part
 * is a new one. */
struct spool_move {
	struct spool_op op;
	uint64_t mid;
	uint16_t n;
	struct spool_delivery
	    to;          /* hold NONE also releases; dead ones revive */
	bool revive;     /* dead recipients are queued again */
	bool remove;     /* delete the delivery instead */
	uint16_t nparts; /* 0: all of it goes to "to" */
	struct spool_delivery *parts; /* owned, or NULL */
	uint32_t nrcpts;              /* the message's */
	uint16_t *part_of;            /* owned, or NULL */
	bool by_operator;
	uint32_t uid; /* whose act it is, for the journal */
};
void spool_move(struct spool *sp, struct spool_move *m);

/* Reserves part of a window's allowance (quota), or returns some of it.  An
 * entry of nothing goes; so do those that began two windows before, of which
 * nothing is reserved. */
#define SPOOL_OWNER_MAX 80
struct spool_reserve {
	struct spool_op op;
	char owner[SPOOL_OWNER_MAX]; /* provider, shared limit or user */
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
/* The same, and what is there of all providers is committed soon, with or
 * without anything else. */
void spool_health_keep(
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

#endif
