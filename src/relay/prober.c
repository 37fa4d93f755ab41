/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stages follow each other: each begins where the one before was good, which is
 * seen by what the client awaits.  Without PIPELINING, so that each has its own
 * time.
 */
#include "relay/prober.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/clock.h"
#include "postern/base/list.h"
#include "postern/base/mem.h"
#include "postern/io/addr.h"
#include "postern/io/conn.h"
#include "postern/io/dns.h"
#include "postern/io/loop.h"
#include "postern/io/tls.h"
#include "postern/relay/relay.h"
#include "postern/relay/relay_probe.h"
#include "postern/smtp/outcome.h"
#include "postern/smtp/smtp_client.h"

#include "relay/credential.h"
#include "relay/manner.h"
#include "relay/mend.h"
#include "relay/provider.h"
#include "relay/relay_core.h"

#define PROBER_MAGIC 0x70726f62u
#define ADDRESSES_TOLD 3

struct prober {
	uint32_t magic;
	struct list node; /* of provider.probers */
	struct provider *provider;
	struct relay_probe *result; /* the asker's */
	void (*fn)(void *arg);
	void *arg;
	struct timer *limit;
	struct credential credential;
	uint64_t lookup; /* DNS question under way, or 0 */
	struct dns_answer addrs;
	size_t next_addr;
	struct conn *conn;
	struct smtp_client *client;
	const char *word;         /* the stage that has begun */
	enum outcome_stage stage; /* the same */
	uint64_t began_us, since;
	struct smtp_txn txn;
	struct smtp_txn_rcpt rcpt;
	struct outcome reply; /* the recipient's */
	char *from, *to;      /* owned */
	bool is_sent;         /* the transaction has begun */
	bool is_reset;        /* RSET is out */
	bool over;            /* freed when the callback returns */
};

/* --- stages ------------------------------------------------------------------
 */

static void
begin(struct prober *b, const char *word, enum outcome_stage stage)
{
	b->word = word;
	b->stage = stage;
	b->began_us = clock_mono_us();
}

static struct relay_probe_stage *
row(struct prober *b, const char *text)
{
	struct relay_probe *r = b->result;
	struct relay_probe_stage *s = &r->stage[r->nstages++];

	/* a row an address, and a dozen */
	assert(r->nstages < RELAY_PROBE_STAGES);
	s->word = b->word;
	s->us = clock_mono_us() - b->began_us;
	(void)snprintf(s->text, sizeof s->text, "%s", text);
	return s;
}

static void
good(struct prober *b, const char *text)
{
	row(b, text)->is_good = true;
}

static void
good_reply(struct prober *b, const struct outcome *o)
{
	struct relay_probe_stage *s = row(b, o->text);

	s->is_good = true;
	s->code = o->code;
	memcpy(s->enhanced, o->enhanced, sizeof s->enhanced);
}

/* --- the end -----------------------------------------------------------------
 */

static void
destroy(struct prober *b)
{
	struct provider *p = b->provider;

	b->magic = 0;
	list_remove(&b->node);
	if (b->lookup)
		dns_cancel(p->relay->dns, b->lookup);
	credential_forget(p, b);
	credential_done(&b->credential);
	smtp_client_free(&b->client);
	if (b->conn)
		conn_close_after(&b->conn, p->set->timeouts.quit);
	timer_free(&b->limit);
	free(b->from);
	free(b->to);
	free(b);
}

/* At the end of each callback. */
static void
leave(struct prober *b)
{
	if (b->over)
		destroy(b);
}

static void
finish(struct prober *b)
{
	b->over = true;
	b->fn(b->arg);
}

static void
fail(struct prober *b, const struct outcome *o)
{
	const struct relay_provider *set = b->provider->set;
	struct verdict_context ctx = { .nrcpts = 1,
		.now_ms = clock_wall_ms(),
		.nreplies = set->nreplies,
		.replies = set->replies };
	struct verdict v = verdict_of(o, &ctx);
	struct relay_probe_stage *s;

	if (b->over)
		return;
	if (v.class == VERDICT_AUTH && o->stage == OUTCOME_AUTH &&
	    o->io == OUTCOME_REPLY) {
		(void)credential_refused(b->provider, &b->credential);
		provider_login_refused(b->provider);
	}
	s = row(b, o->text);
	s->code = o->code;
	memcpy(s->enhanced, o->enhanced, sizeof s->enhanced);
	b->result->class = verdict_row(v.class)->name;
	(void)snprintf(b->result->mend, sizeof b->result->mend, "%s",
	    mend_of(set, o, v.class));
	finish(b);
}

