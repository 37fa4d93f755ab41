/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/balance - which provider a delivery goes to: the entries of its
 * route's `use` in their order, and within a group as its balancer says.
 */
#ifndef RELAY_BALANCE_H
#define RELAY_BALANCE_H

#include <stdbool.h>
#include <stddef.h>

#include "postern/spool/spool.h"

struct agenda_line;
struct delivery;
struct provider;
struct way;
struct way_group;

/* The best that can be used now, has not failed this round and could carry it;
 * NULL: nobody. */
struct provider *balance_pick(const struct delivery *d);
/* The same, but nobody is told, and so it is not that group's turn that is
 * used up. */
struct balance_choice {
	struct provider *provider;     /* NULL: nobody */
	const struct way_group *entry; /* of `use`, by which it was picked */
};
struct balance_choice balance_foresee(const struct delivery *d);
/* Is there room for more of a priority where the line's mail would go now?
 * Then that is its aim; NULL: nowhere, and the mail is to find that out. */
bool balance_has_room(struct agenda_line *l, enum spool_priority priority);
/* Can any of its providers be used now, whatever the message? */
bool balance_is_open(const struct way *way);
/* What d needs and p is known not to have; NONE: it may go there. */
enum spool_hold balance_lacks(
    const struct delivery *d, const struct provider *p);

/* How things stand for a delivery that balance_pick() found nobody for. */
struct balance_view {
	size_t
	    usable;  /* providers that can be used now, for whatever message */
	size_t able; /* that may carry it: neither lack nor refused */
	size_t able_usable;
	bool is_broken;        /* the breakers of all of them are open */
	enum spool_hold lacks; /* what one of the others lacks; NONE: nothing */
};
struct balance_view balance_look(const struct delivery *d);

#endif
