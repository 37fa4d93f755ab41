/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/conf_hint - "did you mean": the nearest of several words.  Pure.
 */
#ifndef CONF_CONF_HINT_H
#define CONF_CONF_HINT_H

#include <stdint.h>

/* How far apart: insertions, deletions, replacements and swaps of neighbours;
 * UINT32_MAX when a word is longer than 40 bytes. */
uint32_t conf_hint_distance(const char *a, const char *b);

/* Holds the best candidate so far; start with zeros. */
struct conf_hint {
	const char *best; /* borrowed; NULL: none is near */
	uint32_t distance;
};
void conf_hint_offer(
    struct conf_hint *h, const char *word, const char *candidate);

#endif
