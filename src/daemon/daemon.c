/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "daemon/daemon.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "postern/admin/control.h"
#include "postern/admin/explain.h"
#include "postern/admin/http.h"
#include "postern/base/clock.h"
#include "postern/base/mem.h"
#include "postern/conf/conf.h"
#include "postern/inlet/inlet.h"
#include "postern/inlet/maildrop.h"
#include "postern/io/loop.h"
#include "postern/io/mailbox.h"
#include "postern/relay/relay.h"
#include "postern/spool/spool.h"

#include "daemon/lookout.h"
#include "daemon/notify.h"
#include "daemon/reload.h"
#include "daemon/sandbox.h"
#include "daemon/watcher.h"

#define OVERDUE_MS 5000 /* behind the grace: then the rest is cut */
#define EXIT_FATAL 1

static void
set_phase(struct daemon *d, enum daemon_phase phase)
{
	assert(phase > d->phase);
	d->phase = phase;
}

/* --- the end of the process, when it cannot be orderly -----------------------
 */

static _Noreturn void
end_at_once(void)
{
	log_abandon(); /* the other threads run on */
	_exit(EXIT_FATAL);
}

struct fatal {
	struct daemon *daemon;
	struct err err;
};

static void
take_fatal(void *arg)
{
	struct fatal *f = arg;

	log_text(&daemon_events[DAEMON_FATAL], "%s", f->err.text);
	end_at_once();
}

/* The spool's writer thread.  What is not committed was not acknowledged. */
static void
on_fatal(void *arg, const struct err *err)
{
	struct daemon *d = arg;
	struct fatal *f = mem_new(sizeof *f);

	f->daemon = d;
	f->err = *err;
	mailbox_call(d->mailbox, take_fatal, f, 0);
}

/* --- signals
 * ------------------------------------------------------------------
 */

static void
one_is_drained(void *arg)
{
	struct daemon *d = arg;

	if (--d->undrained == 0 && d->phase == DAEMON_PHASE_DRAINING)
		loop_stop(d->loop);
}

/* An inlet's thread or the relay's. */
static void
on_drained(void *arg)
{
	struct daemon *d = arg;

	mailbox_call(d->mailbox, one_is_drained, d, 0);
}

static void
on_overdue(void *arg)
{
	struct daemon *d = arg;

	log_text(&daemon_events[DAEMON_OVERDUE],
	    "%zu threads have not ended their sessions; they are cut",
	    d->undrained);
	loop_stop(d->loop);
}

static void
begin_stop(struct daemon *d)
{
	uint64_t grace = d->settings->stop_grace_ms;
	struct log_line l;

	set_phase(d, DAEMON_PHASE_DRAINING);
	d->stopping_ms = clock_mono_ms();
	stat_set(&d->figures.is_draining, 1);
	log_begin(&l, &daemon_events[DAEMON_STOPPING], 0, 0);
	log_num(&l, "grace_ms", (int64_t)grace);
	log_end(&l);
	notify_stopping();
	acceptor_close(&d->acceptors);
	watcher_free(&d->watcher);
	maildrop_free(&d->maildrop);
	d->undrained = d->ninlets + 1;
	for (size_t i = 0; i < d->ninlets; i++)
		inlet_drain(d->inlet[i], grace, on_drained, d);
	relay_drain(d->relay, grace, on_drained, d);
	timer_set(d->overdue, grace + OVERDUE_MS);
}

static void
on_term(void *arg)
{
	struct daemon *d = arg;

	if (d->phase == DAEMON_PHASE_RUNNING)
		begin_stop(d);
	else
		end_at_once();
}

static void
on_hangup(void *arg)
{
	struct daemon *d = arg;

	if (d->phase == DAEMON_PHASE_RUNNING)
		(void)reload_all(d, NULL, NULL);
}

