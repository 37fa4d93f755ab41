/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps: DNS, then for each address connect, TLS, greeting, login; then ready.
 * The deadline is per reply: it is set anew only when another reply is awaited.
 * A session that ended stays in memory until the turn is over.
 */
#include "relay/relay_session.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/crc32c.h"
#include "postern/base/clock.h"
#include "postern/base/mem.h"
#include "postern/base/secret.h"
#include "postern/io/conn.h"
#include "postern/io/dns.h"
#include "postern/io/loop.h"
#include "postern/io/tls.h"
#include "postern/relay/relay.h"
#include "postern/smtp/outcome.h"
#include "postern/smtp/smtp_client.h"
#include "postern/spool/envelope.h"

#include "relay/delivery.h"
#include "relay/dispatch.h"
#include "relay/fetch.h"
#include "relay/provider.h"
#include "relay/relay_core.h"
#include "relay/relay_log.h"
#include "relay/review.h"
#include "relay/verdict.h"

static void on_conn(struct conn *c, enum conn_event ev, void *arg);

/* --- the end ---------------------------------------------------------------
 */

static void
on_gone(void *arg)
{
	struct relay_session *s = arg;
	struct relay *r = s->relay;

	assert(s->magic == RELAY_SESSION_MAGIC && s->over);
	pool_leave(s);
	list_push(&r->sessions, &s->node);
	relay_kick(r);
}

/* Both ends must have closed before another connection may take its place.
 * What is unsent of a message must not leave any more. */
static bool
is_gone(struct relay_session *s, bool politely)
{
	if (s->conn && !politely && conn_unsent(s->conn) > 0)
		conn_close(&s->conn);
	return !conn_close_told(
	    &s->conn, s->provider->set->timeouts.quit, on_gone, s);
}

static void
finish(struct relay_session *s, bool politely)
{
	struct relay *r = s->relay;

	if (s->over)
		return;
	s->over = true;
	assert(s->nin_hand == 0);
	if (s->lookup)
		dns_cancel(r->dns, s->lookup);
	s->lookup = 0;
	fetch_forget(&s->job);
	smtp_client_free(&s->client);
	free(s->addrs);
	s->addrs = NULL;
	pool_move(s, POOL_LEAVING);
	if (is_gone(s, politely))
		on_gone(s);
	relay_kick(r);
}

void
relay_session_free_ended(struct relay *r)
{
	struct list *node;

	while ((node = list_pop(&r->sessions)) != NULL) {
		struct relay_session *s =
		    LIST_OF(node, struct relay_session, node);

		s->magic = 0;
		free(s);
	}
}

/* The reply is not waited for, but the provider's end of the connection is. */
void
relay_session_quit(struct relay_session *s)
{
	if (s->over)
		return;
	relay_log_session_end(s, "quit");
	s->judged = true;
	if (s->client && smtp_client_is_ready(s->client))
		smtp_client_quit(s->client);
	finish(s, true);
}

void
relay_session_forget(struct provider *p)
{
	struct list *leaving = &p->pool.in[POOL_LEAVING];

	while (!list_empty(leaving))
		on_gone(LIST_OF(leaving->next, struct relay_session, node));
}

static struct verdict_context
context(const struct relay_session *s, const struct delivery *d)
{
	return (struct verdict_context){ .messages = s->ended,
		.accepted = d ? d->naccepted : 0,
		.nrcpts = d ? d->txn.nrcpts : 0,
		.now_ms = clock_wall_ms(),
		.nreplies = s->provider->set->nreplies,
		.replies = s->provider->set->replies };
}

/* Each end of a session is the provider's only once. */
static void
judge(struct relay_session *s, const struct delivery *d,
    const struct verdict *v, const struct outcome *o)
{
	const struct verdict_row *row = verdict_row(v->class);

	if (s->judged)
		return;
	s->judged = (row->is_trouble && o->io != OUTCOME_REPLY) ||
	            v->class == VERDICT_POISON;
	if (o->code == 421)
		s->judged = true;
	if (row->is_trouble)
		relay_log_trouble(s, d, v, o);
	provider_judge(s->provider, v, o, s->ended);
}

static void try_address(struct relay_session *s);

/* It accepted the connection and no greeting came (RFC 5321 5.1: the next
 * address).  What a greeting says is the provider's word for all of them. */
