/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/spool_tool - postern spool: the spool as a whole, mostly while no
 * daemon uses it.
 */
#ifndef TOOLS_SPOOL_TOOL_H
#define TOOLS_SPOOL_TOOL_H

#include <stdbool.h>

#include "postern/spool/spool.h"

#include "tools/control_ask.h"

#define SPOOL_TOOL_USAGE                                                       \
	"postern spool backup [-c file] [-d spool] [-s socket] [--json] "      \
	"directory\n"                                                          \
	"       postern spool compact [-c file] [-d spool] [--json]\n"         \
	"       postern spool export | import | salvage [-c file] [-d spool] " \
	"[--json]\n"                                                           \
	"           directory\n"

struct spool_tool {
	struct control_ask ask;
	struct spool_settings set;
	const char *word; /* the verb's, or NULL */
};

int spool_tool_run(int argc, char **argv);

/* Runs it under the spool's lock, with the directory open that the word names;
 * the exit code. */
typedef int spool_tool_into_fn(const struct spool_tool *t, int dir);
int spool_tool_into(const struct spool_tool *t, spool_tool_into_fn *run);
/* What went wrong is told; the exit code for it. */
int spool_tool_fail(const struct err *err);
void spool_tool_print(json_t *row); /* takes row */

#endif
