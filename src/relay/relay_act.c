/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message's deliveries are looked at a page at a time; the next page comes
 * when the spool has answered for this one.  Meanwhile each is in hand, so that
 * nobody else takes it.
 */
#include "postern/relay/relay_act.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "postern/base/clock.h"
#include "postern/base/mem.h"
#include "postern/io/mailbox.h"
#include "postern/relay/relay.h"
#include "postern/spool/envelope.h"

#include "relay/agenda.h"
#include "relay/cache.h"
#include "relay/delivery.h"
#include "relay/dispatch.h"
#include "relay/keyset.h"
#include "relay/relay_core.h"
#include "relay/relay_log.h"
#include "relay/suspect.h"

#define PAGE 64 /* deliveries of a message */

struct seen { /* a delivery as the spool has it */
	struct spool_key key;
	enum spool_row_state state;
	enum spool_hold hold;
	int64_t wish_ms; /* not before, by its sender; 0: at once */
};

struct job {
	struct mailbox_item item;
	struct relay *relay;
	struct relay_act what;
	struct mailbox *back;
	relay_act_fn *fn;
	void *arg;
	struct spool_mark mark;
	struct seen page[PAGE];
	size_t npage;
	size_t unanswered;
	struct relay_acted *acted; /* owned */
	size_t n, cap;
	struct err err;              /* kind 0: none */
	struct spool_delivery *ways; /* owned, as way_of: those of what */
	uint16_t *way_of;
};

struct step { /* a move under way */
	struct spool_move move;
	struct job *job;
	struct delivery *delivery;
	size_t at; /* in job->acted */
};

const char *
relay_act_word(enum relay_act_verb verb)
{
	static const char *const words[] = {
		[RELAY_ACT_HOLD] = "hold",
		[RELAY_ACT_RELEASE] = "release",
		[RELAY_ACT_RETRY] = "retry",
		[RELAY_ACT_DELETE] = "delete",
		[RELAY_ACT_RESEND] = "resend",
		[RELAY_ACT_DISCARD] = "discard",
		[RELAY_ACT_REROUTE] = "reroute",
	};

	return words[verb];
}

/* --- may it be done? --------------------------------------------------------
 */

/* For want of a provider that takes it: it goes by itself as soon as one does.
 */
static bool
waits_for_provider(const struct seen *s)
{
	switch (s->hold) {
	case SPOOL_HOLD_SMTPUTF8:
	case SPOOL_HOLD_REQUIRETLS:
	case SPOOL_HOLD_SIZE:
	case SPOOL_HOLD_IDENTITY:
	case SPOOL_HOLD_8BIT:
	case SPOOL_HOLD_BINARY:
	case SPOOL_HOLD_DELIVERBY:
		return s->state == SPOOL_ROW_HELD;
	case SPOOL_HOLD_NONE:
	case SPOOL_HOLD_OPERATOR:
	case SPOOL_HOLD_POISON:
	case SPOOL_HOLD_DAMAGED:
	case SPOOL_HOLD_DOUBT:
		return false;
	}
	return false;
}

static enum relay_act_result
judge_hold(const struct seen *s, int64_t now_ms)
{
	(void)now_ms;
	if (s->state == SPOOL_ROW_QUEUED || waits_for_provider(s))
		return RELAY_ACT_DONE;
	return s->state == SPOOL_ROW_HELD ? RELAY_ACT_AS_IS : RELAY_ACT_UNFIT;
}

static enum relay_act_result
judge_release(const struct seen *s, int64_t now_ms)
{
	(void)now_ms;
	return s->state == SPOOL_ROW_HELD ? RELAY_ACT_DONE : RELAY_ACT_UNFIT;
}

static enum relay_act_result
judge_retry(const struct seen *s, int64_t now_ms)
{
	if (waits_for_provider(s))
		return RELAY_ACT_DONE;
	if (s->state != SPOOL_ROW_QUEUED)
		return RELAY_ACT_UNFIT;
	if (s->wish_ms > now_ms)
		return RELAY_ACT_EARLY;
	return s->key.due_ms > now_ms ? RELAY_ACT_DONE : RELAY_ACT_AS_IS;
}

/* Whatever is not dead. */
static enum relay_act_result
judge_alive(const struct seen *s, int64_t now_ms)
{
	(void)now_ms;
	return s->state == SPOOL_ROW_DEAD ? RELAY_ACT_UNFIT : RELAY_ACT_DONE;
}

static enum relay_act_result
judge_dead(const struct seen *s, int64_t now_ms)
{
	(void)now_ms;
	return s->state == SPOOL_ROW_DEAD ? RELAY_ACT_DONE : RELAY_ACT_UNFIT;
}