static bool
is_mute_address(const struct relay_session *s, const struct outcome *o)
{
	return s->phase == POOL_CONNECTING && o->stage == OUTCOME_BANNER &&
	       (o->io == OUTCOME_LOST || o->io == OUTCOME_TIMED_OUT) &&
	       s->addrs && s->next_addr < s->addrs->n;
}

static void
leave_address(struct relay_session *s)
{
	smtp_client_free(&s->client);
	s->since = 0;
	conn_close(&s->conn);
	try_address(s);
}

/* It could not be opened, or was lost. */
static void
lost(struct relay_session *s, const struct outcome *o)
{
	struct provider *p = s->provider;
	bool connecting = s->phase == POOL_CONNECTING;
	struct verdict_context ctx = context(s, NULL);
	struct verdict v = verdict_of(o, &ctx);

	bool ours = s->judged; /* we gave it up */

	if (s->over)
		return;
	if (!ours && is_mute_address(s, o)) {
		leave_address(s);
		return;
	}
	if (connecting && !verdict_row(v.class)->is_trouble)
		v.class = VERDICT_BACKOFF; /* nothing there is a message's */
	if (o->stage == OUTCOME_IDLE || o->stage == OUTCOME_QUIT)
		relay_log_session_end(s, o->text);
	else
		judge(s, NULL, &v, o);
	finish(s, connecting);
	if (connecting && !ours)
		dispatch_not_connected(p, &v, o);
}

static void
fail(struct relay_session *s, enum outcome_stage stage, enum outcome_io io,
    const char *text)
{
	struct outcome o = { .stage = stage, .io = io };

	snprintf(o.text, sizeof o.text, "%s", text);
	if (s->client)
		smtp_client_fail(s->client, io, text);
	else
		lost(s, &o);
}

void
relay_session_abort(struct relay_session *s, const char *why)
{
	if (s->over)
		return;
	s->judged = true; /* our own will */
	if (s->client)
		smtp_client_fail(s->client, OUTCOME_LOST, why);
	finish(s, false);
}

/* --- waiting ---------------------------------------------------------------
 */

static uint64_t
patience(const struct relay_session *s, enum outcome_stage stage)
{
	const struct relay_timeouts *t = &s->provider->set->timeouts;

	switch (stage) {
	case OUTCOME_BANNER:
		return t->banner;
	case OUTCOME_STARTTLS:
	case OUTCOME_TLS:
		return t->starttls;
	case OUTCOME_AUTH:
		return t->auth;
	case OUTCOME_DATA:
		return t->data;
	case OUTCOME_BODY:
		return t->block;
	case OUTCOME_DOT:
		return t->dot;
	case OUTCOME_QUIT:
		return t->quit;
	case OUTCOME_IDLE:
		return s->provider->set->idle_timeout_ms;
	default:
		return t->command;
	}
}

/* After anything that may have changed what is awaited. */
static void
arm(struct relay_session *s)
{
	enum outcome_stage stage;
	uint64_t since;

	if (s->over || !s->client)
		return;
	stage = smtp_client_awaits(s->client, &since);
	if (since == s->since && s->since != 0)
		return;
	s->since = since;
	conn_timeout(s->conn, patience(s, stage));
}

static bool
is_too_old(const struct relay_session *s)
{
	uint64_t max = provider_messages(s->provider);

	if (max > 0 && s->started >= max)
		return true;
	max = s->provider->set->max_age_ms;
	return max > 0 && relay_now_ms(s->relay) - s->opened_ms >= max;
}

/* The provider allows fewer by now. */
static bool
is_surplus(const struct relay_session *s)
{
	struct provider *p = s->provider;

	return pool_live(&p->pool) > provider_conns(p, relay_now_ms(s->relay));
}

bool
relay_session_may_take(struct relay_session *s)
{
	struct provider *p = s->provider;

	if (s->over || s->judged || s->relay->draining || is_too_old(s) ||
	    is_surplus(s))
		return false;
	if (s->phase != POOL_IDLE && s->phase != POOL_BUSY)
		return false;
	if (!provider_is_usable(p, relay_now_ms(s->relay)))
		return false;
	if (p->health.state != BREAKER_HALF_OPEN)
		return true;
	return s->nin_hand == 0 && /* one at a time */
	       p->pool.n[POOL_BUSY] == (s->phase == POOL_BUSY);
}

