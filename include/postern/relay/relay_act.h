/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/relay_act - what an operator does with a message in the spool.  The
 * relay knows what is being sent and leaves that alone; what waits in its
 * memory it takes out first.  Each delivery is one operation of the spool:
 * whole, or not at all.
 */
#ifndef RELAY_RELAY_ACT_H
#define RELAY_RELAY_ACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/spool/spool.h"

struct mailbox;
struct relay;

enum relay_act_verb {
	RELAY_ACT_HOLD,    /* it waits for release, however long */
	RELAY_ACT_RELEASE, /* of what is held, for whatever reason */
	RELAY_ACT_RETRY,   /* what waits for its time is due now */
	RELAY_ACT_DELETE,  /* what is queued or held goes, nobody is told */
	RELAY_ACT_RESEND,  /* what is dead has a new life */
	RELAY_ACT_DISCARD, /* what is dead goes */
	RELAY_ACT_REROUTE, /* what is queued or held goes other ways */
};

enum relay_act_result {
	RELAY_ACT_DONE,
	RELAY_ACT_BUSY, /* it is being sent, or that is written down just now */
	RELAY_ACT_AS_IS,   /* it is so already */
	RELAY_ACT_UNFIT,   /* not what the verb is for */
	RELAY_ACT_EARLY,   /* its sender does not want it sent yet */
	RELAY_ACT_DAMAGED, /* its record cannot be read */
	RELAY_ACT_GONE,    /* it was settled meanwhile */
	RELAY_ACT_FAILED,  /* the spool could not write it */
};

struct relay_act {
	enum relay_act_verb verb;
	uint64_t mid;
	int n; /* a delivery of it; -1: all */
	uint32_t uid;
	bool has_priority; /* with RELEASE and RESEND: another one */
	uint8_t priority;
	/* With REROUTE, of one delivery; copied. */
	const struct spool_delivery *ways; /* route, priority, lane */
	uint16_t nways;
	const uint16_t *way_of; /* of each of the message's recipients */
	uint32_t nrcpts;
};

struct relay_acted { /* a delivery */
	uint64_t mid;
	uint16_t n;
	enum relay_act_result result;
	enum spool_row_state state; /* as it was found */
	enum spool_hold hold;
};

/* n 0: there is no such message.  error: of the last that failed, or NULL.
 * Borrowed until it returns. */
typedef void relay_act_fn(
    void *arg, const struct relay_acted *acted, size_t n, const char *error);

/* fn() in the thread of back, as for relay_view_ask(). */
void relay_act_ask(struct relay *r, const struct relay_act *what,
    struct mailbox *back, relay_act_fn *fn, void *arg);

/* What would become of it, unless it is being sent.  Any thread. */
enum relay_act_result relay_act_judge(
    enum relay_act_verb verb, const struct spool_row *row, int64_t now_ms);
const char *relay_act_word(enum relay_act_verb verb); /* "hold" */

#endif
