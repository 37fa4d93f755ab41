/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every wait has an end: one for each reply, and one for each address.  Before
 * MAIL nothing that goes wrong is the letter's fault, so it is "try again
 * later", whatever the relay says.
 */
#include "tools/submit_session.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "postern/base/secret.h"
#include "postern/conf/conf_relay_file.h"
#include "postern/io/addr.h"
#include "postern/io/conn.h"
#include "postern/io/dns.h"
#include "postern/io/loop.h"
#include "postern/io/tls.h"
#include "postern/smtp/smtp_client.h"

#include "tools/sendmail_exit.h"
#include "tools/submit_letter.h"

#define SUBMIT_SESSION_MAGIC 0x7375626du
#define PIECE_MAX (128u << 10) /* of the content, at a time */
/* Of a transaction, as every server takes (RFC 5321 4.5.3.1.8), but for one
 * that says its number. */
#define RCPTS_MAX 100u

struct submit_session {
	uint32_t magic;
	const struct conf_relay_file *file;
	const struct relay_provider *set; /* of file */
	const struct submit_letter *letter;
	struct loop *loop;
	struct dns *dns;
	struct tls_context *tls;
	struct dns_answer addrs;
	size_t next_addr;
	struct conn *conn;
	struct smtp_client *client;
	struct timer *limit; /* of what is waited for */
	uint64_t since;      /* of the reply that is awaited */
	uint64_t handed;     /* bytes, to the connection */
	uint64_t taken;      /* of those, by the relay, when limit was set */
	bool sends;          /* content waits to leave, it was */
	struct smtp_txn txn; /* the one under way */
	uint64_t offset;     /* of the content that it wants */
	bool wants;          /* as soon as the connection has room */
	uint32_t answered;   /* recipients that it is known of */
	int code;
	bool over;
};

/* --- the end -----------------------------------------------------------------
 */

static void
finish(struct submit_session *s)
{
	s->over = true;
	loop_stop(s->loop);
}

static void
not_now(struct submit_session *s, const char *stage, const char *why)
{
	if (s->answered > 0)
		(void)fprintf(stderr,
		    "sendmail: not sent to the last %u recipients, ",
		    s->letter->txn.nrcpts - s->answered);
	else
		(void)fputs("sendmail: not sent, ", stderr);
	(void)fprintf(
	    stderr, "try again later: %s: %s: %s\n", s->set->host, stage, why);
	s->code = EX_TEMPFAIL;
	finish(s);
}

/* "550 5.1.1 no such user" */
static void
put_reply(FILE *to, const char *who, const struct outcome *o)
{
	(void)fprintf(to, "%s%s", who, who[0] != '\0' ? ": " : "");
	if (o->code != 0)
		(void)fprintf(to, "%u ", o->code);
	(void)fprintf(to, "%s%s%s\n", o->enhanced,
	    o->enhanced[0] != '\0' ? " " : "", o->text);
}

/* --- transactions
 * ------------------------------------------------------------ */

/* The next recipients, or good bye. */
static void
go_on(struct submit_session *s)
{
	uint32_t left = s->letter->txn.nrcpts - s->answered;
	uint32_t most = smtp_client_limits(s->client).rcpts;

	if (left == 0) {
		smtp_client_quit(s->client);
		return;
	}
	if (most == 0)
		most = RCPTS_MAX;
	s->txn = s->letter->txn;
	s->txn.content = (struct str){ 0 }; /* on_content() has it */
	s->txn.rcpts += s->answered;
	s->txn.nrcpts = left < most ? left : most;
	smtp_client_send(s->client, &s->txn);
}

static void
pull(struct submit_session *s)
{
	struct str all = s->letter->txn.content;
	size_t left = all.len - (size_t)s->offset;
	size_t n = left < PIECE_MAX ? left : PIECE_MAX;

	if (!s->wants || conn_is_full(s->conn))
		return; /* goes on with CONN_DRAINED */
	s->wants = false;
	smtp_client_content(s->client, all.p + s->offset, n, n == left);
}

static void
on_content(void *arg, struct smtp_txn *t, uint64_t offset)
{
	struct submit_session *s = arg;

	(void)t;
	assert(s->magic == SUBMIT_SESSION_MAGIC);
	s->offset = offset;
	s->wants = true;
	pull(s);
}

