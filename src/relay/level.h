/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/level - how much is asked of a provider: all that it allows (normal),
 * less (slowed: it said "slower", or more was sent than soft_rate), nothing for
 * a while (backing off: a slower pace did not help), or nothing for long, so
 * that others take over (switched: quota spent, window full, account blocked).
 * Pure.
 */
#ifndef RELAY_LEVEL_H
#define RELAY_LEVEL_H

#include <stdbool.h>

enum level_state {
	LEVEL_NORMAL,
	LEVEL_SLOWED,
	LEVEL_BACKING_OFF,
	LEVEL_SWITCHED,
	LEVEL_STATES
};

struct level {
	enum level_state state;
	const char *why; /* static word; NULL: normal */
};

/* What holds now; each a static word, or NULL where it does not. */
struct level_facts {
	const char *switched, *paused, *slowed;
};

/* As the facts say; true: it is another one now. */
bool level_set(struct level *l, const struct level_facts *f);
const char *level_word(enum level_state state); /* for the log */

#endif
