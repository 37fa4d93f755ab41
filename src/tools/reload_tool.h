/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/reload_tool - postern reload: the daemon takes up its configuration;
 * postern check: would it?
 */
#ifndef TOOLS_RELOAD_TOOL_H
#define TOOLS_RELOAD_TOOL_H

#define RELOAD_TOOL_USAGE                                                      \
	"postern reload [-c file] [-s socket] [--or-check] [--json]\n"

#define RELOAD_TOOL_CHECK_USAGE "postern check [-c file] [-s socket] [--json]\n"

int reload_tool_run(int argc, char **argv);
int reload_tool_check(int argc, char **argv);

#endif