/* The transactions are over: it becomes idle, or ends. */
static void
rest(struct relay_session *s)
{
	if (s->over || s->phase < POOL_BUSY || s->nin_hand > 0 ||
	    !smtp_client_is_ready(s->client))
		return;
	if (s->phase == POOL_DRAINING || s->relay->draining || s->judged ||
	    is_too_old(s) || is_surplus(s)) {
		relay_session_quit(s);
		return;
	}
	pool_move(s, POOL_IDLE);
	conn_timeout(s->conn, s->provider->set->idle_timeout_ms);
	relay_kick(s->relay);
}

static void
after(struct relay_session *s)
{
	rest(s);
	arm(s);
}

/* --- transactions ----------------------------------------------------------
 */

static struct smtp_txn *
begin(struct relay_session *s, struct delivery *d)
{
	assert(s->nin_hand < RELAY_SESSION_IN_HAND);
	s->in_hand[s->nin_hand++] = d;
	s->started++;
	if (s->phase == POOL_IDLE)
		pool_move(s, POOL_BUSY);
	d->provider = s->provider;
	delivery_set_phase(d, DELIVERY_SENDING);
	return delivery_begin(
	    d, s->provider, provider_rcpts(s->provider), &s->domains);
}

void
relay_session_send(struct relay_session *s, struct delivery *d)
{
	struct smtp_txn *t = begin(s, d);

	smtp_client_send(s->client, t);
	after(s);
}

static struct smtp_txn *
on_next(void *arg)
{
	struct relay_session *s = arg;
	struct delivery *d;

	assert(s->magic == RELAY_SESSION_MAGIC);
	if (!relay_session_may_take(s))
		return NULL;
	d = dispatch_next(s->provider);
	if (d && !delivery_fits(d, &s->domains)) {
		dispatch_put_back(d);
		return NULL;
	}
	return d ? begin(s, d) : NULL;
}

static void
on_rcpt(void *arg, struct smtp_txn *t, uint32_t index, const struct outcome *o)
{
	struct relay_session *s = arg;
	struct delivery *d = t->arg;
	struct verdict_context ctx = context(s, d);
	struct verdict v = verdict_of(o, &ctx);
	bool first = d->txn_why == VERDICT_OK;

	assert(s->magic == RELAY_SESSION_MAGIC && d->magic == DELIVERY_MAGIC);
	delivery_rcpt(d, index, o, &v);
	if (first && verdict_row(v.class)->is_trouble)
		judge(s, d, &v, o);
}

static void
untie(struct relay_session *s, const struct delivery *d)
{
	for (size_t i = 0; i < s->nin_hand; i++) {
		if (s->in_hand[i] != d)
			continue;
		s->nin_hand--;
		memmove(&s->in_hand[i], &s->in_hand[i + 1],
		    (s->nin_hand - i) * sizeof s->in_hand[0]);
		return;
	}
	assert(false && "a transaction of another session");
}

/* Nobody was accepted, and each recipient has a verdict of its own: other than
 * a session that was lost while they were asked. */
static bool
is_of_recipients(const struct outcome *o)
{
	return o->stage == OUTCOME_RCPT && o->io == OUTCOME_REPLY &&
	       o->code != 421;
}

/* Does it offer what the provider's last one did? */
static bool
is_as_known(const struct relay_session *s)
{
	return smtp_client_capabilities(s->client) == s->provider->caps &&
	       smtp_client_size_max(s->client) == s->provider->size_max;
}

static void
on_done(void *arg, struct smtp_txn *t, const struct outcome *o)
{
	struct relay_session *s = arg;
	struct delivery *d = t->arg;
	struct verdict_context ctx = context(s, d);
	struct verdict v = verdict_of(o, &ctx);

	assert(s->magic == RELAY_SESSION_MAGIC && d->magic == DELIVERY_MAGIC);
	untie(s, d);
	s->wants = false;
	fetch_forget(&s->job);
	if (d->corrupt)
		v = (struct verdict){ .class = VERDICT_CORRUPT };
	review_verdict(&v, d, s->provider, o);
	if (v.class == VERDICT_UNFIT && !is_as_known(s)) {
		v.class = VERDICT_STALE; /* another session can */
		s->judged = true;
	}
	delivery_end(d, o, &v);
	if (!is_of_recipients(o))
		judge(s, d, &v, o);
	if (d->txn_why != VERDICT_OK &&
	    (v.class == VERDICT_OK || is_of_recipients(o)))
		v.class = d->txn_why;
	else if (is_of_recipients(o))
		v.class = VERDICT_OK;
	s->ended++;
	dispatch_done(d, s, &v, o);
}

