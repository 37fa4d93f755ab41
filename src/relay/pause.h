/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/pause - a provider asked for less: nothing is sent to it until a time.
 * The pause grows each time that it asks again soon.  Pure.
 */
#ifndef RELAY_PAUSE_H
#define RELAY_PAUSE_H

#include <stdbool.h>
#include <stdint.h>

struct pause_settings {
	uint64_t first_ms, max_ms;
	uint64_t forget_ms; /* so long after its end it starts anew */
};

struct pause {
	uint64_t until_ms, length_ms;
};

/* told_ms: what the reply said, 0 nothing.  Asked again while it lasts (by
 * sessions that were under way) it does not grow. */
void pause_begin(struct pause *p, const struct pause_settings *s,
    uint64_t now_ms, uint64_t told_ms);
/* It is over; asked again soon it grows all the same. */
void pause_cut(struct pause *p, uint64_t now_ms);
bool pause_is_over(const struct pause *p, uint64_t now_ms);

#endif
