/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/message_tool - postern message: one message of the running daemon's
 * spool.
 */
#ifndef TOOLS_MESSAGE_TOOL_H
#define TOOLS_MESSAGE_TOOL_H

#define MESSAGE_TOOL_USAGE                                                     \
	"postern message show | headers | body [-c file] [-s socket]\n"        \
	"           [--json] id\n"

int message_tool_run(int argc, char **argv);

#endif
