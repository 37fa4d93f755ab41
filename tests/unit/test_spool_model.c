/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The spool against a plain model of it: thousands of operations at random, in
 * batches, with writes that fail and stops in between.  What was answered with
 * "done" has happened, whole and in order; what was answered otherwise has not.
 *
 * SPOOL_MODEL_SEED and SPOOL_MODEL_ROUNDS choose another play.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/mem.h"

#include "spool_audit.h"
#include "spool_fault.h"
#include "spool_kit.h"
#include "spool_model.h"

#define OPS 40 /* of a round, at most */
#define ROUNDS 400

/* --- dice --- */

static uint64_t dice;

static uint32_t
roll(uint32_t n)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return (uint32_t)(dice >> 11) % n;
}

/* --- the play --- */

enum kind { ACCEPT, SETTLE, MOVE, DOUBT };

struct step { /* an operation as it was submitted, for the model */
	enum kind kind;
	enum spool_result result;
	struct model_message m; /* accept; the child of a settle */
	bool child;
	struct spool_settle *s;
	uint32_t texts[MODEL_RCPTS];
	struct spool_move move;
	struct spool_doubt doubt;
};

struct play {
	struct kit k;
	struct model w;
	struct step step[OPS];
	size_t n;
	size_t comers; /* messages that this round may add */
	size_t overs;  /* deliveries that it may have made of others */
	bool faulty;   /* a write of this life may fail or has failed */
	bool fatal;
};

static void
on_fatal(void *arg, const struct err *err)
{
	(void)err;
	((struct play *)arg)->fatal = true;
}

static void
open_it(struct play *p)
{
	kit_open(&p->k);
	spool_on_fatal(p->k.sp, on_fatal, p);
	p->faulty = p->fatal = false;
}

static struct spool_delivery
somewhere(void)
{
	return (struct spool_delivery){ .route = roll(2),
		.priority = (uint8_t)roll(SPOOL_PRIORITIES),
		.lane = (uint8_t)roll(2),
		.due_ms = roll(5),
		.hold = roll(5) ? SPOOL_HOLD_NONE
		                : (enum spool_hold)(1 + roll(10)) };
}

static size_t
some_bytes(void)
{
	switch (roll(4)) {
	case 0:
		return roll(3) + 1399; /* about where it leaves msg */
	case 1:
		return roll(4) ? 4080 * roll(3) + roll(3) : 300000;
	default:
		return roll(3000);
	}
}

static void
some_message(struct play *p, struct model_message *m, uint16_t deliveries)
{
	*m = (struct model_message){ .mid = spool_mid(p->k.sp),
		.bytes = some_bytes(),
		.nrcpts = 1 + roll(roll(3) ? 3 : MODEL_RCPTS),
		.ndeliveries = (uint16_t)(1 + roll(deliveries)) };
	for (uint16_t n = 0; n < m->ndeliveries; n++)
		m->d[n].at = somewhere();
	for (uint32_t i = 0; i < m->nrcpts; i++)
		m->r[i].delivery = (uint16_t)roll(m->ndeliveries);
}

/* A delivery, most often one that is there. */
static struct spool_key
some_key(struct play *p)
{
	const struct model_message *m = &p->w.m[roll(MODEL_MESSAGES)];
	struct spool_key k = { .mid = m->mid ? m->mid : spool_mid(p->k.sp),
		.n = (uint16_t)roll(MODEL_DELIVERIES_MAX) };
	const struct spool_delivery *at;

	for (int i = 0; i < 50 && !m->mid; i++)
		m = &p->w.m[roll(MODEL_MESSAGES)];
	if (!m->mid)
		return k;
	k.mid = m->mid;
	if (roll(10))
		k.n = (uint16_t)roll(m->ndeliveries);
	at = &m->d[k.n].at;
	k.route = at->route;
	k.priority = at->priority;
	k.lane = at->lane;
	k.due_ms = roll(10) ? at->due_ms : at->due_ms + 1; /* or an old one */
	return k;
}

static struct step *
step(struct play *p, enum kind kind)
{
	struct step *s = &p->step[p->n++];

	memset(s, 0, sizeof *s);
	s->kind = kind;
	return s;
}

static void
send(struct play *p, struct step *s)
{
	struct spool_accept *a = mem_new(sizeof *a);

	kit_op(&p->k, &a->op);
	a->op.arg = &s->result;
	a->env = model_envelope(&s->m);
	a->ndeliveries = s->m.ndeliveries;
	a->first = s->m.d[0].at;
	if (a->ndeliveries > 1)
		a->more = mem_array(a->ndeliveries - 1u, sizeof *a->more);
	for (uint16_t n = 1; n < a->ndeliveries; n++)
		a->more[n - 1] = s->m.d[n].at;
	spool_accept(p->k.sp, a);
}

