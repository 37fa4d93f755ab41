/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/route_tool.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <sysexits.h>

#include "postern/admin/explain.h"
#include "postern/io/addr.h"

#include "tools/candidates.h"
#include "tools/control_ask.h"
#include "tools/control_row.h"

enum { OPT_JSON = 'j' };

static void
print_pick(const json_t *row)
{
	const char *balance = control_row_text(row, "balance");

	if (!candidates_print(row))
		(void)puts("  it waits: none can be used now");
	else if (*balance)
		(void)printf("  picked by: %s\n", balance);
	else
		(void)puts("  picked by: the order of use");
}

static void
print_row(void *arg, const json_t *row)
{
	struct explain_row r = { .to = control_row_text(row, "to"),
		.route = control_row_text(row, "route"),
		.rule = control_row_text(row, "rule"),
		.why = control_row_text(row, "why"),
		.use = control_row_text(row, "use") };

	(void)arg;
	explain_print(stdout, &r);
	print_pick(row);
}

static json_t *
words(const char *const *of, size_t n)
{
	json_t *all = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(all, json_string(of[i]));
	return all;
}

static json_t *
request_of(const struct explain *e)
{
	char client[ADDR_TEXT];

	if (e->client.len > 0)
		addr_host_text(&e->client, client);
	return json_pack("{ss ss* so ss* ss* ss* so sI}", "request", "route",
	    "from", e->from, "to", words(e->to, e->nto), "user", e->user,
	    "listener", e->listener, "client",
	    e->client.len > 0 ? client : NULL, "header",
	    words(e->header, e->nheaders), "size", (json_int_t)e->size);
}

static int
usage(void)
{
	(void)fputs("usage: " ROUTE_TOOL_USAGE, stderr);
	return EX_USAGE;
}

int
route_tool_run(int argc, char **argv)
{
	static const struct option json = { "json", no_argument, NULL,
		OPT_JSON };
	struct control_ask a = { .file = SYSCONFDIR "/postern/postern.conf" };
	struct option all[EXPLAIN_OPTIONS + 2];
	struct explain e = { .from = NULL };
	bool is_json = false;
	struct err err;
	int c;

	explain_options_with(all, &json);
	while ((c = getopt_long(argc, argv, "c:s:", all, NULL)) != -1) {
		if (c == 'c') {
			a.file = optarg;
		} else if (c == 's') {
			a.socket = optarg;
		} else if (c == OPT_JSON) {
			is_json = true;
		} else if (c == '?') {
			return usage();
		} else if (explain_options_take(&e, c, optarg, &err) != 0) {
			(void)fprintf(stderr, "postern: %s\n", err.text);
			return EX_USAGE;
		}
	}
	if (optind < argc || e.from == NULL || e.nto == 0)
		return usage();
	return control_ask_run(
	    &a, request_of(&e), is_json ? control_row_print : print_row, NULL);
}
