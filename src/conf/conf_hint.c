/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/conf_hint.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#define WORD_MAX 40
#define NEAR 2   /* at most so far apart */
#define PREFIX 3 /* or one begins with the other, at least so long */

static uint32_t
least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

uint32_t
conf_hint_distance(const char *a, const char *b)
{
	size_t na = strlen(a), nb = strlen(b);
	uint32_t d[WORD_MAX + 1][WORD_MAX + 1];

	if (na > WORD_MAX || nb > WORD_MAX)
		return UINT32_MAX;
	for (size_t i = 0; i <= na; i++)
		d[i][0] = (uint32_t)i;
	for (size_t j = 0; j <= nb; j++)
		d[0][j] = (uint32_t)j;
	for (size_t i = 1; i <= na; i++) {
		for (size_t j = 1; j <= nb; j++) {
			uint32_t other = lower(a[i - 1]) != lower(b[j - 1]);

			d[i][j] = least(least(d[i - 1][j], d[i][j - 1]) + 1,
			    d[i - 1][j - 1] + other);
			if (i > 1 && j > 1 &&
			    lower(a[i - 1]) == lower(b[j - 2]) &&
			    lower(a[i - 2]) == lower(b[j - 1]))
				d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
		}
	}
	return d[na][nb];
}

void
conf_hint_offer(struct conf_hint *h, const char *word, const char *candidate)
{
	size_t nw = strlen(word), nc = strlen(candidate);
	size_t common = nw < nc ? nw : nc;
	uint32_t far = conf_hint_distance(word, candidate);

	/* Of short words two letters are nearly everything. */
	if (far > NEAR || far * 2 >= common) {
		if (common < PREFIX ||
		    strncasecmp(word, candidate, common) != 0)
			return;
		far = NEAR + 1;
	}
	if (h->best == NULL || far < h->distance) {
		h->best = candidate;
		h->distance = far;
	}
}
