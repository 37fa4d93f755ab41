/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/outfit - mail as a provider or a route wants it to leave.
 */
#ifndef RELAY_OUTFIT_H
#define RELAY_OUTFIT_H

#include <stddef.h>
#include <stdint.h>

#include "postern/mail/dkim.h"
#include "postern/mail/rewrite.h"

struct dkim_key;

/* A message as a provider wants it; all zero: as it came. */
struct relay_rewrite {
	const char *sender; /* of the envelope, unless that is <>; NULL: as it
	                       came */
	struct rewrite header;
};

/* A signature that mail gets, last of all (RFC 6376). */
#define DKIM_RULES_MAX 4 /* of one provider, of one route */
struct dkim_rule {
	const char *domain, *selector;
	struct dkim_key *key;
	enum dkim_canon header, body;
	const char **from; /* address patterns: of whom */
	size_t nfrom;
	struct dkim_fields fields;
	uint64_t lifetime_ms; /* 0: it does not end */
};

#endif
