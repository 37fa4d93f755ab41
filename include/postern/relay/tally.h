/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/tally - what the relay counts, by the name of a provider.  A tally is
 * there as long as the relay is, or a view of it, whatever becomes of the
 * provider: only the relay's thread writes, any thread reads.  Names beyond
 * TALLY_MAX share one tally, so that there is a bound.
 */
#ifndef RELAY_TALLY_H
#define RELAY_TALLY_H

#include <stddef.h>

#include "postern/base/stat.h"

#define TALLY_MAX 256 /* names since the start, each of some 64 KiB */
#define TALLY_NAME 64
#define TALLY_CLASSES 32
#define TALLY_LEVELS 4

enum tally_result { /* of a recipient */
	TALLY_DELIVERED,
	TALLY_DEFERRED,
	TALLY_BOUNCED,
	TALLY_DEAD, /* kept, nobody was told */
	TALLY_DOUBT,
	TALLY_HANDED, /* to another route */
	TALLY_RESULTS
};

enum tally_stage { /* the ways of a session and its transactions */
	TALLY_DNS,
	TALLY_CONNECT,
	TALLY_TLS,
	TALLY_LOGIN,    /* greeting, EHLO, AUTH */
	TALLY_ENVELOPE, /* MAIL, RCPT, DATA */
	TALLY_CONTENT,  /* to the reply to its end */
	TALLY_STAGES
};

enum tally_breaker {
	TALLY_CLOSED,
	TALLY_OPEN,
	TALLY_HALF_OPEN,
	TALLY_BREAKERS
};

/* Classes as metrics tell them: a class of its own for what an operator acts
 * on, the rest put together, so that the number of series has a bound. */
enum tally_group {
	TALLY_GROUP_OK,
	TALLY_GROUP_CONNS,
	TALLY_GROUP_RATE,
	TALLY_GROUP_QUOTA,
	TALLY_GROUP_BACKOFF,
	TALLY_GROUP_AUTH,      /* and auth-temp */
	TALLY_GROUP_SUSPENDED, /* and strange */
	TALLY_GROUP_TLS,
	TALLY_GROUP_NET,     /* and unsure */
	TALLY_GROUP_RCPT,    /* and rcpt-temp */
	TALLY_GROUP_MESSAGE, /* and message-temp, deferred, identity, unfit,
	                        poison */
	TALLY_GROUP_OTHER,
	TALLY_GROUPS
};

/* Why mail went elsewhere than to whose turn it was: a group, or one of these.
 */
enum tally_reason {
	TALLY_REASON_PAUSED = TALLY_GROUPS, /* by an operator */
	TALLY_REASON_FULL,                  /* the route spills over */
	TALLY_REASONS
};

struct tally {
	char name[TALLY_NAME];
	size_t place; /* so many names came before it; TALLY_MAX: shared */
	struct stat_counter results[TALLY_RESULTS];
	struct stat_counter attempts[TALLY_CLASSES]; /* transactions */
	struct stat_counter failures[TALLY_CLASSES]; /* sessions not opened, or
	                                              * lost */
	struct stat_counter opened, reused; /* sessions; transactions on one
	                                     * that had had another */
	struct stat_counter breaker[TALLY_BREAKERS]; /* changes to it */
	struct stat_counter level[TALLY_LEVELS];     /* likewise */
	struct stat_counter unsure; /* may have been delivered twice */
	struct stat_histogram stage_us[TALLY_STAGES];
	struct stat_histogram delivery_ms; /* from 250 to the provider's */
	struct stat_histogram wait_ms;     /* from 250 to MAIL */
};

/* Deliveries that another provider took.  So many combinations have a counter
 * of their own, in the order of their first time, as long as the relay is. */
#define TALLY_FAILOVERS 96
struct tally_failover {
	const struct tally *from, *to; /* NULL both: of further combinations */
	size_t reason;
	struct stat_counter n;
};

const char *tally_result_word(enum tally_result r);
const char *tally_stage_word(enum tally_stage s);
const char *tally_breaker_word(enum tally_breaker b);
const char *tally_class_word(size_t class); /* NULL: there is none */
const char *tally_level_word(size_t level);
const char *tally_group_word(enum tally_group g);
enum tally_group tally_group_of(size_t class);
const char *tally_reason_word(size_t reason);
uint64_t tally_attempts(const struct tally *t, enum tally_group g);
/* Of fewer groups still: what says "not now" (conns, rate, quota) counts as
 * backoff, and what is no session's fault as other. */
uint64_t tally_failures(const struct tally *t, enum tally_group g);
/* Adds what from has by now; nobody else writes to to. */
void tally_merge(struct tally *to, const struct tally *from);

#endif
