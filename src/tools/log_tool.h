/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/log_tool - postern log: how much the running daemon logs, and an
 * address as it writes it.
 */
#ifndef TOOLS_LOG_TOOL_H
#define TOOLS_LOG_TOOL_H

#define LOG_TOOL_USAGE                                                         \
	"postern log level [-c file] [-s socket] [--json]\n"                   \
	"           [error | warn | info | debug]\n"                           \
	"       postern log address [-c file] [-s socket] [--json] address\n"

int log_tool_run(int argc, char **argv);

#endif