static void
do_accept(struct play *p)
{
	struct step *s = step(p, ACCEPT);

	some_message(p, &s->m, MODEL_DELIVERIES);
	send(p, s);
}

/* Slices, then the message, or nothing of it. */
static void
do_stage(struct play *p)
{
	struct model_message m;
	struct step *s;

	some_message(p, &m, 1);
	m.bytes = 1 + roll(roll(2) ? 9000 : 400000);
	m.staged = true;
	m.bad = roll(8) == 0;
	kit_stage(&p->k, m.mid, m.bytes, 1 + roll(100000));
	if (roll(4) == 0) {
		spool_abort_staged(p->k.sp, m.mid);
		return;
	}
	s = step(p, ACCEPT);
	s->m = m;
	send(p, s);
}

static void
some_results(struct step *s, struct spool_settle *o)
{
	uint32_t all = roll(4); /* the same for all, or mixed */

	for (uint32_t i = 0; i < o->nresults; i++) {
		struct spool_rcpt_result *r = &o->results[i];

		r->index = roll(20) ? i : roll(2 * MODEL_RCPTS);
		r->state = (enum envelope_rcpt_state)(roll(3) ? all : roll(4));
		r->code = (uint16_t)(250 + roll(300));
		s->texts[i] = roll(2) ? 1 + roll(4) : 1 + roll(1u << 20);
		model_text(s->texts[i], r->text, sizeof r->text);
		if (r->text[0] == 0)
			s->texts[i] = 0;
		strcpy(r->enhanced, "5.1.1");
	}
}

/* The model has room for so many deliveries. */
static bool
may_hand_over(struct play *p, const struct spool_key *key)
{
	struct model_message *m = model_find(&p->w, key->mid);
	size_t have = m ? m->ndeliveries : MODEL_DELIVERIES;

	if (roll(3) || have + p->overs >= MODEL_DELIVERIES_MAX)
		return false;
	p->overs++;
	return true;
}

static void
do_settle(struct play *p)
{
	struct step *s = step(p, SETTLE);
	struct spool_key key = some_key(p);
	struct spool_settle *o = kit_settle_new(
	    &p->k, &key, roll(8) ? MODEL_RCPTS : roll(MODEL_RCPTS));
	size_t size = sizeof *o + o->nresults * sizeof o->results[0];

	some_results(s, o);
	o->op.arg = &s->result;
	o->next_due_ms = roll(5);
	o->hold = roll(5) ? SPOOL_HOLD_NONE : (enum spool_hold)(1 + roll(8));
	o->keep_dead = roll(2);
	o->count_attempt = roll(2);
	memset(o->provider, 'p', roll(64));
	o->cause = "refused";
	o->hands_over = may_hand_over(p, &key);
	o->over_to = somewhere();
	o->over_to.hold = SPOOL_HOLD_NONE;
	if (p->comers && roll(6) == 0) {
		p->comers--;
		s->child = true;
		some_message(p, &s->m, 1);
		o->child_delivery = s->m.d[0].at;
		o->child = model_envelope(&s->m);
	}
	s->s = mem_new(size);
	memcpy(s->s, o, size);
	spool_settle(p->k.sp, o);
}

static void
do_move(struct play *p)
{
	struct step *s = step(p, MOVE);
	struct spool_move *o = mem_new(sizeof *o);
	struct spool_key key = some_key(p);

	kit_op(&p->k, &o->op);
	o->op.arg = &s->result;
	o->mid = key.mid;
	o->n = key.n;
	o->to = somewhere();
	if (roll(8) == 0)
		o->to.hold = SPOOL_HOLD_DOUBT;
	o->revive = roll(2);
	o->remove = roll(8) == 0;
	s->move = *o;
	spool_move(p->k.sp, o);
}

/* As a delivery does: the end is about to leave, or has been refused. */
static void
do_doubt(struct play *p)
{
	struct step *s = step(p, DOUBT);
	struct spool_doubt *o = mem_new(sizeof *o);

	kit_op(&p->k, &o->op);
	o->op.arg = &s->result;
	o->key = some_key(p);
	o->over = roll(4) == 0;
	memset(o->provider, 'q', roll(64));
	o->first = roll(2) ? 0 : roll(MODEL_RCPTS);
	o->last = roll(2) ? MODEL_RCPTS : roll(MODEL_RCPTS);
	s->doubt = *o;
	spool_doubt(p->k.sp, o);
}

