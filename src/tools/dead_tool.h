/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/dead_tool - postern dead: the running daemon's dead letters.
 */
#ifndef TOOLS_DEAD_TOOL_H
#define TOOLS_DEAD_TOOL_H

#define DEAD_TOOL_USAGE                                                        \
	"postern dead list [-c file] [-s socket] [--json] [--where filter]\n"  \
	"           [--limit number]\n"                                        \
	"       postern dead export [-c file] [-s socket] [--json] [--where "  \
	"filter]\n"                                                            \
	"           directory\n"                                               \
	"       postern dead resend [-c file] [-s socket] [--yes] [--json]\n"  \
	"           [--priority word] id ... | --where filter\n"               \
	"       postern dead delete [-c file] [-s socket] [--yes] [--json]\n"  \
	"           id ... | --where filter\n"

int dead_tool_run(int argc, char **argv);

#endif
