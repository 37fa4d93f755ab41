/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/reroute - which ways a message that is in the spool already would take
 * by the rules of now.  Any thread.
 */
#ifndef INTAKE_REROUTE_H
#define INTAKE_REROUTE_H

#include <stdint.h>

#include "postern/base/str.h"

struct envelope;
struct policy;
struct routes;
struct spool_delivery;

struct reroute_by { /* borrowed */
	const struct routes *routes;
	const struct policy *listener, *user; /* NULL: there is none any more */
};

struct reroute {
	uint16_t nways;
	struct spool_delivery *ways; /* owned: route, priority, lane */
	uint16_t *way_of;            /* owned: of each recipient of the
	                                envelope, in ways */
};

/* content: its beginning, with what is known of the header. */
void reroute_decide(struct reroute *g, const struct reroute_by *by,
    const struct envelope *e, struct str content);
void reroute_done(struct reroute *g);

#endif
