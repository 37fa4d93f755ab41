/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/log_repeat - one event by one client (or provider: what its row names)
 * again and again: so many lines a minute are written, then it is counted, and
 * the count is told when the minute is over.
 *
 * One table under a mutex, since what repeats is no message's way and no thread
 * is in here for long; the logger looks for what is over.  What finds no room
 * in the table is written.
 */
#ifndef BASE_LOG_REPEAT_H
#define BASE_LOG_REPEAT_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/base/log.h"

#define LOG_REPEAT_KEYS 1024
#define LOG_REPEAT_MS 60000

struct log_repeat { /* what was not written */
	const struct log_event *ev;
	char key[64]; /* the value of ev->by, cut */
	uint64_t more, ms;
};

void log_repeat_max(uint32_t lines); /* 0: everything is written */
/* Is one more to be written? */
bool log_repeat_take(
    const struct log_event *ev, struct str key, uint64_t now_ms);
/* The next one whose minute is over by now, true: in *r.  UINT64_MAX: whether
 * it is or not. */
bool log_repeat_next(struct log_repeat *r, uint64_t now_ms);
bool log_repeat_is_counting(void); /* is there something to be told? */

#endif
