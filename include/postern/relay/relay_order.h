/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/relay_order - what an operator wants of a provider, from another
 * thread: carried out in the relay's and answered by mailbox.
 */
#ifndef RELAY_RELAY_ORDER_H
#define RELAY_RELAY_ORDER_H

#include <stdbool.h>
#include <stdint.h>

struct mailbox;
struct relay;

enum relay_order_kind {
	RELAY_ORDER_PAUSE,  /* nothing more is asked of it */
	RELAY_ORDER_RESUME, /* it may be asked, whatever was in the way */
	RELAY_ORDER_TOKEN   /* another token is asked for */
};

#define RELAY_ORDER_FOR_MAX_MS (3650ull * 24 * 3600 * 1000)

struct relay_order {
	enum relay_order_kind kind;
	const char *provider; /* its name; copied */
	uint64_t for_ms;      /* of a pause; 0: until it is resumed */
	uint32_t uid;         /* who gave it */
};

typedef void relay_order_fn(void *arg, bool is_known);

/* fn(arg, is there such a provider, and has it tokens?) in the thread of back.
 * It comes whatever happens, as a view does (relay_view.h). */
void relay_order_give(struct relay *r, struct mailbox *back,
    const struct relay_order *o, relay_order_fn *fn, void *arg);

#endif
