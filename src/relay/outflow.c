/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/outflow.h"

#include <assert.h>

#include "postern/base/crc32c.h"
#include "postern/io/conn.h"
#include "postern/smtp/smtp_client.h"
#include "postern/spool/body.h"
#include "postern/spool/envelope.h"

#include "relay/delivery.h"
#include "relay/dress.h"
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

/* From memory, where the header alone is another one. */
static void
take_rest(struct relay_session *s, const struct delivery *d)
{
	struct str rest = body_str(d->env->body);

	rest.p += s->want_offset;
	rest.len -= (size_t)s->want_offset;
	smtp_client_content(s->client, rest.p, rest.len, true);
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
	if (delivery_is_in_memory(s->in_hand[0]))
		take_rest(s, s->in_hand[0]);
	else
		fetch_content(s, s->in_hand[0], s->want_offset);
}

void
outflow_want(void *arg, struct smtp_txn *t, uint64_t offset)
{
	struct relay_session *s = arg;
	struct str head;

	assert(s->magic == RELAY_SESSION_MAGIC && t->arg == s->in_hand[0]);
	head = dress_head(s->in_hand[0], &offset);
	s->want_offset = offset;
	if (head.len == 0) {
		outflow_pull(s);
		return;
	}
	smtp_client_content(
	    s->client, head.p, head.len, dress_is_all(s->in_hand[0]));
	relay_session_after(s);
}
