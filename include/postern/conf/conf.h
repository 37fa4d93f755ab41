/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/conf - the configuration: one table of keys reads postern.conf and what
 * it includes into an immutable, reference-counted generation of settings.
 * postern.conf(5) tells the operator's side; src/conf/conf_table.c is the
 * table.
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "postern/admin/control.h"
#include "postern/admin/http.h"
#include "postern/base/err.h"
#include "postern/base/log.h"
#include "postern/inlet/inlet.h"
#include "postern/relay/relay.h"
#include "postern/spool/spool.h"

struct conf_seen;

/* One generation.  Everything in it lives as long as it does. */
struct settings {
	const char *file; /* the main file */
	const char *hash; /* the same where the files say the same; no secret */
	const char *hostname;
	const char *user, *group; /* group NULL: the user's own */
	uint32_t inlet_threads;
	uint64_t stop_grace_ms;
	bool listeners_by_default; /* no "listeners" was written */
	/* The last of inlet.listeners is the door of postern-sendmail; where it
	 * is was not written. */
	bool submission_by_default, control_by_default; /* their sockets */
	const char *drop_directory; /* where it leaves mail meanwhile */
	bool watch;                 /* a change of the files is a reload */
	const char **routes_at;     /* of relay.routes: "FILE:LINE", or "" */
	struct inlet_settings inlet;
	struct relay_settings relay;
	struct spool_settings spool;
	struct log_settings log;
	struct control_settings control;
	struct http_settings http;
};

/* What is to be told: "FILE:LINE: KEY: what is wrong; what to write". */
struct conf_report {
	size_t nmistakes, nwarnings, nhints;
	char **mistakes, **warnings; /* owned; in the order of files, lines */
	char **hints; /* what would be better, for a check; owned too */
	struct conf_seen *seen; /* the files that were read; owned */
};

/* Reads everything, secrets included, with the rights of the caller.  identity:
 * the user and the group have to exist.  0: a reference in *s (warnings may be
 * in *r); -1: *s untouched, r->mistakes has every mistake.  r is the caller's
 * to conf_report_done() in both cases. */
MUST_CHECK int conf_load(struct settings **s, const char *file, bool identity,
    struct conf_report *r);
void conf_report_done(struct conf_report *r);

/* Where the daemon of that file is to be asked, the caller's to free: also with
 * mistakes in it, and for those who cannot read its secrets.  r as above; has
 * what is wrong with the files as such. */
char *conf_control_socket(const char *file, struct conf_report *r);

struct settings *conf_ref(struct settings *s); /* any thread */
void conf_free(struct settings **s);           /* drops a reference */

/* The id of relay.routes[i], before the generation is shared. */
void conf_set_route(struct settings *s, size_t i, uint32_t id);

/* fn(arg, key) for each key that differs and needs a restart. */
void conf_needs_restart(const struct settings *old, const struct settings *new,
    void (*fn)(void *arg, const char *key), void *arg);
/* The same, and new gets the old value of each: what is in force until then.
 * Before the generation is shared. */
void conf_keep_until_restart(const struct settings *old, struct settings *new,
    void (*fn)(void *arg, const char *key), void *arg);

/* A size as the file has it.  -1: "what is wrong; what to write". */
MUST_CHECK int conf_size(const char *text, uint64_t *bytes, struct err *err);
/* A time of at most 3650 days, the same way. */
MUST_CHECK int conf_duration(const char *text, uint64_t *ms, struct err *err);

/* What a provider has, as one key says it. */
struct conf_value {
	const char *key;    /* "timeouts.dot" */
	const char *value;  /* as a file would have it: "\"5m\"", "50" */
	const char *origin; /* "default", "FILE:LINE", "profile ses, FILE:LINE",
	                       "like main, FILE:LINE" */
};
/* fn(arg, v) for each value of relay.providers[i] that is written somewhere or
 * has a default; *v only while it runs.  No value is a secret. */
void conf_provider_values(const struct settings *s, size_t i,
    void (*fn)(void *arg, const struct conf_value *v), void *arg);

/* The table, a key a line: name, type, default, range, unit, reload or
 * restart, separated by tabs. */
void conf_keys(FILE *out);

#endif
