/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/reload_tool.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#include "postern/conf/conf.h"

#include "tools/control_ask.h"
#include "tools/control_row.h"

static void
on_mistake(void *arg, const json_t *row)
{
	const char *text = json_string_value(json_object_get(row, "mistake"));

	(void)arg;
	if (text != NULL)
		(void)fprintf(stderr, "%s\n", text);
}

static int
ask(const struct control_ask *a, const char *request)
{
	return control_ask_run(a, json_pack("{ss}", "request", request),
	    a->is_json ? control_row_print : on_mistake, NULL);
}

static int
misused(const char *usage)
{
	(void)fprintf(stderr, "usage: %s", usage);
	return EX_USAGE;
}

/* What a daemon that is started next would say. */
static int
check_file(const char *file, bool is_json)
{
	control_ask_fn *print = is_json ? control_row_print : on_mistake;
	struct settings *s = NULL;
	struct conf_report r;
	int code = conf_load(&s, file, false, &r) == 0 ? 0 : EX_CONFIG;

	for (size_t i = 0; i < r.nmistakes; i++) {
		json_t *row = json_pack("{ss}", "mistake", r.mistakes[i]);

		print(NULL, row);
		json_decref(row);
	}
	conf_report_done(&r);
	conf_free(&s);
	return code;
}

int
reload_tool_run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "or-check", no_argument, NULL, 'o' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	struct control_ask a = { .file = SYSCONFDIR "/postern/postern.conf" };
	char told[CONTROL_ASK_TOLD] = "";
	bool or_check = false;
	int c, code;

	while ((c = getopt_long(argc, argv, "c:s:", options, NULL)) != -1) {
		if (c == 'c')
			a.file = optarg;
		else if (c == 's')
			a.socket = optarg;
		else if (c == 'o')
			or_check = true;
		else if (c == 'j')
			a.is_json = true;
		else
			return misused(RELOAD_TOOL_USAGE);
	}
	if (optind != argc)
		return misused(RELOAD_TOOL_USAGE);
	if (!or_check)
		return ask(&a, "reload");
	a.told = told;
	code = ask(&a, "reload");
	if (code == EX_UNAVAILABLE)
		return check_file(a.file, a.is_json);
	if (code != 0)
		(void)fprintf(stderr, "postern: %s\n", told);
	return code;
}

int
reload_tool_check(int argc, char **argv)
{
	struct control_ask a;

	if (!control_ask_options(&a, true, argc, argv) || optind != argc)
		return misused(RELOAD_TOOL_CHECK_USAGE);
	return ask(&a, "check");
}
