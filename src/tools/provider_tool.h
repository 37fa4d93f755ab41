/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/provider_tool - postern provider: the providers as the running daemon
 * sees them.
 */
#ifndef TOOLS_PROVIDER_TOOL_H
#define TOOLS_PROVIDER_TOOL_H

#define PROVIDER_TOOL_USAGE                                                    \
	"postern provider list | show [-c file] [-s socket] [--json] [name]\n"

int provider_tool_run(int argc, char **argv);

#endif