static void
on_rcpt(void *arg, struct smtp_txn *t, uint32_t index, const struct outcome *o)
{
	struct submit_session *s = arg;
	const char *who = t->rcpts[index].address.p; /* NUL ended */
	int code = sendmail_exit_code(o->code, o->enhanced);

	assert(s->magic == SUBMIT_SESSION_MAGIC);
	if (o->io != OUTCOME_REPLY)
		return; /* done() follows */
	if (code != 0)
		s->code = code;
	if (t->no_content)
		put_reply(stdout, who, o);
	else if (code != 0) {
		(void)fputs("sendmail: ", stderr);
		put_reply(stderr, who, o);
	}
}

/* What was said of all, if it was a no. */
static void
judge(struct submit_session *s, const struct outcome *o)
{
	int code = o->io == OUTCOME_LOCAL
	               ? EX_DATAERR
	               : sendmail_exit_code(o->code, o->enhanced);

	if (code == 0 || (o->stage == OUTCOME_RCPT && o->code != 421))
		return; /* of each recipient it was told */
	(void)fputs("sendmail: ", stderr);
	put_reply(stderr, "", o);
	s->code = code;
	if (o->stage == OUTCOME_MAIL) /* no other recipient changes that */
		s->answered = s->letter->txn.nrcpts;
}

static void
on_done(void *arg, struct smtp_txn *t, const struct outcome *o)
{
	struct submit_session *s = arg;

	assert(s->magic == SUBMIT_SESSION_MAGIC);
	if (s->over || (o->io != OUTCOME_REPLY && o->io != OUTCOME_LOCAL))
		return; /* lost() follows */
	s->answered += t->nrcpts;
	judge(s, o);
	if (smtp_client_is_ready(s->client))
		go_on(s);
}

/* --- talking -----------------------------------------------------------------
 */

static void dial(struct submit_session *s);
static void wait_for(struct submit_session *s, enum outcome_stage stage);

/* Nothing was said: another address may do (RFC 5321 5.1). */
static bool
leave_address(struct submit_session *s)
{
	if (s->next_addr == s->addrs.n)
		return false;
	smtp_client_free(&s->client);
	conn_close(&s->conn);
	dial(s);
	return true;
}

static void
on_lost(void *arg, const struct outcome *o)
{
	struct submit_session *s = arg;
	char why[600];

	assert(s->magic == SUBMIT_SESSION_MAGIC);
	if (s->over)
		return;
	if (s->answered == s->letter->txn.nrcpts) {
		finish(s);
		return;
	}
	if (o->stage == OUTCOME_BANNER && o->io != OUTCOME_REPLY &&
	    leave_address(s))
		return;
	(void)snprintf(why, sizeof why, "%s%s%s", o->enhanced,
	    o->enhanced[0] != '\0' ? " " : "", o->text);
	not_now(s, outcome_stage_word(o->stage), why);
}

static void
on_write(void *arg, const char *p, size_t n)
{
	struct submit_session *s = arg;

	if (!s->conn)
		return;
	s->handed += n;
	conn_write(s->conn, p, n);
}

static void
on_secure(void *arg)
{
	struct submit_session *s = arg;
	const struct relay_provider *set = s->set;

	conn_secure_client(
	    s->conn, s->tls, set->tls_name ? set->tls_name : set->host);
}

static void
on_ready(void *arg)
{
	struct submit_session *s = arg;

	assert(s->magic == SUBMIT_SESSION_MAGIC);
	go_on(s);
}

static uint64_t
taken(const struct submit_session *s)
{
	return s->handed - conn_unacked(s->conn);
}

/* Content that has not left yet has a time for each part of it; then its reply
 * has its own. */
static void
wait_for(struct submit_session *s, enum outcome_stage stage)
{
	s->sends = s->client && conn_unacked(s->conn) > PIECE_MAX / 2;
	if (s->sends)
		s->taken = taken(s);
	timer_set(s->limit,
	    relay_provider_patience(s->set, s->sends ? OUTCOME_BODY : stage));
}

/* After whatever may have changed what is awaited. */
static void
arm(struct submit_session *s)
{
	enum outcome_stage stage;
	uint64_t since;

	if (s->over || !s->client)
		return;
	stage = smtp_client_awaits(s->client, &since);
	if (since == s->since)
		return;
	s->since = since;
	wait_for(s, stage);
}

static void
make_client(struct submit_session *s)
{
	static const struct smtp_client_hooks hooks = { .write = on_write,
		.secure = on_secure,
		.ready = on_ready,
		.rcpt = on_rcpt,
		.done = on_done,
		.content = on_content,
		.lost = on_lost };
	struct smtp_client_settings set;
	char nonce[RELAY_PROVIDER_NONCE];

	relay_provider_client(&set, s->set, nonce);
	set.helo = s->file->hostname;
	if (s->set->password)
		set.password = secret_str(s->set->password);
	s->client = smtp_client_new(&set, &hooks, s);
	s->since = UINT64_MAX;
	if (set.tls == SMTP_TLS_IMPLICIT)
		on_secure(s);
}

