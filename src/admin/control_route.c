/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/control_route.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "postern/admin/control.h"
#include "postern/admin/explain.h"
#include "postern/base/mem.h"
#include "postern/relay/relay_choice.h"

#include "admin/choice_row.h"
#include "admin/control_call.h"

/* The recipients' rows, which get their candidates one after the other. */
struct answer {
	struct control_call *call;
	struct explain e;
	size_t n, next;
	json_t *row[EXPLAIN_WORDS];
};

static void
free_answer(struct answer *a)
{
	for (size_t i = a->next; i < a->n; i++)
		json_decref(a->row[i]);
	free(a);
}

static void
on_row(void *arg, const struct explain_row *row)
{
	struct answer *a = arg;

	a->row[a->n++] = json_pack("{so so so ss so}", "to",
	    control_call_text(row->to), "route", control_call_text(row->route),
	    "rule", control_call_text(row->rule), "why", row->why, "use",
	    control_call_text(row->use));
}

static void ask_next(struct answer *a);

static void
on_choice(void *arg, const struct relay_choice *c)
{
	struct answer *a = arg;
	json_t *row = a->row[a->next++];

	choice_row_add(row, c);
	control_call_row(a->call, row);
	ask_next(a);
}

static void
ask_next(struct answer *a)
{
	const struct control_hooks *h = control_call_hooks(a->call);
	struct relay_choice_ask ask = { .sender = a->e.from,
		.size = a->e.size };

	if (a->next == a->n) {
		control_call_done(a->call);
		free_answer(a);
		return;
	}
	if (control_call_is_over(a->call)) {
		control_call_fail(
		    a->call, EX_TEMPFAIL, "the daemon is being stopped");
		free_answer(a);
		return;
	}
	if (strcmp(ask.sender, "<>") == 0)
		ask.sender = "";
	ask.route =
	    json_string_value(json_object_get(a->row[a->next], "route"));
	relay_choice_ask(h->relay, h->mailbox, &ask, on_choice, a);
}

static int
read_question(struct answer *a, struct err *err)
{
	struct control_call *call = a->call;
	struct explain *e = &a->e;
	const char *client = control_call_word(call, "client");
	int nto = control_call_words(call, "to", e->to, EXPLAIN_WORDS);
	int nheaders =
	    control_call_words(call, "header", e->header, EXPLAIN_WORDS);

	if (nto < 0 || nheaders < 0)
		return err_set(err, ERR_CONFIG,
		    "\"to\" and \"header\" are arrays of at most %d strings",
		    EXPLAIN_WORDS);
	e->nto = (size_t)nto;
	e->nheaders = (size_t)nheaders;
	e->from = control_call_word(call, "from");
	e->user = control_call_word(call, "user");
	e->listener = control_call_word(call, "listener");
	(void)control_call_number(call, "size", &e->size);
	return client != NULL ? explain_client(e, client, err) : 0;
}

void
control_route_run(struct control_call *call)
{
	const struct control_hooks *h = control_call_hooks(call);
	struct answer *a = mem_new(sizeof *a);
	struct explain_by by;
	struct err err;

	a->call = call;
	h->settings(h->arg, &by);
	if (read_question(a, &err) == 0 &&
	    explain_run(&a->e, &by, on_row, a, &err) == 0) {
		ask_next(a);
		return;
	}
	control_call_fail(call, EX_USAGE, err.text);
	free_answer(a);
}
