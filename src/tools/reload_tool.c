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

int
reload_tool_run(int argc, char **argv)
{
	struct control_ask a = { .file = SYSCONFDIR "/postern/postern.conf" };
	int c;

	while ((c = getopt(argc, argv, "c:s:")) != -1) {
		if (c == 'c')
			a.file = optarg;
		else if (c == 's')
			a.socket = optarg;
		else
			optind = argc + 1;
	}
	if (optind != argc) {
		(void)fputs("usage: " RELOAD_TOOL_USAGE, stderr);
		return EX_USAGE;
	}
	return control_ask_run(
	    &a, json_pack("{ss}", "request", "reload"), on_mistake, NULL);
}
