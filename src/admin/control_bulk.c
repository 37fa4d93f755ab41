/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/control_bulk.h"

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "postern/admin/control.h"
#include "postern/base/clock.h"
#include "postern/base/id.h"
#include "postern/base/mem.h"

#include "admin/act_words.h"
#include "admin/control_call.h"
#include "admin/control_reroute.h"
#include "admin/control_walk.h"
#include "admin/filter.h"

/* deliveries that the relay is asked for at a time */
#define STEP CONTROL_REROUTE_STEP
#define SHOWN 100 /* of those that stay as they were */

struct target {
	uint64_t mid;
	uint16_t n;
};

struct bulk {
	struct control_walk w;           /* lies first */
	struct control_reroute *reroute; /* owned; NULL: another verb */
	uint64_t
	    *mids; /* owned: these alone; NULL: all that the filter finds */
	size_t nmids, at;
	bool is_there; /* something of the one that is looked at ... */
	bool is_dead;  /* ... and it is dead */
	uint64_t missing;
	enum relay_act_verb verb;
	bool has_priority; /* they get another one */
	uint8_t priority;
	bool is_meant;    /* else they are counted */
	int64_t began_ms; /* what died later is not looked at again */
	struct target step[STEP];
	size_t nstep, unanswered;
	uint64_t done, busy, failed, doubtful;
	bool has_error;
	char error[256];
};

static bool
is_of_dead(enum relay_act_verb verb)
{
	return verb == RELAY_ACT_RESEND || verb == RELAY_ACT_DISCARD;
}

/* The walker's thread. */
static bool
take(struct walk *walk, const struct filter_subject *s)
{
	struct bulk *b = (struct bulk *)walk;
	const struct spool_key *key = &s->row->key;

	if (b->mids != NULL && s->row->state == SPOOL_ROW_DEAD)
		b->is_dead = true;
	else
		b->is_there = true;
	if (relay_act_judge(b->verb, s->row, s->now_ms) != RELAY_ACT_DONE ||
	    (is_of_dead(b->verb) && key->due_ms > b->began_ms))
		return true;
	if (!b->is_meant && b->reroute == NULL) {
		b->done++;
		return true;
	}
	b->step[b->nstep++] = (struct target){ key->mid, key->n };
	return b->nstep < STEP;
}

/* --- the answer -------------------------------------------------------------
 */

static uint64_t
left(const struct bulk *b)
{
	return b->busy + b->failed + b->missing;
}

static void
tell(struct bulk *b, bool is_last)
{
	json_t *row =
	    json_pack("{ss sI sI}", "act", relay_act_word(b->verb), "done",
	        (json_int_t)b->done, "left", (json_int_t)(b->busy + b->failed));

	if (b->doubtful > 0)
		json_object_set_new(
		    row, "doubtful", json_integer((json_int_t)b->doubtful));
	if (is_last)
		json_object_set_new(row, "last", json_true());
	control_call_row(b->w.call, row);
}

static void
end_count(struct bulk *b)
{
	char text[128];

	if (b->done == 0) {
		tell(b, true);
		control_walk_end(&b->w);
		return;
	}
	(void)snprintf(text, sizeof text,
	    "%" PRIu64 " %s would be %s%s; add --yes", b->done,
	    b->done == 1 ? "delivery" : "deliveries", act_words_past(b->verb),
	    b->verb == RELAY_ACT_DELETE || b->verb == RELAY_ACT_DISCARD
	        ? ", and nobody is told"
	        : "");
	control_walk_fail(&b->w, EX_USAGE, text);
}

static void
end(struct bulk *b)
{
	char text[64];

	tell(b, true);
	(void)snprintf(text, sizeof text, "%" PRIu64 " %s as before", left(b),
	    left(b) == 1 ? "stays" : "stay");
	if (b->has_error)
		control_walk_fail(&b->w, EX_IOERR, b->error);
	else if (b->failed > 0)
		control_walk_fail(&b->w, EX_IOERR, text);
	else if (b->busy > 0)
		control_walk_fail(&b->w, EX_TEMPFAIL, text);
	else if (b->missing > 0)
		control_walk_fail(&b->w, EX_DATAERR, text);
	else
		control_walk_end(&b->w);
}

/* --- step by step -----------------------------------------------------------
 */

static void
show(struct bulk *b, const struct relay_acted *a)
{
	char id[ID_TEXT];

	if (b->busy + b->failed > SHOWN)
		return;
	id_text(a->mid, id);
	control_call_row(b->w.call,
	    json_pack("{ss si ss ss ss}", "id", id, "n", (int)a->n, "act",
	        relay_act_word(b->verb), "result", act_words_result(a->result),
	        "text", act_words_text(b->verb, a)));
}

/* Whatever else it is by now, it is no more what was looked for. */
static void
count(struct bulk *b, const struct relay_acted *a)
{
	b->done += a->result == RELAY_ACT_DONE;
	b->doubtful += act_words_is_doubtful(b->verb, a);
	b->busy += a->result == RELAY_ACT_BUSY;
	b->failed += a->result == RELAY_ACT_FAILED;
	if (a->result == RELAY_ACT_BUSY || a->result == RELAY_ACT_FAILED)
		show(b, a);
}

/* Of one that is named there is nothing in the queue. */
static void
put_missing(struct bulk *b)
{
	char id[ID_TEXT];

	b->missing++;
	id_text(b->mids[b->at], id);
	control_call_row(b->w.call,
	    json_pack("{ss ss ss ss}", "id", id, "act", relay_act_word(b->verb),
	        "result", b->is_dead ? "unfit" : "missing", "text",
	        b->is_dead ? "it is dead; postern dead resend brings it back"
	                   : "there is no such message"));
}

