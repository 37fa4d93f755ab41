/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/message_tool.h"

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "postern/base/buf.h"
#include "postern/base/clock.h"
#include "postern/base/mem.h"
#include "postern/smtp/base64.h"

#include "tools/control_ask.h"
#include "tools/control_row.h"

#define LABEL 12         /* columns */
#define OCTETS_MAX 65536 /* of a row */

/* --- show --------------------------------------------------------------------
 */

static void
print_field(const char *label, const char *text)
{
	if (*text == '\0')
		return;
	(void)printf("%-11s ", label);
	control_row_column(text, 0);
	(void)putchar('\n');
}

static void
print_number(const json_t *row, const char *key)
{
	if (json_object_get(row, key) != NULL)
		(void)printf(
		    "%-11s %" PRId64 "\n", key, control_row_number(row, key));
}

/* "2026-11-24T09:31:12Z (4m ago)"; for_ms: since then, or until then. */
static void
print_time(const char *label, int64_t at_ms, int64_t for_ms)
{
	char at[40], span[CONTROL_ROW_SHORT];

	if (at_ms == 0)
		return;
	clock_rfc3339_s(at_ms, at);
	control_row_time(for_ms < 0 ? -for_ms : for_ms, span);
	(void)printf("%-11s %s (%s%s%s)\n", label, at, for_ms < 0 ? "in " : "",
	    span, for_ms < 0 ? "" : " ago");
}

static void
print_rcpt(const json_t *r)
{
	int64_t code = control_row_number(r, "code");
	const char *address = control_row_text(r, "address");
	char *reply;

	(void)printf("%-*s", LABEL, "recipient");
	control_row_column(address, 0);
	if (code == 0) {
		(void)putchar('\n');
		return;
	}
	reply = mem_printf("%" PRId64 " %s %s", code,
	    control_row_text(r, "enhanced"), control_row_text(r, "text"));
	if (LABEL + strlen(address) + 2 + strlen(reply) > CONTROL_ROW_LEAST)
		(void)printf(":\n%*s", LABEL, "");
	else
		(void)fputs(": ", stdout);
	control_row_paragraph(reply, LABEL);
	free(reply);
}

static void
print_rcpts(const json_t *row)
{
	const json_t *all = json_object_get(row, "rcpts"), *r;
	int64_t n = control_row_number(row, "nrcpts");
	size_t i;

	json_array_foreach(all, i, r) print_rcpt(r);
	if (n > (int64_t)json_array_size(all))
		(void)printf("%-11s and %" PRId64 " others\n", "recipient",
		    n - (int64_t)json_array_size(all));
}

static void
print_delivery(void *arg, const json_t *row)
{
	bool *is_next = arg;
	const char *sender = control_row_text(row, "sender");

	(void)fputs(*is_next ? "\n" : "", stdout);
	*is_next = true;
	print_field("message", control_row_text(row, "id"));
	if (control_row_number(row, "n") > 0)
		print_number(row, "n");
	print_field("state", control_row_text(row, "state"));
	print_field("cause", control_row_text(row, "cause"));
	print_field("route", control_row_text(row, "route"));
	print_field("provider", control_row_text(row, "provider"));
	print_field("priority", control_row_text(row, "priority"));
	print_number(row, "lane");
	print_number(row, "attempts");
	print_number(row, "size");
	print_time("arrival", control_row_number(row, "arrival_ms"),
	    control_row_number(row, "age_ms"));
	print_time("due", control_row_number(row, "due_ms"),
	    -control_row_number(row, "due_in_ms"));
	print_time("dead since", control_row_number(row, "dead_ms"),
	    control_row_number(row, "dead_for_ms"));
	print_field("client", control_row_text(row, "client"));
	print_field("listener", control_row_text(row, "listener"));
	print_field("user", control_row_text(row, "user"));
	print_field("message id", control_row_text(row, "message_id"));
	print_field("sender", *sender != '\0' ? sender : "<>");
	print_rcpts(row);
}

/* --- headers, body -----------------------------------------------------------
 */

/* A terminal is shown nothing that it would obey. */
static void
write_octets(struct str s)
{
	if (!isatty(STDOUT_FILENO)) {
		(void)fwrite(s.p, 1, s.len, stdout);
		return;
	}
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c == '\r')
			continue;
		if ((c < ' ' && c != '\n' && c != '\t') || c == 0x7f)
			(void)printf("\\x%02x", c);
		else
			(void)putchar(c);
	}
}

static void
print_octets(void *arg, const json_t *row)
{
	struct buf b;

	(void)arg;
	buf_init(&b, OCTETS_MAX);
	if (base64_take(&b, str_of(control_row_text(row, "base64"))) == 0)
		write_octets(buf_str(&b));
	buf_done(&b);
}

/* --- the command -------------------------------------------------------------
 */

static const struct verb {
	const char *name, *request;
	control_ask_fn *print;
} verbs[] = {
	{ "show", "message.show", print_delivery },
	{ "headers", "message.headers", print_octets },
	{ "body", "message.body", print_octets },
};

static int
usage(void)
{
	(void)fputs("usage: " MESSAGE_TOOL_USAGE, stderr);
	return EX_USAGE;
}

int
message_tool_run(int argc, char **argv)
{
	struct control_ask a;
	bool is_next = false;

	if (!control_ask_options(&a, true, argc, argv))
		return usage();
	for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
		if (argc - optind != 2 ||
		    strcmp(argv[optind], verbs[i].name) != 0)
			continue;
		return control_ask_run(&a,
		    json_pack("{ss ss}", "request", verbs[i].request, "id",
		        argv[optind + 1]),
		    a.is_json ? control_row_print : verbs[i].print, &is_next);
	}
	return usage();
}