static void
do_one(struct play *p)
{
	uint32_t r = roll(100);

	if (r < 35 && p->comers) {
		p->comers--;
		if (roll(4))
			do_accept(p);
		else
			do_stage(p);
	} else if (r < 75) {
		do_settle(p);
	} else if (r < 87) {
		do_doubt(p);
	} else {
		do_move(p);
	}
}

/* What the model says of it, where it was done. */
static enum spool_result
said(struct play *p, const struct step *s)
{
	if (s->kind == ACCEPT)
		return model_accept(&p->w, &s->m);
	if (s->kind == MOVE)
		return model_move(&p->w, &s->move);
	if (s->kind == DOUBT)
		return model_doubt(&p->w, &s->doubt);
	return model_settle(&p->w, s->s, s->texts, s->child ? &s->m : NULL);
}

/* With failing writes an operation may fail, and then it did nothing. */
static void
follow(struct play *p)
{
	for (size_t i = 0; i < p->n; i++) {
		struct step *s = &p->step[i];
		enum spool_result want;

		if (!p->faulty ||
		    (s->result != SPOOL_FAILED && s->result != SPOOL_FULL)) {
			want = said(p, s);
			if (s->result != want)
				fail_msg("step %zu of kind %d: %d, not %d", i,
				    (int)s->kind, (int)s->result, (int)want);
		}
		free(s->s);
	}
	p->n = 0;
}

static void
some_fault(struct play *p)
{
	static const struct {
		enum fault_call call;
		int error;
	} faults[] = {
		{ FAULT_CHANGE, 0 },
		{ FAULT_DATA, ENOMEM },
		{ FAULT_DATA, ENOSPC },
		{ FAULT_DATA, EIO },
		{ FAULT_DATA, 0 },
		{ FAULT_SYNC, EIO },
	};
	uint32_t r = roll(8);
	size_t i = r < 6 ? r : 0;

	p->faulty = true;
	fault_at(faults[i].call,
	    faults[i].call == FAULT_CHANGE ? roll(300) : roll(5),
	    faults[i].error, false);
}

static void
play_round(struct play *p)
{
	size_t room = MODEL_MESSAGES - model_size(&p->w);
	uint32_t ops = 1 + roll(OPS);

	p->comers = room > 1 ? room - 1 : 0;
	p->overs = 0;
	if (roll(5) == 0)
		some_fault(p);
	for (uint32_t i = 0; i < ops; i++) {
		do_one(p);
		if (roll(10) == 0)
			kit_wait(&p->k);
	}
	kit_wait(&p->k);
	fault_heal();
	follow(p);
	if (p->fatal || roll(15) == 0) {
		kit_close(&p->k);
		open_it(p);
		model_start(&p->w);
	}
	model_compare(&p->w, &p->k);
}

/* Everything is sent off: nothing may stay behind. */
static void
empty(struct play *p)
{
	struct spool_stats st;
	struct spool_move *o;
	struct audit a;
	struct err err;

	kit_close(&p->k);
	open_it(p);
	for (size_t i = 0; i < MODEL_MESSAGES; i++)
		for (uint16_t n = 0; n < MODEL_DELIVERIES_MAX && p->w.m[i].mid;
		     n++) {
			o = mem_new(sizeof *o);
			kit_op(&p->k, &o->op);
			o->mid = p->w.m[i].mid;
			o->n = n;
			o->remove = true;
			spool_move(p->k.sp, o);
		}
	kit_wait(&p->k);
	do
		assert_int_equal(audit_spool(p->k.sp, &a, &err), 0);
	while (a.chunks || a.stages || a.gc);
	assert_int_equal(a.messages, 0);
	spool_stats(p->k.sp, &st);
	assert_int_equal(st.queued + st.held + st.dead + st.doubt, 0);
	assert_int_equal(st.memory, 0);
}

static uint64_t
number(const char *name, uint64_t otherwise)
{
	const char *v = getenv(name);

	return v ? strtoull(v, NULL, 10) : otherwise;
}

static void
a_random_play_ends_as_the_model(void **state)
{
	struct play *p = mem_new(sizeof *p);
	uint64_t rounds = number("SPOOL_MODEL_ROUNDS", ROUNDS);

	(void)state;
	dice = number("SPOOL_MODEL_SEED", 1) * UINT64_C(0x9e3779b97f4a7c15);
	fault_heal();
	kit_init(&p->k);
	p->k.settings.dead_keep_ms = INT64_MAX;
	open_it(p);
	for (uint64_t i = 0; i < rounds; i++)
		play_round(p);
	empty(p);
	kit_done(&p->k);
	free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_random_play_ends_as_the_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
