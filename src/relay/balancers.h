/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/balancers - how a group shares mail among its members: two functions
 * each, in one table.  Pure: what is known of the members, and chance, are
 * handed in.
 */
#ifndef RELAY_BALANCERS_H
#define RELAY_BALANCERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/relay/relay.h"

struct balancers_member {
	const char *name; /* the same after a restart */
	uint32_t weight;  /* at least 1 */
	bool may;         /* it can take this one */
	size_t in_flight; /* deliveries it has, sent or waiting there */
	uint64_t txn_us;  /* mean time of its transactions; 0: unknown */
	int64_t credit;   /* weighted's own */
};

struct balancers_ask {
	const char *sender; /* address, or ""; NULL: not known yet */
	uint64_t rnd;
};

struct balancer {
	/* Mail is kept for the one whose turn it is, though it has no room
	 * left for more; others get what it cannot take at once. */
	bool keeps;
	/* The member to take of n; n: none may, or that depends on the
	 * sender. */
	size_t (*pick)(const struct balancers_member *m, size_t n,
	    const struct balancers_ask *ask);
	/* That was done.  NULL: nothing to remember. */
	void (*note)(struct balancers_member *m, size_t n, size_t picked);
};

const struct balancer *balancers_of(enum relay_balance balance);
const char *balancers_word(const struct balancer *b); /* "hash" */

#endif
