/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/sink - main of postern-sink(1): options, listeners, the summary.
 */
#include "tools/sink.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include "postern/base/clock.h"
#include "postern/base/map.h"
#include "postern/base/standard.h"
#include "postern/io/loop.h"
#include "postern/io/tls.h"
#include "tools/sink_door.h"
#include "tools/sink_session.h"
#include "tools/sink_store.h"

/* Numbers of generated mail that are remembered; 1 GB at the very most. */
#define SEEN_MAX ((size_t)32 * 1024 * 1024)

static uint64_t
cpu_us(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 +
	       (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

/* The counters as one JSON line on standard output. */
static void
summary(struct sink *s, const char *event)
{
	const struct sink_counters *n = &s->n;
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = {
		{ "connections", n->connections },
		{ "open", n->open },
		{ "most_open", n->most_open },
		{ "refused_connections", n->refused_connections },
		{ "messages", n->messages },
		{ "recipients", n->recipients },
		{ "bytes", n->bytes },
		{ "whole", n->whole },
		{ "damaged", n->damaged },
		{ "foreign", n->foreign },
		{ "different", n->different },
		{ "duplicates", n->duplicates },
		{ "replies_4xx", n->replies_4xx },
		{ "replies_5xx", n->replies_5xx },
		{ "rules", n->rules },
		{ "limits", n->limits },
		{ "first_us", n->first_us },
		{ "last_us", n->last_us },
		{ "cpu_us", cpu_us() },
	};

	sink_json_open(&s->json, event);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		sink_json_num(&s->json, rows[i].name, rows[i].value);
	sink_json_write(&s->json, stdout);
}

/* Has this generated message been here before?  Remembers it. */
static bool
seen(struct sink *s, const struct benchmail *b)
{
	uint64_t key = (uint64_t)b->run << 32 | b->number;

	if (map_get(s->seen, key) != NULL)
		return true;
	if (map_count(s->seen) < SEEN_MAX)
		map_put(s->seen, key, s);
	return false;
}

void
sink_count(struct sink *s, const struct sink_verify *v,
    enum sink_verdict verdict, uint32_t recipients)
{
	struct sink_counters *n = &s->n;
	uint64_t before = n->different + n->foreign;

	n->last_us = clock_mono_us();
	if (n->messages++ == 0)
		n->first_us = n->last_us;
	n->recipients += recipients;
	n->bytes += v->size;
	n->whole += verdict == SINK_WHOLE;
	n->damaged += verdict == SINK_DAMAGED;
	n->foreign += verdict == SINK_FOREIGN;
	if (verdict != SINK_FOREIGN) {
		if (seen(s, &v->said))
			n->duplicates++;
		else
			n->different++;
	}
	if (s->opt.count == 0 || before == n->different + n->foreign ||
	    n->different + n->foreign != s->opt.count)
		return;
	summary(s, "count");
	if (s->opt.once)
		loop_stop(s->loop);
}

static void
on_signal(void *arg)
{
	struct sink *s = arg;

	loop_stop(s->loop);
}

static int
open_log(struct sink *s, struct err *err)
{
	if (s->opt.log == NULL)
		return 0;
	s->log = strcmp(s->opt.log, "-") == 0 ? stdout : fopen(s->opt.log, "a");
	return s->log != NULL ? 0 : err_sys(err, "%s", s->opt.log);
}

static void
free_tls(struct sink *s)
{
	while (s->ntls > 0)
		tls_free(&s->tls[--s->ntls]);
}

static int
new_tls(struct sink *s, const struct sink_options *o, struct err *err)
{
	free_tls(s);
	for (size_t i = 0; i < o->plan.ncertificates; i++) {
		const struct tls_certificate c = {
			o->plan.certificate[i].certificate,
			o->plan.certificate[i].key
		};
		const struct tls_server_settings set = { .certificates = &c,
			.ncertificates = 1 };

		if (tls_server_new(&s->tls[i], &set, err) == -1)
			return -1;
		s->ntls++;
	}
	return 0;
}

static void
log_start(struct sink *s)
{
	if (s->log == NULL)
		return;
	sink_json_open(&s->json, "started");
	sink_json_num(&s->json, "us", s->start_us);
	sink_json_num(&s->json, "wall_us", (uint64_t)clock_wall_us());
	sink_json_write(&s->json, s->log);
}

/* The script's time begins. */
static void
begin(struct sink *s)
{
	s->start_us = clock_mono_us();
	log_start(s);
}

uint64_t
sink_us(const struct sink *s)
{
	return clock_mono_us() - s->start_us;
}

/* SIGHUP: everything that the plan says, from the beginning.  With a mistake
 * the old one goes on. */
static void
on_hangup(void *arg)
{
	struct sink *s = arg;
	struct sink_options o;
	struct err err;

	if (sink_options_parse(&o, s->argc, s->argv, &err) != 0 ||
	    new_tls(s, &o, &err) == -1) {
		fprintf(stderr, "postern-sink: %s\n", err.text);
		sink_options_done(&o);
		if (s->ntls < s->opt.plan.ncertificates &&
		    new_tls(s, &s->opt, &err) == -1)
			fprintf(stderr, "postern-sink: %s\n", err.text);
		return;
	}
	sink_plan_done(&s->opt.plan);
	s->opt.plan = o.plan;
	begin(s);
	sink_door_obey(s->door);
}

static int
start(struct sink *s, struct err *err)
{
	s->seen = map_new();
	sink_json_init(&s->json);
	list_init(&s->sessions);
	if (loop_new(&s->loop, err) == -1 || open_log(s, err) == -1 ||
	    new_tls(s, &s->opt, err) == -1)
		return -1;
	if (s->opt.maildir != NULL &&
	    sink_store_new(&s->store, s->opt.maildir, err) == -1)
		return -1;
	/* before anybody is told that it listens, and may send one */
	s->signal[0] = loop_signal_new(s->loop, SIGTERM, on_signal, s);
	s->signal[1] = loop_signal_new(s->loop, SIGINT, on_signal, s);
	s->signal[2] = loop_signal_new(s->loop, SIGHUP, on_hangup, s);
	begin(s);
	return sink_door_new(&s->door, s, err);
}

static void
stop(struct sink *s)
{
	sink_door_free(&s->door);
	sink_session_close_all(s);
	sink_store_free(&s->store);
	free_tls(s);
	for (size_t i = 0; i < SINK_SIGNALS; i++) {
		if (s->signal[i] != NULL)
			loop_signal_free(&s->signal[i]);
	}
	if (s->loop != NULL)
		loop_free(&s->loop);
	map_free(&s->seen);
	sink_json_done(&s->json);
	if (s->log != NULL && s->log != stdout)
		fclose(s->log);
	sink_options_done(&s->opt);
}

int
main(int argc, char **argv)
{
	struct sink s = { .argc = argc, .argv = argv };
	struct err err = { 0 };
	int rc;

	standard_fill();
	rc = sink_options_parse(&s.opt, argc, argv, &err);
	if (rc == 1)
		return 0;
	if (rc == -1) {
		fprintf(stderr, "postern-sink: %s\n", err.text);
		sink_options_done(&s.opt);
		return EX_USAGE;
	}
	signal(SIGPIPE, SIG_IGN);
	if (start(&s, &err) == -1) {
		fprintf(stderr, "postern-sink: %s\n", err.text);
		rc = EX_UNAVAILABLE;
	} else {
		loop_run(s.loop);
		summary(&s, "summary");
		rc = 0;
	}
	stop(&s);
	return rc;
}
