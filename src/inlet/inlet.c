/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/inlet/inlet.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "postern/base/clock.h"
#include "postern/base/log.h"
#include "postern/base/mem.h"
#include "postern/base/thread.h"
#include "postern/io/loop.h"
#include "postern/io/mailbox.h"
#include "postern/spool/spool_ops.h"

#include "inlet/events.h"
#include "inlet/generation.h"
#include "inlet/inlet_core.h"
#include "inlet/inlet_session.h"
#include "inlet/provers.h"

#define BEAT_MS 1000

/* --- what other threads ask for --------------------------------------------
 */

struct arrival {
	struct mailbox_item item;
	size_t listener;
	int fd;
	struct addr peer;
	char drop[SPOOL_DROP_MAX]; /* or "" */
};

struct change {
	struct mailbox_item item;
	struct generation *generation;
	void (*on_old)(void *arg);
	void *arg;
};

struct drain {
	struct mailbox_item item;
	uint64_t grace_ms;
	void (*done)(void *arg);
	void *arg;
};

static void
take_arrival(struct mailbox_item *item, void *owner)
{
	struct arrival *a = (struct arrival *)(void *)item;
	struct inlet *in = owner;

	stat_sub(&in->coming, 1);
	if (generation_listener(in->generation, a->listener) == NULL)
		close(a->fd); /* the listener went away meanwhile */
	else
		inlet_session_open(in, a->listener, a->fd, &a->peer, a->drop);
	free(a);
}

void
inlet_accept(struct inlet *in, size_t listener, int fd, const struct addr *peer)
{
	inlet_accept_drop(in, listener, fd, peer, "");
}

void
inlet_accept_drop(struct inlet *in, size_t listener, int fd,
    const struct addr *peer, const char *name)
{
	struct arrival *a = mem_new(sizeof *a);

	a->item.deliver = take_arrival;
	a->listener = listener;
	a->fd = fd;
	a->peer = *peer;
	(void)snprintf(a->drop, sizeof a->drop, "%s", name);
	stat_add(&in->coming, 1);
	mailbox_put(in->mailbox, &a->item);
}

/* Each is shown from the start on, whether anybody comes or not. */
static void
name_doors(struct inlet *in)
{
	const struct inlet_settings *s = generation_settings(in->generation);

	for (size_t i = 0; i < s->nlisteners; i++)
		(void)doors_find(&in->doors, s->listeners[i].name);
}

static void
let_go(void *arg)
{
	struct generation *g = arg;

	generation_drop(&g);
}

/* A session that is older may begin a message by what is in force now. */
static void
use_in_intake(struct inlet *in, struct generation *g)
{
	intake_change(in->intake, &generation_settings(g)->intake, let_go,
	    generation_ref(g));
}

static void
take_change(struct mailbox_item *item, void *owner)
{
	struct change *c = (struct change *)(void *)item;
	struct inlet *in = owner;

	generation_on_old(in->generation, c->on_old, c->arg);
	use_in_intake(in, c->generation);
	generation_drop(&in->generation);
	in->generation = c->generation;
	name_doors(in);
	free(c);
}

void
inlet_change(struct inlet *in, const struct inlet_settings *s,
    void (*on_old)(void *arg), void *arg)
{
	struct change *c = mem_new(sizeof *c);
	struct err err = { 0 };

	if (generation_new(&c->generation, s, &err) == -1)
		log_text(&inlet_events[INLET_CHANGE], "%s", err.text);
	c->item.deliver = take_change;
	c->on_old = on_old;
	c->arg = arg;
	mailbox_put(in->mailbox, &c->item);
}

/* --- the end of service ------------------------------------------------------
 */

void
inlet_check_drained(struct inlet *in)
{
	void (*done)(void *arg) = in->drained;

	if (done == NULL || !list_empty(&in->sessions) ||
	    intake_pending(in->intake) > 0)
		return;
	in->drained = NULL;
	timer_stop(in->grace);
	done(in->drained_arg);
}

static void
on_idle(void *arg)
{
	inlet_check_drained(arg);
}

static void
on_grace_over(void *arg)
{
	inlet_session_drain_all(arg, true);
}

