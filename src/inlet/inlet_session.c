/* SPDX-License-Identifier: Apache-2.0 */
#include "inlet/inlet_session.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/clock.h"
#include "postern/base/mem.h"
#include "postern/intake/policy.h"
#include "postern/io/conn.h"
#include "postern/io/loop.h"
#include "postern/smtp/smtp_server.h"

#include "inlet/clients.h"
#include "inlet/events.h"
#include "inlet/generation.h"
#include "inlet/inlet_core.h"
#include "inlet/session_admit.h"
#include "inlet/session_auth.h"
#include "inlet/session_command.h"
#include "inlet/session_count.h"
#include "inlet/session_delay.h"
#include "inlet/session_id.h"
#include "inlet/session_lenient.h"
#include "inlet/session_proxy.h"
#include "inlet/session_state.h"
#include "inlet/session_tls.h"
#include "inlet/session_xclient.h"
#include "inlet/stranger.h"

/* Commands are fed in parts, so that replies to a full input stay bounded. */
#define FEED_COMMANDS 1024u
/* A client that takes no replies is not read any more from here on. */
#define REPLIES_MAX (16u << 10)
#define PROTOCOL_MAX 16 /* "UTF8SMTPSA" */

/* --- the end -------------------------------------------------------------- */

void
inlet_session_log(
    const struct inlet_session *s, enum inlet_event ev, const char *text)
{
	struct log_line l;

	log_begin(&l, &inlet_events[ev], 0, s->id);
	log_cstr(&l, "listener", s->listener->name);
	log_cstr(&l, "client", s->client);
	if (text != NULL)
		log_cstr(&l, "text", text);
	log_end(&l);
}

static void
log_disconnect(const struct inlet_session *s, const char *why)
{
	struct log_line l;

	if (!log_wants_event(&inlet_events[INLET_DISCONNECT]))
		return;
	log_begin(&l, &inlet_events[INLET_DISCONNECT], 0, s->id);
	log_cstr(&l, "client", s->client);
	log_num(&l, "messages", s->messages);
	log_num(&l, "ms", (int64_t)(loop_now_ms(s->in->loop) - s->opened_ms));
	log_cstr(&l, "why", why);
	log_end(&l);
}

static void
let_message_go(struct inlet_session *s)
{
	if (s->msg != NULL && s->is_ended)
		intake_forget(s->msg);
	else if (s->msg != NULL)
		intake_abort(&s->msg);
	s->msg = NULL;
	s->is_ended = s->is_paused = s->has_content = false;
	session_count_reset(s);
}

/* The connection is closed by then, or handed to conn_close_after(). */
static void
session_free(struct inlet_session *s)
{
	struct inlet *in = s->in;

	session_delay_free(s);
	session_lenient_log(s);
	let_message_go(s);
	smtp_server_free(&s->smtp);
	list_remove(&s->in_sessions);
	if (s->is_counted)
		clients_give(s->listener->name, &s->peer);
	session_count_end(s);
	generation_drop(&s->generation);
	free(s->helo);
	free(s->client);
	free(s->claimed_helo);
	free(s->via);
	free(s->drop);
	free(s->lenient_uses);
	session_auth_reset(s);
	s->magic = 0;
	free(s);
	inlet_check_drained(in);
}

void
inlet_session_finish(struct inlet_session *s, const char *why)
{
	log_disconnect(s, why);
	conn_close_after(&s->conn, s->listener->timeouts.linger);
	session_free(s);
}

void
inlet_session_cut(struct inlet_session *s, const char *why)
{
	log_disconnect(s, why); /* why may be the connection's own words */
	conn_close(&s->conn);
	session_free(s);
}

void
inlet_session_goodbye(
    struct inlet_session *s, const char *enhanced, const char *text)
{
	smtp_server_end(s->smtp, enhanced, text);
	inlet_session_finish(s, text);
}

/* --- time ----------------------------------------------------------------- */

static uint64_t
session_left_ms(const struct inlet_session *s)
{
	uint64_t all = s->listener->timeouts.session;
	uint64_t spent = loop_now_ms(s->in->loop) - s->opened_ms;

	if (all == 0)
		return UINT64_MAX;
	return spent < all ? all - spent : 0;
}

static void
set_clock(struct inlet_session *s, uint64_t ms)
{
	uint64_t left = session_left_ms(s);

	conn_timeout(s->conn, left < ms ? left + 1 : ms);
	s->has_replied = false;
}

