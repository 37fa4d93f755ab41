/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/queue_tool.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "postern/base/mem.h"
#include "postern/base/str.h"

#include "tools/act_tool.h"
#include "tools/control_ask.h"
#include "tools/control_row.h"
#include "tools/queue_export.h"

enum {
	OPT_JSON = 256,
	OPT_WHERE,
	OPT_LIMIT,
	OPT_GROUP_BY,
	OPT_MAILQ,
	OPT_YES,
	OPT_SORT,
	OPT_PRIORITY
};

static const struct option options[] = {
	{ "json", no_argument, NULL, OPT_JSON },
	{ "where", required_argument, NULL, OPT_WHERE },
	{ "limit", required_argument, NULL, OPT_LIMIT },
	{ "group-by", required_argument, NULL, OPT_GROUP_BY },
	{ "mailq", no_argument, NULL, OPT_MAILQ },
	{ "priority", required_argument, NULL, OPT_PRIORITY },
	{ "sort", required_argument, NULL, OPT_SORT },
	{ "yes", no_argument, NULL, OPT_YES },
	{ NULL, 0, NULL, 0 },
};

struct question {
	struct control_ask ask;
	bool is_json, is_mailq, yes;
	const char *where, *group_by, *sort,
	    *priority;  /* NULL: was not given */
	uint64_t limit; /* 0: was not given */
};

static int
usage(void)
{
	(void)fputs("usage: " QUEUE_TOOL_USAGE, stderr);
	return EX_USAGE;
}

/* Mail goes first where it shares a core with who looks at it. */
static void
stand_back(void)
{
	if (nice(10) == -1)
		return; /* it is no condition */
}

/* --- list --------------------------------------------------------------------
 */

#define FIXED 49    /* columns before the two addresses, blanks included */
#define FLUSHED 100 /* rows */

struct table {
	size_t address; /* columns of each */
	bool is_begun, is_json;
	uint64_t rows;
};

/* What it waits for, as far as one word tells. */
static void
print_why(const json_t *row)
{
	const json_t *rcpts = json_object_get(row, "rcpts");
	const json_t *waits = json_object_get(row, "waits");
	const char *cause = control_row_text(row, "cause");
	char code[32] = "";

	for (size_t i = 0;
	     *cause == '\0' && *code == '\0' && i < json_array_size(rcpts);
	     i++) {
		const json_t *r = json_array_get(rcpts, i);
		int64_t is = control_row_number(r, "code");

		if (is > 0)
			(void)snprintf(code, sizeof code, "%" PRId64 " %s", is,
			    control_row_text(r, "enhanced"));
	}
	if (*cause == '\0' && *code == '\0' &&
	    strcmp(control_row_text(row, "state"), "queued") == 0 &&
	    control_row_number(row, "due_in_ms") <= 0)
		cause =
		    waits != NULL ? control_row_text(waits, "state") : "due";
	control_row_column(*cause != '\0' ? cause : code, 9);
}

static void
print_line(void *arg, const json_t *row)
{
	struct table *t = arg;
	const char *sender = control_row_text(row, "sender");
	char age[CONTROL_ROW_SHORT];

	if (!t->is_begun)
		(void)printf("%-13s %-8s %4s %-9s %-9s %-*s %s\n", "ID",
		    "STATE", "AGE", "PROVIDER", "WHY", (int)t->address,
		    "SENDER", "RECIPIENT");
	t->is_begun = true;
	control_row_time(control_row_number(row, "age_ms"), age);
	(void)printf("%s %-8s %4s ", control_row_text(row, "id"),
	    control_row_text(row, "state"), age);
	control_row_column(control_row_text(row, "provider"), 9);
	(void)putchar(' ');
	print_why(row);
	(void)putchar(' ');
	control_row_column(*sender != '\0' ? sender : "<>", t->address);
	(void)putchar(' ');
	control_row_rcpts(row, t->address);
}

/* The first ones are seen at once, also behind a pipe. */
static void
print_row(void *arg, const json_t *row)
{
	struct table *t = arg;

	if (t->is_json)
		control_row_print(NULL, row);
	else
		print_line(arg, row);
	if (t->rows++ < FLUSHED)
		(void)fflush(stdout);
}

static void
print_text(void *arg, const json_t *row)
{
	(void)arg;
	(void)fputs(control_row_text(row, "text"), stdout);
	if (json_is_true(json_object_get(row, "is_part")))
		(void)fputs("postern: only what you have handed in is shown; "
		            "members of control.group see all mail\n",
		    stderr);
}

static int
list_mailq(const struct question *q)
{
	if (q->is_json || q->limit != 0 || q->sort != NULL)
		return usage();
	stand_back();
	return control_ask_run(&q->ask,
	    json_pack("{ss ss*}", "request", "mailq", "where", q->where),
	    print_text, NULL);
}

