/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sink_session.h"

#include <assert.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "postern/base/clock.h"
#include "postern/base/mem.h"
#include "postern/io/conn.h"
#include "postern/io/loop.h"
#include "postern/smtp/smtp_server.h"
#include "tools/sink.h"
#include "tools/sink_auth.h"
#include "tools/sink_mail.h"

#define IDLE_MS 600000
#define LINGER_MS 2000
#define LINE_MAX_OCTETS 12288 /* RFC 4954 4.5.3: AUTH lines */
#define ERRORS_MAX 100
#define IDLE_COMMANDS_MAX 1000000
#define MAGIC 0x51a4b001u

struct sink_session {
	uint32_t magic;
	struct list node;
	struct sink *sink;
	struct conn *conn;
	struct smtp_server *smtp;
	struct smtp_server_settings set;
	const char *extensions[4]; /* EHLO lines besides the server's own */
	char limits[96];           /* one of them */
	struct timer *timer;       /* a delayed banner or answer */
	bool greeted;
	struct smtp_reply answer; /* what the timer brings */
	struct sink_auth auth;
	bool secure_next; /* 220 to STARTTLS was given */
	bool doomed;      /* ends without a word */
	enum sink_action doom;
	struct sink_mail mail;
};

static struct sink_session *
session_of(void *arg)
{
	struct sink_session *s = arg;

	assert(s->magic == MAGIC);
	return s;
}

static void
session_free(struct sink_session *s)
{
	sink_mail_done(&s->mail, s->sink);
	s->sink->n.open--;
	list_remove(&s->node);
	smtp_server_free(&s->smtp);
	timer_free(&s->timer);
	if (s->conn != NULL)
		conn_close(&s->conn);
	s->magic = 0;
	free(s);
}

static void
log_rule(
    struct sink_session *s, enum sink_stage stage, const struct sink_rule *rule)
{
	static const char *const action[] = { "reply", "drop", "reset",
		"hang" };
	struct sink_json *j = &s->sink->json;

	s->sink->n.rules++;
	if (s->sink->log == NULL)
		return;
	sink_json_open(j, "rule");
	sink_json_num(j, "connection", s->mail.connection);
	sink_json_str(j, "stage", str_of(sink_rules_stage(stage)));
	sink_json_str(j, "action", str_of(action[rule->action]));
	if (rule->action == SINK_REPLY)
		sink_json_num(j, "code", rule->reply.code);
	sink_json_write(j, s->sink->log);
}

/* The first rule that fits is carried out: true, and *reply or the session's
 * fate is set. */
static bool
ruled(struct sink_session *s, enum sink_stage stage, struct str address,
    struct smtp_reply *reply)
{
	const struct sink_rule *rule =
	    sink_rules_match(&s->sink->opt.rules, stage, address);

	if (rule == NULL)
		return false;
	log_rule(s, stage, rule);
	*reply = rule->reply;
	s->doomed = rule->action != SINK_REPLY;
	s->doom = rule->action;
	return true;
}

/* Says *reply (code 0: handle the command as usual) after the delay. */
static int
after_delay(
    struct sink_session *s, enum sink_stage stage, struct smtp_reply *reply)
{
	uint32_t ms = s->sink->opt.rules.delay_ms[stage];

	if (s->doomed)
		return SMTP_LATER;
	if (ms == 0)
		return reply->code == 0 ? SMTP_PASS : SMTP_NOW;
	s->answer = *reply;
	timer_set(s->timer, ms);
	return SMTP_LATER;
}

/* --- commands ---------------------------------------------------------------
 */

static const struct {
	const char *verb;
	enum sink_stage stage;
	bool early; /* also where TLS or AUTH is still due */
} verbs[] = {
	{ "EHLO", SINK_EHLO, true },
	{ "HELO", SINK_EHLO, true },
	{ "STARTTLS", SINK_STARTTLS, true },
	{ "AUTH", SINK_AUTH, true },
	{ "MAIL", SINK_MAIL, false },
	{ "RCPT", SINK_RCPT, false },
	{ "DATA", SINK_DATA, false },
	{ "RSET", SINK_RSET, true },
	{ "NOOP", SINK_NOOP, true },
	{ "QUIT", SINK_QUIT, true },
};