static void
feed(struct submit_session *s)
{
	const struct conn *c = s->conn;
	char copy[4096];
	size_t n;

	while (!s->over && s->conn == c &&
	       (n = conn_read(s->conn, copy, sizeof copy)) > 0)
		smtp_client_feed(s->client, copy, n);
}

/* --- connecting --------------------------------------------------------------
 */

static void
not_connected(struct submit_session *s, const char *text)
{
	char host[ADDR_TEXT], why[256]; /* text may be the connection's own */

	addr_host_text(&s->addrs.addr[s->next_addr - 1], host);
	(void)snprintf(why, sizeof why, "%.60s: %.180s", host, text);
	if (!leave_address(s))
		not_now(s, "connect", why);
}

static void
failed(struct submit_session *s, enum outcome_io io, const char *text)
{
	char why[256];

	(void)snprintf(why, sizeof why, "%s", text);
	if (s->client)
		smtp_client_fail(s->client, io, why);
	else
		not_connected(s, why);
}

static void
on_limit(void *arg)
{
	struct submit_session *s = arg;

	assert(s->magic == SUBMIT_SESSION_MAGIC);
	if (s->sends && taken(s) != s->taken)
		wait_for(s, smtp_client_awaits(s->client, NULL));
	else if (!s->conn)
		not_now(s, "dns", "no answer in time");
	else
		failed(s, OUTCOME_TIMED_OUT, "no answer in time");
}

static void
on_conn(struct conn *c, enum conn_event ev, void *arg)
{
	struct submit_session *s = arg;

	assert(s->magic == SUBMIT_SESSION_MAGIC);
	if (s->over)
		return;
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
		pull(s);
		break;
	case CONN_TIMEOUT: /* s->limit is in its place */
		break;
	case CONN_CLOSED:
		if (s->client)
			feed(s);
		if (!s->over && s->conn == c)
			failed(s, OUTCOME_LOST, "the relay has closed");
		break;
	case CONN_FAILED:
		failed(s, OUTCOME_LOST, conn_error(c)->text);
		break;
	}
	arm(s);
}

static void
dial(struct submit_session *s)
{
	struct conn_settings cs = { .fn = on_conn, .arg = s };
	const struct addr *a = &s->addrs.addr[s->next_addr++];
	struct addr from;
	bool bound = relay_provider_source(s->set, a, &from);

	s->conn = conn_connect(s->loop, (const struct sockaddr *)&a->ss, a->len,
	    bound ? (const struct sockaddr *)&from.ss : NULL,
	    bound ? from.len : 0, &cs);
	wait_for(s, OUTCOME_CONNECT);
}

static void
on_addresses(void *arg, const struct dns_answer *a)
{
	struct submit_session *s = arg;

	assert(s->magic == SUBMIT_SESSION_MAGIC);
	if (a->err.kind != ERR_NONE || a->n == 0) {
		not_now(s, "dns", a->err.text);
		return;
	}
	s->addrs = *a;
	dial(s);
}

static int
start(struct submit_session *s, struct err *err)
{
	if (relay_provider_tls(&s->tls, s->set, err) != 0 ||
	    loop_new(&s->loop, err) != 0 || dns_new(&s->dns, s->loop, err) != 0)
		return -1;
	s->limit = timer_new(s->loop, on_limit, s);
	wait_for(s, OUTCOME_DNS);
	(void)dns_lookup(s->dns, s->set->host, s->set->port, s->set->prefer,
	    on_addresses, s);
	return 0;
}

int
submit_session_run(
    const struct conf_relay_file *f, const struct submit_letter *l)
{
	struct submit_session s = { .magic = SUBMIT_SESSION_MAGIC,
		.file = f,
		.set = &f->relay,
		.letter = l };
	struct err err = { 0 };

	if (start(&s, &err) == 0) {
		loop_run(s.loop);
	} else {
		(void)fprintf(stderr,
		    "sendmail: not sent, try again later: %s\n", err.text);
		s.code = EX_TEMPFAIL;
	}
	smtp_client_free(&s.client);
	if (s.conn)
		conn_close(&s.conn);
	timer_free(&s.limit);
	dns_free(&s.dns);
	if (s.loop)
		loop_free(&s.loop);
	tls_free(&s.tls);
	return s.code;
}
