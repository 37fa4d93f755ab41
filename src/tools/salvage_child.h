/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/salvage_child - reads a damaged spool in a process of its own, which
 * may end at any time, and notes what it is about to do before it does it.
 */
#ifndef TOOLS_SALVAGE_CHILD_H
#define TOOLS_SALVAGE_CHILD_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/base/err.h"

enum salvage_kind {
	SALVAGE_AT,     /* mid is looked at now */
	SALVAGE_DONE,   /* it is written */
	SALVAGE_THERE,  /* it was there before */
	SALVAGE_NONE,   /* nothing of it is left to be done */
	SALVAGE_BAD,    /* it cannot be read: text */
	SALVAGE_LOST,   /* the way to the next one cannot be read */
	SALVAGE_FAILED, /* the child can do nothing: text */
	SALVAGE_END,    /* that was all */
};

struct salvage_note {
	enum salvage_kind kind;
	uint64_t mid;
	char text[200];
};

struct salvage_walk {
	const char *spool; /* its directory; whose lock we have */
	int dir;           /* for the files */
	bool back;
	uint64_t from,
	    until; /* ids behind, or before, from; not until itself */
};

/* Calls take(arg, note) for what the child notes, until it has ended; false: it
 * went without a word, or said nothing for too long and was killed. */
typedef void salvage_child_fn(void *arg, const struct salvage_note *note);
bool salvage_child_run(
    const struct salvage_walk *w, salvage_child_fn *take, void *arg);

#endif
