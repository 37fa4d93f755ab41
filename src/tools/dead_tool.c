/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/dead_tool.h"

#include <getopt.h>
#include <stdio.h>
#include <sysexits.h>

#include "tools/act_tool.h"

enum { OPT_JSON = 256, OPT_YES, OPT_WHERE };

static const struct option options[] = {
	{ "json", no_argument, NULL, OPT_JSON },
	{ "where", required_argument, NULL, OPT_WHERE },
	{ "yes", no_argument, NULL, OPT_YES },
	{ NULL, 0, NULL, 0 },
};

static int
usage(void)
{
	(void)fputs("usage: " DEAD_TOOL_USAGE, stderr);
	return EX_USAGE;
}

int
dead_tool_run(int argc, char **argv)
{
	struct act_tool t = { .ask.file = SYSCONFDIR "/postern/postern.conf",
		.noun = "dead" };
	int c, code;

	while ((c = getopt_long(argc, argv, "c:s:", options, NULL)) != -1) {
		if (c == 'c')
			t.ask.file = optarg;
		else if (c == 's')
			t.ask.socket = optarg;
		else if (c == OPT_JSON)
			t.is_json = true;
		else if (c == OPT_YES)
			t.yes = true;
		else if (c == OPT_WHERE)
			t.where = optarg;
		else
			return usage();
	}
	code = act_tool_run(&t, argv + optind);
	return code < 0 ? usage() : code;
}
