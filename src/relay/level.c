/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/level.h"

#include <stddef.h>

const char *
level_word(enum level_state state)
{
	static const char *const words[LEVEL_STATES] = { "normal", "slowed",
		"backing-off", "switched" };

	return words[state];
}

/* The heaviest fact decides. */
static struct level
level_of(const struct level_facts *f)
{
	if (f->switched)
		return (struct level){ LEVEL_SWITCHED, f->switched };
	if (f->paused)
		return (struct level){ LEVEL_BACKING_OFF, f->paused };
	if (f->slowed)
		return (struct level){ LEVEL_SLOWED, f->slowed };
	return (struct level){ LEVEL_NORMAL, NULL };
}

bool
level_set(struct level *l, const struct level_facts *f)
{
	enum level_state before = l->state;

	*l = level_of(f);
	return l->state != before;
}
