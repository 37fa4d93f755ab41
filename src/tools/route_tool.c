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
print_brief(const struct explain_row *r, const char *provider)
{
	(void)fputs(r->to, stdout);
	if (r->reader != NULL)
		(void)printf(" -> %s", r->reader);
	if (r->route[0] == '\0')
		(void)printf(": kept as a dead letter: %s\n", r->why);
	else if (provider[0] == '\0')
		(void)printf(": waits: route %s (%s%s%s), no provider can be "
		             "used now\n",
		    r->route, r->rule, r->rule[0] != '\0' ? ", " : "", r->why);
	else
		(void)printf(": provider %s, by route %s (%s%s%s)\n", provider,
		    r->route, r->rule, r->rule[0] != '\0' ? ", " : "", r->why);
}

/* arg: bool, is a user of this host among them for whom nobody reads? */
static void
print_row(void *arg, const json_t *row)
{
	bool *is_stray = arg;
	struct explain_row r = { .to = control_row_text(row, "to"),
		.reader = json_string_value(json_object_get(row, "reader")),
		.route = control_row_text(row, "route"),
		.rule = control_row_text(row, "rule"),
		.why = control_row_text(row, "why"),
		.use = control_row_text(row, "use") };

	*is_stray |= r.route[0] == '\0';
	if (json_object_get(row, "use") == NULL) {
		print_brief(&r, control_row_text(row, "provider"));
		return;
	}
	explain_print(stdout, &r);
	if (r.route[0] != '\0')
		print_pick(row);
}

static void
print_json(void *arg, const json_t *row)
{
	bool *is_stray = arg;

	*is_stray |= *control_row_text(row, "route") == '\0';
	control_row_print(NULL, row);
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
request_of(const struct explain *e, bool is_brief)
{
	char client[ADDR_TEXT];

	if (e->client.len > 0)
		addr_host_text(&e->client, client);
	return json_pack("{ss sb ss* so ss* ss* ss* so sI}", "request", "route",
	    "brief", is_brief, "from", e->from, "to", words(e->to, e->nto),
	    "user", e->user, "listener", e->listener, "client",
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
	bool is_json = false, is_brief = false, is_stray = false;
	struct err err;
	int c, code;

	explain_options_with(all, &json);
	while ((c = getopt_long(argc, argv, "bc:s:", all, NULL)) != -1) {
		if (c == 'b') {
			is_brief = true;
		} else if (c == 'c') {
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
	code = control_ask_run(&a, request_of(&e, is_brief),
	    is_json ? print_json : print_row, &is_stray);
	return code == 0 && is_stray ? EX_NOUSER : code;
}
