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
#include "tools/sink_line.h"
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
	struct sink_line line;     /* to the client */
	enum sink_stage stage;     /* of what is answered now */
	uint64_t due_us;           /* when that answer leaves */
	struct timer *work;        /* a command that takes its time */
	struct smtp_reply answer;  /* what it will bring; code 0: handle it */
	bool greeted;
	bool is_last_word; /* nothing is held back any more */
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
	timer_free(&s->work);
	sink_line_done(&s->line);
	if (s->conn != NULL)
		conn_close(&s->conn);
	s->magic = 0;
	free(s);
}

/* --- rules and limits --------------------------------------------------------
 */

/* The answer to what comes now takes the line's time from now on. */
static void
at_stage(struct sink_session *s, enum sink_stage stage)
{
	s->stage = stage;
	s->due_us =
	    clock_mono_us() + sink_delays_line(&s->sink->opt.plan.delays, stage,
	                          sink_us(s->sink));
}

static void
log_deed(struct sink_session *s, const char *event, enum sink_stage stage,
    const struct sink_limit *limit, const struct sink_deed *deed)
{
	static const char *const action[] = { "reply", "drop", "reset",
		"hang" };
	struct sink_json *j = &s->sink->json;

	if (s->sink->log == NULL)
		return;
	sink_json_open(j, event);
	sink_json_num(j, "us", clock_mono_us());
	sink_json_num(j, "connection", s->mail.connection);
	sink_json_str(j, "stage", str_of(sink_rules_stage(stage)));
	if (limit != NULL)
		sink_json_str(j, "limit", str_of(limit->text));
	sink_json_str(j, "action", str_of(action[deed->action]));
	if (deed->action == SINK_REPLY)
		sink_json_num(j, "code", deed->reply.code);
	sink_json_write(j, s->sink->log);
}

static void
carry_out(struct sink_session *s, const struct sink_deed *deed,
    struct smtp_reply *reply)
{
	*reply = deed->reply;
	s->doomed = deed->action != SINK_REPLY;
	s->doom = deed->action;
	if (s->doomed)
		sink_line_write(&s->line, NULL, 0, s->due_us);
}

/* The first rule that fits is carried out: true, and *reply or the session's
 * fate is set.  address: of a recipient that is not yet accepted. */
static bool
ruled(struct sink_session *s, enum sink_stage stage, const struct str *address,
    struct smtp_reply *reply)
{
	const struct sink_mail *m = &s->mail;
	const struct sink_moment now = { .stage = stage,
		.us = sink_us(s->sink),
		.connection = m->connection,
		.nth = m->begun,
		.message = m->message,
		.has_sender = m->sender != NULL,
		.sender = str_of(m->sender),
		.rcpt = address != NULL ? address : m->address,
		.nrcpts = address != NULL ? 1 : m->nrcpts };
	const struct sink_rule *rule =
	    sink_rules_match(&s->sink->opt.plan.rules, &now);

	if (rule == NULL)
		return false;
	s->sink->n.rules++;
	log_deed(s, "rule", stage, NULL, &rule->deed);
	carry_out(s, &rule->deed, reply);
	return true;
}

static uint32_t
older_sessions(const struct sink_session *s)
{
	uint32_t n = 0;

	for (const struct list *l = s->node.prev; l != &s->sink->sessions;
	     l = l->prev)
		n++;
	return n;
}

static struct sink_load
load_at(const struct sink_session *s, enum sink_stage stage, uint64_t now_us)
{
	bool sessions = s->sink->opt.plan.limits.n > 0;

	return (struct sink_load){ .stage = stage,
		.us = now_us - s->sink->start_us,
		.wall_us = (uint64_t)clock_wall_us(),
		.recipients = stage == SINK_RCPT ? 1 : s->mail.nrcpts,
		.older = sessions ? older_sessions(s) : 0,
		.mails = s->mail.nth };
}

/* Is a limit passed?  Then its reply, or the session's fate, is set; else this
 * is counted. */
static bool
limited(struct sink_session *s, enum sink_stage stage, struct smtp_reply *reply)
{
	struct sink_limits *all = &s->sink->opt.plan.limits;
	uint64_t now = clock_mono_us();
	const struct sink_load load = load_at(s, stage, now);
	const struct sink_limit *over = sink_limits_over(all, &load);

	if (over == NULL) {
		if (sink_limits_count(all, &load) && stage != SINK_DOT)
			sink_mail_counted(&s->mail, s->sink, &load, now);
		s->mail.end_us = now;
		return false;
	}
	s->sink->n.limits++;
	s->sink->n.refused_connections +=
	    over->of == SINK_LIMIT_SESSIONS && stage == SINK_BANNER;
	log_deed(s, "limit", stage, over, &over->deed);
	carry_out(s, &over->deed, reply);
	return true;
}

