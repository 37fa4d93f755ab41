/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/reload_tool - postern reload: the daemon takes up its configuration.
 */
#ifndef TOOLS_RELOAD_TOOL_H
#define TOOLS_RELOAD_TOOL_H

#define RELOAD_TOOL_USAGE "postern reload [-c file] [-s socket]\n"

int reload_tool_run(int argc, char **argv);

#endif
