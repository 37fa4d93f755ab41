/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/main - posternd: options, privileges, the background.
 */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "postern/admin/explain.h"
#include "postern/base/clock.h"
#include "postern/base/crash.h"
#include "postern/base/mem.h"
#include "postern/base/standard.h"
#include "postern/base/str.h"
#include "postern/conf/conf.h"
#include "postern/conf/explain_options.h"

#include "daemon/daemon.h"
#include "daemon/detach.h"
#include "daemon/inherit.h"
#include "daemon/places.h"
#include "daemon/privileges.h"
#include "daemon/watcher.h"

#define CONF_FILE SYSCONFDIR "/postern/postern.conf"

enum { OPT_ROUTE = 'r' };

struct options {
	const char *file;
	bool foreground, check, verbose;
	bool route; /* the way of a message is asked for: */
	struct explain explain;
};

struct start {
	bool detach;
	int ready; /* for detach_ready() */
	const char *log_to;
	struct conf_report report; /* warnings, for the log */
	struct inherit inherit;    /* the service manager's sockets */
};

static void complain(const char *fmt, ...) PRINTF_LIKE(1, 2);

static void
complain(const char *fmt, ...)
{
	va_list ap;

	(void)fprintf(stderr, "%sposternd: ", log_stderr_lead(LOG_LEVEL_ERROR));
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
}

static int
exit_code(enum err_kind kind)
{
	switch (kind) {
	case ERR_CONFIG:
		return EX_CONFIG;
	case ERR_LOCKED:
	case ERR_FULL:
		return EX_TEMPFAIL;
	default:
		return EX_UNAVAILABLE;
	}
}

/* --- options
 * ------------------------------------------------------------------
 */

static void
print_version(void)
{
	(void)printf("posternd %s (modules:%s; build: %s)\n", PACKAGE_VERSION,
	    MODULES[0] != '\0' ? MODULES : " none", crash_build_id());
}

static _Noreturn void
usage(void)
{
	(void)fputs(
	    "usage: posternd [-f] [-c file]\n"
	    "       posternd -t [-v] [-c file]\n"
	    "       posternd -t [-c file] --route " EXPLAIN_OPTIONS_USAGE
	    "       posternd -T | -V\n",
	    stderr);
	exit(EX_USAGE);
}

