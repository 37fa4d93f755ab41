/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/status_tool - postern status: how the running daemon is, on one page.
 */
#ifndef TOOLS_STATUS_TOOL_H
#define TOOLS_STATUS_TOOL_H

#define STATUS_TOOL_USAGE                                                      \
	"postern status [-c file] [-s socket] [--json] [--watch]\n"

int status_tool_run(int argc, char **argv);

#endif
