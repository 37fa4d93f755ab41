/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/control_provider.h"

#include <string.h>
#include <sysexits.h>

#include "postern/admin/control.h"
#include "postern/relay/relay_view.h"

#include "admin/control_call.h"
#include "admin/filter.h"

static json_t *
sessions(const struct relay_view_provider *p)
{
	json_t *j = json_object();

	for (size_t i = 0; i < RELAY_VIEW_PHASES; i++)
		json_object_set_new(j, relay_view_phase(i),
		    json_integer((json_int_t)p->sessions[i]));
	return j;
}

static json_t *
waiting(const struct relay_view_provider *p)
{
	json_t *j = json_object();

	for (uint8_t i = 0; i < SPOOL_PRIORITIES; i++)
		json_object_set_new(j, filter_priority(i),
		    json_integer((json_int_t)p->waiting[i]));
	return j;
}

static json_t *
learned(const struct relay_view_provider *p)
{
	return json_pack("{sI sI sI}", "connections", (json_int_t)p->conns_max,
	    "recipients", (json_int_t)p->rcpts_max, "messages",
	    (json_int_t)p->messages_max);
}

static json_t *
row_of(const struct relay_view_provider *p)
{
	return json_pack("{so so si ss ss* sI ss ss* so so sI sI sf so}",
	    "name", control_call_text(p->name), "host",
	    control_call_text(p->host), "port", (int)p->port, "state", p->state,
	    "why", p->why, "for_ms", (json_int_t)p->for_ms, "level", p->level,
	    "level_why", p->level_why, "sessions", sessions(p), "waiting",
	    waiting(p), "sending", (json_int_t)p->sending, "delivered",
	    (json_int_t)p->delivered, "per_minute", p->per_minute, "learned",
	    learned(p));
}

static void
on_list(void *arg, const struct relay_view *view)
{
	for (size_t i = 0; i < view->n; i++)
		control_call_row(arg, row_of(&view->providers[i]));
	control_call_done(arg);
}

static void
on_show(void *arg, const struct relay_view *view)
{
	const char *name = control_call_word(arg, "name");

	for (size_t i = 0; i < view->n; i++) {
		if (strcmp(view->providers[i].name, name) != 0)
			continue;
		control_call_row(arg, row_of(&view->providers[i]));
		control_call_done(arg);
		return;
	}
	control_call_fail(arg, EX_DATAERR, "there is no such provider");
}

void
control_provider_list(struct control_call *call)
{
	const struct control_hooks *h = control_call_hooks(call);

	relay_view_ask(h->relay, h->mailbox, on_list, call);
}

void
control_provider_show(struct control_call *call)
{
	const struct control_hooks *h = control_call_hooks(call);

	if (control_call_word(call, "name") == NULL)
		control_call_fail(call, EX_USAGE, "\"name\" is missing");
	else
		relay_view_ask(h->relay, h->mailbox, on_show, call);
}