static void
fail_with(struct prober *b, enum outcome_stage stage, enum outcome_io io,
    const char *text)
{
	struct outcome o = { .stage = stage, .io = io };

	(void)snprintf(o.text, sizeof o.text, "%s", text);
	fail(b, &o);
}

static void
on_limit(void *arg)
{
	struct prober *b = arg;

	assert(b->magic == PROBER_MAGIC);
	fail_with(
	    b, b->stage, OUTCOME_TIMED_OUT, "the probe has taken 45 seconds");
	leave(b);
}

/* --- talking -----------------------------------------------------------------
 */

static void
good_tls(struct prober *b)
{
	struct relay_probe *r = b->result;
	struct tls_facts f;

	conn_tls_server(b->conn, &f);
	(void)snprintf(r->tls, sizeof r->tls, "%s %s",
	    conn_tls_version(b->conn), conn_tls_cipher(b->conn));
	(void)snprintf(r->names, sizeof r->names, "%s", f.names);
	(void)snprintf(r->issuer, sizeof r->issuer, "%s", f.issuer);
	(void)snprintf(r->until, sizeof r->until, "%s", f.until);
	(void)snprintf(r->left, sizeof r->left, "%s", f.left);
	(void)snprintf(r->pin, sizeof r->pin, "%s", f.pin);
	good(b, r->tls);
}

/* The stage that was under way is over; what it had to say. */
static void
good_stage(struct prober *b)
{
	if (b->stage == OUTCOME_TLS)
		good_tls(b);
	else if (b->stage == OUTCOME_MAIL)
		good(b, b->from);
	else if (b->stage == OUTCOME_RCPT)
		good_reply(b, &b->reply);
	else
		good(b, "");
}

/* After whatever may have changed what is awaited. */
static void
look(struct prober *b)
{
	enum outcome_stage stage;
	uint64_t since;

	if (b->over || !b->client)
		return;
	stage = smtp_client_awaits(b->client, &since);
	if (stage != b->stage) {
		good_stage(b);
		begin(b, outcome_stage_word(stage), stage);
	}
	if (since == b->since)
		return;
	b->since = since;
	conn_timeout(
	    b->conn, relay_provider_patience(b->provider->set, b->stage));
}

static void
on_write(void *arg, const char *p, size_t n)
{
	struct prober *b = arg;

	if (b->conn)
		conn_write(b->conn, p, n);
}

static void
on_secure(void *arg)
{
	struct prober *b = arg;

	manner_secure(b->conn, b->provider);
}

static void
send_mail(struct prober *b)
{
	b->is_sent = true;
	b->rcpt.address = str_of(b->to);
	b->txn.sender = str_of(b->from);
	b->txn.nrcpts = 1;
	b->txn.rcpts = &b->rcpt;
	b->txn.no_content = true;
	smtp_client_send(b->client, &b->txn);
}

/* Logged in; or RSET was answered. */
static void
on_ready(void *arg)
{
	struct prober *b = arg;

	assert(b->magic == PROBER_MAGIC);
	if (b->is_reset) {
		good_stage(b);
		b->result->is_good = true;
		smtp_client_quit(b->client);
		finish(b);
		return;
	}
	credential_accepted(b->provider, &b->credential);
	credential_done(&b->credential);
	good_stage(b);
	begin(b, "mail", OUTCOME_MAIL);
	send_mail(b);
}

static void
on_rcpt(void *arg, struct smtp_txn *t, uint32_t index, const struct outcome *o)
{
	struct prober *b = arg;

	(void)t;
	(void)index;
	b->reply = *o;
}

static void
on_done(void *arg, struct smtp_txn *t, const struct outcome *o)
{
	struct prober *b = arg;

	(void)t;
	assert(b->magic == PROBER_MAGIC);
	if (b->over)
		return;
	if (o->io != OUTCOME_REPLY || o->code >= 300) {
		fail(b, o);
		return;
	}
	b->is_reset = true;
	smtp_client_rset(b->client);
}

