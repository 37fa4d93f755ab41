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
	const char *where;    /* NULL: ids are given */
	const char *priority; /* NULL: was not given */
};

/* words: the verb, then ids where there is no filter, NULL at the end.  -1:
 * they are none of these. */
int act_tool_run(const struct act_tool *t, char **words);

#endif
