/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/domains.h"

#include "postern/base/crc32c.h"

/* Two domains of one hash pass for one: the server says 452 then, which is
 * what it says to everybody who does not heed its bound. */
static uint32_t
hash_of(struct str address)
{
	char lower[256];
	size_t at = address.len, n = 0;

	while (at > 0 && address.p[at - 1] != '@')
		at--;
	for (; at < address.len && n < sizeof lower; at++) {
		char c = address.p[at];

		lower[n++] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
	}
	return crc32c(0, lower, n);
}

static bool
has(const struct domains *d, uint32_t hash)
{
	for (uint32_t i = 0; i < d->n; i++) {
		if (d->hash[i] == hash)
			return true;
	}
	return false;
}

bool
domains_fit(const struct domains *d, struct str address)
{
	if (d->max == 0)
		return true;
	return (d->n < d->max && d->n < DOMAINS_ROOM) ||
	       has(d, hash_of(address));
}

bool
domains_take(struct domains *d, struct str address)
{
	uint32_t hash;

	if (!domains_fit(d, address))
		return false;
	hash = hash_of(address);
	if (d->max > 0 && !has(d, hash))
		d->hash[d->n++] = hash;
	return true;
}
