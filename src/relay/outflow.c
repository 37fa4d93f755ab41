/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/outflow.h"

#include <assert.h>

#include "postern/base/crc32c.h"
#include "postern/io/conn.h"
#include "postern/smtp/smtp_client.h"
#include "postern/spool/envelope.h"

#include "relay/delivery.h"
#include "relay/fetch.h"
#include "relay/relay_log.h"
#include "relay/relay_session.h"

static void
corrupt(struct relay_session *s, struct delivery *d, const char *why)
{
	d->corrupt = true;
	d->cause = "corrupt";
	relay_log_corrupt(d, why);
	smtp_client_content_failed(s->client, why);
}

void
outflow_take(struct relay_session *s, const char *p, int64_t n)
{
	struct delivery *d = s->nin_hand > 0 ? s->in_hand[0] : NULL;
	uint64_t end = s->want_offset + (uint64_t)(n > 0 ? n : 0);

	if (s->over || !d)
		return;
	if (n < 0 || (n == 0 && end < d->env->size) || end > d->env->size) {
		corrupt(s, d, "the content cannot be read from the spool");
		return;
	}
	d->crc = crc32c(d->crc, p, (size_t)n);
	if (end == d->env->size && d->crc != d->env->crc32c) {
		corrupt(s, d, "the content does not match its checksum");
		return;
	}
	smtp_client_content(s->client, p, (size_t)n, end == d->env->size);
	relay_session_after(s);
}

void
outflow_pull(struct relay_session *s)
{
	if (conn_is_full(s->conn)) {
		s->wants = true; /* goes on with CONN_DRAINED */
		return;
	}
	s->wants = false;
	fetch_content(s, s->in_hand[0], s->want_offset);
}

void
outflow_want(void *arg, struct smtp_txn *t, uint64_t offset)
{
	struct relay_session *s = arg;

	assert(s->magic == RELAY_SESSION_MAGIC && t->arg == s->in_hand[0]);
	s->want_offset = offset;
	outflow_pull(s);
}