static void
starttls(struct sink_session *s, struct str argument, struct smtp_reply *r)
{
	if (argument.len > 0) {
		smtp_reply_set(r, 501, "5.5.4", "STARTTLS has no argument");
		return;
	}
	smtp_reply_set(r, 220, "2.0.0", "Ready to start TLS");
	r->close = true; /* this session of the protocol ends here */
	s->secure_next = true;
}

/* A command of the sink's own, or one that must wait: *r is filled. */
static void
own_command(
    struct sink_session *s, size_t i, struct str argument, struct smtp_reply *r)
{
	const struct sink_options *o = &s->sink->opt;
	bool secure = conn_is_secure(s->conn);

	if (verbs[i].stage == SINK_STARTTLS && s->sink->tls != NULL && !secure)
		starttls(s, argument, r);
	else if (o->tls == SINK_TLS_REQUIRED && !secure &&
	         (!verbs[i].early || verbs[i].stage == SINK_AUTH))
		smtp_reply_set(
		    r, 530, "5.7.0", "Must issue a STARTTLS command first");
	else if (verbs[i].stage == SINK_AUTH && o->user != NULL &&
	         (secure || o->tls == SINK_TLS_OFF))
		sink_auth_start(&s->auth, argument, r);
	else if (o->user != NULL && s->auth.step != SINK_AUTH_DONE &&
	         !verbs[i].early)
		smtp_reply_set(r, 530, "5.7.0", "Authentication required");
}

/* MAIL, RCPT, DATA are ruled by their own hooks, which know the address. */
static bool
is_ruled_here(enum sink_stage stage)
{
	return stage != SINK_MAIL && stage != SINK_RCPT && stage != SINK_DATA;
}

static int
on_command(
    void *arg, struct str verb, struct str argument, struct smtp_reply *reply)
{
	struct sink_session *s = session_of(arg);
	size_t i = 0, n = sizeof verbs / sizeof verbs[0];

	reply->code = 0;
	if (verb.len == 0) {
		sink_auth_line(&s->auth, argument, reply);
		return after_delay(s, SINK_AUTH, reply);
	}
	while (i < n && !str_is(verb, verbs[i].verb))
		i++;
	if (i == n)
		return SMTP_PASS;
	if (!is_ruled_here(verbs[i].stage) ||
	    !ruled(s, verbs[i].stage, STR(""), reply))
		own_command(s, i, argument, reply);
	if (verbs[i].stage == SINK_DATA && reply->code == 0)
		return SMTP_PASS; /* on_data() takes its time, for BDAT too */
	return after_delay(s, verbs[i].stage, reply);
}

/* --- a transaction
 * ------------------------------------------------------------ */

static void
on_write(void *arg, const char *p, size_t n)
{
	conn_write(session_of(arg)->conn, p, n);
}

static void
on_helo(void *arg, struct str name, bool esmtp)
{
	struct sink_session *s = session_of(arg);

	(void)esmtp;
	sink_mail_helo(&s->mail, name);
}

static int
on_mail(void *arg, const struct smtp_mail *m, struct smtp_reply *reply)
{
	struct sink_session *s = session_of(arg);

	smtp_reply_set(reply, 250, "2.1.0", "Sender fine");
	ruled(s, SINK_MAIL, m->sender, reply);
	if (!s->doomed && reply->code / 100 == 2)
		sink_mail_begin(&s->mail, m);
	return s->doomed ? SMTP_LATER : SMTP_NOW;
}

static int
on_rcpt(void *arg, const struct smtp_rcpt *r, struct smtp_reply *reply)
{
	struct sink_session *s = session_of(arg);

	smtp_reply_set(reply, 250, "2.1.5", "Recipient fine");
	ruled(s, SINK_RCPT, r->address, reply);
	if (!s->doomed && reply->code / 100 == 2)
		sink_mail_rcpt(&s->mail, r);
	return s->doomed ? SMTP_LATER : SMTP_NOW;
}

static int
on_data(void *arg, struct smtp_reply *reply)
{
	struct sink_session *s = session_of(arg);

	smtp_reply_set(reply, 354, "", "Go ahead");
	ruled(s, SINK_DATA, STR(""), reply);
	if (!s->doomed && reply->code / 100 == 3)
		sink_mail_data(&s->mail, s->sink, reply);
	return after_delay(s, SINK_DATA, reply);
}

