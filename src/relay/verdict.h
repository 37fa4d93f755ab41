/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/verdict - what a reply, or the loss of a session, means: a class; and
 * what a class does to recipient, message, session and provider.  All wisdom
 * about that is in the tables of verdict.c (relay.md section 3).
 */
#ifndef RELAY_VERDICT_H
#define RELAY_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct outcome;
struct relay_reply;
struct verdict_rule;

enum verdict_class {
	VERDICT_OK,
	VERDICT_STALE,     /* a re-used session had died */
	VERDICT_RECYCLE,   /* enough messages on this session */
	VERDICT_CONNS,     /* too many sessions */
	VERDICT_RATE,      /* slower */
	VERDICT_QUOTA,     /* no more today */
	VERDICT_BACKOFF,   /* busy, 421 */
	VERDICT_AUTH_TEMP, /* login cannot be checked now */
	VERDICT_AUTH,      /* login refused */
	VERDICT_SUSPENDED, /* account blocked */
	VERDICT_TLS,
	VERDICT_NET,
	VERDICT_IDENTITY,     /* not with this sender here */
	VERDICT_SPLIT,        /* too many recipients at once */
	VERDICT_UNFIT,        /* lacks what the message needs */
	VERDICT_RCPT,         /* this recipient: never */
	VERDICT_RCPT_TEMP,    /* this recipient: later */
	VERDICT_MESSAGE,      /* this message: never */
	VERDICT_MESSAGE_TEMP, /* this message, or all: later */
	VERDICT_DEFERRED,     /* this message in particular: later */
	VERDICT_UNSURE,       /* lost after the final dot */
	VERDICT_POISON,       /* costs sessions, and others do not */
	VERDICT_STRANGE,      /* refuses everybody, in unknown words */
	VERDICT_CORRUPT,      /* our own store is damaged */
	VERDICT_CLASSES
};

enum verdict_message { /* what happens to message or recipient */
	VERDICT_TO_DONE,
	VERDICT_TO_SAME,    /* again at once, same provider, not counted */
	VERDICT_TO_NEXT,    /* the next provider now */
	VERDICT_TO_REST,    /* those not taken: in the next transaction */
	VERDICT_TO_OTHER,   /* the next provider; if all say so: fail */
	VERDICT_TO_LATER,   /* the next provider; else by the schedule */
	VERDICT_TO_SUSPECT, /* by the schedule; the third time it is held */
	VERDICT_TO_WAIT,    /* by the schedule, nobody else is asked */
	VERDICT_TO_FAIL,    /* dead, bounce */
	VERDICT_TO_DEAD,    /* dead, no bounce */
};

enum verdict_provider {  /* what happens to the provider */
	VERDICT_HEALTHY, /* it works */
	VERDICT_NEUTRAL,
	VERDICT_FAILS, /* counts toward the breaker */
	VERDICT_OPENS, /* opens the breaker at once */
	VERDICT_SLOWS,
	VERDICT_CLOSES,   /* until its quota is there again */
	VERDICT_CROWDED,  /* fewer sessions */
	VERDICT_SHORTENS, /* fewer messages a session */
};

struct verdict_row {
	const char *name;
	enum verdict_message message;
	enum verdict_provider provider;
	bool is_trouble;               /* the provider's, not the message's */
	bool is_alert;                 /* a person must mend it */
	uint64_t open_ms, open_max_ms; /* of VERDICT_OPENS */
};

struct verdict {
	enum verdict_class class;
	uint64_t wait_ms; /* as pattern or reply says, 0: nothing is said */
	bool is_guess;    /* the words leave open who is meant */
	/* What matched: one of both, or none (no reply, or a good one). */
	const struct relay_reply *pattern; /* the context's */
	const struct verdict_rule *rule;
};

/* What the reply's meaning depends on. */
struct verdict_context {
	uint32_t messages; /* ended before on this session */
	uint32_t accepted; /* recipients accepted so far in the transaction */
	uint32_t nrcpts;   /* in the transaction */
	bool was_stale;    /* the session before, of this message: once is bad
	                      luck, twice is the provider */
	int64_t now_ms;    /* wall clock */
	size_t nreplies;
	const struct relay_reply *replies; /* the operator's, first wins */
};

struct verdict verdict_of(
    const struct outcome *o, const struct verdict_context *ctx);
/* For people: "any stage, code 400 to 599, \"daily\" and \"limit\"". */
void verdict_rule_text(const struct verdict_rule *r, FILE *out);
const struct verdict_row *verdict_row(enum verdict_class c);

#endif
