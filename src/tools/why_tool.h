/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/why_tool - postern why: what a message waits for.
 */
#ifndef TOOLS_WHY_TOOL_H
#define TOOLS_WHY_TOOL_H

#define WHY_TOOL_USAGE "postern why [-c file] [-s socket] [--json] id\n"

int why_tool_run(int argc, char **argv);

#endif
