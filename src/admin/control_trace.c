/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal is read twice: first which messages are meant, by the events in
 * which they are named, then all events of these; last the spool, for what is
 * still there.  The journal has names as fingerprints only, so that other
 * messages may be among those found.
 */
#include "admin/control_trace.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "postern/base/buf.h"
#include "postern/base/clock.h"
#include "postern/base/id.h"
#include "postern/base/mem.h"

#include "admin/control_call.h"
#include "admin/filter.h"
#include "admin/queue_row.h"
#include "admin/trace_find.h"
#include "admin/walker.h"

#define PAGES 8                 /* of the journal, in a look */
#define NOWS 32                 /* messages of the spool, in a look */
#define LINES_HIGH (256u << 10) /* bytes; enough for a look */
#define LINES_MAX (16u << 20)   /* with what one step more brings */

enum phase { PHASE_FIND, PHASE_TELL, PHASE_NOW, PHASE_OVER };

struct trace {
	struct reading reading; /* lies first */
	struct control_call *call;
	enum phase phase;
	struct trace_find *find;
	char own[CONTROL_CALL_OWN]; /* this client's mail alone; "": all */
	uint64_t place;             /* in the journal */
	int64_t since_ms;           /* it begins then; 0: it is empty */
	size_t now;                 /* of what was found: in the spool */
	size_t rows;
	bool has_failed;
	struct buf lines;
	struct spool_event events[SPOOL_JOURNAL_MIN];
};

/* --- what became of them (the walker's thread) -------------------------------
 */

static const char *
event_word(const struct spool_event *e)
{
	static const char *const words[] = {
		[SPOOL_EVENT_ACCEPTED] = "received",
		[SPOOL_EVENT_DELIVERED] = "delivered",
		[SPOOL_EVENT_DEFERRED] = "deferred",
		[SPOOL_EVENT_DEAD] = "dead",
		[SPOOL_EVENT_PARKED] = "held",
		[SPOOL_EVENT_MOVED] = "moved",
		[SPOOL_EVENT_REMOVED] = "deleted",
		[SPOOL_EVENT_PURGED] = "purged",
		[SPOOL_EVENT_DOUBT] = "doubt",
	};

	return words[e->kind];
}

static const char *
why_word(enum spool_route_why why)
{
	static const char *const words[] = {
		[SPOOL_ROUTE_GIVEN] = NULL,
		[SPOOL_ROUTE_NAMED] = "of its listener or user",
		[SPOOL_ROUTE_MATCHED] = "its match",
		[SPOOL_ROUTE_DEFAULT] = "no other route fits",
	};

	return words[why];
}

static void
put_text(json_t *row, const char *key, const char *text)
{
	if (text != NULL && *text != '\0')
		json_object_set_new(row, key, control_call_text(text));
}

static void
put_number(json_t *row, const char *key, int64_t n)
{
	json_object_set_new(row, key, json_integer((json_int_t)n));
}

static json_t *
event_row(const struct trace *t, const struct spool_event *e)
{
	json_t *row = json_object();
	char id[ID_TEXT];

	id_text(e->mid, id);
	put_number(row, "at_ms", e->at_ms);
	put_text(row, "id", id);
	put_number(row, "n", e->n);
	put_text(row, "event", event_word(e));
	if (e->nrcpts > 0)
		put_number(row, "nrcpts", e->nrcpts);
	put_text(row, "client", e->client);
	put_text(row, "provider", e->provider);
	if (e->code > 0)
		put_number(row, "code", e->code);
	put_text(row, "enhanced", e->enhanced);
	put_text(row, "text", e->text);
	put_text(row, "cause", e->cause);
	if (e->route > 0) {
		put_text(
		    row, "route", walker_route(t->reading.walker, e->route));
		put_text(row, "why", why_word(e->why));
	}
	if (e->by_operator)
		put_number(row, "uid", e->uid);
	return row;
}

static void
put_line(struct trace *t, json_t *row)
{
	int rc = control_call_line(&t->lines, row);

	assert(rc == 0); /* LINES_HIGH and a page: a few hundred rows */
	t->rows++;
}

static void
take_event(struct trace *t, const struct spool_event *e)
{
	if (t->since_ms == 0)
		t->since_ms = e->at_ms;
	if (t->phase == PHASE_FIND)
		trace_find_event(t->find, e);
	else if (trace_find_is_shown(t->find, e))
		put_line(t, event_row(t, e));
}