static bool
session_wants_more(const struct inlet_session *s)
{
	return !smtp_server_is_waiting(s->smtp) && !s->is_paused;
}

/* A command has so long from the last reply on, whatever drips in meanwhile;
 * content from its last piece.  While we keep the client waiting it has all
 * the time there is. */
static void
session_clock(struct inlet_session *s)
{
	if (!session_wants_more(s))
		conn_timeout(s->conn, 0);
	else if (smtp_server_in_body(s->smtp))
		set_clock(s, s->listener->timeouts.data);
	else if (s->has_replied)
		set_clock(s, s->listener->timeouts.command);
}

static void
session_timed_out(struct inlet_session *s)
{
	const char *text = session_left_ms(s) == 0
	                       ? "This session has lasted too long"
	                       : "Nothing came for too long";

	if (s->tls == SESSION_TLS_HANDSHAKE) {
		session_count_unsecured(s);
		inlet_session_log(s, INLET_HANDSHAKE, text);
		inlet_session_cut(s, text);
		return;
	}
	if (s->awaits_proxy) {
		inlet_session_log(s, INLET_PROXY, "none came in time");
		inlet_session_cut(s, "no PROXY header came");
		return;
	}
	inlet_session_log(s, INLET_TIMEOUT, text);
	inlet_session_goodbye(s, "4.4.2", text);
}

/* --- bytes ------------------------------------------------------------------
 */

/* false: it is not known yet, or the client was sent away (is_gone). */
static bool
session_look(struct inlet_session *s, struct str input, bool *is_gone)
{
	const char *what;

	switch (stranger_look(input, &what)) {
	case STRANGER_NO:
		s->is_known = true;
		return true;
	case STRANGER_WAIT:
		return false;
	case STRANGER_YES:
		break;
	}
	inlet_session_log(s, INLET_STRANGER, what);
	inlet_session_goodbye(s, "4.7.0", what);
	*is_gone = true;
	return false;
}

static bool
session_may_read(struct inlet_session *s)
{
	if (smtp_server_is_done(s->smtp) || !session_wants_more(s))
		return false;
	if (!conn_is_full(s->conn))
		return true;
	if (!s->is_choked)
		conn_pause(s->conn);
	s->is_choked = true;
	return false;
}

/* false: the session is gone. */
static bool
session_feed(struct inlet_session *s)
{
	bool is_gone = false;

	while (session_may_read(s)) {
		struct str input = conn_input(s->conn);
		size_t took, n = input.len;

		if (n == 0)
			break;
		if (!s->is_known && !session_look(s, input, &is_gone))
			return !is_gone;
		if (n > FEED_COMMANDS && !smtp_server_in_body(s->smtp))
			n = FEED_COMMANDS;
		took = smtp_server_feed(s->smtp, input.p, n);
		if (smtp_server_had_secret(s->smtp))
			conn_take_secret(s->conn, took);
		else
			conn_take(s->conn, took);
		if (took == 0)
			break;
	}
	return true;
}

/* The handshake has so long, whatever drips in. */
static void
session_secure(struct inlet_session *s)
{
	session_tls_start(s);
	set_clock(s, s->listener->timeouts.handshake);
}

/* The same over XCLIENT, after which another machine goes on. */
static bool
session_feed_all(struct inlet_session *s)
{
	if (!session_feed(s))
		return false;
	while (s->is_reborn) {
		if (!session_xclient_restart(s) || !session_feed(s))
			return false;
	}
	return true;
}

/* Takes what there is, then ends or waits for more. */
void
inlet_session_go_on(struct inlet_session *s)
{
	s->has_spoken = false;
	if (s->tls == SESSION_TLS_HANDSHAKE)
		return;
	if (s->awaits_proxy && !session_proxy_feed(s))
		return;
	if (s->tls == SESSION_TLS_HANDSHAKE || !session_feed_all(s))
		return;
	if (session_tls_is_due(s) && !s->is_half) {
		session_secure(s);
	} else if (smtp_server_is_done(s->smtp)) {
		inlet_session_finish(s, "done");
	} else if (!s->is_half) {
		session_clock(s);
		if (!s->has_spoken && session_wants_more(s))
			conn_ack(s->conn);
	} else if (session_wants_more(s)) {
		inlet_session_finish(s, "closed by the client");
	}
}

