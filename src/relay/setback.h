/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/setback - the wall clock was ahead, and is set back: what was accepted
 * or put off meanwhile is due in a time that may be years away.  What is due
 * later than any wait can be comes within the longest one.
 */
#ifndef RELAY_SETBACK_H
#define RELAY_SETBACK_H

#include <stdbool.h>
#include <stdint.h>

struct relay;
struct setback;

struct setback *setback_new(struct relay *r);
void setback_free(struct setback **s);
void setback_start(struct setback *s); /* in the relay's thread */
/* So far was the wall clock ahead of the monotonic one at two looks: was it set
 * back in between?  Pure. */
bool setback_is(int64_t was_ahead_ms, int64_t ahead_ms);

#endif