static void
on_change(void *arg, const char *path)
{
	struct log_line l;

	log_begin(&l, &daemon_events[DAEMON_CHANGED], 0, 0);
	log_cstr(&l, "file", path);
	log_end(&l);
	on_hangup(arg);
}

static void
on_usr1(void *arg)
{
	struct daemon *d = arg;

	reload_log(d, d->settings);
}

static void
watch_signals(struct daemon *d)
{
	static const struct {
		int signo;
		loop_fn *fn;
	} signals[DAEMON_SIGNALS] = { { SIGTERM, on_term }, { SIGINT, on_term },
		{ SIGHUP, on_hangup }, { SIGUSR1, on_usr1 } };

	(void)signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < DAEMON_SIGNALS; i++)
		d->signal[i] = loop_signal_new(
		    d->loop, signals[i].signo, signals[i].fn, d);
}

/* --- connections
 * --------------------------------------------------------------
 */

/* The one with the fewest sessions. */
static struct inlet *
best_inlet(const struct daemon *d)
{
	struct inlet *best = d->inlet[0];

	for (size_t i = 1; i < d->ninlets; i++) {
		if (inlet_load(d->inlet[i]) < inlet_load(best))
			best = d->inlet[i];
	}
	return best;
}

static void
on_connection(void *arg, size_t listener, int fd, const struct addr *peer)
{
	inlet_accept(best_inlet(arg), listener, fd, peer);
}

/* By sendmail's door, the last one. */
static void
on_drop(void *arg, int fd, const struct addr *peer, const char *name)
{
	struct daemon *d = arg;

	inlet_accept_drop(
	    best_inlet(d), d->settings->inlet.nlisteners - 1, fd, peer, name);
}

struct maildrop_settings
daemon_maildrop(const struct settings *s)
{
	return (struct maildrop_settings){ .directory = s->drop_directory,
		.door = &s->inlet.listeners[s->inlet.nlisteners - 1] };
}

static void
start_maildrop(struct daemon *d)
{
	struct maildrop_settings s = daemon_maildrop(d->settings);

	d->maildrop =
	    maildrop_new(d->loop, &s, spool_last_drop(d->spool), on_drop, d);
}

/* --- the start
 * ----------------------------------------------------------------
 */

/* What the last stop has left behind. */
static void
tell_found(enum daemon_event event, uint64_t messages)
{
	struct log_line l;

	if (messages == 0)
		return;
	log_begin(&l, &daemon_events[event], 0, 0);
	log_num(&l, "messages", (int64_t)messages);
	log_end(&l);
}

static void
tell_spool(const struct daemon *d)
{
	struct spool_stats st = { 0 };
	struct log_line l;

	spool_stats(d->spool, &st);
	log_begin(&l, &daemon_events[DAEMON_SPOOL], 0, 0);
	log_cstr(&l, "directory", d->settings->spool.directory);
	log_num(&l, "flush_us", (int64_t)spool_flush_us(d->spool));
	log_num(&l, "queued", (int64_t)st.queued);
	log_num(&l, "held", (int64_t)st.held);
	log_num(&l, "doubt", (int64_t)st.doubt);
	log_num(&l, "dead", (int64_t)st.dead);
	log_end(&l);
	tell_found(DAEMON_POISON, st.poisoned);
	tell_found(DAEMON_DOUBT, st.doubted);
}

void
daemon_tell_providers(const struct settings *s)
{
	static const char *const tls[] = { [RELAY_TLS_OFF] = "off",
		[RELAY_TLS_OPPORTUNISTIC] = "opportunistic",
		[RELAY_TLS_REQUIRED] = "required",
		[RELAY_TLS_VERIFY] = "verify" };

	for (size_t i = 0; i < s->relay.nproviders; i++) {
		const struct relay_provider *p = &s->relay.providers[i];
		struct log_line l;

		log_begin(&l, &daemon_events[DAEMON_PROVIDER], 0, 0);
		log_cstr(&l, "provider", p->name);
		log_cstr(&l, "host", p->host);
		log_num(&l, "port", p->port);
		log_cstr(&l, "tls", tls[p->tls]);
		log_end(&l);
	}
}

