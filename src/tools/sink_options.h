/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/sink_options - the command line of postern-sink(1).
 */
#ifndef TOOLS_SINK_OPTIONS_H
#define TOOLS_SINK_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/err.h"
#include "postern/io/addr.h"
#include "tools/sink_plan.h"

enum sink_tls {
	SINK_TLS_OFF,
	SINK_TLS_STARTTLS, /* offered */
	SINK_TLS_REQUIRED, /* nothing goes before it */
	SINK_TLS_IMPLICIT, /* before the banner */
};

#define SINK_LISTEN_MAX 8

struct sink_options { /* strings borrowed from the command line */
	struct addr listen[SINK_LISTEN_MAX];
	size_t nlisten;
	const char *hostname;
	enum sink_tls tls;
	const char *certificate, *key;
	struct str user, password; /* user.p NULL: no AUTH is asked for */
	const char *maildir, *log; /* log "-": standard output */
	bool brief;                /* the log's */
	struct sink_plan plan;     /* limits and rules are counted in it */
	const char *limits;        /* the EHLO line of LIMITS; NULL: none */
	uint64_t size_max;
	uint32_t recipients_max;
	bool delayed_ack;
	uint64_t count; /* say so when so many messages are here; 0: never */
	bool once;      /* and end then */
};

/* 0; 1: --help or --version was answered on stdout; -1 *err. */
MUST_CHECK int sink_options_parse(
    struct sink_options *o, int argc, char **argv, struct err *err);
void sink_options_done(struct sink_options *o);

#endif
