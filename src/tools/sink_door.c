/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sink_door.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "postern/base/clock.h"
#include "postern/base/mem.h"
#include "postern/io/listen.h"
#include "postern/io/loop.h"
#include "tools/sink.h"
#include "tools/sink_session.h"

#define AGAIN_MS 100 /* where an address could not be had again */
#define MAGIC 0x51a4d003u

struct sink_door {
	uint32_t magic;
	struct sink *sink;
	struct timer *timer;               /* of the next closing or opening */
	struct addr addr[SINK_LISTEN_MAX]; /* port 0 resolved */
	struct listen *listen[SINK_LISTEN_MAX]; /* NULL: closed */
	size_t n;
};

static void
on_accept(void *arg, int fd, const struct addr *peer, bool full)
{
	struct sink_door *d = arg;

	assert(d->magic == MAGIC);
	(void)peer;
	if (full)
		close(fd);
	else
		sink_session_open(d->sink, fd);
}

static void
log_door(struct sink *s, const char *event)
{
	if (s->log == NULL)
		return;
	sink_json_open(&s->json, event);
	sink_json_num(&s->json, "us", clock_mono_us());
	sink_json_write(&s->json, s->log);
}

static int
open_all(struct sink_door *d, struct err *err)
{
	for (size_t i = 0; i < d->n; i++) {
		if (d->listen[i] != NULL)
			continue;
		if (listen_open(&d->listen[i], &d->addr[i], err) == -1)
			return -1;
		d->addr[i] = *listen_addr(d->listen[i]);
		listen_start(d->listen[i], d->sink->loop, on_accept, d);
	}
	return 0;
}

static void
close_all(struct sink_door *d)
{
	for (size_t i = 0; i < d->n; i++) {
		if (d->listen[i] != NULL)
			listen_close(&d->listen[i]);
	}
}

/* Somebody else may have taken the address meanwhile: asked for again. */
static bool
reopen(struct sink_door *d)
{
	struct err err;

	if (open_all(d, &err) == 0) {
		log_door(d->sink, "opened");
		return true;
	}
	fprintf(stderr, "postern-sink: %s\n", err.text);
	timer_set(d->timer, AGAIN_MS);
	return false;
}

void
sink_door_obey(struct sink_door *d)
{
	const struct sink_plan *p = &d->sink->opt.plan;
	uint64_t us = sink_us(d->sink), next = sink_plan_next_door(p, us);
	bool closed = sink_plan_is_closed(p, us);

	if (closed && d->listen[0] != NULL) {
		close_all(d);
		log_door(d->sink, "shut");
	} else if (!closed && d->listen[d->n - 1] == NULL && !reopen(d)) {
		return;
	}
	timer_stop(d->timer);
	if (next > 0)
		timer_set(d->timer, (next - us + 999) / 1000);
}

static void
on_timer(void *arg)
{
	sink_door_obey(arg);
}

int
sink_door_new(struct sink_door **out, struct sink *s, struct err *err)
{
	struct sink_door *d = mem_new(sizeof *d);
	char text[ADDR_TEXT];

	*out = d;
	d->magic = MAGIC;
	d->sink = s;
	d->timer = timer_new(s->loop, on_timer, d);
	d->n = s->opt.nlisten;
	for (size_t i = 0; i < d->n; i++)
		d->addr[i] = s->opt.listen[i];
	if (open_all(d, err) == -1)
		return -1;
	for (size_t i = 0; i < d->n; i++) {
		addr_text(&d->addr[i], text);
		printf("listening %s\n", text);
	}
	fflush(stdout);
	sink_door_obey(d);
	return 0;
}

void
sink_door_free(struct sink_door **d)
{
	if (*d == NULL)
		return;
	close_all(*d);
	timer_free(&(*d)->timer);
	(*d)->magic = 0;
	free(*d);
	*d = NULL;
}
