/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/control_probe.h"

#include <sysexits.h>

#include "postern/admin/control.h"
#include "postern/relay/relay_probe.h"

#include "admin/control_call.h"

static json_t *
stage(const struct relay_probe_stage *s)
{
	json_t *j =
	    json_pack("{ss sb sf so}", "stage", s->word, "good", s->is_good,
	        "ms", (double)s->us / 1000, "text", control_call_text(s->text));

	if (s->code > 0)
		json_object_set_new(j, "code", json_integer(s->code));
	if (s->enhanced[0] != '\0')
		json_object_set_new(
		    j, "enhanced", control_call_text(s->enhanced));
	return j;
}

static json_t *
tls(const struct relay_probe *p)
{
	return p->tls[0] == '\0'
	           ? NULL
	           : json_pack("{ss so so ss ss ss}", "version", p->tls,
	                 "names", control_call_text(p->names), "issuer",
	                 control_call_text(p->issuer), "until", p->until,
	                 "left", p->left, "pin", p->pin);
}

static json_t *
row(const struct relay_probe *p)
{
	json_t *stages = json_array();

	for (size_t i = 0; i < p->nstages; i++)
		json_array_append_new(stages, stage(&p->stage[i]));
	return json_pack("{sb so so* ss* so*}", "good", p->is_good, "stages",
	    stages, "tls", tls(p), "class", p->class, "mend",
	    p->mend[0] != '\0' ? control_call_text(p->mend) : NULL);
}

static void
on_probe(void *arg, const struct relay_probe *p)
{
	if (!p->is_known) {
		control_call_fail(arg, EX_DATAERR, "there is no such provider");
		return;
	}
	if (p->nstages > 0)
		control_call_row(arg, row(p));
	if (p->not_now != NULL)
		control_call_fail(arg, EX_TEMPFAIL, p->not_now);
	else if (!p->is_good)
		control_call_fail(
		    arg, EX_UNAVAILABLE, "the provider cannot be used so");
	else
		control_call_done(arg);
}

void
control_probe_run(struct control_call *call)
{
	const struct control_hooks *h = control_call_hooks(call);
	struct relay_probe_ask ask = { .provider =
		                           control_call_word(call, "name"),
		.from = control_call_word(call, "from"),
		.to = control_call_word(call, "to") };

	if (ask.provider == NULL)
		control_call_fail(call, EX_USAGE, "\"name\" is missing");
	else
		relay_probe_ask(h->relay, h->mailbox, &ask, on_probe, call);
}
