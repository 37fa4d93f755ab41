/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/watcher - tells when the files of the configuration have changed and
 * are at rest again.  It looks at each of them by name, a few times a second,
 * rather than to be told by the kernel: so it sees through links that change
 * at any place of a path, and on file systems that tell of nothing.  Main
 * thread, which never waits for a file system here: another one looks.
 */
#ifndef DAEMON_WATCHER_H
#define DAEMON_WATCHER_H

#include <stdbool.h>

struct conf_report;
struct loop;
struct mailbox;
struct watcher;

/* path: of one that changed, borrowed for the call. */
typedef void watcher_fn(void *arg, const char *path);

/* m: of l, and outlives the watcher. */
struct watcher *watcher_new(
    struct loop *l, struct mailbox *m, watcher_fn *fn, void *arg);
/* NULL is fine; before the mailbox. */
void watcher_free(struct watcher **w);
/* A reading, whatever came of it: from now on a change is one against what it
 * saw, which is taken out of r.  on: is it looked for at all? */
void watcher_use(struct watcher *w, struct conf_report *r, bool on);

#endif
