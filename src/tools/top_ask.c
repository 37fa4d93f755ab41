/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/top_ask.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "postern/base/clock.h"
#include "postern/base/mem.h"

#include "tools/control_ask.h"
#include "tools/control_row.h"
#include "tools/top_model.h"

/* Of several rows the last is kept. */
static void
keep_row(void *arg, const json_t *row)
{
	json_t **kept = arg;

	json_decref(*kept);
	*kept = json_deep_copy(row);
}

int
top_ask_look(const struct control_ask *a, struct top_model *m)
{
	char told[CONTROL_ASK_TOLD] = "the daemon has told no figures";
	struct control_ask quiet = *a;
	json_t *doc = NULL;
	struct top_model_time now;
	int rc;

	quiet.wait_s = TOP_ASK_SILENCE_S;
	quiet.told = told;
	rc = control_ask_run(
	    &quiet, json_pack("{ss}", "request", "stats"), keep_row, &doc);
	if (rc == 0 && doc == NULL)
		rc = EX_PROTOCOL;
	now = (struct top_model_time){ clock_mono_ms(), clock_wall_ms() };
	if (rc == 0)
		top_model_take(m, doc, &now);
	else
		top_model_lose(m, told, &now);
	json_decref(doc);
	return rc;
}

static json_t *
request_of(enum top_wish wish, const char *provider)
{
	json_t *request;
	char *where;

	if (wish != TOP_RETRY)
		return json_pack("{ss ss}", "request",
		    wish == TOP_PAUSE ? "provider.pause" : "provider.resume",
		    "name", provider);
	where = mem_printf("provider=\"%s\"", provider);
	request = json_pack(
	    "{ss ss sb}", "request", "queue.retry", "where", where, "yes", 1);
	free(where);
	return request;
}

void
top_ask_act(const struct control_ask *a, struct top_view *v, enum top_wish wish,
    const char *provider)
{
	char told[CONTROL_ASK_TOLD] = "";
	struct control_ask quiet = *a;
	json_t *last = NULL;
	int rc;

	quiet.told = told;
	rc = control_ask_run(
	    &quiet, request_of(wish, provider), keep_row, &last);
	if (rc != 0)
		(void)snprintf(v->note, sizeof v->note, "%s", told);
	else if (wish == TOP_RETRY)
		(void)snprintf(v->note, sizeof v->note,
		    "%s: %" PRId64 " due now", provider,
		    control_row_number(last, "done"));
	else
		(void)snprintf(v->note, sizeof v->note, "%s is %s", provider,
		    wish == TOP_PAUSE ? "left alone" : "asked again");
	json_decref(last);
}
