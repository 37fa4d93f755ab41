/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The timer runs only while a session waits, and looks at all of them; nothing
 * is done at each reply but to note its time.
 */
#include "relay/stall.h"

#include <stdbool.h>

#include "postern/io/conn.h"
#include "postern/io/loop.h"
#include "postern/relay/relay.h"
#include "postern/smtp/outcome.h"

#include "relay/dispatch.h"
#include "relay/provider.h"
#include "relay/relay_core.h"
#include "relay/relay_log.h"
#include "relay/relay_session.h"

#define LEAST_MS 5000
#define TIMES 8      /* a reply may take so much longer than usual */
#define LOOK_MS 2500 /* so that what is on its way is seen to move */

void
stall_done(struct stall *t)
{
	timer_free(&t->timer);
}

void
stall_heard(struct stall *t, uint64_t now_ms)
{
	t->heard_ms = now_ms;
}

void
stall_learn(struct stall *t, enum stall_kind kind, uint64_t ms)
{
	uint64_t *x8 = &t->slow_x8[kind];

	*x8 = *x8 == 0 ? ms * 8 : *x8 - *x8 / 8 + ms;
}

uint64_t
stall_limit_ms(const struct stall *t, enum stall_kind kind)
{
	uint64_t ms = t->slow_x8[kind] / 8 * TIMES;

	return ms > LEAST_MS ? ms : LEAST_MS;
}

/* Does its silence tell anything?  The probe has all the time that SMTP gives
 * it: that is how it is learned that a provider is slow and not dead. */
static bool
tells(const struct relay_session *s)
{
	return relay_session_waits(s) && !s->is_stalled &&
	       !(s->is_probe && s->phase == POOL_CONNECTING);
}

static void
note_progress(struct relay_session *s, uint64_t now_ms)
{
	size_t left = s->conn ? conn_unacked(s->conn) : 0;

	if (left != s->unacked && s->unacked != SIZE_MAX)
		s->waits_ms = now_ms;
	s->unacked = left;
}

/* When its silence will have lasted too long. */
static uint64_t
deadline(const struct stall *t, const struct relay_session *s)
{
	uint64_t since = s->waits_ms > t->heard_ms ? s->waits_ms : t->heard_ms;

	return since + stall_limit_ms(t, s->phase == POOL_CONNECTING
	                                     ? STALL_LOGIN
	                                     : STALL_MESSAGE);
}

static const enum pool_phase phases[] = { POOL_CONNECTING, POOL_BUSY,
	POOL_DRAINING };

#define PHASES (sizeof phases / sizeof phases[0])

/* The earliest deadline of all; UINT64_MAX: nobody waits. */
static uint64_t
look_at_all(struct provider *p, uint64_t now_ms)
{
	uint64_t first = UINT64_MAX, at;

	for (size_t i = 0; i < PHASES; i++) {
		struct list *in = &p->pool.in[phases[i]];

		for (struct list *l = in->next; l != in; l = l->next) {
			struct relay_session *s =
			    LIST_OF(l, struct relay_session, node);

			if (!tells(s))
				continue;
			note_progress(s, now_ms);
			at = deadline(&p->stall, s);
			if (at < first)
				first = at;
		}
	}
	return first;
}

static struct relay_session *
next_of(struct provider *p)
{
	for (size_t i = 0; i < PHASES; i++) {
		struct list *in = &p->pool.in[phases[i]];

		for (struct list *l = in->next; l != in; l = l->next) {
			struct relay_session *s =
			    LIST_OF(l, struct relay_session, node);

			if (tells(s))
				return s;
		}
	}
	return NULL;
}

/* Nothing comes from it.  What has not got to its final dot goes another way at
 * once; what has is left to the time for that reply. */
static void
stalled(struct provider *p)
{
	static const struct verdict net = { .class = VERDICT_NET };
	static const struct outcome silence = { .stage = OUTCOME_IDLE,
		.io = OUTCOME_TIMED_OUT,
		.text = "the provider does not answer any more" };
	struct relay_session *s;

	relay_log_stalled(p);
	if (breaker_allows(&p->health))
		provider_give_up(p, VERDICT_NET);
	while ((s = next_of(p)) != NULL)
		relay_session_give_up(s);
	dispatch_not_connected(p, &net, &silence);
}

static void
look_in(struct provider *p, uint64_t ms)
{
	p->stall.look_ms = relay_now_ms(p->relay) + ms;
	timer_set(p->stall.timer, ms);
}

/* The machine has slept, or was busy with others: what came meanwhile has not
 * been read yet. */
static bool
was_away(const struct stall *t, uint64_t now_ms)
{
	return now_ms - t->look_ms > LOOK_MS;
}

static void
on_look(void *arg)
{
	struct provider *p = arg;
	uint64_t now_ms = relay_now_ms(p->relay), at;

	if (was_away(&p->stall, now_ms))
		stall_heard(&p->stall, now_ms);
	at = look_at_all(p, now_ms);
	if (at == UINT64_MAX)
		return;
	if (at <= now_ms)
		stalled(p);
	else
		look_in(p, at - now_ms < LOOK_MS ? at - now_ms : LOOK_MS);
}

void
stall_watch(struct provider *p)
{
	if (!timer_is_set(p->stall.timer))
		look_in(p, LOOK_MS);
}

void
stall_init(struct stall *t, struct provider *p)
{
	*t = (struct stall){ .timer = timer_new(p->relay->loop, on_look, p) };
}
