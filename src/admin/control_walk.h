/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/control_walk - a walk through the spool for a caller of the control
 * socket: what the request's filter, "where", finds, page by page.  A caller
 * that stops reading stops it, one that goes away ends it; who may not look at
 * the queue is shown what is of the own user alone.  Main thread, but
 * for walk.take().
 */
#ifndef ADMIN_CONTROL_WALK_H
#define ADMIN_CONTROL_WALK_H

#include "admin/walker.h"

struct control_call;
struct holdup;

struct control_walk {
	struct walk walk; /* lies first; take, where and so on are the owner's,
	                     filter and page are not */
	struct control_call *call;
	struct filter *filter; /* owned */
	bool tells_holdup;     /* the owner's: why each does not leave now */
	struct holdup *holdup; /* owned */
	/* A page was looked at: control_walk_go_on() or control_walk_end(), now
	 * or later.  walk.mark.over: it was the last. */
	void (*page)(struct control_walk *w);
	/* The end, whatever the reason: frees what it is part of. */
	void (*free)(struct control_walk *w);
};

/* w belongs to the walk from here on, which ends the call, too. */
void control_walk_start(struct control_walk *w, struct control_call *call);
/* The next page, once the caller has read enough; or the end. */
void control_walk_go_on(struct control_walk *w);
void control_walk_end(struct control_walk *w);
void control_walk_fail(struct control_walk *w, int code, const char *text);

#endif
