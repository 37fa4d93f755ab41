/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inlet/maildrop - hands on what sendmail has left in the drop directory while
 * there was no daemon.  One file at a time, through a session of an inlet that
 * takes its owner for the client; the file goes when its message is in the
 * spool.  The spool remembers in the same commit which one that was, so that a
 * crash in between neither loses nor doubles it.  Main thread.
 */
#ifndef INLET_MAILDROP_H
#define INLET_MAILDROP_H

#include "postern/io/addr.h"

struct inlet_listener;
struct loop;
struct maildrop;

struct maildrop_settings {
	const char *directory;
	const struct inlet_listener *door; /* sendmail's */
};

/* A session for the file name of who peer is; fd is the hook's. */
typedef void maildrop_fn(
    void *arg, int fd, const struct addr *peer, const char *name);

/* last: spool_last_drop().  Begins to look in the loop's next turn.  The door
 * is borrowed until maildrop_change() or maildrop_free(). */
struct maildrop *maildrop_new(struct loop *loop,
    const struct maildrop_settings *s, const char *last, maildrop_fn *fn,
    void *arg);
/* All but the directory. */
void maildrop_change(struct maildrop *m, const struct maildrop_settings *s);
void maildrop_free(struct maildrop **m); /* what is under way is cut */

#endif