static void
on_lost(void *arg, const struct outcome *o)
{
	struct prober *b = arg;

	assert(b->magic == PROBER_MAGIC);
	fail(b, o);
}

static void
make_client(struct prober *b)
{
	static const struct smtp_client_hooks hooks = { .write = on_write,
		.secure = on_secure,
		.ready = on_ready,
		.rcpt = on_rcpt,
		.done = on_done,
		.lost = on_lost };
	const char *why = relay_provider_no_login(b->provider->set);
	struct smtp_client_settings s;
	char nonce[RELAY_PROVIDER_NONCE];

	manner_client(&s, b->provider, &b->credential, nonce);
	s.disable |= SMTP_CAP_PIPELINING;
	b->client = smtp_client_new(&s, &hooks, b);
	begin(b, NULL, smtp_client_awaits(b->client, &b->since));
	b->word = outcome_stage_word(b->stage);
	conn_timeout(
	    b->conn, relay_provider_patience(b->provider->set, b->stage));
	if (why != NULL)
		fail_with(b, OUTCOME_AUTH, OUTCOME_LOCAL, why);
	else if (s.tls == SMTP_TLS_IMPLICIT)
		manner_secure(b->conn, b->provider);
}

static void
feed(struct prober *b)
{
	char copy[4096];
	size_t n;

	while (!b->over && (n = conn_read(b->conn, copy, sizeof copy)) > 0) {
		smtp_client_feed(b->client, copy, n);
		look(b);
	}
}

/* --- connecting --------------------------------------------------------------
 */

static void on_conn(struct conn *c, enum conn_event ev, void *arg);

static void
dial(struct prober *b)
{
	struct conn_settings cs = { .fn = on_conn, .arg = b };
	const struct addr *a = &b->addrs.addr[b->next_addr++];
	const struct relay_provider *set = b->provider->set;
	struct addr from;
	bool bound = relay_provider_source(set, a, &from);

	begin(b, "connect", OUTCOME_CONNECT);
	b->conn = conn_connect(b->provider->relay->loop,
	    (const struct sockaddr *)&a->ss, a->len,
	    bound ? (const struct sockaddr *)&from.ss : NULL,
	    bound ? from.len : 0, &cs);
	conn_timeout(b->conn, relay_provider_patience(set, OUTCOME_CONNECT));
}

/* Another address may do. */
static void
not_connected(struct prober *b, enum outcome_io io, const char *why)
{
	char host[ADDR_TEXT], text[256];

	addr_host_text(&b->addrs.addr[b->next_addr - 1], host);
	(void)snprintf(text, sizeof text, "%.60s: %.180s", host, why);
	conn_close(&b->conn);
	if (b->next_addr == b->addrs.n) {
		fail_with(b, OUTCOME_CONNECT, io, text);
		return;
	}
	(void)row(b, text);
	dial(b);
}

static void
connected(struct prober *b)
{
	char host[ADDR_TEXT];

	addr_host_text(&b->addrs.addr[b->next_addr - 1], host);
	good(b, host);
	make_client(b);
}

static void
failed(struct prober *b, enum outcome_io io, const char *text)
{
	char why[256]; /* text may be the connection's own */

	(void)snprintf(why, sizeof why, "%s", text);
	if (!b->client)
		not_connected(b, io, why);
	else if (smtp_client_awaits(b->client, NULL) == OUTCOME_TLS &&
	         io == OUTCOME_LOST && conn_error(b->conn)->kind == ERR_TLS)
		smtp_client_fail(b->client, OUTCOME_LOCAL, why);
	else
		smtp_client_fail(b->client, io, why);
}

static void
on_conn(struct conn *c, enum conn_event ev, void *arg)
{
	struct prober *b = arg;

	assert(b->magic == PROBER_MAGIC && !b->over && c == b->conn);
	switch (ev) {
	case CONN_CONNECTED:
		connected(b);
		break;
	case CONN_SECURED:
		smtp_client_secured(b->client);
		break;
	case CONN_DATA:
		feed(b);
		break;
	case CONN_DRAINED:
		break;
	case CONN_TIMEOUT:
		failed(b, OUTCOME_TIMED_OUT, "no answer in time");
		break;
	case CONN_CLOSED:
		feed(b);
		if (!b->over)
			failed(b, OUTCOME_LOST, "the peer has closed");
		break;
	case CONN_FAILED:
		failed(b, OUTCOME_LOST, conn_error(c)->text);
		break;
	}
	look(b);
	leave(b);
}