static int
list(const struct question *q)
{
	struct table t = { .address = (control_row_width() - FIXED - 1) / 2 };

	if (q->group_by != NULL || q->yes)
		return usage();
	if (q->is_mailq)
		return list_mailq(q);
	t.is_json = q->is_json;
	stand_back();
	return control_ask_run(&q->ask,
	    json_pack("{ss ss* ss* sI}", "request", "queue.list", "where",
	        q->where, "sort", q->sort, "limit", (json_int_t)q->limit),
	    print_row, &t);
}

/* --- count -------------------------------------------------------------------
 */

struct groups {
	size_t columns; /* of each field */
	bool is_begun;
};

/* The fields are what is text. */
static void
print_fields(struct groups *g, const json_t *row, bool is_head)
{
	json_t *value;
	const char *name;

	json_object_foreach((json_t *)row, name, value)
	{
		const char *text = json_string_value(value);

		if (text == NULL)
			continue;
		(void)putchar(' ');
		if (is_head)
			text = name;
		control_row_column(*text != '\0' ? text : "-", g->columns);
	}
	if (json_is_true(json_object_get(row, "others")))
		(void)fputs(" (others)", stdout);
	(void)putchar('\n');
}

static void
print_group(void *arg, const json_t *row)
{
	struct groups *g = arg;
	size_t n = json_object_size(row) - 2;
	char size[CONTROL_ROW_SHORT];

	if (!g->is_begun) {
		g->columns = n > 1 ? (CONTROL_ROW_LEAST - 17) / n - 1 : 0;
		(void)printf("%10s %5s", "COUNT", "SIZE");
		print_fields(g, row, true);
	}
	g->is_begun = true;
	control_row_size(control_row_number(row, "bytes"), size);
	(void)printf(
	    "%10" PRId64 " %5s", control_row_number(row, "count"), size);
	print_fields(g, row, false);
}

static int
count(const struct question *q)
{
	struct groups g = { .columns = 0 };

	if (q->limit != 0 || q->yes || q->is_mailq || q->sort != NULL)
		return usage();
	stand_back();
	return control_ask_run(&q->ask,
	    json_pack("{ss ss* ss*}", "request", "queue.count", "where",
	        q->where, "group_by", q->group_by),
	    q->is_json ? control_row_print : print_group, &g);
}

static int
export_to(const struct question *q, const char *directory)
{
	struct queue_export x = { .ask = &q->ask,
		.request = "queue.export",
		.where = q->where,
		.directory = directory,
		.is_json = q->is_json };

	if (q->group_by != NULL || q->limit != 0 || q->yes || q->is_mailq ||
	    q->sort != NULL)
		return usage();
	stand_back();
	return queue_export_run(&x);
}

/* --- the command -------------------------------------------------------------
 */

static int
take(struct question *q, int c)
{
	switch (c) {
	case 'c':
		q->ask.file = optarg;
		return 0;
	case 's':
		q->ask.socket = optarg;
		return 0;
	case OPT_JSON:
		q->is_json = true;
		return 0;
	case OPT_YES:
		q->yes = true;
		return 0;
	case OPT_MAILQ:
		q->is_mailq = true;
		return 0;
	case OPT_WHERE:
		q->where = optarg;
		return 0;
	case OPT_PRIORITY:
		q->priority = optarg;
		return 0;
	case OPT_SORT:
		q->sort = optarg;
		return 0;
	case OPT_GROUP_BY:
		q->group_by = optarg;
		return 0;
	case OPT_LIMIT:
		return control_ask_number(optarg, INT64_MAX, &q->limit) ? 0
		                                                        : -1;
	default:
		return -1;
	}
}

static int
act(const struct question *q, char **words)
{
	struct act_tool t = { .ask = q->ask,
		.noun = "queue",
		.is_json = q->is_json,
		.yes = q->yes,
		.where = q->where,
		.priority = q->priority };
	int code = -1;

	if (q->group_by == NULL && q->limit == 0 && q->sort == NULL)
		code = act_tool_run(&t, words);
	return code < 0 ? usage() : code;
}

int
queue_tool_run(int argc, char **argv)
{
	struct question q = { .ask.file = SYSCONFDIR "/postern/postern.conf" };
	int c;

	while ((c = getopt_long(argc, argv, "c:s:", options, NULL)) != -1) {
		if (take(&q, c) != 0)
			return usage();
	}
	if (q.priority != NULL)
		return act(&q, argv + optind);
	if (argc - optind == 1 && strcmp(argv[optind], "list") == 0)
		return list(&q);
	if (argc - optind == 1 && strcmp(argv[optind], "count") == 0)
		return count(&q);
	if (argc - optind == 2 && strcmp(argv[optind], "export") == 0)
		return export_to(&q, argv[optind + 1]);
	return act(&q, argv + optind);
}