static void
on_lost(void *arg, const struct outcome *o)
{
	struct relay_session *s = arg;

	assert(s->magic == RELAY_SESSION_MAGIC);
	lost(s, o);
}

/* --- content ---------------------------------------------------------------
 */

static void
corrupt(struct relay_session *s, struct delivery *d, const char *why)
{
	d->corrupt = true;
	d->cause = "corrupt";
	relay_log_corrupt(d, why);
	smtp_client_content_failed(s->client, why);
}

void
relay_session_content(struct relay_session *s, const char *p, int64_t n)
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
	after(s);
}

static void
pull(struct relay_session *s)
{
	if (conn_is_full(s->conn)) {
		s->wants = true; /* goes on with CONN_DRAINED */
		return;
	}
	s->wants = false;
	fetch_content(s, s->in_hand[0], s->want_offset);
}

static void
on_content(void *arg, struct smtp_txn *t, uint64_t offset)
{
	struct relay_session *s = arg;

	assert(s->magic == RELAY_SESSION_MAGIC && t->arg == s->in_hand[0]);
	s->want_offset = offset;
	pull(s);
}

/* --- up to the login -------------------------------------------------------
 */

static void
on_write(void *arg, const char *p, size_t n)
{
	struct relay_session *s = arg;

	if (s->conn)
		conn_write(s->conn, p, n);
}

static void
secure(struct relay_session *s)
{
	const struct relay_provider *set = s->provider->set;

	conn_secure_client(s->conn, s->provider->tls,
	    set->tls_name ? set->tls_name : set->host);
}

static void
on_secure(void *arg)
{
	struct relay_session *s = arg;

	assert(s->magic == RELAY_SESSION_MAGIC);
	secure(s);
}

static void
on_ready(void *arg)
{
	struct relay_session *s = arg;

	assert(s->magic == RELAY_SESSION_MAGIC);
	free(s->addrs);
	s->addrs = NULL;
	snprintf(s->provider->last_addr, sizeof s->provider->last_addr, "%s",
	    s->addr);
	relay_log_connected(s);
	pool_move(s, POOL_IDLE);
	conn_timeout(s->conn, s->provider->set->idle_timeout_ms);
	s->domains.max = smtp_client_limits(s->client).domains;
	dispatch_connected(s->provider, s->client);
}

static void
make_client(struct relay_session *s)
{
	static const struct smtp_client_hooks hooks = { .write = on_write,
		.secure = on_secure,
		.ready = on_ready,
		.rcpt = on_rcpt,
		.done = on_done,
		.next = on_next,
		.content = on_content,
		.lost = on_lost };
	const struct relay_provider *set = s->provider->set;
	bool verified = set->tls == RELAY_TLS_VERIFY;
	struct smtp_client_settings settings = {
		.helo = set->helo ? set->helo : s->provider->gen->set->hostname,
		.user = set->user,
		.auth_clear = set->allow_clear_auth,
		.auth = set->auth,
		.disable = set->disable,
		.eight_bit_pass = set->eight_bit_pass
	};

	if (set->password)
		settings.password = secret_str(set->password);
	if (set->tls != RELAY_TLS_OFF)
		settings.tls =
		    set->implicit_tls ? SMTP_TLS_IMPLICIT : SMTP_TLS_STARTTLS;
	s->client = smtp_client_new(&settings, &hooks, s);
	if (set->user && set->tls != RELAY_TLS_OFF && !verified &&
	    !set->allow_unverified_auth) {
		struct outcome o = { .stage = OUTCOME_AUTH,
			.io = OUTCOME_LOCAL };

		snprintf(o.text, sizeof o.text,
		    "no password is sent without a verified certificate");
		lost(s, &o);
		return;
	}
	if (settings.tls == SMTP_TLS_IMPLICIT)
		secure(s);
}

/* A source address goes with destinations of its family only. */
static bool
source(const struct relay_session *s, const struct addr *to, struct addr *from)
{
	const char *text = s->provider->set->source_address;
	char full[ADDR_TEXT];

	if (!text)
		return false;
	snprintf(
	    full, sizeof full, strchr(text, ':') ? "[%s]:0" : "%s:0", text);
	return addr_parse(from, full, NULL) == 0 &&
	       from->ss.ss_family == to->ss.ss_family;
}

