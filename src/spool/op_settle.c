/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/op.h"

#include <stdio.h>
#include <string.h>

#include "spool/batch.h"
#include "spool/counts.h"
#include "spool/deadline.h"
#include "spool/engine.h"
#include "spool/keys.h"

/* One settling under way. */
struct settle {
	struct batch *b;
	struct spool_settle *s;
	struct letter l;
	struct record_delivery d;
	struct letter_rcpts rcpts;
	uint32_t queued, dead, doubt; /* recipients, with the results */
	bool *handed;                 /* of each of rcpts; NULL: none is */
	size_t nhanded;
};

static struct str
text_or_none(const char *s)
{
	return s && s[0] ? str_of(s) : (struct str){ NULL, 0 };
}

static struct record_rcpt *
rcpt_of(struct letter_rcpts *r, uint32_t index)
{
	size_t lo = 0, hi = r->n, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (r->v[mid].index < index)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < r->n && r->v[lo].index == index ? &r->v[lo] : NULL;
}

static bool
hands_over(const struct settle *t)
{
	return t->s->hands_over && t->l.msg.deliveries < UINT16_MAX;
}

static void
note_handed(struct settle *t, const struct record_rcpt *r)
{
	if (!hands_over(t) || r->state != ENVELOPE_DEAD)
		return;
	if (!t->handed) {
		t->handed = arena_get(t->l.a, t->rcpts.n * sizeof *t->handed);
		memset(t->handed, 0, t->rcpts.n * sizeof *t->handed);
	}
	t->handed[r - t->rcpts.v] = true;
	t->nhanded++;
}

/* Those who read a recipient's mail. */
static void
put_readers(struct settle *t)
{
	const struct spool_rcpt_reader *r = t->s->readers;
	struct letter_rcpts *all = &t->rcpts;
	struct record_rcpt *old = all->v, *of, *to;

	if (t->s->nreaders == 0)
		return;
	all->v = arena_get(t->l.a, (all->n + t->s->nreaders) * sizeof *all->v);
	memcpy(all->v, old, all->n * sizeof *old);
	for (uint32_t i = 0; i < t->s->nreaders; i++) {
		of = rcpt_of(all, r[i].index);
		if (!of || of->state != ENVELOPE_QUEUED)
			continue;
		to = of;
		if (i > 0 && r[i - 1].index == r[i].index) {
			to = &all->v[all->n++];
			*to = *of;
			to->index = t->l.msg.nrcpts++;
			to->notify = envelope_notify_others(of->notify);
		}
		to->address = str_of(r[i].address);
		to->code = 0;
		to->enhanced = to->text = text_or_none(NULL);
	}
}

static void
take_results(struct settle *t)
{
	const struct spool_rcpt_result *from;
	struct record_rcpt *r;

	for (uint32_t i = 0; i < t->s->nresults; i++) {
		from = &t->s->results[i];
		r = rcpt_of(&t->rcpts, from->index);
		if (!r || r->state != ENVELOPE_QUEUED)
			continue; /* settled before: the first word holds */
		r->state = (uint8_t)from->state;
		r->code = from->code;
		r->enhanced = text_or_none(from->enhanced);
		r->text = text_or_none(from->text);
		note_handed(t, r);
	}
	put_readers(t);
	for (size_t i = 0; i < t->rcpts.n; i++) {
		t->queued += t->rcpts.v[i].state == ENVELOPE_QUEUED;
		t->dead += t->rcpts.v[i].state == ENVELOPE_DEAD;
		t->doubt += t->rcpts.v[i].state == ENVELOPE_DOUBT;
	}
	if (t->s->count_attempt)
		t->d.attempts++;
	if (t->s->provider[0])
		t->d.provider = str_of(t->s->provider);
}

/* --- journal --- */

static void
fill_cause(const struct settle *t, struct spool_event *ev)
{
	const char *cause = t->s->cause;

	if (ev->kind == SPOOL_EVENT_PARKED)
		cause = spool_hold_word(t->s->hold);
	else if (ev->kind != SPOOL_EVENT_DEAD)
		cause = NULL;
	snprintf(ev->cause, sizeof ev->cause, "%s", cause ? cause : "");
}

static bool
is_another_reply(
    const struct spool_event *ev, const struct spool_rcpt_result *r)
{
	return ev->code != r->code || strcmp(ev->enhanced, r->enhanced) != 0 ||
	       strncmp(ev->text, r->text, sizeof ev->text - 1) != 0;
}

static void
tell_state(struct settle *t, enum envelope_rcpt_state state,
    enum spool_event_kind kind)
{
	struct spool_event ev = { .kind = kind,
		.mid = t->l.mid,
		.n = t->s->key.n,
		.provider_id = spool_fingerprint(str_of(t->s->provider_id)),
		.route = kind == SPOOL_EVENT_MOVED ? t->s->over_to.route : 0 };
	const struct spool_rcpt_result *r;
	struct record_rcpt *to;

