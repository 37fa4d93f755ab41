/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/classify_tool - postern classify: what a provider's reply means.
 */
#ifndef TOOLS_CLASSIFY_TOOL_H
#define TOOLS_CLASSIFY_TOOL_H

#define CLASSIFY_TOOL_USAGE                                                    \
	"postern classify [-c file] [--used] [--json] provider stage reply\n"

int classify_tool_run(int argc, char **argv);

#endif
