/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/reload.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "postern/base/clock.h"
#include "postern/base/mem.h"
#include "postern/conf/conf.h"
#include "postern/inlet/inlet.h"
#include "postern/inlet/maildrop.h"
#include "postern/relay/relay.h"
#include "postern/spool/spool.h"

#include "daemon/daemon.h"
#include "daemon/detach.h"
#include "daemon/notify.h"
#include "daemon/watcher.h"

/* Any thread: an inlet or the relay has let its generation go. */
static void
on_old(void *arg)
{
	struct settings *old = arg;

	conf_free(&old);
}

/* Who is told beside the log. */
struct ear {
	control_tell_fn *tell; /* NULL: nobody */
	void *arg;
};

static void
failed(const struct ear *ear, const char *text)
{
	if (ear->tell != NULL)
		ear->tell(ear->arg, text);
	log_text(&daemon_events[DAEMON_RELOAD_FAILED],
	    "%s; the settings stay as they are", text);
}

static void
tell_restart(void *arg, const char *key)
{
	const struct ear *ear = arg;
	char *text;

	if (ear->tell == NULL)
		return;
	text = mem_printf("%s: needs a restart", key);
	ear->tell(ear->arg, text);
	free(text);
}

static void
needs_restart(void *arg, const char *key)
{
	struct log_line l;

	tell_restart(arg, key);
	log_begin(&l, &daemon_events[DAEMON_RESTART_NEEDED], 0, 0);
	log_cstr(&l, "key", key);
	log_end(&l);
}

static int
change_log(
    const struct daemon *d, const struct log_settings *log, struct err *err)
{
	if (log_change(log, err) != 0)
		return -1;
	if (d->is_detached && !str_is(str_of(log->to), "stderr"))
		detach_stderr(log->to);
	return 0;
}

/* A full disk leaves that of a file that is written anew: it has no mistake,
 * and no provider, and nothing would look for the mended one. */
static int
refuse_emptied(
    const struct daemon *d, const struct settings *s, struct err *err)
{
	struct stat st;

	if (d->settings->relay.nproviders == 0 || s->relay.nproviders > 0 ||
	    stat(s->file, &st) != 0 || st.st_size > 0)
		return 0;
	return err_set(err, ERR_CONFIG,
	    "%s: is empty, which would take all providers away; write a "
	    "comment into it if that is meant",
	    s->file);
}

static int
check_settings(struct daemon *d, const struct settings *s, struct err *err)
{
	return refuse_emptied(d, s, err) != 0 ||
	               walls_check(&d->walls, s, err) != 0
	           ? -1
	           : 0;
}

/* What can fail, all of it, before anything is changed. */
static int
prepare(struct daemon *d, struct settings *s, const struct ear *ear)
{
	struct err err;

	if (check_settings(d, s, &err) != 0 ||
	    acceptor_open(&d->acceptors, s, &err) != 0) {
		failed(ear, err.text);
		return -1;
	}
	if (daemon_name_routes(d, s, &err) != 0 ||
	    change_log(d, &s->log, &err) != 0) {
		acceptor_forget(&d->acceptors);
		failed(ear, err.text);
		return -1;
	}
	return 0;
}

/* From here on nothing fails.  The inlets hear of the new listeners before the
 * first connection with a new number can reach them. */
static void
use(struct daemon *d, struct settings *s, struct ear *ear)
{
	struct maildrop_settings drop;
	struct settings *old = d->settings;

	conf_keep_until_restart(old, s, needs_restart, ear);
	acceptor_retire(&d->acceptors);
	spool_change(d->spool, &s->spool);
	for (size_t i = 0; i < d->ninlets; i++)
		inlet_change(d->inlet[i], &conf_ref(s)->inlet, on_old, old);
	relay_change(d->relay, &conf_ref(s)->relay, on_old, old);
	acceptor_use(&d->acceptors);
	drop = daemon_maildrop(s);
	maildrop_change(d->maildrop, &drop);
	d->settings = s;
	d->figures.hash = s->hash;
	conf_free(&old);
}

static void
tell_reloaded(const struct settings *s)
{
	struct log_line l;

	daemon_tell_providers(s);
	log_begin(&l, &daemon_events[DAEMON_RELOADED], 0, 0);
	/* without sendmail's, which is always there */
	log_num(&l, "listeners", (int64_t)s->inlet.nlisteners - 1);
	log_num(&l, "providers", (int64_t)s->relay.nproviders);
	log_end(&l);
}

/* For "postern status". */
static void
keep_result(struct stats_source *f, bool refused, size_t mistakes)
{
	bool first = refused && stat_get(&f->refused_ms) == 0;

	stat_set(&f->mistakes, mistakes);
	if (first || !refused)
		stat_set(
		    &f->refused_ms, refused ? (uint64_t)clock_wall_ms() : 0);
}

static void
tell_report(const struct conf_report *r, const struct ear *ear)
{
	for (size_t i = 0; i < r->nmistakes; i++)
		failed(ear, r->mistakes[i]);
	for (size_t i = 0; i < r->nwarnings && r->nmistakes == 0; i++)
		log_text(&daemon_events[DAEMON_CONFIG], "%s", r->warnings[i]);
}

int
reload_all(struct daemon *d, control_tell_fn *tell, void *arg)
{
	struct ear ear = { tell, arg };
	struct settings *s = NULL;
	struct conf_report r;

	notify_reloading();
	if (conf_load(&s, d->settings->file, false, &r) != 0)
		reload_log(d, d->settings); /* it may have been rotated */
	tell_report(&r, &ear);
	if (s != NULL && prepare(d, s, &ear) != 0)
		conf_free(&s);
	if (s != NULL) {
		use(d, s, &ear);
		tell_reloaded(s);
	}
	keep_result(&d->figures, s == NULL, r.nmistakes > 0 ? r.nmistakes : 1);
	watcher_use(d->watcher, &r, d->settings->watch);
	conf_report_done(&r);
	notify_ready();
	return s != NULL ? 0 : -1;
}

int
reload_check(struct daemon *d, control_tell_fn *tell, void *arg)
{
	struct ear ear = { tell, arg };
	struct settings *s = NULL;
	struct conf_report r;
	int rc = conf_load(&s, d->settings->file, false, &r);
	struct err err;

	for (size_t i = 0; i < r.nmistakes; i++)
		tell(arg, r.mistakes[i]);
	for (size_t i = 0; i < r.nwarnings && rc == 0; i++)
		tell(arg, r.warnings[i]);
	for (size_t i = 0; i < r.nhints && rc == 0; i++)
		tell(arg, r.hints[i]);
	if (rc == 0)
		conf_needs_restart(d->settings, s, tell_restart, &ear);
	if (rc == 0 && (check_settings(d, s, &err) != 0 ||
	                   acceptor_check(&d->acceptors, s, &err) != 0)) {
		tell(arg, err.text);
		rc = -1;
	}
	conf_report_done(&r);
	conf_free(&s);
	return rc;
}

void
reload_log(const struct daemon *d, const struct settings *s)
{
	struct log_settings same = s->log;
	struct err err;

	same.level = log_level_now(); /* an operator's, perhaps */
	if (change_log(d, &same, &err) != 0)
		failed(&(struct ear){ NULL, NULL }, err.text);
}
