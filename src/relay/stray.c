/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/stray.h"

#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"
#include "postern/mail/local.h"
#include "postern/relay/relay.h"
#include "postern/spool/envelope.h"
#include "postern/spool/spool.h"
#include "postern/spool/spool_ops.h"

#include "relay/delivery.h"
#include "relay/relay_core.h"
#include "relay/settle.h"
#include "relay/staging.h"

/* At this host, and not by the operator's own word: root may be there. */
static bool
is_stray(const struct delivery *d, const char *address)
{
	const struct local *l = &d->relay->set->local;

	return local_has(l, str_of(address)) &&
	       (l->root == NULL || !str_is(str_of(address), l->root)) &&
	       staging_instead(d, address) == NULL;
}

/* --- who reads ---------------------------------------------------------------
 */

struct readers {
	const struct delivery *d;
	struct spool_rcpt_reader *v; /* owned, until they are handed over */
	uint32_t n, room;
	uint32_t index; /* of whom */
};

/* Does that one get it, or has got it, already? */
static bool
has(const struct readers *r, const char *address)
{
	const struct envelope *e = r->d->env;

	for (uint32_t i = 0; i < r->n; i++) {
		if (strcmp(r->v[i].address, address) == 0)
			return true;
	}
	for (uint32_t i = 0; i < e->nrcpts; i++) {
		if (e->rcpts[i].state != ENVELOPE_DEAD &&
		    strcmp(e->rcpts[i].address, address) == 0)
			return true;
	}
	return false;
}

static void
add(void *arg, const char *address)
{
	struct readers *r = arg;

	if (has(r, address))
		return;
	if (r->n == r->room) {
		r->room = r->room == 0 ? 4 : r->room * 2;
		r->v = mem_resize(r->v, r->room * sizeof *r->v);
	}
	r->v[r->n++] = (struct spool_rcpt_reader){ .index = r->index,
		.address = mem_str(address) };
}

/* false: nobody reads for it. */
static bool
find_readers(struct readers *r, struct delivery *d, struct delivery_rcpt *rcpt)
{
	const char *address = d->env->rcpts[rcpt->index].address;
	uint32_t had = r->n;

	if (rcpt->state != DELIVERY_TODO || !is_stray(d, address))
		return false;
	r->index = rcpt->index;
	if (!local_readers(
	        &d->relay->set->local, local_name(str_of(address)), add, r))
		return false;
	if (r->n > had)
		return true;
	rcpt->state = DELIVERY_DONE;
	delivery_reply_set(
	    &rcpt->reply, 0, "", "all who read it are recipients already");
	return true;
}

bool
stray_settle(struct delivery *d)
{
	struct readers r = { .d = d };
	bool is_any = false;

	for (uint32_t i = 0; i < d->nrcpts; i++)
		is_any |= find_readers(&r, d, &d->rcpts[i]);
	if (is_any)
		settle_readers(d, r.v, r.n);
	return is_any;
}

/* --- nobody does ------------------------------------------------------------
 */

bool
stray_keep(struct delivery *d)
{
	bool is_any = false;

	for (uint32_t i = 0; i < d->nrcpts; i++) {
		struct delivery_rcpt *rcpt = &d->rcpts[i];

		if (rcpt->state != DELIVERY_TODO ||
		    !is_stray(d, d->env->rcpts[rcpt->index].address))
			continue;
		is_any = true;
		rcpt->state = DELIVERY_DEAD;
		rcpt->quiet = true;
		d->cause = STRAY_CAUSE;
		delivery_reply_set(&rcpt->reply, 0, "5.1.1",
		    "a user of this host: no alias of that name, and root is "
		    "not set");
	}
	return is_any && delivery_count(d, DELIVERY_TODO) == 0;
}