static void
parse(struct options *o, int argc, char **argv)
{
	static const struct option route = { "route", no_argument, NULL,
		OPT_ROUTE };
	struct option all[EXPLAIN_OPTIONS + 2];
	struct err err;
	int c;

	explain_options_with(all, &route);
	while ((c = getopt_long(argc, argv, "c:ftvTV", all, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->file = optarg;
			break;
		case 'f':
			o->foreground = true;
			break;
		case 't':
			o->check = true;
			break;
		case 'v':
			o->verbose = true;
			break;
		case 'T':
			conf_keys(stdout);
			exit(standard_written() ? 0 : EX_IOERR);
		case 'V':
			print_version();
			exit(standard_written() ? 0 : EX_IOERR);
		case OPT_ROUTE:
			o->route = true;
			break;
		case '?':
			usage();
		default:
			if (explain_options_take(
			        &o->explain, c, optarg, &err) == 0)
				continue;
			complain("%s", err.text);
			exit(EX_USAGE);
		}
	}
	if (optind < argc || (o->route && !o->check) ||
	    (o->verbose && (!o->check || o->route)))
		usage();
}

/* --- the configuration
 * --------------------------------------------------------
 */

/* From the background on, "/" is where we are; a reload still finds it. */
static const char *
absolute(const char *file, char out[PATH_MAX])
{
	char cwd[PATH_MAX];
	int n;

	if (file[0] == '/' || getcwd(cwd, sizeof cwd) == NULL)
		return file;
	n = snprintf(out, PATH_MAX, "%s/%s", cwd, file);
	return n > 0 && n < PATH_MAX ? out : file;
}

static int
load(struct settings **s, const char *file, struct conf_report *r)
{
	int rc;

	conf_report_done(r);
	rc = conf_load(s, file, getuid() == 0, r);
	for (size_t i = 0; i < r->nmistakes; i++)
		(void)fprintf(stderr, "%s%s\n",
		    log_stderr_lead(LOG_LEVEL_ERROR), r->mistakes[i]);
	return rc;
}

/* Read again with the rights that a reload will have: what root alone can read
 * would be missed then. */
static int
load_as_user(struct settings **s, const char *file, const struct privileges *p,
    struct conf_report *r)
{
	struct err err;
	int rc;

	conf_free(s);
	if (privileges_assume(p, &err) != 0) {
		complain("%s", err.text);
		return -1;
	}
	rc = load(s, file, r);
	if (privileges_resume(p, &err) != 0) {
		complain("%s", err.text);
		return -1;
	}
	return rc;
}

/* The configuration and who runs it.  0 or an exit code, told. */
static int
configure(struct settings **s, const char *file, struct privileges *p,
    struct conf_report *r)
{
	struct settings *found = NULL;
	struct err err;

	*p = (struct privileges){ 0 };
	if (load(&found, file, r) != 0)
		return EX_CONFIG;
	if (privileges_find(p, found->user, found->group, &err) != 0) {
		complain("%s", err.text);
		conf_free(&found);
		return EX_CONFIG;
	}
	*s = found;
	if (getuid() != 0)
		return 0;
	/* p->user points into the first reading until drop: hold it. */
	(void)conf_ref(found);
	if (load_as_user(s, file, p, r) != 0) {
		conf_free(&found);
		return EX_CONFIG;
	}
	p->user = (*s)->user;
	conf_free(&found);
	return 0;
}

/* --- the start
 * ----------------------------------------------------------------
 */

static void
tell_starting(const struct settings *s, const struct conf_report *r)
{
	const struct passwd *pw = getpwuid(geteuid());
	struct log_line l;

	log_begin(&l, &daemon_events[DAEMON_STARTING], 0, 0);
	log_cstr(&l, "version", PACKAGE_VERSION);
	log_str(&l, "modules", str_trim(str_of(MODULES)));
	log_cstr(&l, "build", crash_build_id());
	log_cstr(&l, "file", s->file);
	log_num(&l, "pid", getpid());
	log_cstr(&l, "user", pw != NULL ? pw->pw_name : "unknown");
	log_cstr(&l, "hostname", s->hostname);
	log_end(&l);
	for (size_t i = 0; i < r->nwarnings; i++)
		log_text(&daemon_events[DAEMON_CONFIG], "%s", r->warnings[i]);
}

static void
on_ready(void *arg)
{
	struct start *st = arg;

	if (!st->detach)
		return;
	if (!str_is(str_of(st->log_to), "stderr"))
		detach_stderr(st->log_to);
	detach_ready(st->ready);
}

/* Sockets as root, everything else as the user. */
static int
prepare(struct daemon *d, const struct settings *s, const struct privileges *p,
    struct err *err)
{
	places_make(s, p);
	if (acceptor_open(&d->acceptors, s, err) != 0 ||
	    privileges_drop(p, err) != 0) {
		acceptor_close(&d->acceptors);
		return -1;
	}
	privileges_confine();
	walls_raise(&d->walls, s);
	if (log_start(&s->log, err) != 0) {
		acceptor_close(&d->acceptors);
		walls_done(&d->walls);
		return err_wrap(err, "log.to");
	}
	return 0;
}

static int
run(struct settings *s, const struct privileges *p, struct start *st)
{
	struct daemon d = { .began_ms = clock_mono_ms(),
		.acceptors = { .inherit = &st->inherit },
		.is_detached = st->detach };
	struct err err;

	log_thread("main");
	if (prepare(&d, s, p, &err) != 0) {
		conf_free(&s);
		complain("%s", err.text);
		return exit_code(err.kind);
	}
	tell_starting(s, &st->report);
	inherit_close_rest(&st->inherit);
	st->log_to = s->log.to;
	if (daemon_open(&d, s, &err) != 0) {
		log_stop();
		complain("%s", err.text);
		return exit_code(err.kind);
	}
	watcher_use(d.watcher, &st->report, s->watch);
	daemon_run(&d, on_ready, st);
	log_stop();
	return 0;
}

static void
print_value(void *arg, const struct conf_value *v)
{
	const char *name = arg;

	(void)printf("%s: %s = %s (%s)\n", name, v->key, v->value, v->origin);
}

/* The start makes none of them: an empty directory may be one whose file system
 * is not mounted. */
static void
tell_missing(const char *key, const char *directory)
{
	struct stat st;

	if (stat(directory, &st) != 0 && errno == ENOENT)
		(void)fprintf(stderr,
		    "%s: %s is not there, and the start needs it; run: install "
		    "-d -m 0700 -o USER %s\n",
		    key, directory, directory);
}

static void
tell_places(const struct settings *s)
{
	char *log = mem_str(s->log.to), *slash = strrchr(log, '/');

	tell_missing("spool.directory", s->spool.directory);
	if (slash != NULL && slash != log) {
		*slash = '\0';
		tell_missing("log.to", log);
	}
	free(log);
}

/* -t, after the mistakes: there are none. */
static int
tell_checked(
    const struct options *o, const struct settings *s, struct conf_report *r)
{
	for (size_t i = 0; o->verbose && i < s->relay.nproviders; i++)
		conf_provider_values(
		    s, i, print_value, (void *)s->relay.providers[i].name);
	for (size_t i = 0; i < r->nwarnings; i++)
		(void)fprintf(stderr, "%s\n", r->warnings[i]);
	for (size_t i = 0; i < r->nhints; i++)
		(void)fprintf(stderr, "%s\n", r->hints[i]);
	tell_places(s);
	(void)printf("%s: ok\n", o->file);
	return standard_written() ? 0 : EX_IOERR;
}

static void
print_route(void *arg, const struct explain_row *row)
{
	explain_print(arg, row);
}

/* -t --route: the same, but for the answer. */
static int
tell_route(const struct explain *e, const struct settings *s)
{
	struct explain_by by = { .inlet = &s->inlet,
		.relay = &s->relay,
		.routes_at = s->routes_at };
	struct err err;

	if (explain_run(e, &by, print_route, stdout, &err) != 0) {
		complain("%s", err.text);
		return EX_USAGE;
	}
	return standard_written() ? 0 : EX_IOERR;
}

static int
start(struct settings *s, const struct privileges *p, struct start *st)
{
	struct err err;

	if (st->detach && detach_fork(&st->ready, &err) != 0) {
		complain("%s", err.text);
		conf_free(&s);
		return EX_OSERR;
	}
	(void)umask(027);
	crash_install(-1);
	return run(s, p, st);
}

int
main(int argc, char **argv)
{
	struct options o = { .file = CONF_FILE };
	char path[PATH_MAX];
	struct settings *s = NULL;
	struct privileges p;
	struct start st = { 0 };
	int rc;

	standard_fill();
	parse(&o, argc, argv);
	inherit_take(&st.inherit);
	st.detach = !o.foreground;
	if (st.detach && !o.check)
		o.file = absolute(o.file, path);
	rc = configure(&s, o.file, &p, &st.report);
	if (rc == 0 && o.check) {
		rc = o.route ? tell_route(&o.explain, s)
		             : tell_checked(&o, s, &st.report);
		conf_free(&s);
	} else if (rc == 0) {
		rc = start(s, &p, &st);
	}
	if (rc == EX_CONFIG && !o.check)
		inherit_refuse(&st.inherit);
	inherit_done(&st.inherit);
	conf_report_done(&st.report);
	return rc;
}