	snprintf(ev.provider, sizeof ev.provider, "%s", t->s->provider);
	fill_cause(t, &ev);
	for (uint32_t i = 0; i < t->s->nresults; i++) {
		r = &t->s->results[i];
		to = r->state == state ? rcpt_of(&t->rcpts, r->index) : NULL;
		if (!to)
			continue;
		if (ev.nrcpts == SPOOL_EVENT_RCPTS ||
		    (ev.nrcpts && is_another_reply(&ev, r))) {
			batch_event(t->b, &ev);
			ev.nrcpts = 0;
		}
		ev.code = r->code;
		memcpy(ev.enhanced, r->enhanced, sizeof ev.enhanced);
		snprintf(ev.text, sizeof ev.text, "%s", r->text);
		ev.rcpts[ev.nrcpts++] = spool_fingerprint(to->address);
	}
	if (ev.nrcpts)
		batch_event(t->b, &ev);
}

static void
tell(struct settle *t)
{
	tell_state(t, ENVELOPE_DELIVERED, SPOOL_EVENT_DELIVERED);
	tell_state(t, ENVELOPE_DOUBT, SPOOL_EVENT_DOUBT);
	tell_state(t, ENVELOPE_DEAD,
	    hands_over(t) ? SPOOL_EVENT_MOVED : SPOOL_EVENT_DEAD);
	tell_state(t, ENVELOPE_QUEUED,
	    t->s->hold ? SPOOL_EVENT_PARKED : SPOOL_EVENT_DEFERRED);
}

/* --- what becomes of the delivery --- */

static int
save(struct settle *t)
{
	uint16_t n = t->s->key.n;

	if (letter_set_delivery(&t->l, n, &t->d) ||
	    letter_set_rcpts(&t->l, n, &t->rcpts))
		return -1;
	return letter_save(&t->l);
}

/* Somebody moved or parked it while it was being tried: that holds. */
static bool
is_where_it_was(const struct settle *t)
{
	struct spool_key now = batch_key(&t->l, t->s->key.n, &t->d);
	const struct spool_key *was = &t->s->key;

	return t->d.place == RECORD_SCHEDULED && now.route == was->route &&
	       now.priority == was->priority && now.lane == was->lane &&
	       now.due_ms == was->due_ms;
}

static int
retry(struct settle *t)
{
	uint16_t n = t->s->key.n;
	struct spool_key key;

	if (is_where_it_was(t)) {
		if (batch_unplace(t->b, &t->l, n, &t->d))
			return -1;
		t->d.due_ms = t->s->next_due_ms;
		t->d.hold = (uint8_t)t->s->hold;
		t->d.place = t->s->hold ? RECORD_PARKED : RECORD_SCHEDULED;
		if (batch_place(t->b, &t->l, n, &t->d))
			return -1;
	}
	if (t->d.place == RECORD_SCHEDULED) {
		key = batch_key(&t->l, n, &t->d);
		batch_ready(t->b, &key, NULL);
	}
	return save(t);
}

/* Those that go another way leave this delivery. */
static void
split(struct settle *t, struct letter_rcpts *over)
{
	size_t kept = 0;

	*over = (struct letter_rcpts){ .v = arena_get(t->l.a,
		                           t->nhanded * sizeof *over->v) };
	for (size_t i = 0; i < t->rcpts.n; i++) {
		if (t->handed[i])
			over->v[over->n++] = t->rcpts.v[i];
		else
			t->rcpts.v[kept++] = t->rcpts.v[i];
	}
	for (size_t i = 0; i < over->n; i++)
		over->v[i].state = ENVELOPE_QUEUED;
	t->rcpts.n = kept;
	t->dead -= (uint32_t)over->n;
}

/* A delivery of their own, whose time begins now. */
static int
hand_over(struct settle *t)
{
	const struct spool_delivery *to = &t->s->over_to;
	uint16_t n = t->l.msg.deliveries++;
	struct record_delivery d = { .place = RECORD_SCHEDULED,
		.handed = true,
		.route = to->route,
		.priority = to->priority,
		.lane = to->lane,
		.due_ms = to->due_ms };
	struct letter_rcpts over;
	struct spool_key key;

	split(t, &over);
	t->l.msg.queued++;
	letter_revive(&t->l, t->b->now_ms);
	if (letter_set_delivery(&t->l, n, &d) ||
	    letter_set_rcpts(&t->l, n, &over) ||
	    batch_place(t->b, &t->l, n, &d) || deadline_put(t->b, &t->l, n, &d))
		return -1;
	key = batch_key(&t->l, n, &d);
	batch_ready(t->b, &key, NULL);
	return 0;
}

static int
doubt(struct settle *t)
{
	if (batch_doubt(t->b, &t->l, t->s->key.n, &t->d))
		return -1;
	return save(t);
}

