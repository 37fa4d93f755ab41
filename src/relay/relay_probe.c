/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/relay/relay_probe.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"
#include "postern/io/mailbox.h"
#include "postern/relay/relay.h"

#include "relay/prober.h"
#include "relay/provider.h"
#include "relay/relay_core.h"

struct question {
	struct mailbox_item item;
	struct mailbox *back;
	relay_probe_fn *fn;
	void *arg;
	char *provider, *from, *to; /* owned; from, to: or NULL */
	struct relay_probe probe;
};

/* The asker's thread. */
static void
deliver_answer(struct mailbox_item *item, void *owner)
{
	struct question *q = (struct question *)item;

	(void)owner;
	q->fn(q->arg, &q->probe);
	free(q->provider);
	free(q->from);
	free(q->to);
	free(q);
}

static void
answer(void *arg)
{
	struct question *q = arg;

	q->item.deliver = deliver_answer;
	mailbox_put(q->back, &q->item);
}

static struct provider *
find(const struct relay *r, const char *name)
{
	for (size_t i = 0; i < r->nproviders; i++) {
		if (strcmp(r->providers[i]->set->name, name) == 0)
			return r->providers[i];
	}
	return NULL;
}

static const char *
not_now(struct provider *p)
{
	struct relay *r = p->relay;

	if (r->draining)
		return "the daemon is being stopped";
	if (!list_empty(&p->probers))
		return "a probe of it is under way";
	if (p->set->user && provider_logins(p, relay_now_ms(r)) == 0)
		return "3 logins were refused in the last 10 minutes, and for "
		       "more the account may be locked; where it is mended say "
		       "postern provider resume before";
	return NULL;
}

/* The relay's. */
static void
deliver_question(struct mailbox_item *item, void *owner)
{
	struct question *q = (struct question *)item;
	struct relay *r = owner;
	struct provider *p = find(r, q->provider);
	struct relay_probe_ask ask = { .from = q->from, .to = q->to };

	assert(r->magic == RELAY_MAGIC);
	q->probe.is_known = p != NULL;
	if (p != NULL)
		q->probe.not_now = not_now(p);
	if (p == NULL || q->probe.not_now != NULL)
		answer(q);
	else
		prober_start(p, &ask, &q->probe, answer, q);
}

void
relay_probe_ask(struct relay *r, struct mailbox *back,
    const struct relay_probe_ask *ask, relay_probe_fn *fn, void *arg)
{
	struct question *q = mem_new(sizeof *q);

	q->item.deliver = deliver_question;
	q->back = back;
	q->fn = fn;
	q->arg = arg;
	q->provider = mem_str(ask->provider);
	q->from = ask->from ? mem_str(ask->from) : NULL;
	q->to = ask->to ? mem_str(ask->to) : NULL;
	mailbox_put(r->box, &q->item);
}
