/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/top_tool.h"

#include <getopt.h>
#include <langinfo.h>
#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "postern/base/str.h"

#include "tools/control_ask.h"
#include "tools/control_row.h"
#include "tools/top_ask.h"
#include "tools/top_model.h"
#include "tools/top_page.h"
#include "tools/top_screen.h"
#include "tools/top_text.h"

#define INTERVAL_S 2
#define INTERVAL_MAX_S 3600

enum { OPT_BATCH = 256 };

static const struct option options[] = {
	{ "batch", no_argument, NULL, OPT_BATCH },
	{ NULL, 0, NULL, 0 },
};

struct wishes {
	struct control_ask ask;
	uint64_t interval_s;
	uint64_t number; /* of documents; 0: without an end */
	bool is_batch;
};

static bool
has_utf8(void)
{
	return setlocale(LC_CTYPE, "") != NULL &&
	       strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

static void
print(const struct top_model *m, bool is_utf8)
{
	struct top_view v = { .width = control_row_width(),
		.is_utf8 = is_utf8 };
	struct top_lines l = { 0 };

	top_page_make(&l, &v, m);
	for (size_t i = 0; i < l.n; i++)
		(void)puts(l.v[i].text);
	top_text_done(&l);
}

/* Until there were as many as are wanted, or nobody reads or answers. */
static int
print_all(const struct wishes *w, bool is_utf8)
{
	struct top_model m = { 0 };
	uint64_t n = 0;
	int rc;

	do {
		rc = top_ask_look(&w->ask, &m);
		if (rc != 0) {
			(void)fprintf(stderr, "postern: %s\n", m.lost);
			break;
		}
		if (n++ > 0)
			(void)putchar('\n');
		print(&m, is_utf8);
		if (fflush(stdout) != 0)
			rc = EX_IOERR;
	} while (
	    rc == 0 && n != w->number && sleep((unsigned)w->interval_s) == 0);
	top_model_done(&m);
	return rc;
}

static bool
take_options(struct wishes *w, int argc, char **argv)
{
	bool good = true;
	int c;

	while (good &&
	       (c = getopt_long(argc, argv, "c:s:d:n:", options, NULL)) != -1) {
		if (c == 'c')
			w->ask.file = optarg;
		else if (c == 's')
			w->ask.socket = optarg;
		else if (c == 'd')
			good = control_ask_number(
			    optarg, INTERVAL_MAX_S, &w->interval_s);
		else if (c == 'n')
			good =
			    control_ask_number(optarg, UINT32_MAX, &w->number);
		else if (c == OPT_BATCH)
			w->is_batch = true;
		else
			good = false;
	}
	return good && optind == argc && (w->number == 0 || w->is_batch);
}

int
top_tool_run(int argc, char **argv)
{
	struct wishes w = { .ask.file = SYSCONFDIR "/postern/postern.conf",
		.interval_s = INTERVAL_S };
	bool is_utf8 = has_utf8();
	char *socket;
	int rc;

	if (!take_options(&w, argc, argv)) {
		(void)fputs("usage: " TOP_TOOL_USAGE, stderr);
		return EX_USAGE;
	}
	/* the configuration is read once */
	socket = control_ask_socket(&w.ask);
	if (socket == NULL)
		return EX_CONFIG;
	w.ask.socket = socket;
	rc = w.is_batch ? print_all(&w, is_utf8)
	                : top_screen_run(&(struct top_screen){ .ask = &w.ask,
	                      .interval_ms = (unsigned)w.interval_s * 1000,
	                      .is_utf8 = is_utf8 });
	free(socket);
	return rc;
}
