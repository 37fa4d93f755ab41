/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/wait_hint - how long a reply asks to wait, in its own words.  Pure.
 */
#ifndef RELAY_WAIT_HINT_H
#define RELAY_WAIT_HINT_H

#include <stdint.h>

#define WAIT_HINT_MAX_MS (24 * 3600 * 1000ull)

/* ms, at most a day; 0: it says nothing, or a time that is over. */
uint64_t wait_hint_ms(const char *text, int64_t now_ms);

#endif