/* false: the journal is over. */
static bool
look_page(struct trace *t, struct spool_reader *r)
{
	int n = spool_journal_page(r, &t->place, t->events, SPOOL_JOURNAL_MIN);

	t->has_failed |= n < 0;
	for (int i = 0; i < n; i++)
		take_event(t, &t->events[i]);
	return n > 0;
}

/* --- what is there now (the walker's thread) ---------------------------------
 */

static bool
on_row(void *arg, const struct spool_row *row)
{
	struct trace *t = arg;
	struct filter_subject s = { .row = row,
		.route = walker_route(t->reading.walker, row->key.route),
		.now_ms = clock_wall_ms() };
	json_t *j;

	if (t->own[0] != '\0' && !str_is(row->client, t->own))
		return true;
	j = queue_row_json(&s, QUEUE_ROW_RCPTS);
	put_text(j, "event", "now");
	put_line(t, j);
	return t->lines.len < LINES_HIGH;
}

static void
look_now(struct trace *t, struct spool_reader *r)
{
	struct spool_walk w = { .where = SPOOL_WALK_ALL,
		.mid = trace_find_mid(t->find, t->now++),
		.n = -1,
		.fn = on_row,
		.arg = t };
	struct spool_mark mark = { .over = false };

	t->has_failed |= spool_walk(r, &w, &mark) != 0;
}

/* --- step by step ------------------------------------------------------------
 */

static void
next_phase(struct trace *t)
{
	t->phase++;
	t->place = 0;
}

static void
look(struct reading *g, struct spool_reader *r)
{
	struct trace *t = (struct trace *)g;
	bool is_over = false;

	if (t->phase == PHASE_NOW) {
		size_t n = trace_find_count(t->find);

		for (size_t i = 0; i < NOWS && t->now < n; i++)
			look_now(t, r);
		is_over = t->now == n;
	}
	for (size_t i = 0; i < PAGES && t->phase < PHASE_NOW && !is_over &&
	                   t->lines.len < LINES_HIGH;
	     i++)
		is_over = !look_page(t, r);
	if (is_over)
		next_phase(t);
}

static void
end(struct trace *t, int code, const char *text)
{
	if (text == NULL)
		control_call_done(t->call);
	else
		control_call_fail(t->call, code, text);
	trace_find_free(&t->find);
	buf_done(&t->lines);
	free(t);
}

static void
end_all(struct trace *t)
{
	char text[128], at[40] = "now";

	if (t->rows > 0) {
		end(t, 0, NULL);
		return;
	}
	if (t->since_ms > 0)
		clock_rfc3339_s(t->since_ms, at);
	(void)snprintf(text, sizeof text,
	    "nothing is known of it; the journal goes back to %s", at);
	end(t, EX_DATAERR, text);
}

static void
next(void *arg)
{
	struct trace *t = arg;

	if (t->has_failed)
		end(t, EX_IOERR, "the spool cannot be read");
	else if (t->phase == PHASE_OVER || control_call_is_gone(t->call))
		end_all(t);
	else if (walker_read(control_call_walker(t->call), &t->reading) != 0)
		end(t, EX_TEMPFAIL, "the daemon is being stopped");
}

static void
on_looked(struct reading *g)
{
	struct trace *t = (struct trace *)g;

	control_call_lines(t->call, buf_str(&t->lines));
	buf_clear(&t->lines);
	control_call_wait(t->call, next, t);
}

/* --- the request -------------------------------------------------------------
 */

static void
take_what(struct trace *t, struct str what)
{
	uint64_t mid;

	if (id_parse(what, &mid) == 0) {
		trace_find_id(t->find, mid);
		t->phase = PHASE_TELL;
	} else {
		trace_find_name(t->find, what);
	}
}

void
control_trace_run(struct control_call *call)
{
	struct str what = str_of(control_call_word(call, "what"));
	struct trace *t;

	if (what.len == 0) {
		control_call_fail(call, EX_USAGE, "\"what\" is missing");
		return;
	}
	t = mem_new(sizeof *t);
	t->reading.look = look;
	t->reading.back = on_looked;
	t->call = call;
	control_call_own(call, t->own);
	t->find = trace_find_new(t->own);
	buf_init(&t->lines, LINES_MAX);
	take_what(t, what);
	next(t);
}
