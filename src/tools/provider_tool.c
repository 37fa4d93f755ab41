/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/provider_tool.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "tools/control_ask.h"

enum { OPT_JSON = 256 };

static const struct option options[] = {
	{ "json", no_argument, NULL, OPT_JSON },
	{ NULL, 0, NULL, 0 },
};

static const char *
word(const json_t *row, const char *key)
{
	const char *s = json_string_value(json_object_get(row, key));

	return s != NULL ? s : "";
}

static int64_t
number(const json_t *row, const char *key)
{
	return json_integer_value(json_object_get(row, key));
}

static int64_t
sum(const json_t *row, const char *key)
{
	json_t *of = json_object_get(row, key), *value;
	const char *name;
	int64_t n = 0;

	json_object_foreach(of, name, value) n += json_integer_value(value);
	return n;
}

static void
print_json(void *arg, const json_t *row)
{
	(void)arg;
	(void)json_dumpf(row, stdout, JSON_COMPACT);
	(void)putchar('\n');
}

/* 80 columns; a longer name moves the rest of its line. */
static void
print_line(void *arg, const json_t *row)
{
	bool *is_first = arg;

	if (*is_first)
		(void)printf("%-20s %-9s %-11s %6s %8s %8s %10s\n", "PROVIDER",
		    "STATE", "LEVEL", "FOR", "SESSIONS", "WAITING",
		    "DELIVERED");
	*is_first = false;
	(void)printf("%-20s %-9s %-11s %5" PRId64 "s %8" PRId64 " %8" PRId64
	             " %10" PRId64 "\n",
	    word(row, "name"), word(row, "state"), word(row, "level"),
	    (number(row, "for_ms") + 999) / 1000, sum(row, "sessions"),
	    sum(row, "waiting"), number(row, "delivered"));
}

static void
print_object(const char *label, const json_t *of)
{
	json_t *value;
	const char *name;

	(void)printf("%-11s", label);
	json_object_foreach((json_t *)of, name, value)(void)
	    printf(" %s %" PRId64, name, (int64_t)json_integer_value(value));
	(void)putchar('\n');
}

static void
print_state(const char *label, const char *state, const char *why)
{
	(void)printf("%-11s %s%s%s%s\n", label, state, *why ? " (" : "", why,
	    *why ? ")" : "");
}

static void
print_page(void *arg, const json_t *row)
{
	double pace = json_real_value(json_object_get(row, "per_minute"));

	(void)arg;
	(void)printf("%-11s %s\n%-11s %s:%" PRId64 "\n", "provider",
	    word(row, "name"), "host", word(row, "host"), number(row, "port"));
	print_state("state", word(row, "state"), word(row, "why"));
	if (number(row, "for_ms") > 0)
		(void)printf("%-11s %" PRId64 " s\n", "usable in",
		    (number(row, "for_ms") + 999) / 1000);
	print_state("level", word(row, "level"), word(row, "level_why"));
	if (pace > 0)
		(void)printf("%-11s %.1f a minute\n", "pace", pace);
	print_object("sessions", json_object_get(row, "sessions"));
	print_object("waiting", json_object_get(row, "waiting"));
	(void)printf("%-11s %" PRId64 "\n%-11s %" PRId64 "\n", "sending",
	    number(row, "sending"), "delivered", number(row, "delivered"));
	print_object("learned", json_object_get(row, "learned"));
}

static int
usage(void)
{
	(void)fputs("usage: " PROVIDER_TOOL_USAGE, stderr);
	return EX_USAGE;
}

int
provider_tool_run(int argc, char **argv)
{
	struct control_ask a = { .file = SYSCONFDIR "/postern/postern.conf" };
	bool is_json = false, is_first = true;
	int c, words;

	while ((c = getopt_long(argc, argv, "c:s:", options, NULL)) != -1) {
		if (c == 'c')
			a.file = optarg;
		else if (c == 's')
			a.socket = optarg;
		else if (c == OPT_JSON)
			is_json = true;
		else
			return usage();
	}
	words = argc - optind;
	if (words == 1 && strcmp(argv[optind], "list") == 0)
		return control_ask_run(&a,
		    json_pack("{ss}", "request", "provider.list"),
		    is_json ? print_json : print_line, &is_first);
	if (words == 2 && strcmp(argv[optind], "show") == 0)
		return control_ask_run(&a,
		    json_pack("{ss ss}", "request", "provider.show", "name",
		        argv[optind + 1]),
		    is_json ? print_json : print_page, NULL);
	return usage();
}