static int
open_inlets(struct daemon *d, struct err *err)
{
	d->inlet = mem_array(d->settings->inlet_threads, sizeof *d->inlet);
	while (d->ninlets < d->settings->inlet_threads) {
		if (inlet_new(&d->inlet[d->ninlets], d->spool,
		        &d->settings->inlet, err) != 0)
			return -1;
		d->ninlets++;
		(void)conf_ref(d->settings);
	}
	return 0;
}

int
daemon_name_routes(const struct daemon *d, struct settings *s, struct err *err)
{
	for (size_t i = 0; i < s->relay.nroutes; i++) {
		uint32_t id;

		if (spool_route(d->spool, s->relay.routes[i].name, &id, err) !=
		    0)
			return -1;
		conf_set_route(s, i, id);
	}
	return 0;
}

static int
reload_for_operator(void *arg, control_tell_fn *tell, void *tell_arg)
{
	struct daemon *d = arg;

	if (d->phase == DAEMON_PHASE_RUNNING)
		return reload_all(d, tell, tell_arg);
	tell(tell_arg, "the daemon is being stopped");
	return -1;
}

static int
check_for_operator(void *arg, control_tell_fn *tell, void *tell_arg)
{
	return reload_check(arg, tell, tell_arg);
}

static void
settings_for_operator(void *arg, struct explain_by *by)
{
	const struct daemon *d = arg;

	by->inlet = &d->settings->inlet;
	by->relay = &d->settings->relay;
	by->routes_at = d->settings->routes_at;
}

static int
open_control(struct daemon *d, struct err *err)
{
	struct control_hooks hooks = { .arg = d,
		.mailbox = d->mailbox,
		.relay = d->relay,
		.figures = &d->figures,
		.spool = d->spool,
		.reload = reload_for_operator,
		.check = check_for_operator,
		.settings = settings_for_operator };

	if (control_new(
	        &d->control, d->loop, &d->settings->control, &hooks, err) == 0)
		return 0;
	if (!d->settings->control_by_default)
		return -1;
	log_text(&daemon_events[DAEMON_SKIPPED], "%s", err->text);
	return 0;
}

static int
open_all(struct daemon *d, struct err *err)
{
	if (loop_new(&d->loop, err) != 0)
		return -1;
	d->mailbox = mailbox_new(d->loop, d);
	d->overdue = timer_new(d->loop, on_overdue, d);
	d->watcher = watcher_new(d->loop, d->mailbox, on_change, d);
	if (spool_open(&d->spool, &d->settings->spool, err) != 0 ||
	    daemon_name_routes(d, d->settings, err) != 0)
		return -1;
	spool_on_fatal(d->spool, on_fatal, d);
	if (relay_new(&d->relay, d->spool, &d->settings->relay, err) != 0)
		return -1;
	(void)conf_ref(d->settings);
	if (open_control(d, err) != 0)
		return -1;
	if (d->settings->http.address.len > 0 &&
	    http_open(&d->http, &d->settings->http, err) != 0)
		return -1;
	return open_inlets(d, err);
}

/* After the threads have ended, or before there were any. */
static void
let_all_go(struct daemon *d)
{
	d->figures.is_over = true;
	for (size_t i = 0; i < d->ninlets; i++) {
		struct settings *s = d->settings;

		inlet_free(&d->inlet[i]);
		conf_free(&s);
	}
	free(d->inlet);
	if (d->relay != NULL) {
		struct settings *s = d->settings;

		relay_free(&d->relay);
		conf_free(&s);
	}
	http_free(&d->http);
	lookout_free(&d->lookout);
	watcher_free(&d->watcher);
	control_stop(d->control);
	if (d->spool != NULL)
		spool_close(&d->spool);
	for (size_t i = 0; i < DAEMON_SIGNALS; i++) {
		if (d->signal[i] != NULL)
			loop_signal_free(&d->signal[i]);
	}
	acceptor_close(&d->acceptors);
	walls_done(&d->walls);
	if (d->overdue != NULL)
		timer_free(&d->overdue);
	if (d->mailbox != NULL)
		mailbox_free(&d->mailbox);
	control_free(&d->control);
	if (d->loop != NULL)
		loop_free(&d->loop);
	conf_free(&d->settings);
}

