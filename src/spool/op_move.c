/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool/op_move - what an operator, or a rule, does with one delivery: another
 * route, priority, lane or time; held, released, revived, removed.
 */
#include "spool/op.h"

#include <stdio.h>

#include "spool/batch.h"
#include "spool/deadline.h"
#include "spool/engine.h"

struct move {
	struct batch *b;
	struct letter l;
	struct record_delivery d;
	uint16_t n;
	const struct spool_move *m;
};

static void
tell(struct move *t, enum spool_event_kind kind)
{
	struct spool_event ev = { .kind = kind,
		.mid = t->l.mid,
		.n = t->n,
		.by_operator = t->m->by_operator,
		.uid = t->m->uid };

	if (kind == SPOOL_EVENT_PARKED)
		snprintf(ev.cause, sizeof ev.cause, "%s",
		    spool_hold_word(t->m->to.hold));
	batch_event(t->b, &ev);
}

static int
drop(struct move *t)
{
	tell(t, SPOOL_EVENT_REMOVED);
	if (op_doubt_end(t->b, t->l.mid, t->n) ||
	    batch_unplace(t->b, &t->l, t->n, &t->d))
		return -1;
	return batch_finish(t->b, &t->l, t->n, &t->d) < 0 ? -1 : 0;
}

static bool
is_in_doubt(const struct record_delivery *d)
{
	return d->place == RECORD_PARKED && d->hold == SPOOL_HOLD_DOUBT;
}

/* One that is in doubt may move and stay so; no other becomes so. */
static bool
stays_in_doubt(const struct move *t, const struct spool_move *m)
{
	return is_in_doubt(&t->d) && m->to.hold == SPOOL_HOLD_DOUBT;
}

static size_t
turn(struct letter_rcpts *r, enum envelope_rcpt_state from,
    enum envelope_rcpt_state to)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++) {
		if (r->v[i].state != from)
			continue;
		r->v[i].state = (uint8_t)to;
		n++;
	}
	return n;
}

/* Is there somebody to send it to? */
static bool
revive(struct move *t, const struct spool_move *m, struct letter_rcpts *r)
{
	if (stays_in_doubt(t, m))
		return true;
	if (m->to.hold == SPOOL_HOLD_DOUBT)
		return false;
	if (m->revive || t->d.place == RECORD_DEAD)
		(void)turn(r, ENVELOPE_DEAD, ENVELOPE_QUEUED);
	if (is_in_doubt(&t->d))
		(void)turn(r, ENVELOPE_DOUBT, ENVELOPE_QUEUED);
	return turn(r, ENVELOPE_QUEUED, ENVELOPE_QUEUED) > 0;
}

/* --- shared out --- */

/* Is it still to be sent, or nobody knows whether it was? */
static bool
is_open(const struct move *t, const struct record_rcpt *r)
{
	return r->state == (t->m->to.hold == SPOOL_HOLD_DOUBT
	                           ? ENVELOPE_DOUBT
	                           : ENVELOPE_QUEUED);
}

/* nparts: it has none. */
static uint16_t
part_of(const struct move *t, const struct record_rcpt *r)
{
	const struct spool_move *m = t->m;

	if (!is_open(t, r) || r->index >= m->nrcpts ||
	    m->part_of[r->index] >= m->nparts)
		return m->nparts;
	return m->part_of[r->index];
}

/* The recipients of a part leave r. */
static struct letter_rcpts
take_part(struct move *t, uint16_t part, struct letter_rcpts *r)
{
	struct letter_rcpts out = { .v = arena_get(
		                        t->l.a, (r->n + 1) * sizeof *out.v) };
	size_t kept = 0;

	for (size_t i = 0; i < r->n; i++) {
		if (part_of(t, &r->v[i]) == part)
			out.v[out.n++] = r->v[i];
		else
			r->v[kept++] = r->v[i];
	}
	r->n = kept;
	return out;
}

static void
set_way(struct record_delivery *d, const struct spool_delivery *to)
{
	d->route = to->route;
	d->priority = to->priority;
	d->lane = to->lane;
	d->due_ms = to->due_ms;
	d->hold = (uint8_t)to->hold;
	d->place = to->hold ? RECORD_PARKED : RECORD_SCHEDULED;
}

