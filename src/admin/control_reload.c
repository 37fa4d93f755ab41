/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/control_reload.h"

#include <sysexits.h>

#include "postern/admin/control.h"
#include "postern/relay/relay_view.h"

#include "admin/control_call.h"

static void
on_mistake(void *arg, const char *text)
{
	control_call_row(
	    arg, json_pack("{so}", "mistake", control_call_text(text)));
}

void
control_reload_check(struct control_call *call)
{
	const struct control_hooks *h = control_call_hooks(call);

	if (h->check(h->arg, on_mistake, call) != 0)
		control_call_fail(
		    call, EX_CONFIG, "a reload would change nothing");
	else
		control_call_done(call);
}

/* It has come after the settings, by the same mailbox. */
static void
on_relay(void *arg, const struct relay_view *view)
{
	(void)view;
	control_call_done(arg);
}

void
control_reload_run(struct control_call *call)
{
	const struct control_hooks *h = control_call_hooks(call);

	if (h->reload(h->arg, on_mistake, call) != 0)
		control_call_fail(
		    call, EX_CONFIG, "the settings stay as they are");
	else
		relay_view_ask(h->relay, h->mailbox, on_relay, call);
}
