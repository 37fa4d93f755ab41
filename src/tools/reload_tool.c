/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/reload_tool.h"

#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#include "tools/control_ask.h"

static void
on_mistake(void *arg, const json_t *row)
{
	const char *text = json_string_value(json_object_get(row, "mistake"));

	(void)arg;
	if (text != NULL)
		(void)fprintf(stderr, "%s\n", text);
}

static int
ask(int argc, char **argv, const char *request, const char *usage)
{
	struct control_ask a;

	if (!control_ask_options(&a, false, argc, argv) || optind != argc) {
		(void)fprintf(stderr, "usage: %s", usage);
		return EX_USAGE;
	}
	return control_ask_run(
	    &a, json_pack("{ss}", "request", request), on_mistake, NULL);
}

int
reload_tool_run(int argc, char **argv)
{
	return ask(argc, argv, "reload", RELOAD_TOOL_USAGE);
}

int
reload_tool_check(int argc, char **argv)
{
	return ask(argc, argv, "check", RELOAD_TOOL_CHECK_USAGE);
}
