/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/detach - goes into the background.  The parent ends when the child is
 * ready, with 0, or with the child's own exit status when it is not.
 */
#ifndef DAEMON_DETACH_H
#define DAEMON_DETACH_H

#include "postern/base/err.h"

/* Returns in the child, with a descriptor for detach_ready(), before any
 * thread exists; -1 *err in the parent when there can be no child. */
MUST_CHECK int detach_fork(int *ready, struct err *err);
/* Lets the parent go and the terminal too, but for stderr where it is the
 * log. */
void detach_ready(int ready);
/* What is written to stderr (the report of a crash) goes to that file, or
 * nowhere if it cannot be opened. */
void detach_stderr(const char *path);

#endif
