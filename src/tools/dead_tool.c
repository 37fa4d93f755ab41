/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/dead_tool.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "postern/base/mem.h"
#include "postern/base/str.h"

#include "tools/act_tool.h"
#include "tools/control_row.h"
#include "tools/queue_export.h"

enum { OPT_JSON = 256, OPT_YES, OPT_WHERE, OPT_LIMIT, OPT_PRIORITY };

static const struct option options[] = {
	{ "json", no_argument, NULL, OPT_JSON },
	{ "limit", required_argument, NULL, OPT_LIMIT },
	{ "priority", required_argument, NULL, OPT_PRIORITY },
	{ "where", required_argument, NULL, OPT_WHERE },
	{ "yes", no_argument, NULL, OPT_YES },
	{ NULL, 0, NULL, 0 },
};

static int
usage(void)
{
	(void)fputs("usage: " DEAD_TOOL_USAGE, stderr);
	return EX_USAGE;
}

/* --- list --------------------------------------------------------------------
 */

#define FIXED 39 /* columns before the two addresses, blanks included */
#define INDENT 4

struct table {
	size_t width, address; /* columns */
	bool is_begun;
};

static void
print_more(const struct table *t, char *text)
{
	(void)printf("%*s", INDENT, "");
	control_row_column(text, t->width - INDENT);
	(void)putchar('\n');
	free(text);
}

/* The last reply, and where it comes from. */
static void
print_reply(const struct table *t, const json_t *row)
{
	const json_t *r = json_array_get(json_object_get(row, "rcpts"), 0);
	const char *notice_of = control_row_text(row, "notice_of");
	int64_t code = control_row_number(r, "code");
	const char *enhanced = control_row_text(r, "enhanced");
	const char *text = control_row_text(r, "text");

	if (code > 0)
		print_more(t, mem_printf("%" PRId64 " %s%s%s", code, enhanced,
		                  *enhanced != '\0' ? " " : "", text));
	else if (*text != '\0')
		print_more(t, mem_str(text));
	if (*notice_of != '\0')
		print_more(t, mem_printf("a notice about %s", notice_of));
	if (json_is_true(json_object_get(row, "handed")))
		print_more(t, mem_printf("came over to route %s from another",
		                  control_row_text(row, "route")));
}

static void
print_letter(void *arg, const json_t *row)
{
	struct table *t = arg;
	const char *sender = control_row_text(row, "sender");
	char age[CONTROL_ROW_SHORT];

	if (!t->is_begun)
		(void)printf("%-13s %4s %-9s %-9s %-*s %s\n", "ID", "DEAD",
		    "PROVIDER", "CAUSE", (int)t->address, "SENDER",
		    "RECIPIENT");
	t->is_begun = true;
	control_row_time(control_row_number(row, "dead_for_ms"), age);
	(void)printf("%s %4s ", control_row_text(row, "id"), age);
	control_row_column(control_row_text(row, "provider"), 9);
	(void)putchar(' ');
	control_row_column(control_row_text(row, "cause"), 9);
	(void)putchar(' ');
	control_row_column(*sender != '\0' ? sender : "<>", t->address);
	(void)putchar(' ');
	control_row_rcpts(row, t->address);
	print_reply(t, row);
}

static int
list(const struct act_tool *a, uint64_t limit)
{
	struct table t = { .width = control_row_width() };

	t.address = (t.width - FIXED - 1) / 2;
	(void)setvbuf(stdout, NULL, _IOLBF, 0); /* somebody looks at it */
	return control_ask_run(&a->ask,
	    json_pack("{ss ss* sI}", "request", "dead.list", "where", a->where,
	        "limit", (json_int_t)limit),
	    a->is_json ? control_row_print : print_letter, &t);
}

static int
export_to(const struct act_tool *a, const char *directory)
{
	return queue_export_run(&(struct queue_export){ .ask = &a->ask,
	    .request = "dead.export",
	    .where = a->where,
	    .directory = directory,
	    .is_json = a->is_json });
}

/* --- the command -------------------------------------------------------------
 */

static int
take(struct act_tool *a, uint64_t *limit, int c)
{
	switch (c) {
	case 'c':
		a->ask.file = optarg;
		return 0;
	case 's':
		a->ask.socket = optarg;
		return 0;
	case OPT_JSON:
		a->is_json = true;
		return 0;
	case OPT_YES:
		a->yes = true;
		return 0;
	case OPT_WHERE:
		a->where = optarg;
		return 0;
	case OPT_PRIORITY:
		a->priority = optarg;
		return 0;
	case OPT_LIMIT:
		return control_ask_number(optarg, INT64_MAX, limit) ? 0 : -1;
	default:
		return -1;
	}
}

int
dead_tool_run(int argc, char **argv)
{
	struct act_tool a = { .ask.file = SYSCONFDIR "/postern/postern.conf",
		.noun = "dead" };
	uint64_t limit = 0;
	int c, code = -1;

	while ((c = getopt_long(argc, argv, "c:s:", options, NULL)) != -1) {
		if (take(&a, &limit, c) != 0)
			return usage();
	}
	if (argc - optind == 1 && strcmp(argv[optind], "list") == 0 && !a.yes &&
	    a.priority == NULL)
		return list(&a, limit);
	if (argc - optind == 2 && strcmp(argv[optind], "export") == 0 &&
	    !a.yes && limit == 0 && a.priority == NULL)
		return export_to(&a, argv[optind + 1]);
	if (limit == 0)
		code = act_tool_run(&a, argv + optind);
	return code < 0 ? usage() : code;
}
