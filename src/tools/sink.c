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
#include "postern/io/listen.h"
#include "postern/io/loop.h"
#include "postern/io/tls.h"
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

static void
on_accept(void *arg, int fd, const struct addr *peer, bool full)
{
	(void)peer;
	if (full)
		close(fd);
	else
		sink_session_open(arg, fd);
}

static int
open_log(struct sink *s, struct err *err)
{
	if (s->opt.log == NULL)
		return 0;
	s->log = strcmp(s->opt.log, "-") == 0 ? stdout : fopen(s->opt.log, "a");
	return s->log != NULL ? 0 : err_sys(err, "%s", s->opt.log);
}

static int
open_listeners(struct sink *s, struct err *err)
{
	for (size_t i = 0; i < s->opt.nlisten; i++) {
		if (listen_open(&s->listen[i], &s->opt.listen[i], err) == -1)
			return -1;
	}
	for (size_t i = 0; i < s->opt.nlisten; i++) {
		char text[ADDR_TEXT];

		addr_text(listen_addr(s->listen[i]), text);
		listen_start(s->listen[i], s->loop, on_accept, s);
		printf("listening %s\n", text);
	}
	fflush(stdout);
	return 0;
}

static int
start(struct sink *s, struct err *err)
{
	const struct tls_certificate certificate = { s->opt.certificate,
		s->opt.key };
	const struct tls_server_settings tls = { .certificates = &certificate,
		.ncertificates = 1 };

	s->seen = map_new();
	sink_json_init(&s->json);
	list_init(&s->sessions);
	if (loop_new(&s->loop, err) == -1 || open_log(s, err) == -1)
		return -1;
	if (s->opt.tls != SINK_TLS_OFF &&
	    tls_server_new(&s->tls, &tls, err) == -1)
		return -1;
	if (s->opt.maildir != NULL &&
	    sink_store_new(&s->store, s->opt.maildir, err) == -1)
		return -1;
	return open_listeners(s, err);
}

static void
run(struct sink *s)
{
	struct loop_signal *term, *intr;

	term = loop_signal_new(s->loop, SIGTERM, on_signal, s);
	intr = loop_signal_new(s->loop, SIGINT, on_signal, s);
	loop_run(s->loop);
	loop_signal_free(&term);
	loop_signal_free(&intr);
	summary(s, "summary");
}

static void
stop(struct sink *s)
{
	for (size_t i = 0; i < SINK_LISTEN_MAX; i++) {
		if (s->listen[i] != NULL)
			listen_close(&s->listen[i]);
	}
	sink_session_close_all(s);
	sink_store_free(&s->store);
	if (s->tls != NULL)
		tls_free(&s->tls);
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
	struct sink s = { 0 };
	struct err err = { 0 };
	int rc = sink_options_parse(&s.opt, argc, argv, &err);

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
		run(&s);
		rc = 0;
	}
	stop(&s);
	return rc;
}
