/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/identity.h"

#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"
#include "postern/base/str.h"

#define MEMORY 64
#define MEMORY_MS (3600 * 1000)

struct refusal {
	uint64_t provider; /* 0: none */
	uint64_t until_ms;
	char sender[256]; /* longer ones are not remembered */
};

struct identity {
	struct refusal refusal[MEMORY];
	unsigned next;
	unsigned n;
};

struct identity *
identity_new(void)
{
	return mem_new(sizeof(struct identity));
}

void
identity_free(struct identity **i)
{
	free(*i);
	*i = NULL;
}

void
identity_refused(
    struct identity *i, uint64_t provider, const char *sender, uint64_t now_ms)
{
	struct refusal *r;

	if (strlen(sender) >= sizeof r->sender ||
	    identity_is_refused(i, provider, sender, now_ms))
		return;
	r = &i->refusal[i->next];
	i->next = (i->next + 1) % MEMORY;
	if (i->n < MEMORY)
		i->n++;
	r->provider = provider;
	r->until_ms = now_ms + MEMORY_MS;
	strcpy(r->sender, sender);
}

bool
identity_is_refused(const struct identity *i, uint64_t provider,
    const char *sender, uint64_t now_ms)
{
	for (unsigned k = 0; k < i->n; k++) {
		const struct refusal *r = &i->refusal[k];

		if (r->provider == provider && now_ms < r->until_ms &&
		    str_eq_case(str_of(r->sender), str_of(sender)))
			return true;
	}
	return false;
}
