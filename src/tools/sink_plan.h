/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/sink_plan - how the sink behaves, by its command line and its script:
 * one set of rules, wherever they were written.
 */
#ifndef TOOLS_SINK_PLAN_H
#define TOOLS_SINK_PLAN_H

#include "tools/sink_delays.h"
#include "tools/sink_limits.h"
#include "tools/sink_rules.h"

/* What EHLO does not offer. */
enum sink_disable {
	SINK_NO_PIPELINING = 1 << 0,
	SINK_NO_SIZE = 1 << 1,
	SINK_NO_8BITMIME = 1 << 2,
	SINK_NO_SMTPUTF8 = 1 << 3,
	SINK_NO_CHUNKING = 1 << 4,
	SINK_NO_DSN = 1 << 5,
	SINK_NO_ENHANCED = 1 << 6,
	SINK_NO_STARTTLS = 1 << 7,
	SINK_NO_AUTH = 1 << 8,
};

/* What EHLO offers only when it is told to. */
enum sink_offer {
	SINK_MT_PRIORITY = 1 << 0,
	SINK_REQUIRETLS = 1 << 1, /* under TLS */
	SINK_BINARYMIME = 1 << 2, /* with CHUNKING */
	SINK_DELIVERBY = 1 << 3,
};

struct sink_capability {
	struct sink_span span;
	uint32_t disable, offer;
};

struct sink_certificate {
	struct sink_span span;
	char *certificate, *key; /* files; owned */
};

#define SINK_PLAN_MAX 64 /* entries of each of the lists here */

struct sink_plan {
	struct sink_rules rules;
	struct sink_delays delays;
	struct sink_limits limits;
	struct sink_capability *capability; /* all that hold, together */
	size_t ncapabilities;
	struct sink_certificate *certificate; /* the last that holds */
	size_t ncertificates;
	struct sink_span *closed; /* nothing listens */
	size_t nclosed;
	uint64_t idle_ms; /* 0: the sink's own, and no word */
	struct sink_deed idle;
	uint64_t seed;
};

void sink_plan_done(struct sink_plan *p);
/* Everything is read: chance gets its seeds. */
void sink_plan_seed(struct sink_plan *p);
MUST_CHECK int sink_plan_capability(
    struct sink_plan *p, const struct sink_capability *c, struct err *err);
/* Takes over what *c owns, also where it fails. */
MUST_CHECK int sink_plan_certificate(
    struct sink_plan *p, struct sink_certificate *c, struct err *err);
MUST_CHECK int sink_plan_closed(
    struct sink_plan *p, const struct sink_span *s, struct err *err);
/* "NAME" of an extension into *disable or *offer. */
MUST_CHECK int sink_plan_disable(
    uint32_t *disable, struct str name, struct err *err);
MUST_CHECK int sink_plan_offer(
    uint32_t *offer, struct str name, struct err *err);

struct sink_capability sink_plan_offered(
    const struct sink_plan *p, uint64_t us);
/* Which certificate; ncertificates: none. */
size_t sink_plan_shown(const struct sink_plan *p, uint64_t us);
bool sink_plan_is_closed(const struct sink_plan *p, uint64_t us);
/* The next time that opens or closes the doors; 0: none. */
uint64_t sink_plan_next_door(const struct sink_plan *p, uint64_t us);

#endif
