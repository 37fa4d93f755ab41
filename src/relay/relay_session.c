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

#include "postern/base/clock.h"
#include "postern/base/mem.h"
#include "postern/io/conn.h"
#include "postern/io/dns.h"
#include "postern/io/loop.h"
#include "postern/io/tls.h"
#include "postern/relay/relay.h"
#include "postern/smtp/outcome.h"
#include "postern/smtp/smtp_client.h"
#include "postern/spool/envelope.h"

#include "relay/delivery.h"
#include "relay/dial.h"
#include "relay/dispatch.h"
#include "relay/doubt.h"
#include "relay/fetch.h"
#include "relay/login.h"
#include "relay/manner.h"
#include "relay/outflow.h"
#include "relay/patience.h"
#include "relay/provider.h"
#include "relay/relay_core.h"
#include "relay/relay_log.h"
#include "relay/review.h"
#include "relay/stall.h"
#include "relay/turns.h"
#include "relay/verdict.h"

#define RESTED_MS 1000 /* idle for so long: the provider may have closed */

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
	if (s->conn && !politely)
		conn_drop_output(s->conn);
	return !conn_close_told(
	    &s->conn, s->provider->set->timeouts.quit, on_gone, s);
}

/* text: its last words, "" none; NULL: it was told QUIT, which may still have
 * to leave. */
static void
finish(struct relay_session *s, const char *why, const char *text)
{
	struct relay *r = s->relay;
	bool politely = s->phase == POOL_CONNECTING || !text;

	if (s->over)
		return;
	s->over = true;
	assert(s->nin_hand == 0);
	relay_view_count_end(&r->counters, s->why ? s->why : "failed");
	relay_log_session_end(s, s->why ? s->why : why, text ? text : "");
	if (s->lookup)
		dns_cancel(r->dns, s->lookup);
	s->lookup = 0;
	credential_forget(s->provider, s);
	credential_done(&s->credential);
	fetch_forget(&s->job);
	smtp_client_free(&s->client);
	free(s->addrs);
	s->addrs = NULL;
	pool_move(s, POOL_EXPIRED);
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
relay_session_quit(struct relay_session *s, const char *why)
{
	if (s->over)
		return;
	s->judged = true;
	s->why = why;
	if (s->client && smtp_client_is_ready(s->client))
		smtp_client_quit(s->client);
	finish(s, why, NULL);
}

void
relay_session_forget(struct provider *p)
{
	struct list *expired = &p->pool.in[POOL_EXPIRED];

	while (!list_empty(expired))
		on_gone(LIST_OF(expired->next, struct relay_session, node));
}

static struct verdict_context
context(const struct relay_session *s, const struct delivery *d)
{
	return (struct verdict_context){ .messages = s->ended,
		.accepted = d ? d->naccepted : 0,
		.nrcpts = d ? d->txn.nrcpts : 0,
		.was_stale = d && d->was_stale,
		.now_ms = clock_wall_ms(),
		.nreplies = s->provider->set->nreplies,
		.replies = s->provider->set->replies };
}

/* It was there before the breaker opened: its failure is no news, and what
 * came after the opening is to tell. */
static bool
is_old_news(const struct relay_session *s, const struct verdict *v)
{
	const struct provider *p = s->provider;
	const struct verdict_row *row = verdict_row(v->class);

	return p->health.state != BREAKER_CLOSED &&
	       s->opened_ms <= p->tripped_ms && v->class != VERDICT_AUTH &&
	       (row->provider == VERDICT_FAILS ||
	           row->provider == VERDICT_OPENS);
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
	if (o->code == 421 || v->class == VERDICT_STALE ||
	    v->class == VERDICT_RECYCLE)
		s->judged = true; /* no more on this one */
	if (row->is_trouble) {
		provider_note(s->provider, v, o);
		relay_log_trouble(s, d, v, o);
	}
	if (!is_old_news(s, v))
		provider_judge(s->provider, v, o, s->ended);
}

/* It accepted the connection and no greeting came (RFC 5321 5.1: the next
 * address).  What a greeting says is the provider's word for all of them. */
static bool
is_mute_address(const struct relay_session *s, const struct outcome *o)
{
	return o->stage == OUTCOME_BANNER &&
	       (o->io == OUTCOME_LOST || o->io == OUTCOME_TIMED_OUT) &&
	       dial_has_more(s);
}

static void
leave_address(struct relay_session *s)
{
	smtp_client_free(&s->client);
	s->since = 0;
	conn_close(&s->conn);
	dial_next(s);
}

/* Nothing was in hand, and nobody was harmed. */
static bool
is_of_an_idle_one(const struct relay_session *s, const struct outcome *o)
{
	return o->stage == OUTCOME_IDLE || o->stage == OUTCOME_QUIT ||
	       (o->stage == OUTCOME_NOOP && s->phase != POOL_CONNECTING);
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
	if (!ours && login_again(s, o))
		return;
	if (is_of_an_idle_one(s, o)) {
		s->why = "closed";
	} else {
		stat_add(&p->tally->failures[v.class], ours ? 0 : 1);
		judge(s, NULL, &v, o);
	}
	finish(s, verdict_row(v.class)->name, o->text);
	if (connecting && !ours)
		dispatch_not_connected(p, &v, o);
}

void
relay_session_fail(struct relay_session *s, enum outcome_stage stage,
    enum outcome_io io, const char *text)
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
	s->why = why;
	if (s->client)
		smtp_client_fail(s->client, OUTCOME_LOST, why);
	finish(s, why, "");
}

