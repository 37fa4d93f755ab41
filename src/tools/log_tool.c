/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/log_tool.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "tools/control_ask.h"
#include "tools/control_row.h"

static void
print_level(void *arg, const json_t *row)
{
	(void)arg;
	(void)puts(control_row_text(row, "level"));
}

int
log_tool_run(int argc, char **argv)
{
	struct control_ask a;
	bool good = control_ask_options(&a, false, argc, argv);
	int words = argc - optind;

	if (!good || words < 1 || words > 2 ||
	    strcmp(argv[optind], "level") != 0) {
		(void)fputs("usage: " LOG_TOOL_USAGE, stderr);
		return EX_USAGE;
	}
	return control_ask_run(&a,
	    words == 1 ? json_pack("{ss}", "request", "log.level")
	               : json_pack("{ss ss}", "request", "log.set", "level",
	                     argv[optind + 1]),
	    print_level, NULL);
}