/* "a, b, c and 4 more" */
static void
put_addresses(char *out, size_t max, const struct dns_answer *a)
{
	char host[ADDR_TEXT];
	size_t len = 0;

	for (size_t i = 0; i < a->n && i < ADDRESSES_TOLD; i++) {
		addr_host_text(&a->addr[i], host);
		len += (size_t)snprintf(
		    out + len, max - len, "%s%.60s", i > 0 ? ", " : "", host);
	}
	if (a->n > ADDRESSES_TOLD)
		(void)snprintf(out + len, max - len, " and %zu more",
		    a->n - ADDRESSES_TOLD);
}

static void
on_addresses(void *arg, const struct dns_answer *a)
{
	struct prober *b = arg;
	char text[256];

	assert(b->magic == PROBER_MAGIC);
	b->lookup = 0;
	if (a->err.kind != ERR_NONE || a->n == 0) {
		fail_with(b, OUTCOME_DNS, OUTCOME_LOST, a->err.text);
	} else {
		b->addrs = *a;
		put_addresses(text, sizeof text, a);
		good(b, text);
		dial(b);
	}
	leave(b);
}

static void
look_up(struct prober *b)
{
	struct provider *p = b->provider;

	begin(b, "dns", OUTCOME_DNS);
	b->lookup = dns_lookup(p->relay->dns, p->set->host, p->set->port,
	    p->set->prefer, on_addresses, b);
}

/* --- the start ---------------------------------------------------------------
 */

static void on_credential(void *arg);

static void
ask_credential(struct prober *b)
{
	struct provider *p = b->provider;
	struct credential *c = &b->credential;

	switch (credential_get(p, c, on_credential, b)) {
	case CREDENTIAL_WAIT:
		return;
	case CREDENTIAL_READY:
		if (c->is_token)
			good(b, "");
		look_up(b);
		return;
	case CREDENTIAL_FAILED:
		fail_with(b, OUTCOME_AUTH,
		    c->is_dead ? OUTCOME_LOCAL : OUTCOME_LOST, c->why);
		return;
	}
}

static void
on_credential(void *arg)
{
	struct prober *b = arg;

	assert(b->magic == PROBER_MAGIC);
	ask_credential(b);
	leave(b);
}

/* An address that the provider knows, where its settings name one. */
static char *
own_address(const struct provider *p)
{
	for (size_t i = 0; i < p->set->nidentities; i++) {
		const char *text = p->set->identities[i];

		if (strchr(text, '*') == NULL && strchr(text, '@') != NULL)
			return mem_str(text);
		if (strchr(text, '*') == NULL)
			return mem_printf("postmaster@%s", text);
	}
	return mem_str(p->gen->bounce_from);
}

void
prober_start(struct provider *p, const struct relay_probe_ask *ask,
    struct relay_probe *into, void (*fn)(void *arg), void *arg)
{
	struct prober *b = mem_new(sizeof *b);

	b->magic = PROBER_MAGIC;
	b->provider = p;
	b->result = into;
	b->fn = fn;
	b->arg = arg;
	b->from = ask->from ? mem_str(ask->from) : own_address(p);
	b->to = mem_str(ask->to ? ask->to : b->from);
	b->limit = timer_new(p->relay->loop, on_limit, b);
	list_push(&p->probers, &b->node);
	timer_set(b->limit, RELAY_PROBE_MS);
	begin(b, "token", OUTCOME_AUTH);
	if (p->tls_error[0] != '\0') {
		begin(b, "tls", OUTCOME_TLS);
		fail_with(b, OUTCOME_TLS, OUTCOME_LOCAL, p->tls_error);
	} else {
		ask_credential(b);
	}
	leave(b);
}

void
prober_end_all(struct provider *p, const char *why)
{
	while (!list_empty(&p->probers)) {
		struct prober *b =
		    LIST_OF(p->probers.next, struct prober, node);

		b->result->not_now = why;
		finish(b);
		destroy(b);
	}
}
