/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/top_tool - postern top: the daemon's figures on a terminal, or as text.
 */
#ifndef TOOLS_TOP_TOOL_H
#define TOOLS_TOP_TOOL_H

#define TOP_TOOL_USAGE                                                         \
	"postern top [-c file] [-s socket] [-d seconds] [--batch [-n "         \
	"number]]\n"

int top_tool_run(int argc, char **argv);

#endif