static void
take_drain(struct mailbox_item *item, void *owner)
{
	struct drain *d = (struct drain *)(void *)item;
	struct inlet *in = owner;
	struct log_line l;

	log_begin(&l, &inlet_events[INLET_DRAIN], 0, 0);
	log_num(&l, "sessions", (int64_t)stat_get(&in->counters.open));
	log_num(&l, "grace_ms", (int64_t)d->grace_ms);
	log_end(&l);
	in->is_draining = true;
	inlet_session_drain_all(in, d->grace_ms == 0);
	in->drained = d->done;
	in->drained_arg = d->arg;
	if (d->grace_ms > 0)
		timer_set(in->grace, d->grace_ms);
	free(d);
	inlet_check_drained(in);
}

void
inlet_drain(
    struct inlet *in, uint64_t grace_ms, void (*done)(void *arg), void *arg)
{
	struct drain *d = mem_new(sizeof *d);

	d->item.deliver = take_drain;
	d->grace_ms = grace_ms;
	d->done = done;
	d->arg = arg;
	mailbox_put(in->mailbox, &d->item);
}

static void
stop_here(void *arg)
{
	struct inlet *in = arg;

	in->drained = NULL;
	inlet_session_cut_all(in);
	loop_stop(in->loop);
}

void
inlet_stop(struct inlet *in)
{
	if (!in->is_started)
		return;
	mailbox_call(in->mailbox, stop_here, in, 0);
	pthread_join(in->thread, NULL);
	in->is_started = false;
}

static void
on_beat(void *arg)
{
	struct inlet *in = arg;

	stat_set(&in->counters.beat_ms, clock_mono_ms());
	timer_set(in->beat, BEAT_MS);
}

/* --- life --------------------------------------------------------------------
 */

int
inlet_new(struct inlet **inp, struct spool *sp, const struct inlet_settings *s,
    struct err *err)
{
	struct inlet *in = mem_new(sizeof *in);

	list_init(&in->sessions);
	if (generation_new(&in->generation, s, err) == -1 ||
	    loop_new(&in->loop, err) == -1) {
		generation_drop(&in->generation);
		free(in);
		return -1;
	}
	name_doors(in);
	in->counters.turns_us = loop_turns_us(in->loop);
	in->mailbox = mailbox_new(in->loop, in);
	in->provers = provers_new(in->mailbox);
	in->grace = timer_new(in->loop, on_grace_over, in);
	in->beat = timer_new(in->loop, on_beat, in);
	in->intake = intake_new(sp, in->mailbox);
	use_in_intake(in, in->generation);
	intake_on_idle(in->intake, on_idle, in);
	/* Who looks before the thread has begun sees no silence. */
	stat_set(&in->counters.beat_ms, clock_mono_ms());
	*inp = in;
	return 0;
}

static void *
run(void *arg)
{
	struct inlet *in = arg;

	log_thread(in->thread_name);
	on_beat(in);
	loop_run(in->loop);
	return NULL;
}

void
inlet_start(struct inlet *in, const char *thread_name)
{
	int rc;

	snprintf(in->thread_name, sizeof in->thread_name, "%s", thread_name);
	rc = thread_start(&in->thread, in->thread_name, run, in);
	assert(rc == 0);
	in->is_started = true;
}

void
inlet_free(struct inlet **inp)
{
	struct inlet *in = *inp;

	*inp = NULL;
	if (in == NULL)
		return;
	assert(!in->is_started);
	in->drained = NULL;
	in->is_draining = true;
	provers_stop(in->provers);
	mailbox_free(&in->mailbox); /* the spool's and provers' last answers */
	inlet_session_cut_all(in);  /* of connections that came too late */
	provers_free(&in->provers);
	intake_free(&in->intake);
	timer_free(&in->grace);
	timer_free(&in->beat);
	generation_drop(&in->generation);
	loop_free(&in->loop);
	free(in);
}

size_t
inlet_load(const struct inlet *in)
{
	return (size_t)(stat_get(&in->counters.open) + stat_get(&in->coming));
}

const struct doors *
inlet_doors(const struct inlet *in)
{
	return &in->doors;
}

const struct inlet_counters *
inlet_counters(const struct inlet *in)
{
	return &in->counters;
}
