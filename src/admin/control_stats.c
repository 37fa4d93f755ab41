/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/control_stats.h"

#include <sysexits.h>

#include "postern/admin/control.h"
#include "postern/admin/stats.h"
#include "postern/relay/relay_view.h"

#include "admin/control_call.h"

static void
on_view(void *arg, const struct relay_view *view)
{
	const struct control_hooks *h = control_call_hooks(arg);

	if (h->figures->is_over) {
		control_call_fail(
		    arg, EX_UNAVAILABLE, "the daemon is being stopped");
		return;
	}
	control_call_row(arg, stats_document(h->figures, view));
	control_call_done(arg);
}

void
control_stats_run(struct control_call *call)
{
	const struct control_hooks *h = control_call_hooks(call);

	relay_view_ask(h->relay, h->mailbox, on_view, call);
}
