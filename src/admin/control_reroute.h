/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/control_reroute - the ways that deliveries in the spool would take by
 * the rules of now: what is needed of the messages is read by the walker, and
 * the main thread decides.
 */
#ifndef ADMIN_CONTROL_REROUTE_H
#define ADMIN_CONTROL_REROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/intake/reroute.h"
#include "postern/spool/spool.h"

#include "admin/walker.h"

struct control_call;

#define CONTROL_REROUTE_STEP 64

struct control_reroute_item {
	uint64_t mid;
	uint16_t n;
	struct spool_loaded loaded; /* env NULL: it could not be read */
	char *head;                 /* owned: of content that is not in env */
	size_t nhead;
};

struct control_reroute {
	struct reading reading; /* lies first; back() is the owner's */
	void *owner;
	size_t n; /* items, of which mid and n are the owner's */
	struct control_reroute_item item[CONTROL_REROUTE_STEP];
};

/* -1: the daemon ends; back() will not come. */
MUST_CHECK int control_reroute_load(
    struct control_reroute *g, struct control_call *call);
/* true: the item takes another way than it does; *plan is to be done with. */
bool control_reroute_plan(const struct control_reroute *g, size_t i,
    struct control_call *call, struct reroute *plan);
void control_reroute_done(struct control_reroute *g); /* what was read */

#endif
