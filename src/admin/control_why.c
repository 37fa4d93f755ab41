/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/control_why.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "postern/admin/control.h"
#include "postern/base/mem.h"
#include "postern/relay/relay_choice.h"
#include "postern/relay/stray_cause.h"

#include "admin/choice_row.h"
#include "admin/control_call.h"
#include "admin/control_message.h"
#include "admin/control_walk.h"
#include "admin/filter.h"
#include "admin/queue_row.h"

#define PAGE 16 /* deliveries; few messages have more than one */
#define RCPTS 16

struct delivery {
	json_t *row;  /* owned until it is told */
	bool asks;    /* could leave now: which way? */
	char *sender; /* owned */
};

struct why {
	struct control_walk w; /* lies first */
	struct delivery delivery[PAGE];
	size_t n, next; /* of the page */
	bool is_there;
};

/* --- what the spool says -----------------------------------------------------
 */

struct words {
	const char *text, *hint; /* hint: NULL: nothing can be done */
};

#define RELEASE "postern queue release brings it back"
#define LACKS(what)                                                            \
	{                                                                      \
		"it is held: no provider of its route that was reached " what, \
		    "it goes on by itself once one does"                       \
	}

static const struct words holds[] = {
	[SPOOL_HOLD_NONE] = { "it is held", RELEASE },
	[SPOOL_HOLD_OPERATOR] = { "it is held by an operator or its listener",
	    RELEASE },
	[SPOOL_HOLD_POISON] = { "it is held: sessions were lost, or the daemon "
	                        "ended, again and again while it was sent",
	    "look at it before postern queue release brings it back" },
	[SPOOL_HOLD_SMTPUTF8] = LACKS("takes addresses in UTF-8 (SMTPUTF8)"),
	[SPOOL_HOLD_REQUIRETLS] = LACKS("keeps it under TLS (REQUIRETLS)"),
	[SPOOL_HOLD_SIZE] = LACKS("takes its size"),
	[SPOOL_HOLD_IDENTITY] = { "it is held: no provider of its route may "
	                          "send as this sender",
	    "see identities in postern.conf(5), then postern queue release" },
	[SPOOL_HOLD_8BIT] = LACKS("takes 8-bit content (8BITMIME)"),
	[SPOOL_HOLD_DAMAGED] = { "it cannot be read", NULL },
	[SPOOL_HOLD_BINARY] = LACKS("takes binary content (BINARYMIME)"),
	[SPOOL_HOLD_DELIVERBY] = LACKS("keeps a deadline (DELIVERBY)"),
	[SPOOL_HOLD_DOUBT] = { "it is held: the session was lost after its "
	                       "end, nobody knows whether it was delivered",
	    "postern queue release sends it, perhaps twice; delete counts it "
	    "as delivered" },
};

static void
put(json_t *row, const char *text, const char *hint)
{
	json_object_set_new(row, "text", control_call_text(text));
	if (hint != NULL)
		json_object_set_new(row, "hint", json_string(hint));
}

static void
put_later(json_t *row, const struct filter_subject *s)
{
	char text[96];

	(void)snprintf(text, sizeof text, "%s in %" PRId64 " s",
	    s->row->attempts > 0 ? "it is tried again"
	                         : "its sender wants it sent later:",
	    (s->row->key.due_ms - s->now_ms + 999) / 1000);
	put(row, text, "postern queue retry tries it now");
}

/* None: it was refused for good. */
static void
put_death(json_t *row, struct str cause)
{
	static const char resend[] = "postern dead resend gives it a new life";
	static const struct {
		const char *cause;
		struct words words;
	} deaths[] = {
		{ "", { "it is dead: it was refused for good", resend } },
		{ "expired", { "it is dead: its time was over", resend } },
		{ "deadline",
		    { "it is dead: its sender's deadline was over", resend } },
		{ STRAY_CAUSE,
		    { "it is dead: nobody reads the mail for a user of this "
		      "host",
		        "set root, or name the user in aliases_file; postern "
		        "reload; then postern dead resend" } },
	};
	char text[96];

	for (size_t i = 0; i < sizeof deaths / sizeof deaths[0]; i++) {
		if (!str_is(cause, deaths[i].cause))
			continue;
		put(row, deaths[i].words.text, deaths[i].words.hint);
		return;
	}
	(void)snprintf(
	    text, sizeof text, "it is dead: %.*s", (int)cause.len, cause.p);
	put(row, text, resend);
}

