/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/deadline.h"

#include <stdbool.h>

#include "postern/spool/envelope.h"
#include "postern/spool/spool.h"

#include "spool/batch.h"
#include "spool/keys.h"

/* One that is past ends a delivery, or says nothing any more: of a delay
 * before it came here the sender has heard (RFC 2852 4.1). */
static bool
is_wanted(const struct batch *b, const struct record_msg *m)
{
	return m->by_ms > b->now_ms || (m->flags & ENVELOPE_BY_RETURN) != 0;
}

int
deadline_put(struct batch *b, const struct letter *l, uint16_t n,
    const struct record_delivery *d)
{
	struct keys k;

	if (l->msg.by_ms == 0)
		return 0;
	if (d->place == RECORD_PARKED &&
	    (d->hold == SPOOL_HOLD_OPERATOR || d->hold == SPOOL_HOLD_DOUBT))
		return deadline_drop(b, l->msg.by_ms, l->mid, n);
	if (!is_wanted(b, &l->msg))
		return 0;
	keys_timer(&k, l->msg.by_ms, l->mid, n);
	return store_put(&b->x, STORE_TIMER, keys_str(&k), STR(""));
}

int
deadline_drop(struct batch *b, int64_t by_ms, uint64_t mid, uint16_t n)
{
	struct keys k;

	if (by_ms == 0)
		return 0;
	keys_timer(&k, by_ms, mid, n);
	return store_del(&b->x, STORE_TIMER, keys_str(&k)) < 0 ? -1 : 0;
}
