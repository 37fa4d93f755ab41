/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/relay/relay_choice.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"
#include "postern/io/mailbox.h"
#include "postern/relay/relay.h"
#include "postern/spool/envelope.h"

#include "relay/agenda.h"
#include "relay/balance.h"
#include "relay/balancers.h"
#include "relay/delivery.h"
#include "relay/provider.h"
#include "relay/relay_core.h"
#include "relay/verdict.h"
#include "relay/way.h"

struct question {
	struct mailbox_item item;
	struct mailbox *back;
	relay_choice_fn *fn;
	void *arg;
	char *route, *sender; /* owned */
	uint64_t size;
	struct relay_choice choice;
};

/* The asker's thread. */
static void
deliver_answer(struct mailbox_item *item, void *owner)
{
	struct question *q = (struct question *)item;

	(void)owner;
	q->fn(q->arg, &q->choice);
	for (size_t i = 0; i < q->choice.n; i++)
		free(q->choice.candidates[i].name);
	free(q->choice.candidates);
	free(q->route);
	free(q->sender);
	free(q);
}

static void
look(struct relay_choice_candidate *c, const struct delivery *d,
    struct provider *p)
{
	uint64_t now_ms = relay_now_ms(p->relay);
	uint64_t slot_ms = flow_wake_ms(p);
	enum spool_hold lacks = balance_lacks(d, p);

	c->name = mem_str(p->set->name);
	c->state = provider_state(p, now_ms);
	c->for_ms = provider_wait_ms(p, now_ms);
	if (slot_ms > now_ms)
		c->slot_ms = slot_ms - now_ms;
	if (!breaker_allows(&p->health))
		c->why = verdict_row(p->why)->name;
	if (lacks != SPOOL_HOLD_NONE)
		c->lacks = spool_hold_word(lacks);
}

static void
choose(struct relay_choice *c, const struct delivery *d)
{
	const struct way *y = d->line->way;
	struct balance_choice b = balance_foresee(d);

	c->is_known = true;
	if (b.entry && b.entry->n > 1)
		c->balance = balancers_word(b.entry->balancer);
	c->n = y->nproviders;
	c->candidates = mem_array(c->n, sizeof *c->candidates);
	for (size_t i = 0; i < c->n; i++) {
		look(&c->candidates[i], d, y->providers[i]);
		c->candidates[i].is_pick = y->providers[i] == b.provider;
	}
}

/* The relay's: as if a message of normal priority had just come. */
static void
deliver_question(struct mailbox_item *item, void *owner)
{
	struct question *q = (struct question *)item;
	struct relay *r = owner;
	struct envelope env = { .sender = q->sender, .size = q->size };
	struct agenda_line line = { .id = 0 };
	struct delivery d = { .relay = r, .line = &line, .env = &env };

	assert(r->magic == RELAY_MAGIC);
	d.key.priority = SPOOL_NORMAL;
	for (size_t i = 0; i < r->set->nroutes; i++) {
		if (strcmp(r->set->routes[i].name, q->route) != 0)
			continue;
		line.way = way_of(r->ways, r->set->routes[i].id);
		choose(&q->choice, &d);
	}
	q->item.deliver = deliver_answer;
	mailbox_put(q->back, &q->item);
}

void
relay_choice_ask(struct relay *r, struct mailbox *back,
    const struct relay_choice_ask *ask, relay_choice_fn *fn, void *arg)
{
	struct question *q = mem_new(sizeof *q);

	q->item.deliver = deliver_question;
	q->back = back;
	q->fn = fn;
	q->arg = arg;
	q->route = mem_str(ask->route);
	q->sender = mem_str(ask->sender);
	q->size = ask->size;
	mailbox_put(r->box, &q->item);
}