static void
put_state(struct delivery *d, const struct filter_subject *s)
{
	switch (s->row->state) {
	case SPOOL_ROW_HELD:
		put(d->row, holds[s->row->hold].text, holds[s->row->hold].hint);
		return;
	case SPOOL_ROW_DEAD:
		put_death(d->row, s->row->cause);
		return;
	case SPOOL_ROW_DAMAGED:
		put(d->row, holds[SPOOL_HOLD_DAMAGED].text, NULL);
		return;
	case SPOOL_ROW_QUEUED:
		d->asks = s->row->key.due_ms <= s->now_ms;
		if (!d->asks)
			put_later(d->row, s);
	}
}

/* The walker's thread. */
static bool
take(struct walk *walk, const struct filter_subject *s)
{
	struct why *y = (struct why *)walk;
	struct delivery *d = &y->delivery[y->n++];

	*d = (struct delivery){ .row = queue_row_json(s, RCPTS),
		.sender =
		    mem_strn(s->row->sender.len > 0 ? s->row->sender.p : "",
		        s->row->sender.len) };
	put_state(d, s);
	return y->n < PAGE;
}

/* --- what the relay says -----------------------------------------------------
 */

static void ask_next(struct why *y);

static void
put_pick(json_t *row, const struct relay_choice_candidate *c)
{
	char text[192];

	if (c->slot_ms == 0)
		(void)snprintf(text, sizeof text,
		    "it is due: it waits its turn at %s, or is being sent",
		    c->name);
	else
		(void)snprintf(text, sizeof text,
		    "it is due: it waits its turn at %s, whose rate lets the "
		    "next go in %" PRIu64 " s",
		    c->name, (c->slot_ms + 999) / 1000);
	put(row, text, NULL);
}

static void
put_choice(json_t *row, const struct relay_choice *c)
{
	for (size_t i = 0; i < c->n; i++) {
		if (!c->candidates[i].is_pick)
			continue;
		put_pick(row, &c->candidates[i]);
		return;
	}
	if (!c->is_known)
		put(row, "it is due, but its route is not in the configuration",
		    "postern queue reroute gives it the one of the rules");
	else if (c->n == 0)
		put(row, "it is due, but its route has no provider", NULL);
	else
		put(row, "it is due: no provider of its route can be used now",
		    "postern provider resume has one asked at once");
}

static void
tell(struct why *y)
{
	struct delivery *d = &y->delivery[y->next++];

	control_call_row(y->w.call, d->row);
	d->row = NULL;
	free(d->sender);
	d->sender = NULL;
}

static void
on_choice(void *arg, const struct relay_choice *c)
{
	struct why *y = arg;
	json_t *row = y->delivery[y->next].row;

	put_choice(row, c);
	choice_row_add(row, c);
	tell(y);
	ask_next(y);
}

static void
ask_next(struct why *y)
{
	const struct control_hooks *h = control_call_hooks(y->w.call);
	const struct delivery *d;

	while (y->next < y->n && !y->delivery[y->next].asks)
		tell(y);
	if (y->next == y->n) {
		y->n = y->next = 0;
		control_walk_go_on(&y->w);
		return;
	}
	if (control_call_is_over(y->w.call)) {
		control_walk_fail(
		    &y->w, EX_TEMPFAIL, "the daemon is being stopped");
		return;
	}
	d = &y->delivery[y->next];
	relay_choice_ask(h->relay, h->mailbox,
	    &(struct relay_choice_ask){
	        .route = json_string_value(json_object_get(d->row, "route")),
	        .sender = d->sender,
	        .size = (uint64_t)json_integer_value(
	            json_object_get(d->row, "size")) },
	    on_choice, y);
}

static void
on_page(struct control_walk *w)
{
	struct why *y = (struct why *)w;

	y->is_there |= y->n > 0;
	if (w->walk.mark.over && !y->is_there)
		control_walk_fail(w, EX_DATAERR, CONTROL_MESSAGE_GONE);
	else
		ask_next(y);
}

static void
free_why(struct control_walk *w)
{
	struct why *y = (struct why *)w;

	for (size_t i = y->next; i < y->n; i++) {
		json_decref(y->delivery[i].row);
		free(y->delivery[i].sender);
	}
	free(y);
}

void
control_why_run(struct control_call *call)
{
	struct why *y;
	uint64_t mid;

	if (!control_message_id(call, &mid))
		return;
	y = mem_new(sizeof *y);
	y->w = (struct control_walk){ .page = on_page, .free = free_why };
	y->w.walk.take = take;
	y->w.walk.mid = mid;
	control_walk_start(&y->w, call);
}
