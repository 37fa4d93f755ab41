/* SPDX-License-Identifier: Apache-2.0 */
#include "io/loop_priv.h"

#include "postern/base/mem.h"

struct loop_signal {
	ev_signal ev;
	struct loop *loop;
	loop_fn *fn;
	void *arg;
};

static void
on_signal(struct ev_loop *ev, ev_signal *w, int revents)
{
	struct loop_signal *s = w->data;

	(void)ev;
	(void)revents;
	s->fn(s->arg);
}

struct loop_signal *
loop_signal_new(struct loop *l, int signo, loop_fn *fn, void *arg)
{
	struct loop_signal *s = mem_new(sizeof *s);

	s->loop = l;
	s->fn = fn;
	s->arg = arg;
	ev_signal_init(&s->ev, on_signal, signo);
	s->ev.data = s;
	ev_signal_start(loop_ev(l), &s->ev);
	return s;
}

void
loop_signal_free(struct loop_signal **s)
{
	if (!*s)
		return;
	ev_signal_stop(loop_ev((*s)->loop), &(*s)->ev);
	loop_discard((*s)->loop, *s);
	*s = NULL;
}
