/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/explain_options - the options that say which message is asked about
 * (admin/explain.h), the same for posternd -t --route and postern route.
 */
#ifndef CONF_EXPLAIN_OPTIONS_H
#define CONF_EXPLAIN_OPTIONS_H

#include <getopt.h>

#include "postern/base/err.h"

struct explain;

#define EXPLAIN_OPTIONS 7
#define EXPLAIN_OPTIONS_USAGE                                                  \
	"--from address --to address ...\n"                                    \
	"           [--user name] [--listener name] [--client address]\n"      \
	"           [--header field] ... [--size size]\n"

/* A table for getopt_long(3): these, own, and the empty one at the end. */
void explain_options_with(
    struct option all[EXPLAIN_OPTIONS + 2], const struct option *own);

/* An option of them that was there.  -1: what is wrong with its text. */
MUST_CHECK int explain_options_take(
    struct explain *e, int option, const char *text, struct err *err);

#endif
