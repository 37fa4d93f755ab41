/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/trace_tool - postern trace: what became of a message, also of one that
 * has left.
 */
#ifndef TOOLS_TRACE_TOOL_H
#define TOOLS_TRACE_TOOL_H

#define TRACE_TOOL_USAGE                                                       \
	"postern trace [-c file] [-s socket] [--json]\n"                       \
	"           id | address | message-id | provider-id\n"

int trace_tool_run(int argc, char **argv);

#endif
