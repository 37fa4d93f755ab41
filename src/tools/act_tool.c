/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/act_tool.h"

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
	{ "queue", "retry", "queue.retry", "due now" },
};
#define NACTS (sizeof acts / sizeof acts[0])

/* What stays as it was is told where mistakes are. */
static void
print_line(void *arg, const json_t *row)
{
	const struct act *act = arg;
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

/* NULL: one is no UTF-8. */
static json_t *
ids_of(char **words)
{
	json_t *ids = json_array();

	for (; *words != NULL; words++) {
		if (json_array_append_new(ids, json_string(*words)) == 0)
			continue;
		json_decref(ids);
		return NULL;
	}
	return ids;
}

int
act_tool_run(const struct act_tool *t, char **words)
{
	const struct act *act = act_of(t->noun, words[0]);

	if (act == NULL || words[1] == NULL)
		return -1;
	return control_ask_run(&t->ask,
	    json_pack("{ss so sb}", "request", act->request, "ids",
	        ids_of(words + 1), "yes", (int)t->yes),
	    t->is_json ? control_row_print : print_line, (void *)act);
}
