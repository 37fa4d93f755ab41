/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/trace_tool.h"

#include <unistd.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "postern/base/clock.h"

#include "tools/control_ask.h"
#include "tools/control_row.h"

static void
print_word(const json_t *row, const char *before, const char *key)
{
	const char *text = control_row_text(row, key);

	if (*text == '\0')
		return;
	(void)fputs(before, stdout);
	control_row_column(text, 0);
}

/* A line for what was answered. */
static void
print_reply(const json_t *row)
{
	int64_t code = control_row_number(row, "code");

	if (code == 0)
		return;
	(void)printf("    %" PRId64, code);
	print_word(row, " ", "enhanced");
	print_word(row, " ", "text");
	(void)putchar('\n');
}

static void
print_now(const json_t *row)
{
	char span[CONTROL_ROW_SHORT];

	(void)printf("%-20s %s", "now", control_row_text(row, "id"));
	print_word(row, " ", "state");
	print_word(row, ": ", "cause");
	if (json_object_get(row, "due_in_ms") != NULL) {
		int64_t in = control_row_number(row, "due_in_ms");

		control_row_time(in, span);
		(void)printf(in > 0 ? ", due in %s" : ", due", span);
	}
	print_word(row, ", route ", "route");
	(void)putchar('\n');
}

static void
print_event(void *arg, const json_t *row)
{
	int64_t n = control_row_number(row, "nrcpts");
	const char *event = control_row_text(row, "event");
	char at[40];

	(void)arg;
	if (strcmp(event, "now") == 0) {
		print_now(row);
		return;
	}
	clock_rfc3339_s(control_row_number(row, "at_ms"), at);
	(void)printf("%s %s %s", at, control_row_text(row, "id"), event);
	if (n > 0)
		(void)printf(
		    " (%" PRId64 " recipient%s)", n, n == 1 ? "" : "s");
	print_word(row, " from ", "client");
	print_word(row, " by ", "provider");
	print_word(row, ": ", "cause");
	if (json_object_get(row, "uid") != NULL)
		(void)printf(
		    ", by uid %" PRId64, control_row_number(row, "uid"));
	(void)putchar('\n');
	if (*control_row_text(row, "route") != '\0') {
		print_word(row, "    route ", "route");
		print_word(row, ": ", "why");
		(void)putchar('\n');
	}
	print_reply(row);
}

static int
usage(void)
{
	(void)fputs("usage: " TRACE_TOOL_USAGE, stderr);
	return EX_USAGE;
}

int
trace_tool_run(int argc, char **argv)
{
	struct control_ask a;

	if (!control_ask_options(&a, true, argc, argv) || argc - optind != 1)
		return usage();
	return control_ask_run(&a,
	    json_pack("{ss ss}", "request", "trace", "what", argv[optind]),
	    a.is_json ? control_row_print : print_event, NULL);
}
