/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/provider_tool - postern provider: the providers as the running daemon
 * sees them, and what an operator wants of them.
 */
#ifndef TOOLS_PROVIDER_TOOL_H
#define TOOLS_PROVIDER_TOOL_H

#define PROVIDER_TOOL_USAGE                                                    \
	"postern provider list [-c file] [-s socket] [--json]\n"               \
	"       postern provider show [-c file] [-s socket] [--json] "         \
	"provider\n"                                                           \
	"       postern provider show --settings [-c file] [--json] "          \
	"provider\n"                                                           \
	"       postern provider pause [-c file] [-s socket] [--json]\n"       \
	"           [--for time] provider\n"                                   \
	"       postern provider probe [-c file] [-s socket] [--json]\n"       \
	"           [--from address] [--to address] provider\n"                \
	"       postern provider resume [-c file] [-s socket] [--json] "       \
	"provider\n"

int provider_tool_run(int argc, char **argv);

#endif
