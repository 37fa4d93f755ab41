/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/control_walk.h"

#include <stdlib.h>
#include <sysexits.h>

#include "postern/admin/control.h"
#include "postern/base/mem.h"
#include "postern/relay/relay_view.h"

#include "admin/control_call.h"
#include "admin/filter.h"
#include "admin/holdup.h"

static void
forget(struct control_walk *w)
{
	filter_free(&w->filter);
	holdup_free(&w->holdup);
	w->free(w);
}

void
control_walk_end(struct control_walk *w)
{
	control_call_done(w->call);
	forget(w);
}

void
control_walk_fail(struct control_walk *w, int code, const char *text)
{
	control_call_fail(w->call, code, text);
	forget(w);
}

static void
next(void *arg)
{
	struct control_walk *w = arg;

	if (control_call_is_gone(w->call))
		control_walk_end(w);
	else if (walker_next(control_call_walker(w->call), &w->walk) != 0)
		control_walk_fail(
		    w, EX_TEMPFAIL, "the daemon is being stopped");
}

static void
on_page(struct walk *walk)
{
	struct control_walk *w = (struct control_walk *)walk;

	if (walk->has_failed)
		control_walk_fail(w, EX_IOERR, "the spool cannot be read");
	else
		w->page(w);
}

void
control_walk_go_on(struct control_walk *w)
{
	if (w->walk.mark.over)
		control_walk_end(w);
	else
		control_call_wait(w->call, next, w);
}

static void
on_view(void *arg, const struct relay_view *view)
{
	struct control_walk *w = arg;

	w->holdup =
	    holdup_new(view, control_call_role(w->call) != CONTROL_ROLE_NONE);
	w->walk.holdup = w->holdup;
	next(w);
}

void
control_walk_start(struct control_walk *w, struct control_call *call)
{
	const struct control_hooks *h = control_call_hooks(call);
	const char *where = control_call_word(call, "where");
	struct err err;

	w->call = call;
	control_call_own(call, w->walk.own);
	if (where != NULL && filter_new(&w->filter, str_of(where), &err) != 0) {
		char *text = mem_printf("the filter, %s", err.text);

		control_walk_fail(w, EX_USAGE, text);
		free(text);
		return;
	}
	w->walk.filter = w->filter;
	w->walk.page = on_page;
	if (w->tells_holdup)
		relay_view_ask(h->relay, h->mailbox, on_view, w);
	else
		next(w);
}
