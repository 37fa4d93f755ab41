/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/settle.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/clock.h"
#include "postern/base/mem.h"
#include "postern/base/rand.h"
#include "postern/relay/relay.h"
#include "postern/spool/envelope.h"

#include "relay/agenda.h"
#include "relay/backoff.h"
#include "relay/delivery.h"
#include "relay/notices.h"
#include "relay/overdue.h"
#include "relay/relay_core.h"
#include "relay/relay_log.h"

struct failed { /* an operation that the spool could not do */
	struct list node;
	struct spool_settle *op;
};

static void
result(struct spool_rcpt_result *out, const struct delivery_rcpt *rcpt)
{
	const struct delivery_reply *reply = &rcpt->reply;

	out->index = rcpt->index;
	out->state = ENVELOPE_QUEUED;
	if (rcpt->state == DELIVERY_DONE)
		out->state = ENVELOPE_DELIVERED;
	else if (rcpt->state == DELIVERY_DEAD || rcpt->state == DELIVERY_HANDED)
		out->state = ENVELOPE_DEAD;
	else if (rcpt->state == DELIVERY_DOUBT)
		out->state = ENVELOPE_DOUBT;
	out->code = reply->code;
	memcpy(out->enhanced, reply->enhanced, sizeof out->enhanced);
	snprintf(
	    out->text, sizeof out->text, "%s", reply->text ? reply->text : "");
}

static bool
is_told(const struct delivery_rcpt *rcpt, bool only_done)
{
	if (rcpt->settled)
		return false;
	if (rcpt->state == DELIVERY_DONE || rcpt->state == DELIVERY_DOUBT)
		return true;
	return !only_done && (rcpt->state == DELIVERY_DEAD ||
	                         rcpt->state == DELIVERY_HANDED ||
	                         rcpt->state == DELIVERY_LATER);
}

static struct spool_settle *
make(struct delivery *d, bool only_done)
{
	struct spool_settle *op;
	size_t n = 0;

	for (uint32_t i = 0; i < d->nrcpts; i++)
		n += is_told(&d->rcpts[i], only_done);
	op = mem_new(sizeof *op + n * sizeof op->results[0]);
	for (uint32_t i = 0; i < d->nrcpts; i++) {
		if (!is_told(&d->rcpts[i], only_done))
			continue;
		result(&op->results[op->nresults++], &d->rcpts[i]);
		d->rcpts[i].settled = is_told(&d->rcpts[i], true);
	}
	op->key = d->key;
	op->next_due_ms = d->key.due_ms;
	op->keep_dead = true;
	op->cause = d->cause;
	op->by_ms = d->by_ms;
	snprintf(op->provider, sizeof op->provider, "%s", d->via);
	snprintf(op->provider_id, sizeof op->provider_id, "%s", d->receipt);
	return op;
}

static struct failed *
failed_new(struct spool_settle *op)
{
	struct failed *f = mem_new(sizeof *f);

	f->op = op;
	list_init(&f->node);
	return f;
}

/* The key's new place, where it stays in the schedule. */
static void
moved(struct relay *r, const struct spool_settle *op)
{
	struct spool_key key = op->key;

	key.due_ms = op->next_due_ms;
	if (op->hold == SPOOL_HOLD_NONE)
		agenda_put(r->agenda, &key);
}

static void
op_free(struct spool_settle *op)
{
	for (uint32_t i = 0; i < op->nreaders; i++)
		free(op->readers[i].address);
	free(op->readers);
	free(op);
}

static void
on_settled(struct spool_op *base, void *owner)
{
	struct relay *r = owner;
	struct spool_settle *op = (struct spool_settle *)base;
	struct delivery *d = base->arg;

	assert(r->magic == RELAY_MAGIC && d->magic == DELIVERY_MAGIC);
	if (base->result == SPOOL_FULL || base->result == SPOOL_FAILED) {
		relay_log_settle_failed(d, base->err.text);
		list_push(&r->unsettled, &failed_new(op)->node);
		relay_kick(r);
		return;
	}
	d->nsettles--;
	if (base->result == SPOOL_DONE && op->was_last)
		relay_log_finished(op->key.mid);
	if (d->phase == DELIVERY_SETTLING && d->nsettles == 0) {
		delivery_free(&d);
		moved(r, op);
	}
	op_free(op);
	relay_kick(r);
}

static void
submit(struct delivery *d, struct spool_settle *op)
{
	op->op.reply_to = d->relay->box;
	op->op.done = on_settled;
	op->op.arg = d;
	d->doubted = false;
	if (d->child && d->phase == DELIVERY_SETTLING) {
		op->child = envelope_ref(d->child);
		op->child_delivery =
		    (struct spool_delivery){ .route = notices_route(d),
			    .priority = d->key.priority,
			    .lane = d->key.lane,
			    .due_ms = clock_wall_ms() };
	}
	spool_settle(d->relay->spool, op);
}