/* The words of the recipient that died last in this settling, or at all. */
static const struct record_rcpt *
spokesman(struct settle *t)
{
	const struct record_rcpt *r = NULL, *one;

	for (size_t i = 0; i < t->rcpts.n; i++)
		if (t->rcpts.v[i].state == ENVELOPE_DEAD)
			r = &t->rcpts.v[i];
	for (uint32_t i = 0; i < t->s->nresults; i++) {
		one = rcpt_of(&t->rcpts, t->s->results[i].index);
		if (one && one->state == ENVELOPE_DEAD)
			r = one;
	}
	return r;
}

static int
bury(struct settle *t)
{
	const struct record_rcpt *r = spokesman(t);
	struct record_dead why = { .code = r->code,
		.cause = text_or_none(t->s->cause),
		.provider = t->d.provider,
		.enhanced = r->enhanced,
		.text = r->text };
	uint16_t n = t->s->key.n;

	t->d.place = RECORD_DEAD;
	t->d.due_ms = t->b->now_ms;
	t->l.msg.queued--;
	t->l.msg.dead++;
	if (batch_bury(t->b, &t->l, n, &t->d, &why))
		return -1;
	return save(t);
}

static int
finish(struct settle *t)
{
	uint16_t n = t->s->key.n;

	t->s->was_last = t->l.msg.queued == 1;
	if (batch_unplace(t->b, &t->l, n, &t->d))
		return -1;
	if (t->dead && t->s->keep_dead)
		return bury(t);
	if (t->l.msg.queued + t->l.msg.dead > 1 &&
	    (letter_set_delivery(&t->l, n, &t->d) ||
	        letter_set_rcpts(&t->l, n, &t->rcpts)))
		return -1; /* kept: the message stays */
	return batch_finish(t->b, &t->l, n, &t->d) < 0 ? -1 : 0;
}

/* --- the operation --- */

/* 0 it is there, 1 gone, -1 */
static int
find(struct settle *t)
{
	int rc = letter_open(&t->l);

	if (rc == 0)
		rc = letter_delivery(&t->l, t->s->key.n, &t->d);
	if (rc)
		return rc;
	if (t->d.place != RECORD_SCHEDULED && t->d.place != RECORD_PARKED)
		return 1;
	return letter_rcpts(&t->l, t->s->key.n, &t->rcpts);
}

static int
put_child(struct settle *t)
{
	if (!t->s->child)
		return 0;
	return op_accept_new(t->b, &(struct op_new){ .env = t->s->child,
	                               .ndeliveries = 1,
	                               .first = &t->s->child_delivery,
	                               .err = &t->s->op.err });
}

static int
place(struct settle *t)
{
	if (t->nhanded && hand_over(t))
		return -1;
	if (t->queued)
		return retry(t);
	return t->doubt ? doubt(t) : finish(t);
}

int
op_settle(struct batch *b, struct spool_op *op)
{
	struct settle t = { .b = b, .s = (struct spool_settle *)op };
	int rc;

	letter_init(&t.l, &b->x, &b->arena, t.s->key.mid);
	if (deadline_drop(b, t.s->by_ms, t.s->key.mid, t.s->key.n) ||
	    op_doubt_end(b, t.s->key.mid, t.s->key.n))
		return -1;
	rc = find(&t);
	if (rc) {
		op->result = SPOOL_GONE;
		return rc < 0 ? -1 : 0;
	}
	take_results(&t);
	tell(&t);
	if (place(&t))
		return -1;
	return put_child(&t);
}

/* The key alone.  How long the message is nobody knows: its bytes stay counted
 * as queued. */
static int
park_key(struct batch *b, const struct spool_key *key)
{
	struct counts_of of = { key->route, key->priority, COUNTS_QUEUED };
	struct keys sched, park;
	int rc;

	keys_sched(&sched, key);
	keys_park(&park, SPOOL_HOLD_DAMAGED, key);
	rc = store_del(&b->x, STORE_SCHED, keys_str(&sched));
	if (rc)
		return rc < 0 ? -1 : 0;
	counts_sub(&b->sp->counts, of, 0);
	of.class = COUNTS_HELD;
	counts_add(&b->sp->counts, of, 0);
	return store_put(&b->x, STORE_PARK, keys_str(&park), STR(""));
}

int
op_settle_damaged(struct batch *b, struct spool_op *op)
{
	struct spool_settle *s = (struct spool_settle *)op;
	uint16_t n = s->key.n;
	struct record_delivery d;
	struct letter l;

	letter_init(&l, &b->x, &b->arena, s->key.mid);
	if (deadline_drop(b, s->by_ms, s->key.mid, n))
		return -1;
	if (!letter_try(&l, n, &d))
		return park_key(b, &s->key);
	if (d.place != RECORD_SCHEDULED)
		return 0;
	if (batch_unplace(b, &l, n, &d))
		return -1;
	d.place = RECORD_PARKED;
	d.hold = SPOOL_HOLD_DAMAGED;
	if (batch_place(b, &l, n, &d) || letter_set_delivery(&l, n, &d))
		return -1;
	return letter_save(&l);
}