/* A machine that knows nothing of what was said in clear. */
static void
session_secured(struct inlet_session *s)
{
	session_tls_done(s);
	smtp_server_free(&s->smtp);
	s->smtp = inlet_session_machine(s);
	if (s->listener->implicit_tls)
		smtp_server_greet(s->smtp);
	else
		smtp_server_begin(s->smtp, s->messages);
	s->has_replied = true; /* a command is waited for from now on */
	inlet_session_go_on(s);
}

static void
session_failed(struct inlet_session *s)
{
	const char *why = conn_error(s->conn)->text;

	if (s->tls == SESSION_TLS_HANDSHAKE) {
		session_count_unsecured(s);
		inlet_session_log(s, INLET_HANDSHAKE, why);
	}
	inlet_session_cut(s, why);
}

static void
on_conn(struct conn *c, enum conn_event ev, void *arg)
{
	struct inlet_session *s = arg;

	(void)c;
	assert(s->magic == SESSION_MAGIC);
	switch (ev) {
	case CONN_DRAINED:
		if (s->is_choked)
			conn_resume(s->conn);
		s->is_choked = false;
		inlet_session_go_on(s);
		break;
	case CONN_DATA:
		inlet_session_go_on(s);
		break;
	case CONN_TIMEOUT:
		session_timed_out(s);
		break;
	case CONN_FAILED:
		session_failed(s);
		break;
	case CONN_CLOSED:
		s->is_half = true; /* what it sent before still counts */
		inlet_session_go_on(s);
		break;
	case CONN_SECURED:
		session_count_secured(s);
		session_secured(s);
		break;
	case CONN_CONNECTED:
		break;
	}
}

/* --- what intake says ------------------------------------------------------
 */

static void
on_answer(void *arg, const struct smtp_reply *reply)
{
	struct inlet_session *s = arg;

	assert(s->magic == SESSION_MAGIC);
	s->msg = NULL;
	s->is_ended = s->has_content = false;
	s->is_told = reply->code >= 400;
	if (!s->is_told) {
		s->messages++;
		session_count_message(s);
	}
	session_count_reset(s);
	smtp_server_answer(s->smtp, reply);
	if (s->in->is_draining && !smtp_server_is_done(s->smtp))
		inlet_session_goodbye(s, "4.3.2", "Shutting down");
	else
		inlet_session_go_on(s);
}

static void
session_resume(struct inlet_session *s)
{
	s->is_paused = false;
	smtp_server_resume(s->smtp);
	conn_resume(s->conn);
}

static void
on_resume(void *arg)
{
	struct inlet_session *s = arg;

	assert(s->magic == SESSION_MAGIC);
	session_resume(s);
	inlet_session_go_on(s);
}

static const struct intake_hooks intake_hooks = {
	.answer = on_answer,
	.resume = on_resume,
};

/* --- what the protocol machine says ----------------------------------------
 */

static void
on_write(void *arg, const char *p, size_t n)
{
	struct inlet_session *s = arg;

	conn_write(s->conn, p, n);
	s->has_replied = s->has_spoken = true;
}

static void
on_helo(void *arg, struct str name, bool esmtp)
{
	struct inlet_session *s = arg;

	(void)esmtp; /* smtp_server_protocol() tells */
	free(s->helo);
	s->helo = s->claimed_helo != NULL ? mem_str(s->claimed_helo)
	                                  : mem_strn(name.p, name.len);
	session_command_offer(s);
}

static int
on_command(
    void *arg, struct str verb, struct str argument, struct smtp_reply *reply)
{
	return session_command_run(arg, verb, argument, reply);
}

/* "ESMTPSA", "UTF8SMTPS", ... (RFC 3848, 6531); HELO has no such words. */
static const char *
session_protocol(const struct inlet_session *s, char out[PROTOCOL_MAX])
{
	const char *base = smtp_server_protocol(s->smtp);
	bool has_words = strcmp(base, "SMTP") != 0;

	(void)snprintf(out, PROTOCOL_MAX, "%s%s%s", base,
	    has_words && s->tls == SESSION_TLS_SECURE ? "S" : "",
	    has_words && s->user != NULL ? "A" : "");
	return out;
}

/* false: 421, and the session's end. */
static bool
may_begin(const struct inlet_session *s, struct smtp_reply *reply)
{
	if (s->in->is_draining)
		smtp_reply_set(reply, 421, "4.3.2", "Shutting down");
	else if (session_auth_is_over(s))
		smtp_reply_set(reply, 421, "4.7.0",
		    "This login does not hold any more, log in again");
	else
		return true;
	reply->close = true;
	return false;
}

