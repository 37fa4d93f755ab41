/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/provider_tool.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "postern/conf/conf.h"

#include "tools/control_ask.h"
#include "tools/control_row.h"

enum { OPT_JSON = 256, OPT_FOR };

static const struct option options[] = {
	{ "for", required_argument, NULL, OPT_FOR },
	{ "json", no_argument, NULL, OPT_JSON },
	{ NULL, 0, NULL, 0 },
};

static int64_t
sum(const json_t *row, const char *key)
{
	json_t *of = json_object_get(row, key), *value;
	const char *name;
	int64_t n = 0;

	json_object_foreach(of, name, value) n += json_integer_value(value);
	return n;
}

/* Whole seconds; "-": it has no end. */
static void
write_wait(const json_t *row, char out[32])
{
	if (json_object_get(row, "for_ms") == NULL)
		(void)snprintf(out, 32, "-");
	else
		(void)snprintf(out, 32, "%" PRId64 "s",
		    (control_row_number(row, "for_ms") + 999) / 1000);
}

/* 80 columns; a longer name moves the rest of its line. */
static void
print_line(void *arg, const json_t *row)
{
	bool *is_first = arg;
	char wait[32];

	if (*is_first)
		(void)printf("%-20s %-9s %-11s %6s %8s %8s %10s\n", "PROVIDER",
		    "STATE", "LEVEL", "FOR", "SESSIONS", "WAITING",
		    "DELIVERED");
	*is_first = false;
	write_wait(row, wait);
	(void)printf("%-20s %-9s %-11s %6s %8" PRId64 " %8" PRId64 " %10" PRId64
	             "\n",
	    control_row_text(row, "name"), control_row_text(row, "state"),
	    control_row_text(row, "level"), wait, sum(row, "sessions"),
	    sum(row, "waiting"), control_row_number(row, "delivered"));
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

/* An operator's pause. */
static void
print_pause(const json_t *of)
{
	time_t at = (time_t)(control_row_number(of, "since_ms") / 1000);
	char text[32] = "";
	struct tm tm;

	if (of == NULL)
		return;
	if (gmtime_r(&at, &tm) != NULL)
		(void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	(void)printf("%-11s by uid %" PRId64 " at %s\n", "paused",
	    control_row_number(of, "uid"), text);
}

static void
print_page(void *arg, const json_t *row)
{
	double pace = json_real_value(json_object_get(row, "per_minute"));

	(void)arg;
	(void)printf("%-11s %s\n%-11s %s:%" PRId64 "\n", "provider",
	    control_row_text(row, "name"), "host",
	    control_row_text(row, "host"), control_row_number(row, "port"));
	print_state("state", control_row_text(row, "state"),
	    control_row_text(row, "why"));
	print_pause(json_object_get(row, "paused"));
	if (control_row_number(row, "for_ms") > 0)
		(void)printf("%-11s %" PRId64 " s\n", "usable in",
		    (control_row_number(row, "for_ms") + 999) / 1000);
	print_state("level", control_row_text(row, "level"),
	    control_row_text(row, "level_why"));
	if (pace > 0)
		(void)printf("%-11s %.1f a minute\n", "pace", pace);
	print_object("sessions", json_object_get(row, "sessions"));
	print_object("waiting", json_object_get(row, "waiting"));
	(void)printf("%-11s %" PRId64 "\n%-11s %" PRId64 "\n", "sending",
	    control_row_number(row, "sending"), "delivered",
	    control_row_number(row, "delivered"));
	print_object("learned", json_object_get(row, "learned"));
	if (json_object_get(row, "delivery_ms") != NULL) {
		print_object("wait ms", json_object_get(row, "wait_ms"));
		print_object(
		    "delivery ms", json_object_get(row, "delivery_ms"));
	}
}

static int
usage(void)
{
	(void)fputs("usage: " PROVIDER_TOOL_USAGE, stderr);
	return EX_USAGE;
}

/* -1: told. */
static int
take_length(json_t *ask, const char *text)
{
	struct err err;
	uint64_t ms = 0;

	if (conf_duration(text, &ms, &err) != 0) {
		(void)fprintf(stderr, "postern: --for: %s\n", err.text);
		return -1;
	}
	json_object_set_new(ask, "for_ms", json_integer((json_int_t)ms));
	return 0;
}

struct options {
	struct control_ask ask;
	bool is_json;
	const char *length; /* of a pause; NULL: without an end */
};

static int
list(const struct options *o)
{
	bool is_first = true;

	return control_ask_run(&o->ask,
	    json_pack("{ss}", "request", "provider.list"),
	    o->is_json ? control_row_print : print_line, &is_first);
}

static const struct verb {
	const char *word, *request;
} verbs[] = {
	{ "show", "provider.show" },
	{ "pause", "provider.pause" },
	{ "resume", "provider.resume" },
};

static int
act(const struct options *o, const char *word, const char *name)
{
	for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
		json_t *ask;

		if (strcmp(verbs[i].word, word) != 0)
			continue;
		ask = json_pack(
		    "{ss ss}", "request", verbs[i].request, "name", name);
		if (o->length != NULL && ask != NULL &&
		    take_length(ask, o->length) != 0) {
			json_decref(ask);
			return EX_USAGE;
		}
		return control_ask_run(&o->ask, ask,
		    o->is_json ? control_row_print : print_page, NULL);
	}
	return usage();
}

int
provider_tool_run(int argc, char **argv)
{
	struct options o = { .ask.file = SYSCONFDIR "/postern/postern.conf" };
	const char *word;
	int c;

	while ((c = getopt_long(argc, argv, "c:s:", options, NULL)) != -1) {
		if (c == 'c')
			o.ask.file = optarg;
		else if (c == 's')
			o.ask.socket = optarg;
		else if (c == OPT_JSON)
			o.is_json = true;
		else if (c == OPT_FOR)
			o.length = optarg;
		else
			return usage();
	}
	word = optind < argc ? argv[optind] : "";
	if (o.length != NULL && strcmp(word, "pause") != 0)
		return usage();
	if (argc - optind == 1 && strcmp(word, "list") == 0)
		return list(&o);
	return argc - optind == 2 ? act(&o, word, argv[optind + 1]) : usage();
}
