/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/control_act.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "postern/admin/control.h"
#include "postern/base/id.h"
#include "postern/base/mem.h"
#include "postern/relay/relay_act.h"

#include "admin/act_words.h"
#include "admin/control_bulk.h"
#include "admin/control_call.h"
#include "admin/filter.h"

#define IDS_MAX 4096 /* about what fits a request */

struct acts { /* one message after the other */
	struct control_call *call;
	struct relay_act what; /* of each; mid is another one's each time */
	const char **ids;      /* owned; the words are the request's */
	size_t n, at;
	size_t nbusy, nfailed, nleft; /* deliveries, or messages not found */
};

/* --- an answer --------------------------------------------------------------
 */

static void
put_row(struct acts *t, const char *id, const struct relay_acted *a)
{
	json_t *row = json_pack("{ss si ss ss ss*}", "id", id, "n", (int)a->n,
	    "act", relay_act_word(t->what.verb), "result",
	    act_words_result(a->result), "text",
	    act_words_text(t->what.verb, a));

	control_call_row(t->call, row);
}

static void
count(struct acts *t, enum relay_act_result result)
{
	t->nbusy += result == RELAY_ACT_BUSY;
	t->nfailed += result == RELAY_ACT_FAILED;
	t->nleft += result != RELAY_ACT_DONE && result != RELAY_ACT_AS_IS;
}

static void
put_missing(struct acts *t, const char *id)
{
	t->nleft++;
	control_call_row(
	    t->call, json_pack("{ss ss ss ss}", "id", id, "act",
	                 relay_act_word(t->what.verb), "result", "missing",
	                 "text", "there is no such message"));
}

static void
end(struct acts *t, int code, const char *text)
{
	if (text == NULL)
		control_call_done(t->call);
	else
		control_call_fail(t->call, code, text);
	free(t->ids);
	free(t);
}

static void
end_all(struct acts *t)
{
	char text[64];

	if (t->nleft == 0) {
		end(t, 0, NULL);
		return;
	}
	(void)snprintf(text, sizeof text, "%zu %s as before", t->nleft,
	    t->nleft == 1 ? "stays" : "stay");
	end(t,
	    t->nfailed > 0 ? EX_IOERR
	    : t->nbusy > 0 ? EX_TEMPFAIL
	                   : EX_DATAERR,
	    text);
}

/* --- one after the other ----------------------------------------------------
 */

static void next(struct acts *t);

static void
on_acted(
    void *arg, const struct relay_acted *acted, size_t n, const char *error)
{
	struct acts *t = arg;
	const char *id = t->ids[t->at];

	for (size_t i = 0; i < n; i++) {
		put_row(t, id, &acted[i]);
		count(t, acted[i].result);
	}
	if (error != NULL) {
		end(t, EX_IOERR, error);
		return;
	}
	if (n == 0)
		put_missing(t, id);
	t->at++;
	next(t);
}

static void
next(struct acts *t)
{
	const struct control_hooks *h = control_call_hooks(t->call);

	if (t->at == t->n) {
		end_all(t);
		return;
	}
	if (control_call_is_over(t->call)) {
		end(t, EX_TEMPFAIL, "the daemon is being stopped");
		return;
	}
	if (id_parse(str_of(t->ids[t->at]), &t->what.mid) != 0)
		assert(false); /* they were looked at */
	relay_act_ask(h->relay, &t->what, h->mailbox, on_acted, t);
}

/* --- a request --------------------------------------------------------------
 */

static bool
is_deleting(enum relay_act_verb verb)
{
	return verb == RELAY_ACT_DELETE || verb == RELAY_ACT_DISCARD;
}

/* NULL: nothing is.  Else the caller frees it. */
static char *
what_is_wrong(const struct acts *t, int n)
{
	uint64_t mid;

	if (n <= 0)
		return mem_str("\"ids\" is no list of messages, of up to 4096");
	for (size_t i = 0; i < t->n; i++) {
		if (id_parse(str_of(t->ids[i]), &mid) != 0)
			return mem_printf("%.64s is no message's id; one is 13 "
			                  "digits and small letters, such as "
			                  "1m8k9e0bj0000",
			    t->ids[i]);
	}
	if (is_deleting(t->what.verb) && n > 1 &&
	    !control_call_is(t->call, "yes"))
		return mem_printf("%d messages would be deleted, and nobody is "
		                  "told; add --yes",
		    n);
	return NULL;
}

static void
reroute(struct acts *t)
{
	uint64_t *mids = mem_array(t->n, sizeof *mids);

	for (size_t i = 0; i < t->n; i++) {
		if (id_parse(str_of(t->ids[i]), &mids[i]) != 0)
			assert(false); /* they were looked at */
	}
	control_bulk_reroute(t->call, mids, t->n);
	free(mids);
	free(t->ids);
	free(t);
}

/* false: the call has failed. */
static bool
take_priority(struct control_call *call, struct relay_act *what)
{
	const char *word = control_call_word(call, "priority");

	if (word == NULL)
		return true;
	if (what->verb != RELAY_ACT_RELEASE && what->verb != RELAY_ACT_RESEND) {
		control_call_fail(call, EX_USAGE,
		    "a priority is given with release and resend alone");
		return false;
	}
	for (uint8_t i = 0; i < SPOOL_PRIORITIES; i++) {
		if (strcmp(filter_priority(i), word) != 0)
			continue;
		what->has_priority = true;
		what->priority = i;
		return true;
	}
	control_call_fail(call, EX_USAGE,
	    "there is no such priority; write high, normal or low");
	return false;
}

static void
begin(struct control_call *call, enum relay_act_verb verb)
{
	struct relay_act what = {
		.verb = verb, .n = -1, .uid = control_call_uid(call)
	};
	const char *where = control_call_word(call, "where");
	struct acts *t;
	char *wrong;
	int n;

	/* Perhaps a script's variable was not set. */
	if (where != NULL && is_deleting(verb) &&
	    str_trim(str_of(where)).len == 0) {
		control_call_fail(call, EX_USAGE,
		    "an empty filter is everything, which is not deleted so; "
		    "write --where 'age>0s'");
		return;
	}
	if (!take_priority(call, &what))
		return;
	if (where != NULL) {
		control_bulk_start(call, &what);
		return;
	}
	t = mem_new(sizeof *t);
	t->call = call;
	t->what = what;
	t->ids = mem_array(IDS_MAX, sizeof *t->ids);
	n = control_call_words(call, "ids", t->ids, IDS_MAX);
	t->n = n > 0 ? (size_t)n : 0;
	wrong = what_is_wrong(t, n);
	if (wrong == NULL && verb == RELAY_ACT_REROUTE)
		reroute(t);
	else if (wrong == NULL)
		next(t);
	else
		end(t, EX_USAGE, wrong);
	free(wrong);
}

void
control_act_hold(struct control_call *call)
{
	begin(call, RELAY_ACT_HOLD);
}

void
control_act_release(struct control_call *call)
{
	begin(call, RELAY_ACT_RELEASE);
}

void
control_act_retry(struct control_call *call)
{
	begin(call, RELAY_ACT_RETRY);
}

void
control_act_delete(struct control_call *call)
{
	begin(call, RELAY_ACT_DELETE);
}

void
control_act_resend(struct control_call *call)
{
	begin(call, RELAY_ACT_RESEND);
}

void
control_act_discard(struct control_call *call)
{
	begin(call, RELAY_ACT_DISCARD);
}

void
control_act_reroute(struct control_call *call)
{
	begin(call, RELAY_ACT_REROUTE);
}
