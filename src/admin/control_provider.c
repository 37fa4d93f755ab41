/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/control_provider.h"

#include <string.h>
#include <sysexits.h>

#include "postern/admin/control.h"
#include "postern/relay/relay_order.h"
#include "postern/relay/relay_view.h"

#include "admin/control_call.h"
#include "admin/provider_row.h"

#define NO_PROVIDER "there is no such provider"

static void
on_list(void *arg, const struct relay_view *view)
{
	for (size_t i = 0; i < view->n; i++)
		control_call_row(arg, provider_row(&view->providers[i]));
	control_call_done(arg);
}

static bool
keeps(const struct relay_view_provider *p, const struct relay_view_window *w)
{
	for (size_t i = 0; i < p->nowners; i++) {
		if (strcmp(p->owners[i], w->owner) == 0)
			return true;
	}
	return false;
}

/* With the windows of its rates and of what it shares. */
static json_t *
page(const struct relay_view_provider *p, const struct relay_view *view)
{
	json_t *row = provider_row(p), *all = json_array();

	for (size_t i = 0; i < view->nwindows; i++) {
		if (keeps(p, &view->windows[i]))
			json_array_append_new(
			    all, provider_row_window(&view->windows[i]));
	}
	json_object_set_new(row, "windows", all);
	return row;
}

static void
on_show(void *arg, const struct relay_view *view)
{
	const char *name = control_call_word(arg, "name");

	for (size_t i = 0; i < view->n; i++) {
		if (strcmp(view->providers[i].name, name) != 0)
			continue;
		control_call_row(arg, page(&view->providers[i], view));
		control_call_done(arg);
		return;
	}
	control_call_fail(arg, EX_DATAERR, NO_PROVIDER);
}

void
control_provider_list(struct control_call *call)
{
	const struct control_hooks *h = control_call_hooks(call);

	relay_view_ask(h->relay, h->mailbox, on_list, call);
}

/* NULL: it was refused. */
static const char *
name_of(struct control_call *call)
{
	const char *name = control_call_word(call, "name");

	if (name == NULL)
		control_call_fail(call, EX_USAGE, "\"name\" is missing");
	return name;
}

void
control_provider_show(struct control_call *call)
{
	const struct control_hooks *h = control_call_hooks(call);

	if (name_of(call) != NULL)
		relay_view_ask(h->relay, h->mailbox, on_show, call);
}

static void
on_order(void *arg, bool is_known)
{
	if (is_known)
		control_call_done(arg);
	else
		control_call_fail(arg, EX_DATAERR, NO_PROVIDER);
}

static void
on_token(void *arg, bool is_known)
{
	if (is_known)
		control_call_done(arg);
	else
		control_call_fail(arg, EX_DATAERR,
		    "there is no such provider that logs in by OAuth2");
}

static void
order(struct control_call *call, enum relay_order_kind kind, uint64_t length)
{
	const struct control_hooks *h = control_call_hooks(call);
	struct relay_order o = {
		.kind = kind, .for_ms = length, .uid = control_call_uid(call)
	};

	o.provider = name_of(call);
	if (o.provider != NULL) /* else the call is no more */
		relay_order_give(h->relay, h->mailbox, &o,
		    kind == RELAY_ORDER_TOKEN ? on_token : on_order, call);
}

void
control_provider_pause(struct control_call *call)
{
	uint64_t length = 0;

	if (control_call_number(call, "for_ms", &length) &&
	    (length == 0 || length > RELAY_ORDER_FOR_MAX_MS))
		control_call_fail(call, EX_USAGE,
		    "a pause has an end within 3650 days, or none");
	else
		order(call, RELAY_ORDER_PAUSE, length);
}

void
control_provider_resume(struct control_call *call)
{
	order(call, RELAY_ORDER_RESUME, 0);
}

void
control_provider_token(struct control_call *call)
{
	order(call, RELAY_ORDER_TOKEN, 0);
}