/* The operator's word: so many tries, and no more. */
static void
apply_attempts(struct delivery *d)
{
	uint32_t max = delivery_route(d)->retry.attempts;

	if (max == 0 || d->attempts + 1 < max)
		return;
	for (uint32_t i = 0; i < d->nrcpts; i++) {
		if (d->rcpts[i].state != DELIVERY_LATER)
			continue;
		d->rcpts[i].state = DELIVERY_DEAD;
		d->cause = "attempts";
	}
}

/* The route that takes over what is dead on d's, or NULL.  Never one after the
 * other, nor what no time is left for or what cannot be sent at all. */
static const struct relay_route *
heir_of(const struct delivery *d)
{
	const struct relay_settings *set = d->relay->set;
	const char *name = delivery_route(d)->on_dead;

	if (!name || d->handed || d->corrupt || overdue_is(d))
		return NULL;
	for (size_t i = 0; i < set->nroutes; i++) {
		if (strcmp(set->routes[i].name, name) == 0)
			return &set->routes[i];
	}
	return NULL;
}

static const struct relay_route *
hand_over(struct delivery *d)
{
	const struct relay_route *to = heir_of(d);

	for (uint32_t i = 0; to && i < d->nrcpts; i++) {
		if (d->rcpts[i].state == DELIVERY_DEAD)
			d->rcpts[i].state = DELIVERY_HANDED;
	}
	return delivery_count(d, DELIVERY_HANDED) > 0 ? to : NULL;
}

static void
put_heir(struct spool_settle *op, const struct relay_route *to)
{
	op->hands_over = true;
	op->over_to = (struct spool_delivery){ .route = to->id,
		.priority = op->key.priority,
		.lane = op->key.lane,
		.due_ms = clock_wall_ms() };
}

static void
finish(struct delivery *d, int64_t due_ms, bool count)
{
	const struct relay_route *heir;
	struct spool_settle *op;

	if (count)
		apply_attempts(d);
	heir = hand_over(d);
	if (!d->child)
		d->child = notices_make(d);
	relay_log_results(d, due_ms);
	if (heir)
		relay_log_handed(d, heir->name);
	op = make(d, false);
	if (heir)
		put_heir(op, heir);
	op->next_due_ms = due_ms;
	op->count_attempt = count;
	delivery_set_phase(d, DELIVERY_SETTLING);
	d->nsettles++;
	submit(d, op);
}

void
settle_until(struct delivery *d, int64_t due_ms)
{
	finish(d, due_ms, true);
}

void
settle_final(struct delivery *d)
{
	const struct relay_retry *retry = &delivery_route(d)->retry;
	bool todo = delivery_count(d, DELIVERY_TODO) > 0;
	bool later = delivery_count(d, DELIVERY_LATER) > 0;
	uint64_t wait = 0;

	if (later && !d->later)
		wait = backoff_recipient(retry, d->attempts, rand_u64());
	else if (later)
		wait = backoff_next(retry, d->attempts, rand_u64());
	if (later && d->wait_ms > wait)
		wait = d->wait_ms;
	if (todo)
		finish(d, d->key.due_ms, false);
	else
		finish(d, clock_wall_ms() + (int64_t)wait, later);
}

void
settle_interim(struct delivery *d)
{
	struct spool_settle *op;

	relay_log_delivered_so_far(d);
	op = make(d, true);
	if (op->nresults == 0) {
		free(op);
		return;
	}
	d->nsettles++;
	submit(d, op);
}

void
settle_park(struct delivery *d, enum spool_hold why)
{
	struct spool_settle *op;

	if (!d->child)
		d->child = notices_make(d);
	relay_log_results(d, d->key.due_ms);
	relay_log_parked(d, why);
	if (why == SPOOL_HOLD_POISON) /* whoever looks sees the last reply */
		delivery_set_todo(d, DELIVERY_LATER, &d->reply);
	op = make(d, false);
	op->hold = why;
	delivery_set_phase(d, DELIVERY_SETTLING);
	d->nsettles++;
	submit(d, op);
}

void
settle_notice(struct delivery *d, struct envelope *notice)
{
	struct spool_settle *op = make(d, false);

	d->child = notice;
	delivery_set_phase(d, DELIVERY_SETTLING);
	d->nsettles++;
	submit(d, op);
}

void
settle_readers(
    struct delivery *d, struct spool_rcpt_reader *readers, uint32_t n)
{
	struct spool_settle *op = make(d, false);

	op->readers = readers;
	op->nreaders = n;
	delivery_set_phase(d, DELIVERY_SETTLING);
	d->nsettles++;
	submit(d, op);
}

void
settle_again(struct relay *r)
{
	struct list again;
	struct list *node;

	list_init(&again);
	while ((node = list_pop(&r->unsettled)) != NULL)
		list_push(&again, node);
	while ((node = list_pop(&again)) != NULL) {
		struct failed *f = LIST_OF(node, struct failed, node);

		submit(f->op->op.arg, f->op);
		free(f);
	}
}

void
settle_drop(struct relay *r)
{
	struct list *node;

	while ((node = list_pop(&r->unsettled)) != NULL) {
		struct failed *f = LIST_OF(node, struct failed, node);
		struct delivery *d = f->op->op.arg;

		op_free(f->op);
		free(f);
		if (--d->nsettles == 0)
			delivery_free(&d);
	}
}
