/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/suspect.h"

#include <stdlib.h>

#include "postern/base/mem.h"

#define MEMORY 64

struct entry {
	uint64_t mid; /* 0: none */
	uint16_t n;
	uint32_t losses;   /* since it was last blamed */
	uint64_t first_ms; /* the first of them */
	uint32_t blamed;   /* rounds */
	uint32_t rounds;   /* that prove nothing */
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

static struct entry *
find(struct suspect *s, uint64_t mid, uint16_t n)
{
	for (unsigned i = 0; i < MEMORY; i++) {
		struct entry *e = &s->entry[i];

		if (e->mid == mid && e->n == n)
			return e;
	}
	return NULL;
}

static struct entry *
entry_of(struct suspect *s, uint64_t mid, uint16_t n)
{
	struct entry *e = find(s, mid, n);

	if (e)
		return e;
	e = &s->entry[s->next];
	s->next = (s->next + 1) % MEMORY;
	*e = (struct entry){ .mid = mid, .n = n };
	return e;
}

bool
suspect_lost(struct suspect *s, uint64_t mid, uint16_t n, uint64_t now_ms,
    uint64_t ok_ms)
{
	struct entry *e = entry_of(s, mid, n);

	if (e->losses == 0)
		e->first_ms = now_ms;
	e->losses++;
	if (e->losses < SUSPECT_LOSSES || ok_ms < e->first_ms)
		return false;
	e->losses = 0;
	return true;
}

uint32_t
suspect_blame(struct suspect *s, uint64_t mid, uint16_t n)
{
	return ++entry_of(s, mid, n)->blamed;
}

uint32_t
suspect_note(struct suspect *s, uint64_t mid, uint16_t n)
{
	return ++entry_of(s, mid, n)->rounds;
}

void
suspect_forget(struct suspect *s, uint64_t mid, uint16_t n)
{
	struct entry *e = find(s, mid, n);

	if (e)
		*e = (struct entry){ 0 };
}
