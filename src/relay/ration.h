/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/ration - so many in any time of a length, and no more; what comes
 * beyond does not wait but goes without.  Pure: the time is handed in.
 */
#ifndef RELAY_RATION_H
#define RELAY_RATION_H

#include <stdbool.h>
#include <stdint.h>

struct rate;

#define RATION_PARTS 64 /* of the length; it is exact to one of them */

struct ration {
	uint64_t period_ms; /* of what is counted; 0: nothing was yet */
	uint64_t last;      /* the part that was counted last */
	uint32_t used[RATION_PARTS + 1];
};

/* One more is taken, or (false) there were enough. */
bool ration_take(struct ration *r, const struct rate *rate, uint64_t now_ms);

#endif