static int
put_new(struct move *t, const struct spool_delivery *to, struct letter_rcpts *r)
{
	struct move new = { .b = t->b, .l = t->l, .d = t->d, .m = t->m };
	struct spool_key key;

	new.n = new.l.msg.deliveries++;
	new.l.msg.queued++;
	set_way(&new.d, to);
	tell(&new, to->hold ? SPOOL_EVENT_PARKED : SPOOL_EVENT_MOVED);
	if (letter_set_delivery(&new.l, new.n, &new.d) ||
	    letter_set_rcpts(&new.l, new.n, r) ||
	    batch_place(new.b, &new.l, new.n, &new.d) ||
	    deadline_put(new.b, &new.l, new.n, &new.d))
		return -1;
	if (!to->hold) {
		key = batch_key(&new.l, new.n, &new.d);
		batch_ready(new.b, &key, NULL);
	}
	t->l.msg = new.l.msg;
	return 0;
}

/* All parts but one, which is *to; where a message has as many deliveries as
 * can be counted the rest stays together. */
static int
share_out(struct move *t, struct letter_rcpts *r, struct spool_delivery *to)
{
	uint16_t first = t->m->nparts;
	struct letter_rcpts out;

	for (size_t i = 0; i < r->n && first == t->m->nparts; i++)
		first = part_of(t, &r->v[i]);
	if (first < t->m->nparts)
		*to = t->m->parts[first];
	for (uint16_t p = 0; p < t->m->nparts; p++) {
		if (p == first || t->l.msg.deliveries == UINT16_MAX)
			continue;
		out = take_part(t, p, r);
		if (out.n > 0 && put_new(t, &t->m->parts[p], &out))
			return -1;
	}
	return 0;
}

/* It was not tried for a while, and for all we know for longer than messages
 * are tried at all. */
static bool
begins_anew(const struct move *t, const struct spool_delivery *to)
{
	if (t->d.place == RECORD_DEAD)
		return true;
	return t->d.place == RECORD_PARKED && to->hold == SPOOL_HOLD_NONE &&
	       (t->d.hold == SPOOL_HOLD_DOUBT ||
	           t->d.hold == SPOOL_HOLD_OPERATOR);
}

static int
put(struct move *t, const struct spool_delivery *to, struct letter_rcpts *r)
{
	struct spool_key key;

	if (batch_unplace(t->b, &t->l, t->n, &t->d))
		return -1;
	if (begins_anew(t, to))
		letter_revive(&t->l, t->b->now_ms);
	if (t->d.place == RECORD_DEAD) {
		t->l.msg.dead--;
		t->l.msg.queued++;
		t->d.attempts = 0;
		t->d.handed = false;
	}
	set_way(&t->d, to);
	tell(t, to->hold ? SPOOL_EVENT_PARKED : SPOOL_EVENT_MOVED);
	if (batch_place(t->b, &t->l, t->n, &t->d) ||
	    deadline_put(t->b, &t->l, t->n, &t->d) ||
	    letter_set_delivery(&t->l, t->n, &t->d) ||
	    letter_set_rcpts(&t->l, t->n, r))
		return -1;
	if (!to->hold) {
		key = batch_key(&t->l, t->n, &t->d);
		batch_ready(t->b, &key, NULL);
	}
	return letter_save(&t->l);
}

int
op_move(struct batch *b, struct spool_op *op)
{
	struct spool_move *m = (struct spool_move *)op;
	struct move t = { .b = b, .n = m->n, .m = m };
	struct spool_delivery to = m->to;
	struct letter_rcpts r;
	int rc;

	letter_init(&t.l, &b->x, &b->arena, m->mid);
	rc = letter_open(&t.l);
	if (rc == 0)
		rc = letter_delivery(&t.l, m->n, &t.d);
	if (rc < 0)
		return -1;
	if (rc || t.d.place == RECORD_GONE) {
		op->result = SPOOL_GONE;
		return 0;
	}
	if (m->remove)
		return drop(&t);
	if (letter_rcpts(&t.l, m->n, &r))
		return -1;
	if (!revive(&t, m, &r)) {
		op->result = SPOOL_GONE; /* nobody is left to send it to */
		return 0;
	}
	if (m->nparts > 0 && share_out(&t, &r, &to))
		return -1;
	return put(&t, &to, &r);
}
