/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/route_tool.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <sysexits.h>

#include "postern/admin/explain.h"
#include "postern/io/addr.h"

#include "tools/control_ask.h"

enum { OPT_JSON = 'j' };

static const char *
word(const json_t *row, const char *key)
{
	const char *s = json_string_value(json_object_get(row, key));

	return s != NULL ? s : "";
}

static void
print_json(void *arg, const json_t *row)
{
	(void)arg;
	(void)json_dumpf(row, stdout, JSON_COMPACT);
	(void)putchar('\n');
}

/* "  -> main: ok" */
static void
print_candidate(const json_t *c)
{
	const json_t *wait = json_object_get(c, "for_ms");

	(void)printf("  %s %s: %s",
	    json_is_true(json_object_get(c, "pick")) ? "->" : "  ",
	    word(c, "name"), word(c, "state"));
	if (*word(c, "why"))
		(void)printf(" (%s)", word(c, "why"));
	if (json_integer_value(wait) > 0)
		(void)printf(", for %" PRId64 " s",
		    (int64_t)(json_integer_value(wait) + 999) / 1000);
	if (*word(c, "lacks"))
		(void)printf(", not for this message (%s)", word(c, "lacks"));
	(void)putchar('\n');
}

static void
print_pick(const json_t *row)
{
	const json_t *all = json_object_get(row, "candidates"), *c;
	const char *balance = word(row, "balance");
	bool has_pick = false;
	size_t i;

	json_array_foreach(all, i, c)
	{
		print_candidate(c);
		has_pick |= json_is_true(json_object_get(c, "pick"));
	}
	if (!has_pick)
		(void)puts("  it waits: none can be used now");
	else if (*balance)
		(void)printf("  picked by: %s\n", balance);
	else
		(void)puts("  picked by: the order of use");
}

static void
print_row(void *arg, const json_t *row)
{
	struct explain_row r = { .to = word(row, "to"),
		.route = word(row, "route"),
		.rule = word(row, "rule"),
		.why = word(row, "why"),
		.use = word(row, "use") };

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
	    &a, request_of(&e), is_json ? print_json : print_row, NULL);
}
