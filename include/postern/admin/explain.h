/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/explain - which way a message would take by a configuration, and why:
 * posternd -t --route and postern route.  It knows nothing of how the providers
 * are.
 */
#ifndef ADMIN_EXPLAIN_H
#define ADMIN_EXPLAIN_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "postern/base/err.h"
#include "postern/io/addr.h"

struct inlet_settings;
struct relay_settings;

#define EXPLAIN_WORDS 100 /* of --to, of --header */

struct explain {
	const char *from, *user, *listener;
	const char *to[EXPLAIN_WORDS], *header[EXPLAIN_WORDS];
	size_t nto, nheaders;
	struct addr client; /* len 0: none */
	uint64_t size;
};

struct explain_by { /* one generation; borrowed */
	const struct inlet_settings *inlet;
	const struct relay_settings *relay;
	const char **routes_at; /* of relay->routes: "FILE:LINE", or "" */
};

struct explain_row {
	const char *to;     /* as it was asked */
	const char *reader; /* of a user of this host: who gets it; or NULL */
	const char
	    *route;       /* "": nobody reads it, it is kept as a dead letter */
	const char *rule; /* "FILE:LINE"; "": it is not written */
	const char *why;  /* "its match" */
	const char *use;  /* "main, pool (one, two)"; "": nothing */
};
typedef void explain_fn(void *arg, const struct explain_row *row);

/* A numeric address. */
MUST_CHECK int explain_client(
    struct explain *e, const char *text, struct err *err);
/* fn(arg, row) for each recipient, and each who reads for one.  -1: what is
 * wrong with the question. */
MUST_CHECK int explain_run(const struct explain *e, const struct explain_by *by,
    explain_fn *fn, void *arg, struct err *err);
void explain_print(FILE *out, const struct explain_row *row);

#endif
