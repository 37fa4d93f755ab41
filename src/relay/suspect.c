/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/suspect.h"

#include <stdlib.h>

#include "postern/base/mem.h"

#define MEMORY 64

struct entry {
	uint64_t mid; /* 0: none */
	uint16_t n;
	uint32_t rounds;
};

struct suspect {
	struct entry entry[MEMORY];
	unsigned next;
};

struct suspect *
suspect_new(void)
{
	return mem_new(sizeof(struct suspect));
}

void
suspect_free(struct suspect **s)
{
	free(*s);
	*s = NULL;
}

uint32_t
suspect_note(struct suspect *s, uint64_t mid, uint16_t n)
{
	struct entry *e;

	for (unsigned i = 0; i < MEMORY; i++) {
		e = &s->entry[i];
		if (e->mid == mid && e->n == n)
			return ++e->rounds;
	}
	e = &s->entry[s->next];
	s->next = (s->next + 1) % MEMORY;
	*e = (struct entry){ .mid = mid, .n = n, .rounds = 1 };
	return 1;
}