static int
on_mail(void *arg, const struct smtp_mail *m, struct smtp_reply *reply)
{
	struct inlet_session *s = arg;
	char protocol[PROTOCOL_MAX], tls[SESSION_TLS_TEXT];
	struct intake_from from = {
		.client = s->client,
		.address = &s->peer,
		.helo = s->helo,
		.listener = s->listener->name,
		.user = s->user,
		.mech = s->mech,
		.protocol = session_protocol(s, protocol),
		.tls = session_tls_text(s, tls) ? tls : NULL,
		.may_raise = s->user != NULL || addr_is_loopback(&s->peer),
		.session = s->id,
		.drop = s->drop,
		.policy = s->policy,
		.user_policy = s->user_policy,
	};
	char whom[CLIENTS_NAME];

	if (!may_begin(s, reply))
		return SMTP_NOW;
	if (s->is_check)
		return smtp_reply_set(reply, 550, "5.7.1",
		    "No client's address came: a check may not send mail");
	if (s->policy->nclient_rates > 0) {
		clients_name(&s->peer, s->client, whom);
		from.rate_client = whom;
	}
	s->msg = intake_begin(s->in->intake, &from, m, &intake_hooks, s, reply);
	s->is_told = reply->code >= 400;
	if (s->msg == NULL)
		return SMTP_NOW;
	return session_delay(s, intake_wait_ms(s->msg), reply);
}

static int
on_rcpt(void *arg, const struct smtp_rcpt *r, struct smtp_reply *reply)
{
	struct inlet_session *s = arg;

	intake_rcpt(s->msg, r, reply);
	s->is_told = reply->code >= 400;
	return session_delay(s, intake_wait_ms(s->msg), reply);
}

static int
on_data(void *arg, struct smtp_reply *reply)
{
	struct inlet_session *s = arg;

	intake_data(s->msg, reply);
	s->has_content = reply->code / 100 == 3;
	return SMTP_NOW;
}

static bool
on_body(void *arg, const char *p, size_t n)
{
	struct inlet_session *s = arg;

	session_count_content(s, n);
	s->is_paused = intake_body(s->msg, p, n);
	if (s->is_paused)
		conn_pause(s->conn);
	return s->is_paused;
}

static int
on_end(void *arg, struct smtp_reply *reply)
{
	struct inlet_session *s = arg;
	int when = intake_end(s->msg, reply);

	if (s->is_paused) /* the pause goes with the content */
		session_resume(s);
	s->is_ended = when == SMTP_LATER;
	if (!s->is_ended) {
		s->msg = NULL;
		s->has_content = false;
		s->is_told = true;
		session_count_reset(s);
	}
	return when;
}

static void
on_reset(void *arg)
{
	struct inlet_session *s = arg;

	assert(!s->is_ended);
	let_message_go(s);
}

/* What an operator asks about: the mail was not taken for what it is.  The
 * rest are slips of the client's protocol. */
static enum inlet_event
refusal_event(const struct inlet_session *s, uint16_t code)
{
	if (!s->is_told && (code == 452 || code == 550 || code == 552))
		return INLET_REFUSED;
	return INLET_COMMAND;
}

static void
on_replied(void *arg, const char *verb, const struct smtp_reply *reply)
{
	struct inlet_session *s = arg;
	enum inlet_event ev = refusal_event(s, reply->code);
	struct log_line l;

	s->is_told = false;
	session_count_reply(s, verb, reply);
	if (reply->code < 400)
		return;
	log_begin(&l, &inlet_events[ev], 0, s->id);
	log_cstr(&l, "client", s->client);
	log_cstr(&l, "verb", verb);
	log_num(&l, "code", reply->code);
	log_cstr(&l, "enhanced", reply->enhanced);
	log_cstr(&l, "text", reply->text);
	log_end(&l);
}

static int64_t
on_now_ms(void *arg)
{
	(void)arg;
	return clock_wall_ms();
}

static void
on_lenient(void *arg, enum smtp_lenient what)
{
	session_lenient_used(arg, (enum inlet_lenient)what);
}

static const struct smtp_server_hooks smtp_hooks = {
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
	.now_ms = on_now_ms,
	.lenient = on_lenient,
};

/* --- the beginning ----------------------------------------------------------
 */