/* --- waiting ---------------------------------------------------------------
 */

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
	tally_book_step(s->provider->tally, &s->watch, stage);
	s->waits_ms = relay_now_ms(s->relay);
	s->unacked = SIZE_MAX;
	stall_watch(s->provider);
	conn_timeout(s->conn, patience_for(s, stage));
}

static void
become_idle(struct relay_session *s)
{
	pool_move(s, POOL_IDLE);
	s->idle_ms = relay_now_ms(s->relay);
	conn_timeout(s->conn, patience_for(s, OUTCOME_IDLE));
	pool_watch_idle(s->provider);
}

/* The transactions are over: it becomes idle, or ends. */
static void
rest(struct relay_session *s)
{
	const char *why = pool_ripe(s);

	if (s->over || s->phase < POOL_BUSY || s->nin_hand > 0 ||
	    !smtp_client_is_ready(s->client))
		return;
	if (s->phase == POOL_DRAINING)
		why = "reload";
	else if (s->relay->draining)
		why = "stop";
	else if (s->judged)
		why = "trouble";
	if (why) {
		relay_session_quit(s, why);
		return;
	}
	become_idle(s);
	relay_kick(s->relay);
}

void
relay_session_after(struct relay_session *s)
{
	rest(s);
	arm(s);
}

void
relay_session_idled(struct relay_session *s)
{
	struct provider *p = s->provider;
	const char *why = pool_ripe(s);
	bool spare = pool_live(&p->pool) > p->set->warm;

	if (spare || why || !provider_is_usable(p, relay_now_ms(s->relay))) {
		relay_session_quit(s, why ? why : "idle");
		return;
	}
	pool_move(s, POOL_BUSY);
	smtp_client_noop(s->client);
	relay_session_after(s);
}

/* --- transactions ----------------------------------------------------------
 */

/* How long it has waited while this session was opened. */
static uint64_t
setup_us(const struct relay_session *s, const struct delivery *d)
{
	uint64_t from = s->opened_us > d->taken_us ? s->opened_us : d->taken_us;

	return s->ready_us > from ? s->ready_us - from : 0;
}

static struct smtp_txn *
begin(struct relay_session *s, struct delivery *d)
{
	assert(s->nin_hand < RELAY_SESSION_IN_HAND);
	s->in_hand[s->nin_hand++] = d;
	if (s->started++ > 0)
		stat_add(&s->provider->tally->reused, 1);
	if (s->phase == POOL_IDLE) {
		s->slowest_ms = 0;
		pool_move(s, POOL_BUSY);
	}
	d->provider = s->provider;
	snprintf(d->where, sizeof d->where, "%s", s->where);
	d->setup_us = setup_us(s, d);
	delivery_set_phase(d, DELIVERY_SENDING);
	return delivery_begin(
	    d, s->provider, provider_rcpts(s->provider), &s->domains);
}

void
relay_session_send(struct relay_session *s, struct delivery *d)
{
	struct smtp_txn *t;

	if (relay_now_ms(s->relay) - s->idle_ms >= RESTED_MS)
		smtp_client_rested(s->client);
	t = begin(s, d);
	smtp_client_send(s->client, t);
	relay_session_after(s);
}

