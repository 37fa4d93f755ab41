/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/provider_tool.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "postern/conf/conf.h"

#include "tools/control_ask.h"
#include "tools/control_row.h"
#include "tools/provider_line.h"
#include "tools/provider_settings.h"

enum { OPT_JSON = 256, OPT_FOR, OPT_FROM, OPT_TO, OPT_SETTINGS };

static const struct option options[] = {
	{ "for", required_argument, NULL, OPT_FOR },
	{ "from", required_argument, NULL, OPT_FROM },
	{ "to", required_argument, NULL, OPT_TO },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "settings", no_argument, NULL, OPT_SETTINGS },
	{ NULL, 0, NULL, 0 },
};

static void
print_line(void *arg, const json_t *row)
{
	bool *is_first = arg;

	if (*is_first)
		provider_line_head();
	*is_first = false;
	provider_line_print(row);
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

/* How full each window is, and when there is room again. */
static void
print_windows(const json_t *row)
{
	int64_t slot_ms = control_row_number(row, "slot_ms");
	const json_t *w;
	size_t i;

	json_array_foreach(json_object_get(row, "windows"), i, w)(void)
	    printf("%-11s %s %s: %" PRId64 " of %" PRId64 " used\n", "limit",
	        control_row_text(w, "owner"), control_row_text(w, "window"),
	        control_row_number(w, "used"), control_row_number(w, "max"));
	if (slot_ms > 0)
		(void)printf("%-11s in %" PRId64 " s, by its rate\n",
		    "next slot", (slot_ms + 999) / 1000);
}

static void
print_words(const char *label, const char *text)
{
	int column = printf("%-11s ", label);

	control_row_paragraph(text, (size_t)column);
}

static void
print_trouble(const json_t *row)
{
	char *text = provider_line_trouble_text(row);

	if (text != NULL)
		print_words("trouble", text);
	free(text);
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
	print_trouble(row);
	if (*control_row_text(row, "mend"))
		print_words("mend", control_row_text(row, "mend"));
	if (control_row_number(row, "for_ms") > 0)
		(void)printf("%-11s %" PRId64 " s\n", "usable in",
		    (control_row_number(row, "for_ms") + 999) / 1000);
	print_state("level", control_row_text(row, "level"),
	    control_row_text(row, "level_why"));
	if (pace > 0)
		(void)printf("%-11s %.1f a minute\n", "pace", pace);
	print_windows(row);
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

/* "auth        102.3 ms  535 5.7.8 no such user" */
static void
print_stage(const json_t *s)
{
	(void)printf("%-11s %9.1f ms", control_row_text(s, "stage"),
	    json_real_value(json_object_get(s, "ms")));
	if (control_row_number(s, "code") > 0)
		(void)printf(" %" PRId64, control_row_number(s, "code"));
	if (*control_row_text(s, "enhanced"))
		(void)printf(" %s", control_row_text(s, "enhanced"));
	if (*control_row_text(s, "text")) {
		(void)putchar(' ');
		control_row_column(control_row_text(s, "text"), 0);
	}
	if (!json_is_true(json_object_get(s, "good")))
		(void)fputs(" (failed)", stdout);
	(void)putchar('\n');
}

static void
print_probe(void *arg, const json_t *row)
{
	const json_t *tls = json_object_get(row, "tls"), *s;
	size_t i;

	(void)arg;
	json_array_foreach(json_object_get(row, "stages"), i, s) print_stage(s);
	if (tls != NULL)
		(void)printf("%-11s for %s, by %s, until %s (%s)\n%-11s %s\n",
		    "certificate", control_row_text(tls, "names"),
		    control_row_text(tls, "issuer"),
		    control_row_text(tls, "until"),
		    control_row_text(tls, "left"), "pin",
		    control_row_text(tls, "pin"));
	if (*control_row_text(row, "mend"))
		print_words("mend", control_row_text(row, "mend"));
}

struct options {
	struct control_ask ask;
	bool is_json;
	bool of_file;          /* its settings, as the file has them */
	const char *length;    /* of a pause; NULL: without an end */
	const char *from, *to; /* of a probe; or NULL */
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
	control_ask_fn *print;
	bool has_length, has_addresses; /* takes these options */
	bool is_silent; /* for --json it is then shown how the provider is */
} verbs[] = {
	{ "show", "provider.show", print_page, false, false, false },
	{ "pause", "provider.pause", print_page, true, false, true },
	{ "resume", "provider.resume", print_page, false, false, true },
	{ "probe", "provider.probe", print_probe, false, true, false },
};

/* NULL: there is none that takes these options. */
static const struct verb *
verb_of(const struct options *o, const char *word)
{
	for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
		const struct verb *v = &verbs[i];

		if (strcmp(v->word, word) == 0)
			return (o->length != NULL && !v->has_length) ||
			               ((o->from != NULL || o->to != NULL) &&
			                   !v->has_addresses)
			           ? NULL
			           : v;
	}
	return NULL;
}

static int
act(const struct options *o, const struct verb *v, const char *name)
{
	json_t *ask;
	struct err err;
	uint64_t ms = 0;
	int code;

	if (v->has_length && o->length != NULL &&
	    conf_duration(o->length, &ms, &err) != 0) {
		(void)fprintf(stderr, "postern: --for: %s\n", err.text);
		return EX_USAGE;
	}
	ask = json_pack("{ss ss ss* ss*}", "request", v->request, "name", name,
	    "from", o->from, "to", o->to);
	if (o->length != NULL && ask != NULL)
		json_object_set_new(
		    ask, "for_ms", json_integer((json_int_t)ms));
	code = control_ask_run(
	    &o->ask, ask, o->is_json ? control_row_print : v->print, NULL);
	return code == 0 && o->is_json && v->is_silent ? act(o, &verbs[0], name)
	                                               : code;
}

/* false: told. */
static bool
take_options(struct options *o, int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "c:s:", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->ask.file = optarg;
			break;
		case 's':
			o->ask.socket = optarg;
			break;
		case OPT_JSON:
			o->is_json = true;
			break;
		case OPT_SETTINGS:
			o->of_file = true;
			break;
		case OPT_FOR:
			o->length = optarg;
			break;
		case OPT_FROM:
			o->from = optarg;
			break;
		case OPT_TO:
			o->to = optarg;
			break;
		default:
			return false;
		}
	}
	return true;
}

int
provider_tool_run(int argc, char **argv)
{
	struct options o = { .ask.file = SYSCONFDIR "/postern/postern.conf" };
	const struct verb *v;
	const char *word;

	if (!take_options(&o, argc, argv))
		return usage();
	word = optind < argc ? argv[optind] : "";
	if (argc - optind == 1 && strcmp(word, "list") == 0 &&
	    o.length == NULL && o.from == NULL && o.to == NULL && !o.of_file)
		return list(&o);
	if (o.of_file)
		return argc - optind == 2 && strcmp(word, "show") == 0
		           ? provider_settings_print(
		                 o.ask.file, argv[optind + 1], o.is_json)
		           : usage();
	v = verb_of(&o, word);
	return argc - optind == 2 && v != NULL ? act(&o, v, argv[optind + 1])
	                                       : usage();
}
