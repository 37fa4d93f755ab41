/* SPDX-License-Identifier: Apache-2.0 */
/*
 * At the start, when nobody knows how the clock was before, and once an hour,
 * for what was parked until then, the longest wait is what a reply may ask for.
 * Where the clock is seen to be set back it is that of the back-offs: what a
 * reply has asked for longer is then asked too early, once.  A time that a
 * sender has asked for stays.
 */
#include "relay/setback.h"

#include <assert.h>
#include <stdlib.h>

#include "postern/base/clock.h"
#include "postern/base/mem.h"
#include "postern/base/rand.h"
#include "postern/io/loop.h"
#include "postern/relay/relay.h"
#include "postern/spool/envelope.h"
#include "postern/spool/spool.h"

#include "relay/cache.h"
#include "relay/delivery.h"
#include "relay/keyset.h"
#include "relay/relay_core.h"
#include "relay/relay_log.h"
#include "relay/wait_hint.h"

#define LOOK_MS 1000
#define BUSY_MS 20             /* between two pages */
#define AGAIN_MS (3600 * 1000) /* between two walks */
#define STEP_MS 10000          /* less is not worth a walk */
#define PAGE 64

struct setback {
	struct relay *relay;
	struct timer *timer;
	int64_t ahead_ms; /* the wall clock, of the monotonic one */
	uint64_t next_ms; /* the next walk */
	bool is_walking;
	struct spool_late late;
	uint64_t longest_ms; /* wait, of this walk's */
	size_t unanswered;
	uint64_t moved;
};

struct step {                   /* a move under way */
	struct spool_move move; /* lies first */
	struct setback *setback;
	struct delivery *delivery;
};

static void on_timer(void *arg);

static int64_t
ahead_ms(void)
{
	return clock_wall_ms() - (int64_t)clock_mono_ms();
}

bool
setback_is(int64_t was_ahead_ms, int64_t now_ahead_ms)
{
	return was_ahead_ms - now_ahead_ms > STEP_MS;
}

struct setback *
setback_new(struct relay *r)
{
	struct setback *s = mem_new(sizeof *s);

	s->relay = r;
	s->timer = timer_new(r->loop, on_timer, s);
	s->ahead_ms = ahead_ms();
	return s;
}

void
setback_free(struct setback **sp)
{
	if (!*sp)
		return;
	timer_free(&(*sp)->timer);
	free(*sp);
	*sp = NULL;
}

void
setback_start(struct setback *s)
{
	timer_set(s->timer, LOOK_MS);
}

/* --- a delivery -------------------------------------------------------------
 */

static void
on_moved(struct spool_op *op, void *owner)
{
	struct step *t = (struct step *)op;
	struct relay *r = owner;

	assert(r->magic == RELAY_MAGIC);
	if (op->result == SPOOL_DONE)
		t->setback->moved++;
	t->setback->unanswered--;
	delivery_free(&t->delivery);
	free(t);
	relay_kick(r);
}

struct found {
	bool is_there, is_wish; /* wish: its sender's */
	uint32_t attempts;
};

static bool
on_row(void *arg, const struct spool_row *row)
{
	struct found *f = arg;

	f->is_there = row->state == SPOOL_ROW_QUEUED;
	f->is_wish = (row->flags & ENVELOPE_REVIVED) == 0 &&
	             row->release_ms > clock_wall_ms();
	f->attempts = row->attempts;
	return false;
}

static struct found
find(struct relay *r, const struct spool_key *key)
{
	struct found f = { .is_there = false };
	struct spool_mark mark = { .over = false };
	struct spool_walk w = {
		.mid = key->mid, .n = key->n, .fn = on_row, .arg = &f
	};

	if (spool_walk(r->reader, &w, &mark) != 0)
		f.is_there = false;
	return f;
}

static void
move(struct setback *s, const struct spool_key *key, uint64_t wait_ms)
{
	struct relay *r = s->relay;
	struct step *t = mem_new(sizeof *t);
	struct spool_move *m = &t->move;
	struct envelope *env = cache_take(r->cache, key->mid);

	envelope_free(&env);
	t->setback = s;
	t->delivery = delivery_new(r, key, DELIVERY_ACT);
	delivery_set_phase(t->delivery, DELIVERY_SETTLING);
	m->op.reply_to = r->box;
	m->op.done = on_moved;
	m->mid = key->mid;
	m->n = key->n;
	m->to = (struct spool_delivery){ .route = key->route,
		.priority = key->priority,
		.lane = key->lane,
		.due_ms = clock_wall_ms() + (int64_t)wait_ms };
	s->unanswered++;
	spool_move(r->spool, m);
}

/* What was tried before comes not all at once. */
static void
look_at(struct setback *s, const struct spool_key *key)
{
	struct found f = find(s->relay, key);

	if (f.is_there && !f.is_wish &&
	    !keyset_has(s->relay->inhand, key->mid, key->n))
		move(s, key, f.attempts > 0 ? rand_below(s->longest_ms) : 0);
}

/* --- a walk -----------------------------------------------------------------
 */

static uint64_t
longest_backoff_ms(const struct relay_settings *set)
{
	uint64_t ms = set->retry.max_ms;

	for (size_t i = 0; i < set->nroutes; i++) {
		if (set->routes[i].retry.max_ms > ms)
			ms = set->routes[i].retry.max_ms;
	}
	return ms + ms / 5; /* as backoff.c varies it */
}

/* later_ms: a wait beyond this is none of ours. */
static void
begin(struct setback *s, uint64_t later_ms)
{
	s->late = (struct spool_late){ .due_ms = clock_wall_ms() +
		                                 (int64_t)later_ms };
	s->longest_ms = longest_backoff_ms(s->relay->set);
	s->is_walking = true;
	s->next_ms = relay_now_ms(s->relay) + AGAIN_MS;
}

static void
end(struct setback *s)
{
	s->is_walking = false;
	if (s->moved > 0)
		relay_log_setback(s->moved);
	s->moved = 0;
}

static void
page(struct setback *s)
{
	struct spool_key keys[PAGE];
	int n = spool_late(s->relay->reader, &s->late, keys, PAGE);

	for (int i = 0; i < n; i++)
		look_at(s, &keys[i]);
	if (n < 0)
		s->late.over = true; /* the next walk may have more luck */
}

static void
look(struct setback *s)
{
	int64_t was_ms = s->ahead_ms;
	uint64_t longest_ms = longest_backoff_ms(s->relay->set);

	s->ahead_ms = ahead_ms();
	if (setback_is(was_ms, s->ahead_ms))
		begin(s, longest_ms);
	else if (!s->is_walking && relay_now_ms(s->relay) >= s->next_ms)
		begin(s, longest_ms > WAIT_HINT_MAX_MS ? longest_ms
		                                       : WAIT_HINT_MAX_MS);
}

static void
on_timer(void *arg)
{
	struct setback *s = arg;

	if (s->relay->draining)
		return;
	look(s);
	if (s->is_walking && s->unanswered == 0 &&
	    !spool_is_stuck(s->relay->spool)) {
		if (s->late.over)
			end(s);
		else
			page(s);
	}
	timer_set(s->timer, s->is_walking ? BUSY_MS : LOOK_MS);
}
