/* SPDX-License-Identifier: Apache-2.0 */
#include "io/loop_priv.h"

#include "postern/base/clock.h"
#include "postern/base/mem.h"

#define ARM_MAX_MS ((uint64_t)86400 * 1000)

static void
arm(struct timer *t, uint64_t now_ms)
{
	struct ev_loop *ev = loop_ev(t->loop);
	uint64_t in_ms = t->at_ms > now_ms ? t->at_ms - now_ms : 0;

	if (in_ms > ARM_MAX_MS)
		in_ms = ARM_MAX_MS;
	ev_timer_stop(ev, &t->ev);
	ev_timer_set(&t->ev, (double)clock_real_ms(in_ms) / 1000.0, 0.);
	ev_timer_start(ev, &t->ev);
	t->armed_ms = now_ms + in_ms;
}

static void
on_expiry(struct ev_loop *ev, ev_timer *w, int revents)
{
	struct timer *t = w->data;
	uint64_t now_ms = clock_mono_ms();

	(void)ev;
	(void)revents;
	t->armed_ms = 0;
	if (!t->at_ms)
		return; /* stopped meanwhile */
	if (t->at_ms > now_ms) {
		arm(t, now_ms);
		return;
	}
	t->at_ms = 0;
	t->fn(t->arg);
}

void
timer_init(struct timer *t, struct loop *l, loop_fn *fn, void *arg)
{
	*t = (struct timer){ .loop = l, .fn = fn, .arg = arg };
	ev_timer_init(&t->ev, on_expiry, 0., 0.);
	t->ev.data = t;
}

void
timer_set_at(struct timer *t, uint64_t at_ms)
{
	t->at_ms = at_ms ? at_ms : 1;
	if (!t->armed_ms || t->armed_ms > t->at_ms)
		arm(t, clock_mono_ms());
}

void
timer_done(struct timer *t)
{
	t->at_ms = t->armed_ms = 0;
	ev_timer_stop(loop_ev(t->loop), &t->ev);
}

struct timer *
timer_new(struct loop *l, loop_fn *fn, void *arg)
{
	struct timer *t = mem_new(sizeof *t);

	timer_init(t, l, fn, arg);
	return t;
}

void
timer_free(struct timer **t)
{
	if (!*t)
		return;
	timer_done(*t);
	loop_discard((*t)->loop, *t);
	*t = NULL;
}

void
timer_set(struct timer *t, uint64_t in_ms)
{
	uint64_t now_ms = clock_mono_ms();

	timer_set_at(
	    t, in_ms < UINT64_MAX - now_ms ? now_ms + in_ms : UINT64_MAX);
}

void
timer_stop(struct timer *t)
{
	t->at_ms = 0; /* the libev timer fires once for nothing */
}

bool
timer_is_set(const struct timer *t)
{
	return t->at_ms != 0;
}
