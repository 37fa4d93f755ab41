/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/queue_tool - postern queue: what is in the queue of the running daemon.
 */
#ifndef TOOLS_QUEUE_TOOL_H
#define TOOLS_QUEUE_TOOL_H

#define QUEUE_TOOL_USAGE                                                       \
	"postern queue list [-c file] [-s socket] [--json] [--where filter]\n" \
	"           [--limit number] [--sort field] [--mailq]\n"               \
	"       postern queue count [-c file] [-s socket] [--json]\n"          \
	"           [--where filter] [--group-by field[,field ...]]\n"         \
	"       postern queue export [-c file] [-s socket] [--json]\n"         \
	"           [--where filter] directory\n"                              \
	"       postern queue release [-c file] [-s socket] [--yes]\n"         \
	"           [--json] [--priority word] id ... | --where filter\n"      \
	"       postern queue hold | retry | reroute | delete [-c file]\n"     \
	"           [-s socket] [--yes] [--json] id ... | --where filter\n"

int queue_tool_run(int argc, char **argv);

#endif
