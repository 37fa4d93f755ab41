/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/control_export.h"

#include <stdlib.h>
#include <sysexits.h>

#include "postern/admin/letter_json.h"
#include "postern/base/id.h"
#include "postern/base/mem.h"
#include "postern/spool/body.h"

#include "admin/control_call.h"
#include "admin/control_message.h"
#include "admin/control_walk.h"
#include "admin/filter.h"

#define SLICE (32u << 10)

struct export;

/* A message of the page. */
struct letter {
	struct reading reading; /* lies first */
	struct export *of;
	struct spool_whole whole;
	json_t *json; /* NULL: told */
	uint64_t offset;
	int64_t n; /* octets in slice; whole: 0, 1 it is gone; -1: err */
	struct err err;
	char slice[SLICE];
};

struct export
{
	struct control_walk w; /* lies first */
	bool is_dead;          /* of the dead */
	uint64_t last;         /* deliveries of one follow each other */
	uint64_t mid[WALKER_PAGE];
	size_t n, next;
	struct letter letter;
};

static void go_on(void *arg);

/* --- which -------------------------------------------------------------------
 */

static bool
take_id(struct walk *walk, const struct filter_subject *s)
{
	struct export *x = (struct export *)walk;
	uint64_t mid = s->row->key.mid;
	bool is_dead = s->row->state == SPOOL_ROW_DEAD;

	if (mid == x->last ||
	    (is_dead != x->is_dead && s->row->state != SPOOL_ROW_DAMAGED))
		return true;
	x->last = mid;
	x->mid[x->n++] = mid;
	return x->n < WALKER_PAGE;
}

static void
on_page(struct control_walk *w)
{
	struct export *x = (struct export *)w;

	x->next = 0;
	go_on(x);
}

/* --- a message ---------------------------------------------------------------
 */

static const char *
route_of(void *arg, uint32_t route)
{
	return walker_route(arg, route);
}

static void
look_letter(struct reading *g, struct spool_reader *r)
{
	struct letter *l = (struct letter *)g;
	uint64_t mid = l->of->mid[l->of->next];

	l->n = spool_whole(r, mid, &l->whole, &l->err);
	if (l->n == 0)
		l->json = letter_json(&l->whole, route_of, g->walker);
}

static void
look_content(struct reading *g, struct spool_reader *r)
{
	struct letter *l = (struct letter *)g;

	l->n = spool_content(r, l->whole.env->mid, l->offset, l->slice,
	    sizeof l->slice, &l->err);
}

/* It is dealt with. */
static void
end(struct letter *l)
{
	struct export *x = l->of;

	spool_whole_free(&l->whole);
	x->next++;
	control_call_wait(x->w.call, go_on, x);
}

static void
tell_damaged(struct letter *l)
{
	char id[ID_TEXT];

	id_text(l->of->mid[l->of->next], id);
	control_call_row(
	    l->of->w.call, json_pack("{ss so}", "damaged", id, "text",
	                       control_call_text(l->err.text)));
	end(l);
}

static void
tell_end(struct letter *l)
{
	control_call_row(l->of->w.call, json_pack("{sb}", "end", 1));
	end(l);
}

static void
on_content(struct reading *g)
{
	struct letter *l = (struct letter *)g;
	struct control_call *call = l->of->w.call;

	if (l->n < 0) {
		tell_damaged(l); /* or it has left meanwhile */
	} else if (l->n == 0) {
		tell_end(l);
	} else {
		l->offset += (uint64_t)l->n;
		control_message_octets(
		    call, (struct str){ l->slice, (size_t)l->n });
		control_call_wait(call, go_on, l->of);
	}
}

static void
on_letter(struct reading *g)
{
	struct letter *l = (struct letter *)g;
	struct control_call *call = l->of->w.call;

	if (l->n > 0) {
		end(l);
	} else if (l->n < 0) {
		tell_damaged(l);
	} else {
		control_call_row(call, json_pack("{so}", "letter", l->json));
		l->json = NULL;
		if (l->whole.env->body == NULL) {
			control_call_wait(call, go_on, l->of);
			return;
		}
		control_message_octets(call, body_str(l->whole.env->body));
		tell_end(l);
	}
}

/* --- one after the other -----------------------------------------------------
 */

static void
read_on(struct export *x)
{
	struct letter *l = &x->letter;

	if (l->whole.env == NULL) {
		l->offset = 0;
		l->reading.look = look_letter;
		l->reading.back = on_letter;
	} else {
		l->reading.look = look_content;
		l->reading.back = on_content;
	}
	if (walker_read(control_call_walker(x->w.call), &l->reading) != 0)
		control_walk_fail(
		    &x->w, EX_TEMPFAIL, "the daemon is being stopped");
}

static void
go_on(void *arg)
{
	struct export *x = arg;

	if (control_call_is_gone(x->w.call)) {
		control_walk_end(&x->w);
	} else if (x->next < x->n) {
		read_on(x);
	} else {
		x->n = 0;
		control_walk_go_on(&x->w);
	}
}

static void
free_export(struct control_walk *w)
{
	struct export *x = (struct export *)w;

	spool_whole_free(&x->letter.whole);
	free(x);
}

static void
start(struct control_call *call, bool is_dead)
{
	struct export *x = mem_new(sizeof *x);

	x->w = (struct control_walk){ .page = on_page, .free = free_export };
	x->w.walk.take = take_id;
	x->is_dead = is_dead;
	x->letter.of = x;
	control_walk_start(&x->w, call);
}

void
control_export_queue(struct control_call *call)
{
	start(call, false);
}

void
control_export_dead(struct control_call *call)
{
	start(call, true);
}