static struct smtp_txn *
on_next(void *arg)
{
	struct relay_session *s = arg;
	struct delivery *d;

	assert(s->magic == RELAY_SESSION_MAGIC);
	if (!pool_may_take(s))
		return NULL;
	d = flow_next(s->provider);
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

/* Does it offer what the provider's last one did? */
static bool
is_as_known(const struct relay_session *s)
{
	return smtp_client_capabilities(s->client) == s->provider->seen.caps &&
	       smtp_client_size_max(s->client) == s->provider->seen.size_max;
}

/* The slowest of the replies just had says how long one may take. */
static void
learn_pace(struct relay_session *s, enum stall_kind kind, bool replied)
{
	if (replied)
		stall_learn(&s->provider->stall, kind, s->slowest_ms);
	s->slowest_ms = 0;
}

/* What decides about the delivery, where recipients have verdicts of their own.
 */
static enum verdict_class
fate(const struct delivery *d, const struct verdict *v, const struct outcome *o)
{
	bool theirs = review_is_of_recipients(o);

	if (v->class == VERDICT_STRANGE || v->class == VERDICT_DEFERRED)
		return v->class;
	if (d->txn_why != VERDICT_OK && (v->class == VERDICT_OK || theirs))
		return d->txn_why;
	return theirs ? VERDICT_OK : v->class;
}

static bool
is_disbelieved(const struct verdict *v, enum verdict_class own)
{
	return v->class != own &&
	       (v->class == VERDICT_STRANGE || v->class == VERDICT_DEFERRED);
}

/* What recipients are told does not, and a refusal that may be the message's
 * or the provider's leaves it on trial. */
static bool
tells_of_provider(
    const struct verdict *v, enum verdict_class own, const struct outcome *o)
{
	if (v->class == own)
		return !review_is_of_recipients(o);
	return v->class != VERDICT_DEFERRED;
}

static void
on_done(void *arg, struct smtp_txn *t, const struct outcome *o)
{
	struct relay_session *s = arg;
	struct delivery *d = t->arg;
	struct verdict_context ctx = context(s, d);
	struct verdict v = verdict_of(o, &ctx);
	enum verdict_class own; /* by this reply alone */

	assert(s->magic == RELAY_SESSION_MAGIC && d->magic == DELIVERY_MAGIC);
	untie(s, d);
	learn_pace(s, STALL_MESSAGE, o->io == OUTCOME_REPLY);
	s->wants = false;
	fetch_forget(&s->job);
	doubt_forget(d);
	if (d->corrupt)
		v = (struct verdict){ .class = VERDICT_CORRUPT };
	own = v.class;
	d->was_stale = own == VERDICT_STALE;
	review_verdict(&v, d, s, o);
	if (doubt_is(d, o))
		v.class = VERDICT_UNSURE;
	if (v.class == VERDICT_UNFIT && !is_as_known(s)) {
		v.class = VERDICT_STALE; /* another session can */
		s->judged = true;
	}
	if (is_disbelieved(&v, own) && review_is_of_recipients(o))
		delivery_believe_none(d);
	delivery_end(d, o, &v);
	if (tells_of_provider(&v, own, o))
		judge(s, d, &v, o);
	v.class = fate(d, &v, o);
	s->ended++;
	stat_add(&s->provider->tally->attempts[v.class], 1);
	dispatch_done(d, s, &v, o);
}

static void
on_lost(void *arg, const struct outcome *o)
{
	struct relay_session *s = arg;

	assert(s->magic == RELAY_SESSION_MAGIC);
	lost(s, o);
}

/* Any sign of life. */
void
relay_session_heard(struct relay_session *s)
{
	uint64_t now_ms = relay_now_ms(s->relay);
	uint64_t waited = now_ms - s->waits_ms;

	if (relay_session_waits(s) && waited > s->slowest_ms)
		s->slowest_ms = waited;
	s->waits_ms = now_ms;
	pool_set_stalled(s, false);
	stall_heard(&s->provider->stall, now_ms);
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
on_secure(void *arg)
{
	struct relay_session *s = arg;

	assert(s->magic == RELAY_SESSION_MAGIC);
	manner_secure(s->conn, s->provider);
}

static void
on_ready(void *arg)
{
	struct relay_session *s = arg;

	assert(s->magic == RELAY_SESSION_MAGIC);
	if (s->phase != POOL_CONNECTING)
		return; /* NOOP was answered */
	if (s->is_probe && !s->asked) {
		s->asked = true;
		smtp_client_noop(s->client);
		return;
	}
	credential_accepted(s->provider, &s->credential);
	s->provider->login_is_good = true;
	credential_done(&s->credential);
	learn_pace(s, STALL_LOGIN, true);
	free(s->addrs);
	s->addrs = NULL;
	snprintf(s->provider->last_addr, sizeof s->provider->last_addr, "%s",
	    s->addr);
	s->ready_us = clock_mono_us();
	s->provider->login_ms = (s->ready_us - s->opened_us) / 1000;
	relay_log_connected(s);
	become_idle(s);
	s->domains.max = smtp_client_limits(s->client).domains;
	if (s->is_probe)
		provider_probed(s->provider);
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
		.content = outflow_want,
		.lost = on_lost,
		.hold = doubt_begin };
	struct smtp_client_settings settings;
	char nonce[RELAY_PROVIDER_NONCE];
	const char *why = relay_provider_no_login(s->provider->set);

	manner_client(&settings, s->provider, &s->credential, nonce);
	s->client = smtp_client_new(&settings, &hooks, s);
	if (why) {
		struct outcome o = { .stage = OUTCOME_AUTH,
			.io = OUTCOME_LOCAL };

		snprintf(o.text, sizeof o.text, "%s", why);
		lost(s, &o);
		return;
	}
	if (settings.tls == SMTP_TLS_IMPLICIT)
		manner_secure(s->conn, s->provider);
}

void
relay_session_open(struct provider *p, bool is_probe)
{
	struct relay_session *s = mem_new(sizeof *s);

	s->magic = RELAY_SESSION_MAGIC;
	list_init(&s->node);
	s->relay = p->relay;
	s->provider = p;
	s->id = ++p->relay->next_id;
	s->is_probe = is_probe;
	s->opened_ms = s->waits_ms = relay_now_ms(p->relay);
	s->opened_us = clock_mono_us();
	s->unacked = SIZE_MAX;
	pool_enter(s);
	turns_served(p);
	stall_watch(p);
	if (p->tls_error[0] != '\0') {
		relay_session_fail(s, OUTCOME_TLS, OUTCOME_LOCAL, p->tls_error);
		return;
	}
	login_start(s);
}

/* --- the connection --------------------------------------------------------
 */

static void
feed(struct relay_session *s)
{
	const struct conn *c = s->conn; /* it may begin anew */
	char copy[4096];
	size_t n;

	relay_session_heard(s);
	while (!s->over && s->conn == c &&
	       (n = conn_read(s->conn, copy, sizeof copy)) > 0)
		smtp_client_feed(s->client, copy, n);
}

static void
on_timeout(struct relay_session *s)
{
	const char *text = "no reply in time";

	if (!s->client) {
		dial_failed(s, OUTCOME_TIMED_OUT, "connecting took too long");
		return;
	}
	if (s->phase == POOL_IDLE) {
		relay_session_quit(s, "idle");
		return;
	}
	if (smtp_client_awaits(s->client, NULL) == OUTCOME_TLS)
		text = "the TLS handshake took too long; compare port and "
		       "tls_mode with the provider's documents";
	smtp_client_fail(s->client, OUTCOME_TIMED_OUT, text);
}

static void
on_failure(struct relay_session *s)
{
	const struct err *err = conn_error(s->conn);

	if (!s->client)
		dial_failed(s, OUTCOME_LOST, err->text);
	else if (err->kind == ERR_TLS &&
	         smtp_client_awaits(s->client, NULL) == OUTCOME_TLS)
		smtp_client_fail(s->client, OUTCOME_LOCAL, err->text);
	else
		smtp_client_fail(s->client, OUTCOME_LOST, err->text);
}

void
relay_session_on_conn(struct conn *c, enum conn_event ev, void *arg)
{
	struct relay_session *s = arg;

	assert(s->magic == RELAY_SESSION_MAGIC && !s->over && c == s->conn);
	switch (ev) {
	case CONN_CONNECTED:
		relay_session_heard(s);
		make_client(s);
		break;
	case CONN_SECURED:
		relay_session_heard(s);
		tls_count_add(&s->relay->counters.tls, s->conn);
		smtp_client_secured(s->client);
		break;
	case CONN_DATA:
		feed(s);
		break;
	case CONN_DRAINED:
		if (s->wants && s->nin_hand > 0)
			outflow_pull(s);
		break;
	case CONN_TIMEOUT:
		on_timeout(s);
		break;
	case CONN_CLOSED:
		if (s->client && conn_input(s->conn).len > 0)
			feed(s);
		if (!s->over && s->client)
			smtp_client_fail(
			    s->client, OUTCOME_LOST, "the peer has closed");
		else if (!s->over)
			dial_failed(s, OUTCOME_LOST, "the peer has closed");
		break;
	case CONN_FAILED:
		on_failure(s);
		break;
	}
	relay_session_after(s);
}

bool
relay_session_after_dot(const struct relay_session *s)
{
	return s->client && smtp_client_after_dot(s->client);
}

bool
relay_session_waits(const struct relay_session *s)
{
	if (s->phase == POOL_CONNECTING)
		return !s->wants_credential; /* that is not its fault */
	if (s->nin_hand > 0 && s->in_hand[0]->doubt)
		return false; /* for our own spool */
	return (s->phase == POOL_BUSY || s->phase == POOL_DRAINING) && !s->job;
}

static bool
is_ungreeted(const struct relay_session *s)
{
	return !s->client ||
	       smtp_client_awaits(s->client, NULL) == OUTCOME_BANNER;
}

void
relay_session_give_up(struct relay_session *s)
{
	struct provider *p = s->provider;

	pool_set_stalled(s, true);
	if (relay_session_after_dot(s)) {
		smtp_client_take_back(s->client);
	} else if (is_ungreeted(s) && dial_has_more(s) &&
	           p->pool.n[POOL_CONNECTING] == 1) {
		s->is_probe = true; /* perhaps that one answers */
		p->probe_ms = relay_now_ms(p->relay);
		leave_address(s);
	} else {
		relay_session_abort(s, "stalled");
	}
}
