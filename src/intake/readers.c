/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/readers.h"

#include <stdlib.h>

#include "postern/base/mem.h"
#include "postern/mail/local.h"
#include "postern/smtp/smtp_server.h"
#include "postern/spool/envelope.h"

#include "intake/draft.h"

static void
add(void *arg, const char *address)
{
	struct readers *r = arg;

	if (draft_has(r->draft, str_of(address)))
		return;
	if (r->n == r->room) {
		r->room = r->room == 0 ? 4 : r->room * 2;
		r->list = mem_resize(r->list, r->room * sizeof *r->list);
	}
	r->list[r->n++] = address;
}

void
readers_find(struct readers *r, const struct local *l, const struct draft *d,
    const struct smtp_rcpt *rcpt)
{
	bool is_local = rcpt->is_bare || local_has(l, rcpt->address);

	r->draft = d;
	if (is_local && local_readers(l, local_name(rcpt->address), add, r))
		return;
	r->one = rcpt->address;
	r->n = draft_has(d, r->one) ? 0 : 1;
}

bool
readers_put(
    const struct readers *r, struct draft *d, const struct smtp_rcpt *rcpt)
{
	uint8_t notify = rcpt->notify;

	for (size_t i = 0; i < r->n; i++) {
		struct str to = r->list != NULL ? str_of(r->list[i]) : r->one;

		if (draft_rcpt(d, to, rcpt->orcpt, notify) == -1)
			return false;
		notify = envelope_notify_others(notify);
	}
	return true;
}

void
readers_done(struct readers *r)
{
	free(r->list);
	r->list = NULL;
	r->n = r->room = 0;
}