static struct seen
seen_of(const struct spool_row *row)
{
	return (struct seen){ .key = row->key,
		.state = row->state,
		.hold = row->hold,
		.wish_ms =
		    row->flags & ENVELOPE_REVIVED ? 0 : row->release_ms };
}

static enum relay_act_result
judge(enum relay_act_verb verb, const struct seen *s, int64_t now_ms)
{
	static enum relay_act_result (*const judges[])(
	    const struct seen *, int64_t) = {
		[RELAY_ACT_HOLD] = judge_hold,
		[RELAY_ACT_RELEASE] = judge_release,
		[RELAY_ACT_RETRY] = judge_retry,
		[RELAY_ACT_DELETE] = judge_alive,
		[RELAY_ACT_RESEND] = judge_dead,
		[RELAY_ACT_DISCARD] = judge_dead,
		[RELAY_ACT_REROUTE] = judge_alive,
	};

	if (s->state == SPOOL_ROW_DAMAGED)
		return RELAY_ACT_DAMAGED;
	return judges[verb](s, now_ms);
}

enum relay_act_result
relay_act_judge(
    enum relay_act_verb verb, const struct spool_row *row, int64_t now_ms)
{
	struct seen s = seen_of(row);

	return judge(verb, &s, now_ms);
}

/* --- the end ----------------------------------------------------------------
 */

/* The asker's thread. */
static void
deliver_answer(struct mailbox_item *item, void *owner)
{
	struct job *j = (struct job *)item;

	(void)owner;
	j->fn(j->arg, j->acted, j->n,
	    j->err.kind == ERR_NONE ? NULL : j->err.text);
	free(j->acted);
	free(j->ways);
	free(j->way_of);
	free(j);
}

static void
answer(struct job *j)
{
	j->item.deliver = deliver_answer;
	mailbox_put(j->back, &j->item);
}

/* --- a delivery -------------------------------------------------------------
 */

static struct relay_acted *
note(struct job *j, const struct seen *s)
{
	if (j->n == j->cap) {
		j->cap = j->cap ? 2 * j->cap : 1;
		j->acted = mem_resize(j->acted, j->cap * sizeof *j->acted);
	}
	j->acted[j->n] = (struct relay_acted){ .mid = s->key.mid,
		.n = s->key.n,
		.state = s->state,
		.hold = s->hold };
	return &j->acted[j->n++];
}

/* Out of the relay's memory; false: it is under way. */
static bool
take_out(struct relay *r, const struct spool_key *key)
{
	struct keyset_node *node = keyset_find(r->inhand, key->mid, key->n);
	struct envelope *env = cache_take(r->cache, key->mid);
	struct delivery *d;

	envelope_free(&env);
	if (!node)
		return true;
	d = LIST_OF(node, struct delivery, inhand);
	if (d->purpose != DELIVERY_SEND || d->nsettles > 0 ||
	    delivery_count(d, DELIVERY_TODO) < d->nrcpts ||
	    !dispatch_withdraw(d))
		return false;
	delivery_free(&d);
	return true;
}

static struct spool_delivery
place_for(enum relay_act_verb verb, const struct seen *s)
{
	struct spool_delivery to = { .route = s->key.route,
		.priority = s->key.priority,
		.lane = s->key.lane,
		.due_ms = clock_wall_ms() };

	if (verb == RELAY_ACT_HOLD) {
		to.hold = SPOOL_HOLD_OPERATOR;
		to.due_ms = s->key.due_ms;
	} else if (verb == RELAY_ACT_REROUTE && !waits_for_provider(s)) {
		to.hold = s->hold;
		to.due_ms = s->key.due_ms;
	} else if (s->wish_ms > to.due_ms) {
		to.due_ms = s->wish_ms;
	}
	return to;
}

static enum relay_act_result
result_of(const struct spool_op *op)
{
	if (op->result == SPOOL_DONE)
		return RELAY_ACT_DONE;
	return op->result == SPOOL_GONE ? RELAY_ACT_GONE : RELAY_ACT_FAILED;
}

static void go_on(struct job *j);

static void
on_moved(struct spool_op *op, void *owner)
{
	struct step *t = (struct step *)op;
	struct relay *r = owner;
	struct job *j = t->job;
	struct relay_acted *a = &j->acted[t->at];
	struct spool_key key = t->delivery->key;

	assert(r->magic == RELAY_MAGIC);
	a->result = result_of(op);
	if (a->result == RELAY_ACT_DONE)
		relay_log_act(a, &j->what);
	else if (a->result == RELAY_ACT_FAILED)
		j->err = op->err;
	delivery_free(&t->delivery);
	if (a->result != RELAY_ACT_DONE && a->state == SPOOL_ROW_QUEUED)
		agenda_put(r->agenda, &key);
	free(t);
	if (--j->unanswered == 0)
		go_on(j);
	relay_kick(r);
}

