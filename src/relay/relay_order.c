/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/relay/relay_order.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"
#include "postern/io/mailbox.h"
#include "postern/relay/relay.h"

#include "relay/halt.h"
#include "relay/provider.h"
#include "relay/relay_core.h"
#include "relay/tokens.h"

struct order {
	struct mailbox_item item;
	struct mailbox *back;
	relay_order_fn *fn;
	void *arg;
	struct relay_order what;
	char *provider; /* owned; what.provider */
	bool is_known;
};

/* The thread of whoever gave it. */
static void
deliver_answer(struct mailbox_item *item, void *owner)
{
	struct order *o = (struct order *)item;

	(void)owner;
	o->fn(o->arg, o->is_known);
	free(o->provider);
	free(o);
}

static bool
is_for(const struct provider *p, const struct relay_order *what)
{
	return strcmp(p->set->name, what->provider) == 0 &&
	       (what->kind != RELAY_ORDER_TOKEN || p->account);
}

static void
carry_out(struct provider *p, const struct relay_order *what)
{
	switch (what->kind) {
	case RELAY_ORDER_PAUSE:
		halt_begin(p, what->for_ms, what->uid);
		return;
	case RELAY_ORDER_RESUME:
		halt_end(p, what->uid);
		return;
	case RELAY_ORDER_TOKEN:
		tokens_fetch(p->account);
		return;
	}
}

/* The relay's. */
static void
deliver_order(struct mailbox_item *item, void *owner)
{
	struct order *o = (struct order *)item;
	struct relay *r = owner;

	assert(r->magic == RELAY_MAGIC);
	for (size_t i = 0; i < r->nproviders && !o->is_known; i++) {
		struct provider *p = r->providers[i];

		o->is_known = is_for(p, &o->what);
		if (o->is_known)
			carry_out(p, &o->what);
	}
	o->item.deliver = deliver_answer;
	mailbox_put(o->back, &o->item);
}

void
relay_order_give(struct relay *r, struct mailbox *back,
    const struct relay_order *what, relay_order_fn *fn, void *arg)
{
	struct order *o = mem_new(sizeof *o);

	o->item.deliver = deliver_order;
	o->back = back;
	o->fn = fn;
	o->arg = arg;
	o->what = *what;
	o->what.provider = o->provider = mem_str(what->provider);
	mailbox_put(r->box, &o->item);
}