static bool
on_body(void *arg, const char *p, size_t n)
{
	struct sink_session *s = session_of(arg);
	struct smtp_reply none;

	if (s->mail.verify.size == 0)
		ruled(s, SINK_BODY, STR(""), &none);
	if (s->doomed)
		return true;
	sink_mail_body(&s->mail, p, n);
	return false;
}

static int
on_end(void *arg, struct smtp_reply *reply)
{
	struct sink_session *s = session_of(arg);

	if (ruled(s, SINK_DOT, STR(""), reply)) {
		if (s->doomed || reply->code / 100 != 2) {
			sink_mail_reset(&s->mail);
			return after_delay(s, SINK_DOT, reply);
		}
	} else {
		reply->code = 0;
	}
	sink_mail_end(&s->mail, s->sink, reply);
	ruled(s, SINK_KEPT, STR(""), reply);
	return after_delay(s, SINK_DOT, reply);
}

static void
on_reset(void *arg)
{
	sink_mail_reset(&session_of(arg)->mail);
}

static void
on_replied(void *arg, const char *verb, const struct smtp_reply *reply)
{
	struct sink_counters *n = &session_of(arg)->sink->n;

	(void)verb;
	n->replies_4xx += reply->code / 100 == 4;
	n->replies_5xx += reply->code / 100 == 5;
}

static const struct smtp_server_hooks hooks = {
	.write = on_write,
	.command = on_command,
	.helo = on_helo,
	.mail = on_mail,
	.rcpt = on_rcpt,
	.data = on_data,
	.body = on_body,
	.end = on_end,
	.reset = on_reset,
	.replied = on_replied,
};

/* --- the connection
 * ------------------------------------------------------------ */

static void
new_server(struct sink_session *s)
{
	const struct sink_options *o = &s->sink->opt;
	bool secure = conn_is_secure(s->conn);
	size_t n = 0;

	if (s->sink->tls != NULL && !secure)
		s->extensions[n++] = "STARTTLS";
	if (o->user != NULL && (secure || o->tls == SINK_TLS_OFF))
		s->extensions[n++] = "AUTH PLAIN LOGIN";
	if (o->limits != NULL) {
		snprintf(s->limits, sizeof s->limits, "LIMITS %s", o->limits);
		s->extensions[n++] = s->limits;
	}
	s->extensions[n] = NULL;
	s->set = (struct smtp_server_settings){ .hostname = o->hostname,
		.size_max = o->size_max,
		.recipients_max = o->recipients_max,
		.errors_max = ERRORS_MAX,
		.idle_commands_max = IDLE_COMMANDS_MAX,
		.messages_max = o->messages_max,
		.line_max = LINE_MAX_OCTETS,
		.smtputf8 = !(o->disable & SINK_NO_SMTPUTF8),
		.chunking = !(o->disable & SINK_NO_CHUNKING),
		.dsn = !(o->disable & SINK_NO_DSN),
		.eight_bit = !(o->disable & SINK_NO_8BITMIME),
		.binary = o->offer & SINK_BINARYMIME,
		.mt_priority = o->offer & SINK_MT_PRIORITY,
		.deliver_by = o->offer & SINK_DELIVERBY,
		.require_tls = secure && (o->offer & SINK_REQUIRETLS),
		.auth = o->user != NULL && (secure || o->tls == SINK_TLS_OFF),
		.no_pipelining = o->disable & SINK_NO_PIPELINING,
		.no_size = o->disable & SINK_NO_SIZE,
		.no_enhanced = o->disable & SINK_NO_ENHANCED,
		.extensions = s->extensions };
	smtp_server_free(&s->smtp);
	s->smtp = smtp_server_new(&s->set, &hooks, s);
}

/* Like a provider whose kernel takes its time to acknowledge: quick
 * acknowledgements come back by themselves, so they are refused each time. */
static void
delay_acks(struct sink_session *s)
{
	int off = 0;

	if (s->sink->opt.delayed_ack)
		setsockopt(conn_fd(s->conn), IPPROTO_TCP, TCP_QUICKACK, &off,
		    sizeof off);
}

