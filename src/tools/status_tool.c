/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/status_tool.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "tools/control_ask.h"
#include "tools/control_row.h"
#include "tools/provider_line.h"

#define WATCH_S 2
#define MEND_COLUMN 4
#define CLEAR "\033[H\033[2J" /* the terminal, and to its upper left */

enum { OPT_JSON = 256, OPT_WATCH };

static const struct option options[] = {
	{ "json", no_argument, NULL, OPT_JSON },
	{ "watch", no_argument, NULL, OPT_WATCH },
	{ NULL, 0, NULL, 0 },
};

static void
print_head(const json_t *row)
{
	char up[CONTROL_ROW_SHORT];

	control_row_time(control_row_number(row, "uptime_s") * 1000, up);
	(void)printf("postern %s, pid %" PRId64 ", up %s: ",
	    control_row_text(row, "version"), control_row_number(row, "pid"),
	    up);
	if (json_is_true(json_object_get(row, "accepts")))
		(void)puts("accepts mail");
	else
		(void)printf(
		    "refuses mail: %s\n", control_row_text(row, "why"));
}

static void
print_queue(const json_t *q)
{
	const json_t *oldest = json_object_get(q, "oldest_s");
	char age[CONTROL_ROW_SHORT], size[CONTROL_ROW_SHORT];

	control_row_time((int64_t)(json_number_value(oldest) * 1000), age);
	control_row_size(control_row_number(q, "bytes"), size);
	(void)printf("queue   %" PRId64 " queued (%s",
	    control_row_number(q, "queued"), size);
	if (oldest != NULL && control_row_number(q, "queued") > 0)
		(void)printf(", oldest %s", age);
	(void)printf("), %" PRId64 " held, %" PRId64 " in doubt, %" PRId64
	             " dead\n",
	    control_row_number(q, "held"), control_row_number(q, "doubt"),
	    control_row_number(q, "dead"));
}

static void
print_flow(const json_t *row)
{
	const json_t *in = json_object_get(row, "in");
	const json_t *out = json_object_get(row, "out");

	(void)printf("in      %" PRId64 " messages in the last minute, %" PRId64
	             " since the start; %" PRId64 " sessions\n",
	    control_row_number(in, "last_minute"),
	    control_row_number(in, "messages"),
	    control_row_number(in, "sessions"));
	(void)printf("out     %" PRId64
	             " recipients in the last minute, %" PRId64
	             " since the start; %" PRId64 " in hand\n",
	    control_row_number(out, "last_minute"),
	    control_row_number(json_object_get(out, "results"), "delivered"),
	    control_row_number(out, "in_hand"));
}

static void
write_latency(int64_t ms, char out[CONTROL_ROW_SHORT])
{
	if (ms < 10000)
		(void)snprintf(out, CONTROL_ROW_SHORT, "%" PRId64 " ms", ms);
	else
		control_row_time(ms, out);
}

/* From the acceptance of a message on. */
static void
print_times(const json_t *ms)
{
	char half[CONTROL_ROW_SHORT], most[CONTROL_ROW_SHORT],
	    all[CONTROL_ROW_SHORT];

	if (ms == NULL)
		return;
	write_latency(control_row_number(ms, "p50"), half);
	write_latency(control_row_number(ms, "p95"), most);
	write_latency(control_row_number(ms, "p99"), all);
	(void)printf(
	    "times   to delivery: half within %s, 95%% within %s, 99%% "
	    "within %s\n",
	    half, most, all);
}

static void
print_spool(const json_t *s)
{
	const json_t *commit = json_object_get(s, "commit_ms");
	char used[CONTROL_ROW_SHORT], left[CONTROL_ROW_SHORT];

	control_row_size(control_row_number(s, "bytes"), used);
	control_row_size(control_row_number(s, "disk_free"), left);
	(void)printf("spool   %s used, %s free; commits: half within %.1f ms, "
	             "99%% within %.1f ms\n",
	    used, left, json_number_value(json_object_get(commit, "p50")),
	    json_number_value(json_object_get(commit, "p99")));
}

static void
print_alerts(const json_t *all)
{
	const json_t *a;
	size_t i;

	json_array_foreach(all, i, a)
	{
		(void)printf("%s%s: ", i == 0 ? "\nTo be mended:\n  " : "  ",
		    control_row_text(a, "about"));
		control_row_column(control_row_text(a, "text"), 0);
		(void)putchar('\n');
		(void)printf("%*s", MEND_COLUMN, "");
		control_row_paragraph(control_row_text(a, "mend"), MEND_COLUMN);
	}
}

static void
print_page(void *arg, const json_t *row)
{
	const json_t *all = json_object_get(row, "providers"), *p;
	size_t i;

	(void)arg;
	print_head(row);
	print_queue(json_object_get(row, "queue"));
	print_flow(row);
	print_times(
	    json_object_get(json_object_get(row, "out"), "delivery_ms"));
	print_spool(json_object_get(row, "spool"));
	if (json_array_size(all) > 0) {
		(void)putchar('\n');
		provider_line_head();
	}
	json_array_foreach(all, i, p) provider_line_print(p);
	print_alerts(json_object_get(row, "alerts"));
}

static int
ask(const struct control_ask *a, bool is_json)
{
	return control_ask_run(a, json_pack("{ss}", "request", "stats"),
	    is_json ? control_row_print : print_page, NULL);
}

/* Until it is interrupted, or nobody reads or answers any more. */
static int
watch(const struct control_ask *a, bool is_json)
{
	const char *between = isatty(STDOUT_FILENO) ? CLEAR : "\n";
	int rc;

	do {
		if (!is_json)
			(void)fputs(between, stdout);
		rc = ask(a, is_json);
	} while (rc == 0 && sleep(WATCH_S) == 0);
	return rc;
}

static int
usage(void)
{
	(void)fputs("usage: " STATUS_TOOL_USAGE, stderr);
	return EX_USAGE;
}

int
status_tool_run(int argc, char **argv)
{
	struct control_ask a = { .file = SYSCONFDIR "/postern/postern.conf" };
	bool is_json = false, is_watch = false;
	int c;

	while ((c = getopt_long(argc, argv, "c:s:", options, NULL)) != -1) {
		if (c == 'c')
			a.file = optarg;
		else if (c == 's')
			a.socket = optarg;
		else if (c == OPT_JSON)
			is_json = true;
		else if (c == OPT_WATCH)
			is_watch = true;
		else
			return usage();
	}
	if (optind != argc)
		return usage();
	return is_watch ? watch(&a, is_json) : ask(&a, is_json);
}
