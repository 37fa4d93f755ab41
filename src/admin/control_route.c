/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/control_route.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "postern/admin/control.h"
#include "postern/admin/explain.h"
#include "postern/base/mem.h"
#include "postern/inlet/inlet.h"
#include "postern/relay/relay_choice.h"

#include "admin/choice_row.h"
#include "admin/control_call.h"

/* The rows, which get their candidates one after the other. */
struct answer {
	struct control_call *call;
	struct explain e;
	bool is_brief; /* what anybody may know */
	size_t n, next, room;
	json_t **row;
};

static void
free_answer(struct answer *a)
{
	for (size_t i = a->next; i < a->n; i++)
		json_decref(a->row[i]);
	free(a->row);
	free(a);
}

static void
on_row(void *arg, const struct explain_row *row)
{
	struct answer *a = arg;
	json_t *j = json_pack("{so so so ss}", "to", control_call_text(row->to),
	    "route", control_call_text(row->route), "rule",
	    control_call_text(row->rule), "why", row->why);

	if (row->reader != NULL)
		json_object_set_new(
		    j, "reader", control_call_text(row->reader));
	if (!a->is_brief)
		json_object_set_new(j, "use", control_call_text(row->use));
	if (a->n == a->room) {
		a->room = a->room == 0 ? 16 : a->room * 2;
		a->row = mem_resize(a->row, a->room * sizeof *a->row);
	}
	a->row[a->n++] = j;
}

static void ask_next(struct answer *a);

static void
on_choice(void *arg, const struct relay_choice *c)
{
	struct answer *a = arg;
	json_t *row = a->row[a->next++];

	if (a->is_brief)
		choice_row_add_pick(row, c);
	else
		choice_row_add(row, c);
	control_call_row(a->call, row);
	ask_next(a);
}

/* Rows that no provider is asked about. */
static void
pass_strays(struct answer *a)
{
	while (a->next < a->n && *json_string_value(json_object_get(
	                             a->row[a->next], "route")) == '\0')
		control_call_row(a->call, a->row[a->next++]);
}

static void
ask_next(struct answer *a)
{
	const struct control_hooks *h = control_call_hooks(a->call);
	struct relay_choice_ask ask = { .sender = a->e.from,
		.size = a->e.size };

	pass_strays(a);
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

/* Others than operators learn where their own mail would go: rule and provider,
 * not how the providers are, nor what another door does. */
static bool
is_own_door(const struct explain *e, const struct inlet_settings *in)
{
	/* The last one is that of programs on this host. */
	const char *own = in->listeners[in->nlisteners - 1].name;

	return e->user == NULL && e->client.len == 0 && e->nheaders == 0 &&
	       e->listener != NULL && strcmp(e->listener, own) == 0;
}

void
control_route_run(struct control_call *call)
{
	const struct control_hooks *h = control_call_hooks(call);
	bool is_stranger = control_call_role(call) == CONTROL_ROLE_NONE;
	struct answer *a = mem_new(sizeof *a);
	struct explain_by by;
	int code = EX_USAGE;
	struct err err;
	int rc;

	a->call = call;
	a->is_brief = is_stranger || control_call_is(call, "brief");
	h->settings(h->arg, &by);
	rc = read_question(a, &err);
	if (rc == 0 && is_stranger && !is_own_door(&a->e, by.inlet)) {
		code = EX_NOPERM;
		rc = err_set(&err, ERR_CONFIG,
		    "about other doors than sendmail's operators ask alone");
	}
	if (rc == 0 && explain_run(&a->e, &by, on_row, a, &err) == 0) {
		ask_next(a);
		return;
	}
	control_call_fail(call, code, err.text);
	free_answer(a);
}
