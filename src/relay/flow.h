/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/flow - at what pace a provider is used: its own windows and those of
 * the limits that it shares.  A delivery is taken for a session only with a
 * slot of each, right before MAIL leaves.
 */
#ifndef RELAY_FLOW_H
#define RELAY_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/relay/relay.h"

struct allowance;
struct delivery;
struct outcome;
struct provider;
struct throttle_slot;

#define FLOW_MAX (2 + RELAY_LIMITS_MAX) /* its own, its ramp's */

struct flow {
	size_t n;
	struct allowance *allowance[FLOW_MAX]; /* its own first */
	int64_t ramp_day; /* that the ramp's allowance is of */
	/* Messages that the slowest of its short windows lets through, its own
	 * or a shared one's, where each has one recipient; 0: it has none.
	 * A longer one is a quota: what there is of it may go at once. */
	double per_s;
	uint64_t wake_ms;  /* the next slot; 0: not known to be missing */
	uint64_t block_ms; /* the next delivery, with its recipients, has none
	                    * before; 0: not known */
	uint64_t spent_ms; /* a window is full until then, for a while */
};

/* What a transaction holds. */
struct flow_lease {
	size_t n;
	struct throttle_slot *slot[FLOW_MAX];
};

void flow_init(struct provider *p); /* by its settings */
/* By other ones: what was sent stays counted. */
void flow_renew(struct provider *p);
/* The shared limit of that name; NULL: there is none. */
const struct relay_limit *flow_limit(
    const struct relay_settings *s, const char *name);
void flow_look(struct provider *p); /* a new day may have begun */
/* The next delivery of p that may start now; NULL: none waits, or there is no
 * slot for it. */
struct delivery *flow_next(struct provider *p);
/* Would there be one for a message of one recipient? */
bool flow_has_slot(struct provider *p);
/* A transaction starts, and ends. */
void flow_begin(struct delivery *d, struct provider *p);
void flow_end(struct delivery *d, const struct outcome *o);
/* Is a window full for so long that its mail goes elsewhere? */
bool flow_is_spent(const struct provider *p, uint64_t now_ms);
uint64_t flow_wake_ms(const struct provider *p);
uint32_t flow_rcpts(const struct provider *p); /* 0: no bound */
/* So many of its sessions are there more, and less. */
void flow_opened(struct provider *p, size_t n);
void flow_closed(struct provider *p, size_t n);
/* How many more its limits allow; SIZE_MAX: they bound none. */
size_t flow_conns_left(const struct provider *p);
/* Do they share a limit that allows no more sessions just now?  The fewest that
 * such a one allows; 0: they do not. */
uint32_t flow_contended(const struct provider *p, const struct provider *q);

#endif
