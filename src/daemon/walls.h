/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/walls - where the daemon may write, for good: the directories that the
 * configuration names for that at the start (Landlock).  Reading is free, so
 * that a reload can name other certificates, secrets and includes; one that
 * wants to write elsewhere is told to restart.  Main thread.
 */
#ifndef DAEMON_WALLS_H
#define DAEMON_WALLS_H

#include <stdbool.h>
#include <stddef.h>

#include "postern/base/err.h"

struct settings;

struct walls {
	char **roots; /* owned: real paths */
	size_t nroots;
	bool stand;
	struct err refused; /* the kernel has this, but does not give it */
};

/* Before there is another thread. */
void walls_raise(struct walls *w, const struct settings *s);
/* Can what a reload takes up be written there?  -1: *err names the key. */
MUST_CHECK int walls_check(
    const struct walls *w, const struct settings *s, struct err *err);
void walls_done(struct walls *w);

#endif
