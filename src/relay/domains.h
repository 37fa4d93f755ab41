/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/domains - the domains that a session's recipients had so far, where
 * its server bounds their number (RFC 9422, RCPTDOMAINMAX).
 */
#ifndef RELAY_DOMAINS_H
#define RELAY_DOMAINS_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/base/str.h"

/* More are never used on a session that has a bound. */
#define DOMAINS_ROOM 64

struct domains {
	uint32_t max; /* 0: no bound */
	uint32_t n;
	uint32_t hash[DOMAINS_ROOM];
};

/* May a recipient of this domain be named? */
bool domains_fit(const struct domains *d, struct str address);
/* The same, and it is one of them from here on. */
bool domains_take(struct domains *d, struct str address);

#endif
