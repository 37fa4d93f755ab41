/* SPDX-License-Identifier: Apache-2.0 */
#include "io/loop_priv.h"

#include "postern/base/mem.h"

struct watch {
	ev_io ev;
	struct loop *loop;
	int fd, events;
	watch_fn *fn;
	void *arg;
};

static void
on_event(struct ev_loop *ev, ev_io *w, int revents)
{
	struct watch *h = w->data;

	(void)ev;
	h->fn(h->arg, (revents & EV_READ) != 0, (revents & EV_WRITE) != 0);
}

struct watch *
watch_new(struct loop *l, int fd, watch_fn *fn, void *arg)
{
	struct watch *w = mem_new(sizeof *w);

	w->loop = l;
	w->fd = fd;
	w->fn = fn;
	w->arg = arg;
	ev_io_init(&w->ev, on_event, fd, 0);
	w->ev.data = w;
	return w;
}

void
watch_free(struct watch **w)
{
	if (!*w)
		return;
	ev_io_stop(loop_ev((*w)->loop), &(*w)->ev);
	loop_discard((*w)->loop, *w);
	*w = NULL;
}

void
watch_set(struct watch *w, bool readable, bool writable)
{
	int events = (readable ? EV_READ : 0) | (writable ? EV_WRITE : 0);

	if (events == w->events)
		return;
	w->events = events;
	ev_io_stop(loop_ev(w->loop), &w->ev);
	ev_io_set(&w->ev, w->fd, events);
	if (events)
		ev_io_start(loop_ev(w->loop), &w->ev);
}
