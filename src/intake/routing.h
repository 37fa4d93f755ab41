/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/routing - one message and its ways out: looks at what routes and lanes
 * ask of its header while that passes, and in the end shares its recipients
 * out, a delivery for each route.
 */
#ifndef INTAKE_ROUTING_H
#define INTAKE_ROUTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/io/addr.h"

#include "intake/peek.h"

struct draft;
struct log_line;
struct policy;
struct routes;
struct spool_delivery;
struct wishes;

struct routing {
	const struct routes *routes; /* borrowed */
	const char *lane;            /* of listener and user; borrowed */
	struct addr client;          /* len 0: none */
	struct peek peek;
	bool *held;      /* by route: a field of the header fits; owned */
	uint8_t *lanes;  /* by route, and of lane: from the header; owned */
	uint16_t *taken; /* by route: its delivery + 1; owned */
	uint16_t ndeliveries;
};

/* client may be NULL. */
void routing_init(struct routing *g, const struct routes *routes,
    const char *lane, const struct addr *client);
void routing_done(struct routing *g);
/* Content on its way. */
void routing_feed(struct routing *g, const char *p, size_t n);

struct routing_ask {
	const struct policy *policy; /* of listener and user */
	const struct policy *user;   /* or NULL */
	const struct wishes *wishes;
	uint64_t size;
};
/* After the last byte: each recipient of d gets its delivery.  Returns what
 * they share but for times and holds, g->ndeliveries of them, to be freed. */
struct spool_delivery *routing_decide(
    struct routing *g, struct draft *d, const struct routing_ask *ask);
/* "route=news,default" */
void routing_log(const struct routing *g, struct log_line *l);

#endif