/* From now on it is idle, unless it has work, or its fate, or waits for what is
 * still on the line. */
static void
wait_for_client(struct sink_session *s)
{
	uint64_t ms = s->sink->opt.plan.idle_ms;

	if (!s->doomed && !timer_is_set(s->work) &&
	    sink_line_is_empty(&s->line))
		conn_timeout(s->conn, ms > 0 ? ms : IDLE_MS);
}

/* Does this stage take time before *reply holds (code 0: before the command is
 * handled)?  Then the next ones wait. */
static bool
is_working(struct sink_session *s, enum sink_stage stage,
    const struct smtp_reply *reply)
{
	uint64_t us = sink_delays_work(
	    &s->sink->opt.plan.delays, stage, sink_us(s->sink));

	if (us == 0)
		return false;
	s->answer = *reply;
	timer_set(s->work, (us + 999) / 1000);
	conn_timeout(s->conn, 0); /* it is not idle */
	return true;
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

static struct tls_context *
tls_now(const struct sink_session *s)
{
	const struct sink *k = s->sink;
	size_t i = sink_plan_shown(&k->opt.plan, sink_us(k));

	return k->opt.tls == SINK_TLS_OFF || i >= k->ntls ? NULL : k->tls[i];
}

static bool
offers_starttls(const struct sink_session *s)
{
	struct sink_capability c =
	    sink_plan_offered(&s->sink->opt.plan, sink_us(s->sink));

	return !conn_is_secure(s->conn) && tls_now(s) != NULL &&
	       !(c.disable & SINK_NO_STARTTLS);
}

static bool
offers_auth(const struct sink_session *s)
{
	const struct sink_options *o = &s->sink->opt;
	struct sink_capability c =
	    sink_plan_offered(&o->plan, sink_us(s->sink));

	return o->user.p != NULL && !(c.disable & SINK_NO_AUTH) &&
	       (conn_is_secure(s->conn) || o->tls == SINK_TLS_OFF);
}

/* A command of the sink's own, or one that must wait: *r is filled. */
static void
own_command(
    struct sink_session *s, size_t i, struct str argument, struct smtp_reply *r)
{
	const struct sink_options *o = &s->sink->opt;

	if (verbs[i].stage == SINK_STARTTLS && offers_starttls(s))
		starttls(s, argument, r);
	else if (o->tls == SINK_TLS_REQUIRED && !conn_is_secure(s->conn) &&
	         (!verbs[i].early || verbs[i].stage == SINK_AUTH))
		smtp_reply_set(
		    r, 530, "5.7.0", "Must issue a STARTTLS command first");
	else if (verbs[i].stage == SINK_AUTH && offers_auth(s))
		sink_auth_start(&s->auth, argument, r);
	else if (o->user.p != NULL && s->auth.step != SINK_AUTH_DONE &&
	         !verbs[i].early)
		smtp_reply_set(r, 530, "5.7.0", "Authentication required");
}

/* MAIL, RCPT, DATA are ruled by their own hooks, which know the address. */
static bool
is_ruled_here(enum sink_stage stage)
{
	return stage != SINK_MAIL && stage != SINK_RCPT && stage != SINK_DATA;
}

/* code 0: handle the command as usual. */
static int
after_work(struct sink_session *s, const struct smtp_reply *reply)
{
	if (s->doomed || is_working(s, s->stage, reply))
		return SMTP_LATER;
	return reply->code == 0 ? SMTP_PASS : SMTP_NOW;
}

static int
on_command(
    void *arg, struct str verb, struct str argument, struct smtp_reply *reply)
{
	struct sink_session *s = session_of(arg);
	size_t i = 0, n = sizeof verbs / sizeof verbs[0];

	reply->code = 0;
	if (verb.len == 0) {
		at_stage(s, SINK_AUTH);
		sink_auth_line(&s->auth, argument, reply);
		return after_work(s, reply);
	}
	while (i < n && !str_is(verb, verbs[i].verb))
		i++;
	at_stage(s, i == n ? SINK_NOOP : verbs[i].stage);
	if (i == n)
		return SMTP_PASS;
	if (!is_ruled_here(verbs[i].stage) ||
	    !ruled(s, verbs[i].stage, NULL, reply))
		own_command(s, i, argument, reply);
	return after_work(s, reply);
}

/* --- a transaction
 * ------------------------------------------------------------ */

static void
on_write(void *arg, const char *p, size_t n)
{
	struct sink_session *s = session_of(arg);

	if (s->is_last_word) {
		conn_write(s->conn, p, n);
		return;
	}
	sink_line_write(&s->line, p, n, s->due_us);
	if (!sink_line_is_empty(&s->line))
		conn_timeout(s->conn, 0);
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
	sink_mail_begin(&s->mail, s->sink, m);
	if (!ruled(s, SINK_MAIL, NULL, reply))
		limited(s, SINK_MAIL, reply);
	if (s->doomed || reply->code / 100 != 2)
		sink_mail_reset(&s->mail);
	return s->doomed ? SMTP_LATER : SMTP_NOW;
}

static int
on_rcpt(void *arg, const struct smtp_rcpt *r, struct smtp_reply *reply)
{
	struct sink_session *s = session_of(arg);

	smtp_reply_set(reply, 250, "2.1.5", "Recipient fine");
	if (!ruled(s, SINK_RCPT, &r->address, reply))
		limited(s, SINK_RCPT, reply);
	if (!s->doomed && reply->code / 100 == 2)
		sink_mail_rcpt(&s->mail, r);
	return s->doomed ? SMTP_LATER : SMTP_NOW;
}

static int
on_data(void *arg, struct smtp_reply *reply)
{
	struct sink_session *s = session_of(arg);

	if (s->stage != SINK_DATA) /* BDAT, which on_command() does not see */
		at_stage(s, SINK_DATA);
	smtp_reply_set(reply, 354, "", "Go ahead");
	if (!ruled(s, SINK_DATA, NULL, reply))
		limited(s, SINK_DATA, reply);
	if (!s->doomed && reply->code / 100 == 3)
		sink_mail_data(&s->mail, s->sink, reply);
	return s->doomed ? SMTP_LATER : SMTP_NOW;
}

static bool
on_body(void *arg, const char *p, size_t n)
{
	struct sink_session *s = session_of(arg);
	struct smtp_reply none;

	if (s->mail.verify.size == 0) {
		at_stage(s, SINK_BODY);
		ruled(s, SINK_BODY, NULL, &none);
	}
	if (s->doomed)
		return true;
	sink_mail_body(&s->mail, p, n);
	return false;
}

/* The content is whole: refused, or kept, counted and told. */
static void
end_mail(struct sink_session *s, struct smtp_reply *reply)
{
	static const char *const fate[] = { "", "drop", "reset", "hang" };
	bool kept;

	reply->code = 0;
	if (!ruled(s, SINK_DOT, NULL, reply) || reply->code / 100 == 2)
		limited(s, SINK_DOT, reply);
	kept = !s->doomed && (reply->code == 0 || reply->code / 100 == 2) &&
	       sink_mail_keep(&s->mail, reply);
	if (!kept) {
		sink_mail_reset(&s->mail);
		return;
	}
	ruled(s, SINK_KEPT, NULL, reply);
	sink_mail_tell(&s->mail, s->sink, reply->code,
	    fate[s->doomed ? s->doom : SINK_REPLY]);
}

static int
on_end(void *arg, struct smtp_reply *reply)
{
	struct sink_session *s = session_of(arg);

	at_stage(s, SINK_DOT);
	reply->code = 0;
	if (is_working(s, SINK_DOT, reply))
		return SMTP_LATER;
	end_mail(s, reply);
	return s->doomed ? SMTP_LATER : SMTP_NOW;
}

static void
on_reset(void *arg)
{
	sink_mail_reset(&session_of(arg)->mail);
}

static void
on_replied(void *arg, const char *verb, const struct smtp_reply *reply)
{
	struct sink_session *s = session_of(arg);
	struct sink_counters *n = &s->sink->n;

	n->replies_4xx += reply->code / 100 == 4;
	n->replies_5xx += reply->code / 100 == 5;
	if (reply->code >= 400)
		sink_mail_refused(&s->mail, s->sink, verb, reply);
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
	struct sink_capability c =
	    sink_plan_offered(&o->plan, sink_us(s->sink));
	size_t n = 0;

	if (offers_starttls(s))
		s->extensions[n++] = "STARTTLS";
	if (offers_auth(s))
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
		.line_max = LINE_MAX_OCTETS,
		.smtputf8 = !(c.disable & SINK_NO_SMTPUTF8),
		.chunking = !(c.disable & SINK_NO_CHUNKING),
		.dsn = !(c.disable & SINK_NO_DSN),
		.eight_bit = !(c.disable & SINK_NO_8BITMIME),
		.binary = c.offer & SINK_BINARYMIME,
		.mt_priority = c.offer & SINK_MT_PRIORITY,
		.deliver_by = c.offer & SINK_DELIVERBY,
		.require_tls =
		    conn_is_secure(s->conn) && (c.offer & SINK_REQUIRETLS),
		.auth = offers_auth(s),
		.no_pipelining = c.disable & SINK_NO_PIPELINING,
		.no_size = c.disable & SINK_NO_SIZE,
		.no_enhanced = c.disable & SINK_NO_ENHANCED,
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

static void
secure(struct sink_session *s)
{
	struct smtp_reply none;

	s->secure_next = false;
	s->auth.step = SINK_AUTH_IDLE;
	at_stage(s, SINK_HANDSHAKE);
	if (!ruled(s, SINK_HANDSHAKE, NULL, &none) && tls_now(s) != NULL)
		conn_secure_server(s->conn, tls_now(s));
	else if (!s->doomed) /* no certificate holds any more */
		carry_out(s, &(struct sink_deed){ .action = SINK_DROP }, &none);
}

static void
end_doomed(struct sink_session *s)
{
	if (s->doom == SINK_HANG) {
		conn_timeout(s->conn, 0);
		return;
	}
	if (s->doom == SINK_RESET)
		reset_connection(s);
	session_free(s);
}

/* After the protocol has had its say, and all of it is out: does the session go
 * on?  It may be gone when this returns. */
static void
settle(struct sink_session *s)
{
	if (!sink_line_is_empty(&s->line))
		return;
	if (!s->doomed && s->secure_next && smtp_server_is_done(s->smtp))
		secure(s);
	else if (!s->doomed && smtp_server_is_done(s->smtp)) {
		conn_close_after(&s->conn, LINGER_MS);
		session_free(s);
		return;
	}
	if (!s->doomed || !sink_line_is_empty(&s->line))
		return;
	if (conn_unsent(s->conn) > 0) /* what was said before goes first */
		sink_line_write(&s->line, NULL, 0, clock_mono_us() + 1000);
	else
		end_doomed(s);
}

static void
pump(struct sink_session *s)
{
	for (;;) {
		struct str in = conn_input(s->conn);
		size_t n;

		if (in.len == 0 || !s->greeted || s->doomed ||
		    sink_line_is_full(&s->line))
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
on_drained(void *arg)
{
	struct sink_session *s = session_of(arg);

	wait_for_client(s);
	pump(s);
}

static void
greet(struct sink_session *s)
{
	struct smtp_reply r;

	s->greeted = true;
	at_stage(s, SINK_BANNER);
	if (!limited(s, SINK_BANNER, &r) && !ruled(s, SINK_BANNER, NULL, &r))
		smtp_server_greet(s->smtp);
	else if (!s->doomed)
		smtp_server_refuse(s->smtp, &r);
	pump(s);
}

static void
begin(struct sink_session *s)
{
	const struct smtp_reply none = { .code = 0 };

	if (!is_working(s, SINK_BANNER, &none))
		greet(s);
}

/* The work of a stage is done. */
static void
on_work(void *arg)
{
	struct sink_session *s = session_of(arg);

	wait_for_client(s);
	if (!s->greeted) {
		greet(s);
		return;
	}
	at_stage(s, s->stage);
	if (s->stage == SINK_DOT)
		end_mail(s, &s->answer);
	if (!s->doomed)
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

/* It was silent for too long: the script's word for that, if it has one. */
static void
on_idle(struct sink_session *s)
{
	const struct sink_plan *p = &s->sink->opt.plan;

	if (p->idle_ms > 0)
		log_deed(s, "idle", s->stage, NULL, &p->idle);
	if (p->idle_ms > 0 && p->idle.action == SINK_REPLY &&
	    !smtp_server_is_done(s->smtp)) {
		s->is_last_word = true;
		smtp_server_refuse(s->smtp, &p->idle.reply);
		conn_close_after(&s->conn, LINGER_MS);
	} else if (p->idle_ms > 0 && p->idle.action == SINK_RESET) {
		reset_connection(s);
	}
	session_free(s);
}

static void
on_event(struct conn *c, enum conn_event ev, void *arg)
{
	struct sink_session *s = session_of(arg);

	(void)c;
	switch (ev) {
	case CONN_SECURED:
		wait_for_client(s);
		on_secured(s);
		break;
	case CONN_DATA:
		wait_for_client(s);
		pump(s);
		break;
	case CONN_CONNECTED:
	case CONN_DRAINED:
		break;
	case CONN_TIMEOUT:
		on_idle(s);
		break;
	case CONN_CLOSED:
	case CONN_FAILED:
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
	s->work = timer_new(sink->loop, on_work, s);
	sink_line_init(&s->line, sink->loop, on_drained, s);
	s->conn = s->line.conn = conn_adopt(sink->loop, fd, &set);
	wait_for_client(s);
	delay_acks(s);
	new_server(s);
	if (sink->opt.tls != SINK_TLS_IMPLICIT) {
		begin(s);
		return;
	}
	secure(s);
	settle(s);
}

void
sink_session_close_all(struct sink *sink)
{
	while (!list_empty(&sink->sessions))
		session_free(
		    LIST_OF(sink->sessions.next, struct sink_session, node));
}
