/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/act_tool - "postern queue hold", "postern dead resend" and so on: the
 * running daemon does something with messages.
 */
#ifndef TOOLS_ACT_TOOL_H
#define TOOLS_ACT_TOOL_H

#include <stdbool.h>

#include "tools/control_ask.h"

struct act_tool {
	struct control_ask ask;
	const char *noun; /* "queue", "dead" */
	bool is_json, yes;
};

/* words: the verb, then ids, NULL at the end.  -1: these are none of its. */
int act_tool_run(const struct act_tool *t, char **words);

#endif