static void
reset_connection(struct sink_session *s)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(conn_fd(s->conn), SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

/* After the protocol has had its say: does the session go on?  It may be gone
 * when this returns. */
static void
settle(struct sink_session *s)
{
	if (s->doomed && s->doom == SINK_HANG)
		return;
	if (s->doomed) {
		if (s->doom == SINK_RESET)
			reset_connection(s);
		session_free(s);
	} else if (smtp_server_is_done(s->smtp) && s->secure_next) {
		s->secure_next = false;
		s->auth.step = SINK_AUTH_IDLE;
		conn_secure_server(s->conn, s->sink->tls);
	} else if (smtp_server_is_done(s->smtp)) {
		conn_close_after(&s->conn, LINGER_MS);
		session_free(s);
	}
}

static void
pump(struct sink_session *s)
{
	for (;;) {
		struct str in = conn_input(s->conn);
		size_t n;

		if (in.len == 0 || !s->greeted || s->doomed)
			break;
		n = smtp_server_feed(s->smtp, in.p, in.len);
		conn_take(s->conn, n);
		if (n == 0)
			break;
	}
	delay_acks(s);
	settle(s);
}

static void
greet(struct sink_session *s)
{
	const struct sink_options *o = &s->sink->opt;
	struct smtp_reply r;

	s->greeted = true;
	if (o->connections_max != 0 && s->sink->n.open > o->connections_max) {
		s->sink->n.refused_connections++;
		smtp_reply_set(
		    &r, 421, "", "%s Too many connections", o->hostname);
		smtp_server_refuse(s->smtp, &r);
	} else if (ruled(s, SINK_BANNER, STR(""), &r)) {
		if (!s->doomed)
			smtp_server_refuse(s->smtp, &r);
	} else {
		smtp_server_greet(s->smtp);
	}
	pump(s);
}

static void
begin(struct sink_session *s)
{
	uint32_t ms = s->sink->opt.rules.delay_ms[SINK_BANNER];

	if (ms > 0)
		timer_set(s->timer, ms);
	else
		greet(s);
}

static void
on_timer(void *arg)
{
	struct sink_session *s = session_of(arg);

	if (!s->greeted) {
		greet(s);
		return;
	}
	smtp_server_answer(s->smtp, &s->answer);
	pump(s);
}

static void
on_secured(struct sink_session *s)
{
	new_server(s);
	sink_mail_secured(&s->mail, conn_tls_version(s->conn));
	if (!s->greeted) {
		begin(s);
		return;
	}
	smtp_server_begin(s->smtp, 0);
	pump(s);
}

static void
on_event(struct conn *c, enum conn_event ev, void *arg)
{
	struct sink_session *s = session_of(arg);

	(void)c;
	conn_timeout(s->conn, IDLE_MS);
	switch (ev) {
	case CONN_SECURED:
		on_secured(s);
		break;
	case CONN_DATA:
		pump(s);
		break;
	case CONN_CONNECTED:
	case CONN_DRAINED:
		break;
	case CONN_CLOSED:
	case CONN_FAILED:
	case CONN_TIMEOUT:
		session_free(s);
		break;
	}
}

void
sink_session_open(struct sink *sink, int fd)
{
	struct sink_session *s = mem_new(sizeof *s);
	const struct conn_settings set = { .fn = on_event, .arg = s };

	s->magic = MAGIC;
	s->sink = sink;
	s->auth.user = sink->opt.user;
	s->auth.password = sink->opt.password;
	list_push(&sink->sessions, &s->node);
	sink->n.connections++;
	if (++sink->n.open > sink->n.most_open)
		sink->n.most_open = sink->n.open;
	sink_mail_init(&s->mail, sink);
	s->timer = timer_new(sink->loop, on_timer, s);
	s->conn = conn_adopt(sink->loop, fd, &set);
	conn_timeout(s->conn, IDLE_MS);
	delay_acks(s);
	new_server(s);
	if (sink->opt.tls == SINK_TLS_IMPLICIT)
		conn_secure_server(s->conn, sink->tls);
	else
		begin(s);
}

void
sink_session_close_all(struct sink *sink)
{
	while (!list_empty(&sink->sessions))
		session_free(
		    LIST_OF(sink->sessions.next, struct sink_session, node));
}
