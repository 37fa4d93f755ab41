/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/dial.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "postern/base/mem.h"
#include "postern/io/addr.h"
#include "postern/io/conn.h"
#include "postern/io/dns.h"
#include "postern/relay/relay.h"

#include "relay/provider.h"
#include "relay/relay_core.h"
#include "relay/relay_session.h"

bool
dial_has_more(const struct relay_session *s)
{
	return s->phase == POOL_CONNECTING && s->addrs &&
	       s->next_addr < s->addrs->n;
}

void
dial_next(struct relay_session *s)
{
	struct conn_settings cs = { .fn = relay_session_on_conn, .arg = s };
	const struct addr *a = &s->addrs->addr[s->next_addr++];
	struct addr from;
	bool bound = relay_provider_source(s->provider->set, a, &from);
	char text[ADDR_TEXT];

	addr_host_text(a, text);
	snprintf(s->addr, sizeof s->addr, "%.63s", text);
	snprintf(s->where, sizeof s->where, "%.80s[%.63s]:%u",
	    s->provider->set->host, text, s->provider->set->port);
	s->conn = conn_connect(s->relay->loop, (const struct sockaddr *)&a->ss,
	    a->len, bound ? (const struct sockaddr *)&from.ss : NULL,
	    bound ? from.len : 0, &cs);
	conn_timeout(s->conn, s->provider->set->timeouts.connect);
	tally_book_step(s->provider->tally, &s->watch, OUTCOME_CONNECT);
}

void
dial_failed(struct relay_session *s, enum outcome_io io, const char *text)
{
	char why[256]; /* text may be the connection's own */

	snprintf(why, sizeof why, "%s", text);
	conn_close(&s->conn);
	if (dial_has_more(s))
		dial_next(s);
	else
		relay_session_fail(s, OUTCOME_CONNECT, io, why);
}

/* The address that worked last time goes before the others. */
static void
put_first(struct dns_answer *a, const char *last)
{
	char text[ADDR_TEXT];

	for (size_t i = 1; i < a->n; i++) {
		struct addr at = a->addr[i];

		addr_host_text(&at, text);
		if (strcmp(text, last) != 0)
			continue;
		memmove(&a->addr[1], &a->addr[0], i * sizeof a->addr[0]);
		a->addr[0] = at;
		return;
	}
}

static void
on_addresses(void *arg, const struct dns_answer *a)
{
	struct relay_session *s = arg;

	assert(s->magic == RELAY_SESSION_MAGIC);
	s->lookup = 0;
	relay_session_heard(s);
	if (a->err.kind != ERR_NONE || a->n == 0) {
		relay_session_fail(s, OUTCOME_DNS, OUTCOME_LOST, a->err.text);
		return;
	}
	s->addrs = mem_dup(a, sizeof *a);
	put_first(s->addrs, s->provider->last_addr);
	dial_next(s);
}

void
dial_start(struct relay_session *s)
{
	struct provider *p = s->provider;

	tally_book_step(p->tally, &s->watch, OUTCOME_DNS);
	s->lookup = dns_lookup(p->relay->dns, p->set->host, p->set->port,
	    p->set->prefer, on_addresses, s);
}
