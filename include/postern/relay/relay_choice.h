/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/relay_choice - which provider a message on a route would be handed now,
 * and how the others stand; for other threads, as relay_view.h is.
 */
#ifndef RELAY_RELAY_CHOICE_H
#define RELAY_RELAY_CHOICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mailbox;
struct relay;

struct relay_choice_ask { /* copied */
	const char *route;
	const char *sender; /* "" is the null sender */
	uint64_t size;      /* bytes; 0: not known */
};

struct relay_choice_candidate {
	char *name;        /* owned by the choice */
	const char *state; /* as in a view */
	const char *why;   /* it is closed, a word; or NULL */
	const char *lacks; /* for this message: "size", "identity"; or NULL */
	uint64_t for_ms;   /* as in a view */
	uint64_t slot_ms;  /* until its rates let the next one go; 0: now */
	bool is_pick;
};

struct relay_choice {
	bool is_known; /* there is such a route */
	/* How the entry picked among several: "hash"; NULL: there was one. */
	const char *balance;
	size_t n; /* in the order of the route's `use` */
	struct relay_choice_candidate *candidates;
};

typedef void relay_choice_fn(void *arg, const struct relay_choice *c);

/* fn(arg, choice) in the thread of back; the choice ends with the call. */
void relay_choice_ask(struct relay *r, struct mailbox *back,
    const struct relay_choice_ask *ask, relay_choice_fn *fn, void *arg);

#endif