void
inlet_session_peer(struct inlet_session *s, const struct addr *peer)
{
	char text[ADDR_TEXT];

	if (s->is_counted)
		clients_give(s->listener->name, &s->peer);
	s->is_counted = false;
	s->peer = *peer;
	addr_host_text(peer, text);
	free(s->client);
	s->client = mem_str(text);
}

struct smtp_server *
inlet_session_machine(struct inlet_session *s)
{
	struct smtp_server_settings own = *s->server;

	own.extensions = s->extensions;
	own.lenient = session_lenient_words(s);
	own.require_tls = s->listener->require_tls && conn_is_secure(s->conn);
	own.auth = session_auth_offer(s) != NULL;
	return smtp_server_new(&own, &smtp_hooks, s);
}

static void
session_begin(struct inlet_session *s)
{
	if (s->listener->implicit_tls) {
		session_secure(s);
		return;
	}
	smtp_server_greet(s->smtp);
	session_clock(s);
}

/* Where TLS comes first a refusal in clear would say nothing, and a handshake
 * is too dear to refuse somebody. */
static void
session_refuse(struct inlet_session *s, const struct smtp_reply *reply)
{
	if (s->listener->implicit_tls) {
		inlet_session_cut(s, reply->text);
		return;
	}
	smtp_server_refuse(s->smtp, reply);
	inlet_session_finish(s, reply->text);
}

static void
turn_away(struct inlet_session *s, const struct smtp_reply *r)
{
	session_count_turned_away(s);
	session_refuse(s, r);
}

bool
inlet_session_admit(struct inlet_session *s)
{
	struct smtp_reply reply = { 0 };

	if (!session_admit(s, &reply)) {
		turn_away(s, &reply);
		return false;
	}
	session_count_admitted(s);
	session_begin(s);
	return true;
}

/* Room for a session is taken before the header is waited for. */
static void
await_proxy(struct inlet_session *s)
{
	struct smtp_reply reply = { 0 };

	s->awaits_proxy = true; /* no client yet: nobody to judge */
	if (session_admit(s, &reply))
		session_proxy_await(s);
	else
		turn_away(s, &reply);
}

static struct inlet_session *
session_new(struct inlet *in, size_t listener, int fd, const struct addr *peer)
{
	struct inlet_session *s = mem_new(sizeof *s);
	struct conn_settings cs = {
		.output_high = REPLIES_MAX,
		.fn = on_conn,
		.arg = s,
	};

	s->magic = SESSION_MAGIC;
	s->in = in;
	s->generation = generation_ref(in->generation);
	s->listener = generation_listener(in->generation, listener);
	s->policy = generation_policy(in->generation, listener);
	s->door = listener;
	inlet_session_peer(s, peer);
	s->may_xclient =
	    generation_has(s->generation, listener, GENERATION_XCLIENTS, peer);
	s->id = session_id_next(clock_wall_ms());
	s->opened_ms = loop_now_ms(in->loop);
	s->conn = conn_adopt(in->loop, fd, &cs);
	s->server = generation_server(in->generation, listener);
	s->smtp = inlet_session_machine(s);
	list_push(&in->sessions, &s->in_sessions);
	session_count_open(s);
	return s;
}

void
inlet_session_open(struct inlet *in, size_t listener, int fd,
    const struct addr *peer, const char *drop)
{
	struct inlet_session *s = session_new(in, listener, fd, peer);

	if (drop[0] != '\0')
		s->drop = mem_str(drop);
	if (generation_has(s->generation, s->door, GENERATION_PROXIES, peer))
		await_proxy(s);
	else
		(void)inlet_session_admit(s);
}

/* --- all of them ------------------------------------------------------------
 */

static void
session_drain(struct inlet_session *s, bool is_over)
{
	if (s->is_ended || (s->has_content && !is_over))
		return;
	inlet_session_goodbye(s, "4.3.2", "Shutting down");
}

void
inlet_session_drain_all(struct inlet *in, bool is_over)
{
	struct list *l, *next;

	for (l = in->sessions.next; l != &in->sessions; l = next) {
		next = l->next;
		session_drain(
		    LIST_OF(l, struct inlet_session, in_sessions), is_over);
	}
}

void
inlet_session_cut_all(struct inlet *in)
{
	struct list *l;

	while ((l = in->sessions.next) != &in->sessions)
		inlet_session_cut(
		    LIST_OF(l, struct inlet_session, in_sessions), "stopped");
}