int
daemon_open(struct daemon *d, struct settings *s, struct err *err)
{
	d->settings = s;
	if (open_all(d, err) == 0)
		return 0;
	let_all_go(d);
	return -1;
}

static void
start_threads(struct daemon *d)
{
	char name[32];

	spool_start(d->spool);
	relay_start(d->relay);
	for (size_t i = 0; i < d->ninlets; i++) {
		(void)snprintf(name, sizeof name, "inlet%zu", i);
		inlet_start(d->inlet[i], name);
	}
}

static void
fill_figures(struct daemon *d)
{
	struct stats_source *s = &d->figures;

	s->version = PACKAGE_VERSION;
	s->modules = MODULES[0] != '\0' ? MODULES + 1 : "";
	s->hash = d->settings->hash;
	s->turns_us = loop_turns_us(d->loop);
	s->spool = d->spool;
	s->relay = d->relay;
	s->inlets = d->inlet;
	s->ninlets = d->ninlets;
	s->started_ms = clock_wall_ms();
	stats_tick(s);
}

static void
start_http(struct daemon *d)
{
	char address[ADDR_TEXT];
	struct log_line l;
	struct err err;

	if (d->http == NULL)
		return;
	if (http_start(d->http, &d->figures, &err) != 0) {
		log_text(&daemon_events[DAEMON_HTTP], "%s", err.text);
		return;
	}
	addr_text(http_addr(d->http), address);
	log_begin(&l, &daemon_events[DAEMON_LISTENING], 0, 0);
	log_cstr(&l, "listener", "http");
	log_cstr(&l, "address", address);
	log_end(&l);
}

static void
stop_threads(struct daemon *d)
{
	set_phase(d, DAEMON_PHASE_ENDING);
	http_stop(d->http);
	for (size_t i = 0; i < d->ninlets; i++)
		inlet_stop(d->inlet[i]);
	relay_stop(d->relay);
	spool_stop(d->spool);
}

static void
tell_ms(enum daemon_event ev, uint64_t since)
{
	struct log_line l;

	log_begin(&l, &daemon_events[ev], 0, 0);
	log_num(&l, "ms", (int64_t)(clock_mono_ms() - since));
	log_end(&l);
}

void
daemon_run(struct daemon *d, void (*ready)(void *arg), void *arg)
{
	struct err err;

	log_address_key(spool_secret(d->spool));
	tell_spool(d);
	daemon_tell_providers(d->settings);
	watch_signals(d);
	if (sandbox_enter(&err) != 0)
		log_text(&daemon_events[DAEMON_SANDBOX], "%s", err.text);
	if (d->walls.refused.kind != ERR_NONE)
		log_text(&daemon_events[DAEMON_SANDBOX], "%s",
		    d->walls.refused.text);
	start_threads(d);
	fill_figures(d);
	d->lookout = lookout_new(d->loop, d->spool, &d->figures);
	acceptor_start(&d->acceptors, d->loop, on_connection, d);
	control_start(d->control);
	start_maildrop(d);
	start_http(d);
	set_phase(d, DAEMON_PHASE_RUNNING);
	tell_ms(DAEMON_STARTED, d->began_ms);
	notify_ready();
	ready(arg);
	loop_run(d->loop);
	stop_threads(d);
	tell_ms(DAEMON_STOPPED, d->stopping_ms);
	let_all_go(d);
}
