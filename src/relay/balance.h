/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/balance - which provider a delivery goes to: the first in the order
 * that can be used now, has not failed this round and could carry it.
 */
#ifndef RELAY_BALANCE_H
#define RELAY_BALANCE_H

#include <stdbool.h>
#include <stddef.h>

#include "postern/spool/spool.h"

struct delivery;
struct provider;
struct relay;

struct provider *balance_pick(struct relay *r, const struct delivery *d);
/* The first that can be used now, whatever the message; NULL: none. */
struct provider *balance_first(struct relay *r);
/* What d needs and p is known not to have; NONE: it may go there. */
enum spool_hold balance_lacks(
    const struct delivery *d, const struct provider *p);

/* How things stand for a delivery that balance_pick() found nobody for. */
struct balance_view {
	size_t
	    usable;  /* providers that can be used now, for whatever message */
	size_t able; /* that may carry it: neither lack nor refused */
	size_t able_usable;
	enum spool_hold lacks; /* what one of the others lacks; NONE: nothing */
};
struct balance_view balance_look(struct relay *r, const struct delivery *d);

#endif
