/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/act_tool.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tools/control_row.h"

static const struct act {
	const char *noun, *verb, *request, *done;
} acts[] = {
	{ "dead", "delete", "dead.delete", "deleted" },
	{ "dead", "resend", "dead.resend", "queued again" },
	{ "queue", "delete", "queue.delete", "deleted" },
	{ "queue", "hold", "queue.hold", "held" },
	{ "queue", "release", "queue.release", "released" },
	{ "queue", "reroute", "queue.reroute", "sent other ways" },
	{ "queue", "retry", "queue.retry", "due now" },
};
#define NACTS (sizeof acts / sizeof acts[0])

struct printing {
	const struct act *act;
	bool is_json;
};

/* What stays as it was is told where mistakes are. */
static void
print_line(const struct act *act, const json_t *row)
{
	const char *id = control_row_text(row, "id");
	const char *result = control_row_text(row, "result");
	const char *text = control_row_text(row, "text");

	if (strcmp(result, "done") == 0)
		(void)printf("%s %s%s%s\n", id, act->done,
		    *text != '\0' ? "; " : "", text);
	else if (strcmp(result, "as-is") == 0)
		(void)printf("%s %s\n", id, text);
	else
		(void)fprintf(stderr, "postern: %s: %s\n", id, text);
}

/* All that a filter found. */
static void
print_sum(const struct act *act, const json_t *row)
{
	int64_t n = control_row_number(row, "done");
	int64_t doubtful = control_row_number(row, "doubtful");

	(void)printf("%" PRId64 " %s %s\n", n,
	    n == 1 ? "delivery" : "deliveries", act->done);
	if (doubtful > 0)
		(void)printf("%" PRId64 " of them may have been delivered "
		             "before, and then arrive twice\n",
		    doubtful);
}

static bool
is_progress(const json_t *row)
{
	return json_object_get(row, "id") == NULL &&
	       json_object_get(row, "last") == NULL;
}

static void
print_row(void *arg, const json_t *row)
{
	const struct printing *p = arg;

	if (is_progress(row))
		return; /* it says that the daemon is there */
	if (p->is_json)
		control_row_print(NULL, row);
	else if (json_object_get(row, "id") != NULL)
		print_line(p->act, row);
	else
		print_sum(p->act, row);
}

static const struct act *
act_of(const char *noun, const char *verb)
{
	for (size_t i = 0; i < NACTS && verb != NULL; i++) {
		if (strcmp(acts[i].noun, noun) == 0 &&
		    strcmp(acts[i].verb, verb) == 0)
			return &acts[i];
	}
	return NULL;
}

/* 0; -1: one is no UTF-8. */
static int
put_ids(json_t *request, char **words)
{
	json_t *ids = json_array();

	json_object_set_new(request, "ids", ids);
	for (; *words != NULL; words++) {
		if (json_array_append_new(ids, json_string(*words)) != 0)
			return -1;
	}
	return 0;
}

/* NULL: a word is no UTF-8. */
static json_t *
request_of(const struct act_tool *t, const struct act *act, char **ids)
{
	json_t *request = json_pack("{ss ss* ss* sb}", "request", act->request,
	    "where", t->where, "priority", t->priority, "yes", (int)t->yes);

	if (request != NULL && t->where == NULL && put_ids(request, ids) != 0) {
		json_decref(request);
		request = NULL;
	}
	return request;
}

int
act_tool_run(const struct act_tool *t, char **words)
{
	struct printing p = { .act = act_of(t->noun, words[0]),
		.is_json = t->is_json };

	/* either a filter or ids */
	if (p.act == NULL || (words[1] == NULL) == (t->where == NULL))
		return -1;
	return control_ask_run(
	    &t->ask, request_of(t, p.act, words + 1), print_row, &p);
}
