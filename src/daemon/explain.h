/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/explain - posternd -t --route: which way a message would take by a
 * configuration, and why.  No daemon is asked.
 */
#ifndef DAEMON_EXPLAIN_H
#define DAEMON_EXPLAIN_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "postern/base/err.h"
#include "postern/io/addr.h"

struct settings;

#define EXPLAIN_WORDS 100 /* of --to, of --header */

struct explain {
	bool is_asked; /* --route was there */
	const char *from, *user, *listener;
	const char *to[EXPLAIN_WORDS], *header[EXPLAIN_WORDS];
	size_t nto, nheaders;
	struct addr client; /* len 0: none */
	uint64_t size;
};

extern const struct option explain_options[]; /* for getopt_long(3) */

/* An option of them that was there.  -1: what is wrong with its text. */
MUST_CHECK int explain_take(
    struct explain *e, int option, const char *text, struct err *err);
/* A line or more for each recipient.  -1: what is wrong with the question. */
MUST_CHECK int explain_print(const struct explain *e, const struct settings *s,
    FILE *out, struct err *err);

#endif
