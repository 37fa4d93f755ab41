/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/trace_tool.h"

#include <unistd.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "postern/base/clock.h"
#include "postern/base/mem.h"
#include "postern/base/standard.h"

#include "tools/control_ask.h"
#include "tools/control_row.h"

#define INDENT 4

static void
print_word(const json_t *row, const char *before, const char *key)
{
	const char *text = control_row_text(row, key);

	if (*text == '\0')
		return;
	(void)fputs(before, stdout);
	control_row_column(text, 0);
}

/* Behind what stands in the line, or where that is too much below it. */
static void
put(size_t *column, const char *before, const char *word, const char *text)
{
	size_t n = strlen(word) + strlen(text);

	if (*text == '\0')
		return;
	if (*column + strlen(before) + n > CONTROL_ROW_LEAST) {
		(void)printf("\n%*s", INDENT, "");
		*column = INDENT;
	} else {
		(void)fputs(before, stdout);
		*column += strlen(before);
	}
	(void)fputs(word, stdout);
	control_row_column(text, 0);
	*column += n;
}

/* Below it, what was answered. */
static void
print_reply(const json_t *row)
{
	int64_t code = control_row_number(row, "code");
	const char *enhanced = control_row_text(row, "enhanced");
	char *text;

	if (code == 0)
		return;
	text = mem_printf("%" PRId64 "%s%s %s", code, *enhanced ? " " : "",
	    enhanced, control_row_text(row, "text"));
	(void)printf("%*s", INDENT, "");
	control_row_paragraph(text, INDENT);
	free(text);
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
print_event(const json_t *row)
{
	int64_t n = control_row_number(row, "nrcpts");
	const char *event = control_row_text(row, "event");
	char at[40], uid[24] = "";
	size_t column;

	if (strcmp(event, "now") == 0) {
		print_now(row);
		return;
	}
	clock_rfc3339_s(control_row_number(row, "at_ms"), at);
	column =
	    (size_t)printf("%s %s %s", at, control_row_text(row, "id"), event);
	if (n > 0)
		column += (size_t)printf(
		    " (%" PRId64 " recipient%s)", n, n == 1 ? "" : "s");
	put(&column, " ", "from ", control_row_text(row, "client"));
	put(&column, " ", "by ", control_row_text(row, "provider"));
	put(&column, ": ", "", control_row_text(row, "cause"));
	if (json_object_get(row, "uid") != NULL)
		(void)snprintf(uid, sizeof uid, "%" PRId64,
		    control_row_number(row, "uid"));
	put(&column, ", ", "by uid ", uid);
	(void)putchar('\n');
	if (*control_row_text(row, "route") != '\0') {
		print_word(row, "    route ", "route");
		print_word(row, ": ", "why");
		(void)putchar('\n');
	}
	print_reply(row);
}

/* --- what is one event -------------------------------------------------------
 */

/* The journal has an event with many recipients as several. */
static bool
goes_on(json_t *held, const json_t *row)
{
	int64_t n = control_row_number(held, "nrcpts");
	bool is_same;

	if (n == 0 || control_row_number(row, "nrcpts") == 0)
		return false;
	json_object_set(held, "nrcpts", json_object_get(row, "nrcpts"));
	is_same = json_equal(held, row) != 0;
	n += is_same ? control_row_number(row, "nrcpts") : 0;
	json_object_set_new(held, "nrcpts", json_integer((json_int_t)n));
	return is_same;
}

static void
let_go(json_t **held)
{
	if (*held != NULL)
		print_event(*held);
	json_decref(*held);
	*held = NULL;
}

static void
on_event(void *arg, const json_t *row)
{
	json_t **held = arg;

	if (*held != NULL && goes_on(*held, row))
		return;
	let_go(held);
	*held = json_copy((json_t *)row);
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
	json_t *held = NULL;
	int code;

	if (!control_ask_options(&a, true, argc, argv) || argc - optind != 1)
		return usage();
	code = control_ask_run(&a,
	    json_pack("{ss ss}", "request", "trace", "what", argv[optind]),
	    a.is_json ? control_row_print : on_event, &held);
	let_go(&held);
	return standard_written() ? code : EX_IOERR;
}
