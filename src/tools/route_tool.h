/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/route_tool - postern route: which way a message would take now.
 */
#ifndef TOOLS_ROUTE_TOOL_H
#define TOOLS_ROUTE_TOOL_H

#include "postern/conf/explain_options.h"

#define ROUTE_TOOL_USAGE                                                       \
	"postern route [-b] [-c file] [-s socket] [--json]\n"                  \
	"           " EXPLAIN_OPTIONS_USAGE

int route_tool_run(int argc, char **argv);

#endif