/* The ways, each with what is to's. */
static void
put_ways(
    struct spool_move *m, const struct job *j, const struct spool_delivery *to)
{
	const struct relay_act *what = &j->what;

	m->nparts = what->nways;
	m->parts = mem_dup(what->ways, what->nways * sizeof *m->parts);
	for (uint16_t i = 0; i < m->nparts; i++) {
		m->parts[i].due_ms = to->due_ms;
		m->parts[i].hold = to->hold;
	}
	m->nrcpts = what->nrcpts;
	m->part_of = mem_dup(what->way_of, what->nrcpts * sizeof *m->part_of);
}

static void
submit(struct job *j, const struct seen *s, size_t at)
{
	struct relay *r = j->relay;
	enum relay_act_verb verb = j->what.verb;
	struct step *t = mem_new(sizeof *t);
	struct spool_move *m = &t->move;

	t->job = j;
	t->at = at;
	t->delivery = delivery_new(r, &s->key, DELIVERY_ACT);
	delivery_set_phase(t->delivery, DELIVERY_SETTLING);
	m->op.reply_to = r->box;
	m->op.done = on_moved;
	m->mid = s->key.mid;
	m->n = s->key.n;
	m->to = place_for(verb, s);
	if (verb == RELAY_ACT_REROUTE)
		put_ways(m, j, &m->to);
	if (j->what.has_priority)
		m->to.priority = j->what.priority;
	m->revive = verb == RELAY_ACT_RESEND;
	m->remove = verb == RELAY_ACT_DELETE || verb == RELAY_ACT_DISCARD;
	m->by_operator = true;
	m->uid = j->what.uid;
	if (verb == RELAY_ACT_RELEASE || verb == RELAY_ACT_RESEND)
		suspect_forget(r->suspect, m->mid, m->n);
	j->unanswered++;
	spool_move(r->spool, m);
}

static void
act(struct job *j, const struct seen *s)
{
	struct relay_acted *a = note(j, s);

	a->result = judge(j->what.verb, s, clock_wall_ms());
	if (a->result != RELAY_ACT_DONE)
		return;
	if (take_out(j->relay, &s->key))
		submit(j, s, j->n - 1);
	else
		a->result = RELAY_ACT_BUSY;
}

/* --- a page -----------------------------------------------------------------
 */

static bool
on_row(void *arg, const struct spool_row *row)
{
	struct job *j = arg;

	j->page[j->npage++] = seen_of(row);
	return j->npage < PAGE;
}

static void
page(struct job *j)
{
	struct spool_walk w = {
		.mid = j->what.mid, .n = j->what.n, .fn = on_row, .arg = j
	};

	j->npage = 0;
	if (spool_walk(j->relay->reader, &w, &j->mark) != 0) {
		(void)err_set(&j->err, ERR_STORE, "the spool cannot be read");
		j->mark.over = true;
	}
	for (size_t i = 0; i < j->npage; i++)
		act(j, &j->page[i]);
}

static void
go_on(struct job *j)
{
	while (j->unanswered == 0 && !j->mark.over && !j->relay->ended)
		page(j);
	if (j->unanswered == 0)
		answer(j);
}

/* The relay's thread. */
static void
deliver_ask(struct mailbox_item *item, void *owner)
{
	struct job *j = (struct job *)item;

	assert(((struct relay *)owner)->magic == RELAY_MAGIC);
	if (j->relay->ended)
		(void)err_set(&j->err, ERR_STORE, "the daemon is stopping");
	go_on(j);
}

void
relay_act_ask(struct relay *r, const struct relay_act *what,
    struct mailbox *back, relay_act_fn *fn, void *arg)
{
	struct job *j = mem_new(sizeof *j);

	j->item.deliver = deliver_ask;
	j->relay = r;
	j->what = *what;
	j->back = back;
	j->fn = fn;
	j->arg = arg;
	if (what->verb == RELAY_ACT_REROUTE) {
		assert(what->n >= 0 && what->nways > 0 && what->nrcpts > 0);
		j->ways = mem_dup(what->ways, what->nways * sizeof *j->ways);
		j->way_of =
		    mem_dup(what->way_of, what->nrcpts * sizeof *j->way_of);
		j->what.ways = j->ways;
		j->what.way_of = j->way_of;
	}
	mailbox_put(r->box, &j->item);
}