static void
try_address(struct relay_session *s)
{
	struct conn_settings cs = { .fn = on_conn, .arg = s };
	const struct addr *a = &s->addrs->addr[s->next_addr++];
	struct addr from;
	bool bound = source(s, a, &from);
	char text[ADDR_TEXT];

	addr_host_text(a, text);
	snprintf(s->addr, sizeof s->addr, "%.63s", text);
	s->conn = conn_connect(s->relay->loop, (const struct sockaddr *)&a->ss,
	    a->len, bound ? (const struct sockaddr *)&from.ss : NULL,
	    bound ? from.len : 0, &cs);
	conn_timeout(s->conn, s->provider->set->timeouts.connect);
}

/* This address did not answer: the next, if there is one. */
static void
not_connected(struct relay_session *s, enum outcome_io io, const char *text)
{
	char why[256]; /* text may be the connection's own */

	snprintf(why, sizeof why, "%s", text);
	conn_close(&s->conn);
	if (s->next_addr < s->addrs->n)
		try_address(s);
	else
		fail(s, OUTCOME_CONNECT, io, why);
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
	if (a->err.kind != ERR_NONE || a->n == 0) {
		fail(s, OUTCOME_DNS, OUTCOME_LOST, a->err.text);
		return;
	}
	s->addrs = mem_dup(a, sizeof *a);
	put_first(s->addrs, s->provider->last_addr);
	try_address(s);
}

void
relay_session_open(struct provider *p)
{
	struct relay_session *s = mem_new(sizeof *s);

	s->magic = RELAY_SESSION_MAGIC;
	list_init(&s->node);
	s->relay = p->relay;
	s->provider = p;
	s->id = ++p->relay->next_id;
	s->opened_ms = relay_now_ms(p->relay);
	pool_enter(s);
	if (p->tls_error[0] != '\0') {
		fail(s, OUTCOME_TLS, OUTCOME_LOCAL, p->tls_error);
		return;
	}
	s->lookup = dns_lookup(p->relay->dns, p->set->host, p->set->port,
	    p->set->prefer, on_addresses, s);
}

/* --- the connection --------------------------------------------------------
 */

static void
feed(struct relay_session *s)
{
	char copy[4096]; /* the client writes while it reads */

	while (!s->over) {
		struct str in = conn_input(s->conn);
		size_t n = in.len < sizeof copy ? in.len : sizeof copy;

		if (n == 0)
			return;
		memcpy(copy, in.p, n);
		conn_take(s->conn, n);
		smtp_client_feed(s->client, copy, n);
	}
}

static void
on_timeout(struct relay_session *s)
{
	static const char *const text = "no reply in time";

	if (!s->client)
		not_connected(s, OUTCOME_TIMED_OUT, "connecting took too long");
	else if (s->phase == POOL_IDLE)
		relay_session_quit(s);
	else
		smtp_client_fail(s->client, OUTCOME_TIMED_OUT, text);
}

static void
on_failure(struct relay_session *s)
{
	const struct err *err = conn_error(s->conn);

	if (!s->client)
		not_connected(s, OUTCOME_LOST, err->text);
	else if (err->kind == ERR_TLS &&
	         smtp_client_awaits(s->client, NULL) == OUTCOME_TLS)
		smtp_client_fail(s->client, OUTCOME_LOCAL, err->text);
	else
		smtp_client_fail(s->client, OUTCOME_LOST, err->text);
}

static void
on_conn(struct conn *c, enum conn_event ev, void *arg)
{
	struct relay_session *s = arg;

	assert(s->magic == RELAY_SESSION_MAGIC && !s->over && c == s->conn);
	switch (ev) {
	case CONN_CONNECTED:
		make_client(s);
		break;
	case CONN_SECURED:
		smtp_client_secured(s->client);
		break;
	case CONN_DATA:
		feed(s);
		break;
	case CONN_DRAINED:
		if (s->wants && s->nin_hand > 0)
			pull(s);
		break;
	case CONN_TIMEOUT:
		on_timeout(s);
		break;
	case CONN_CLOSED:
		if (s->client)
			feed(s);
		if (!s->over && s->client)
			smtp_client_fail(
			    s->client, OUTCOME_LOST, "the peer has closed");
		else if (!s->over)
			not_connected(s, OUTCOME_LOST, "the peer has closed");
		break;
	case CONN_FAILED:
		on_failure(s);
		break;
	}
	after(s);
}

bool
relay_session_after_dot(const struct relay_session *s)
{
	return s->client && smtp_client_after_dot(s->client);
}
