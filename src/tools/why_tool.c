/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/why_tool.h"

#include <unistd.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "postern/base/mem.h"

#include "tools/candidates.h"
#include "tools/control_ask.h"
#include "tools/control_row.h"

/* What the last try has brought, of the first recipient that was answered. */
static void
print_reply(const json_t *row)
{
	const json_t *all = json_object_get(row, "rcpts"), *r;
	const char *provider = control_row_text(row, "provider");
	char *text;
	size_t i;

	json_array_foreach(all, i, r)
	{
		int64_t code = control_row_number(r, "code");

		if (code == 0)
			continue;
		text = mem_printf("last reply, of %s: %" PRId64 " %s %s",
		    *provider != '\0' ? provider : "a provider", code,
		    control_row_text(r, "enhanced"),
		    control_row_text(r, "text"));
		(void)fputs("  ", stdout);
		control_row_paragraph(text, 2);
		free(text);
		return;
	}
}

static void
print_delivery(void *arg, const json_t *row)
{
	const char *hint = control_row_text(row, "hint");
	const char *cause = control_row_text(row, "cause");

	(void)arg;
	(void)printf("%s", control_row_text(row, "id"));
	if (control_row_number(row, "n") > 0)
		(void)printf("/%" PRId64, control_row_number(row, "n"));
	(void)printf(" (%s", control_row_text(row, "state"));
	(void)printf("%s%s", *cause != '\0' ? ": " : "", cause);
	(void)printf("; route %s)\n  ", control_row_text(row, "route"));
	control_row_paragraph(control_row_text(row, "text"), 2);
	(void)candidates_print(row);
	print_reply(row);
	if (*hint != '\0') {
		(void)fputs("  ", stdout);
		control_row_paragraph(hint, 2);
	}
}

static int
usage(void)
{
	(void)fputs("usage: " WHY_TOOL_USAGE, stderr);
	return EX_USAGE;
}

int
why_tool_run(int argc, char **argv)
{
	struct control_ask a;

	if (!control_ask_options(&a, true, argc, argv) || argc - optind != 1)
		return usage();
	return control_ask_run(&a,
	    json_pack("{ss ss}", "request", "why", "id", argv[optind]),
	    a.is_json ? control_row_print : print_delivery, NULL);
}