/* The next message of those named; false: there is none. */
static bool
next_mid(struct bulk *b)
{
	if (b->at < b->nmids && !b->is_there)
		put_missing(b);
	if (b->at + 1 >= b->nmids)
		return false;
	b->is_there = b->is_dead = false;
	b->w.walk.mid = b->mids[++b->at];
	b->w.walk.mark = (struct spool_mark){ .over = false };
	return true;
}

static void
go_on(struct bulk *b)
{
	if (!b->has_error && (!b->w.walk.mark.over || next_mid(b))) {
		tell(b, false);
		control_walk_go_on(&b->w);
	} else if (b->is_meant) {
		end(b);
	} else {
		end_count(b);
	}
}

static void
on_acted(
    void *arg, const struct relay_acted *acted, size_t n, const char *error)
{
	struct bulk *b = arg;

	for (size_t i = 0; i < n; i++)
		count(b, &acted[i]);
	if (error != NULL) {
		b->has_error = true;
		(void)snprintf(b->error, sizeof b->error, "%s", error);
	}
	assert(b->unanswered > 0);
	if (--b->unanswered == 0)
		go_on(b);
}

static void
act(struct bulk *b)
{
	const struct control_hooks *h = control_call_hooks(b->w.call);
	size_t n = b->nstep;

	b->nstep = 0;
	b->unanswered = n;
	for (size_t i = 0; i < n; i++) {
		struct relay_act what = { .verb = b->verb,
			.mid = b->step[i].mid,
			.n = b->step[i].n,
			.uid = control_call_uid(b->w.call),
			.has_priority = b->has_priority,
			.priority = b->priority };

		relay_act_ask(h->relay, &what, h->mailbox, on_acted, b);
	}
}

/* --- other ways -------------------------------------------------------------
 */

static void
ask_reroute(struct bulk *b, size_t i, const struct reroute *plan)
{
	const struct control_hooks *h = control_call_hooks(b->w.call);
	const struct control_reroute_item *it = &b->reroute->item[i];
	struct relay_act what = { .verb = RELAY_ACT_REROUTE,
		.mid = it->mid,
		.n = it->n,
		.uid = control_call_uid(b->w.call),
		.ways = plan->ways,
		.nways = plan->nways,
		.way_of = plan->way_of,
		.nrcpts = it->loaded.env->nrcpts };

	b->unanswered++;
	relay_act_ask(h->relay, &what, h->mailbox, on_acted, b);
}

static void
on_loaded(struct reading *reading)
{
	struct control_reroute *g = (struct control_reroute *)reading;
	struct bulk *b = g->owner;

	for (size_t i = 0; i < g->n && !control_call_is_over(b->w.call); i++) {
		struct reroute plan;

		if (!control_reroute_plan(g, i, b->w.call, &plan))
			continue;
		if (b->is_meant)
			ask_reroute(b, i, &plan);
		else
			b->done++;
		reroute_done(&plan);
	}
	control_reroute_done(g);
	if (b->unanswered == 0)
		go_on(b);
}

static void
reroute(struct bulk *b)
{
	struct control_reroute *g = b->reroute;

	for (g->n = 0; g->n < b->nstep; g->n++) {
		g->item[g->n].mid = b->step[g->n].mid;
		g->item[g->n].n = b->step[g->n].n;
	}
	b->nstep = 0;
	if (control_reroute_load(g, b->w.call) != 0)
		control_walk_fail(
		    &b->w, EX_TEMPFAIL, "the daemon is being stopped");
}

/* --- a walk -----------------------------------------------------------------
 */

static void
on_page(struct control_walk *w)
{
	struct bulk *b = (struct bulk *)w;

	if (control_call_is_over(w->call))
		control_walk_fail(
		    w, EX_TEMPFAIL, "the daemon is being stopped");
	else if (b->nstep == 0)
		go_on(b);
	else if (b->reroute != NULL)
		reroute(b);
	else
		act(b);
}

static void
free_bulk(struct control_walk *w)
{
	struct bulk *b = (struct bulk *)w;

	free(b->reroute);
	free(b->mids);
	free(b);
}

static struct bulk *
new_bulk(struct control_call *call, enum relay_act_verb verb)
{
	struct bulk *b = mem_new(sizeof *b);

	b->w = (struct control_walk){ .page = on_page, .free = free_bulk };
	b->w.walk.take = take;
	b->w.walk.without_dead = true;
	if (is_of_dead(verb)) {
		b->w.walk.where = SPOOL_WALK_DEAD;
		b->w.walk.without_dead = false;
	}
	b->verb = verb;
	b->began_ms = clock_wall_ms();
	b->is_meant = control_call_is(call, "yes");
	if (verb == RELAY_ACT_REROUTE) {
		b->reroute = mem_new(sizeof *b->reroute);
		b->reroute->reading.back = on_loaded;
		b->reroute->owner = b;
	}
	return b;
}

void
control_bulk_start(struct control_call *call, const struct relay_act *what)
{
	struct bulk *b = new_bulk(call, what->verb);

	b->has_priority = what->has_priority;
	b->priority = what->priority;
	control_walk_start(&b->w, call);
}

void
control_bulk_reroute(struct control_call *call, const uint64_t *mids, size_t n)
{
	struct bulk *b = new_bulk(call, RELAY_ACT_REROUTE);

	b->mids = mem_dup(mids, n * sizeof *mids);
	b->nmids = n;
	b->w.walk.mid = mids[0];
	b->w.walk.without_dead = false;
	b->is_meant = true;
	control_walk_start(&b->w, call);
}
