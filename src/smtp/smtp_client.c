/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/smtp/smtp_client.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"
#include "smtp/smtp_client_state.h"

static void
on_quit(struct smtp_client *c, const struct reply *r)
{
	struct outcome o;

	smtp_client_outcome(c, &o, OUTCOME_QUIT, r);
	smtp_client_lose(c, &o);
}

/* Any reply shows that somebody is there, but for one that says otherwise: a
 * server that does not know NOOP still serves. */
static void
on_noop(struct smtp_client *c, const struct reply *r)
{
	struct outcome o;

	if (r->code >= 300 && r->code < 400) {
		smtp_client_nonsense(c, STEP_NOOP, r);
	} else if (r->code < 300 || (r->code >= 500 && r->code <= 502)) {
		c->hooks.ready(c->arg);
	} else {
		smtp_client_outcome(c, &o, OUTCOME_NOOP, r);
		smtp_client_lose(c, &o);
	}
}

static void
on_reset(struct smtp_client *c, const struct reply *r)
{
	struct outcome o;

	if (r->code < 300) {
		c->hooks.ready(c->arg);
	} else {
		smtp_client_outcome(c, &o, OUTCOME_RSET, r);
		smtp_client_lose(c, &o);
	}
}

/* clang-format off */
static const struct client_step_row steps[] = {
	[STEP_BANNER] = { "the connection", OUTCOME_BANNER, NULL, client_hello_on_banner },
	[STEP_EHLO] = { "EHLO", OUTCOME_EHLO, NULL, client_hello_on_ehlo },
	[STEP_HELO] = { "HELO", OUTCOME_EHLO, NULL, client_hello_on_helo },
	[STEP_STARTTLS] = { "STARTTLS", OUTCOME_STARTTLS, NULL, client_hello_on_starttls },
	[STEP_AUTH] = { "AUTH", OUTCOME_AUTH, NULL, client_hello_on_auth },
	[STEP_RSET] = { "RSET", OUTCOME_RSET, client_txn_send_rset, client_txn_on_rset },
	[STEP_MAIL] = { "MAIL FROM", OUTCOME_MAIL, client_txn_send_mail, client_txn_on_mail },
	[STEP_RCPT] = { "RCPT TO", OUTCOME_RCPT, client_txn_send_rcpt, client_txn_on_rcpt },
	[STEP_DATA] = { "DATA", OUTCOME_DATA, client_txn_send_data, client_txn_on_data },
	[STEP_CONTENT] = { "the content", OUTCOME_BODY, client_txn_send_content, NULL },
	[STEP_DOT] = { "the final dot", OUTCOME_DOT, client_txn_send_dot, client_txn_on_dot },
	[STEP_BDAT] = { "BDAT", OUTCOME_BODY, client_txn_send_bdat, client_txn_on_bdat },
	[STEP_BDAT_LAST] = { "BDAT LAST", OUTCOME_DOT, NULL, client_txn_on_bdat_last },
	[STEP_NOOP] = { "NOOP", OUTCOME_NOOP, NULL, on_noop },
	[STEP_RESET] = { "RSET", OUTCOME_RSET, NULL, on_reset },
	[STEP_QUIT] = { "QUIT", OUTCOME_QUIT, NULL, on_quit },
};
/* clang-format on */

const struct client_step_row *
smtp_client_step(enum client_step s)
{
	assert(s < STEP_NONE);
	return &steps[s];
}

void
smtp_client_set_phase(struct smtp_client *c, enum client_phase p)
{
	static const uint8_t from[] = {
		[CLIENT_HELLO] = 1 << CLIENT_TLS,
		[CLIENT_TLS] = 1 << CLIENT_HELLO,
		[CLIENT_READY] = 1 << CLIENT_HELLO,
		[CLIENT_QUITTING] = 1 << CLIENT_READY,
		[CLIENT_LOST] = 1 << CLIENT_HELLO | 1 << CLIENT_TLS |
		                1 << CLIENT_READY | 1 << CLIENT_QUITTING,
	};

	assert(from[p] & 1 << c->phase);
	c->phase = p;
}

static void
enter(struct smtp_client *c)
{
	c->busy++;
}

static void
destroy(struct smtp_client *c)
{
	free(c->helo);
	free(c->user);
	free(c->auth);
	free(c->nonce);
	buf_done(&c->out);
	buf_wipe(&c->said);
	free(c);
}

/* The outermost call returns: now a freed client goes, and one without work
 * is idle and holds no buffer. */
static void
leave(struct smtp_client *c)
{
	if (--c->busy > 0)
		return;
	if (c->dead) {
		destroy(c);
		return;
	}
	if (c->phase == CLIENT_READY && c->nin_hand == 0) {
		c->idle = c->carried > 0;
		buf_release(&c->out);
	}
}

struct smtp_client *
smtp_client_new(const struct smtp_client_settings *s,
    const struct smtp_client_hooks *h, void *arg)
{
	struct smtp_client *c = mem_new(sizeof *c);

	c->hooks = *h;
	c->arg = arg;
	c->tls = s->tls;
	c->helo = mem_str(s->helo);
	c->user = s->user != NULL ? mem_str(s->user) : NULL;
	c->nonce = s->nonce != NULL ? mem_str(s->nonce) : NULL;
	c->auth = mem_str(s->auth != NULL ? s->auth : "auto");
	c->password = s->password;
	c->auth_clear = s->auth_clear;
	c->eight_bit_pass = s->eight_bit_pass;
	c->disable = s->disable;
	buf_init(&c->out, CLIENT_OUT_MAX);
	buf_init(&c->said, SASL_LINE_MAX);
	reply_init(&c->reply, NULL, NULL);
	c->phase = CLIENT_HELLO;
	if (s->tls == SMTP_TLS_IMPLICIT)
		smtp_client_set_phase(c, CLIENT_TLS);
	else
		smtp_client_await(c, STEP_BANNER);
	return c;
}

void
smtp_client_free(struct smtp_client **cp)
{
	struct smtp_client *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	c->dead = true;
	if (c->busy == 0)
		destroy(c);
}

bool
smtp_client_is_over(const struct smtp_client *c)
{
	return c->dead || c->phase == CLIENT_LOST;
}

void
smtp_client_put(struct smtp_client *c, struct str s)
{
	int res;

	if (c->out.len >= CLIENT_OUT_FLUSH)
		smtp_client_flush(c);
	res = buf_add(&c->out, s.p, s.len);
	assert(res == 0);
}

void
smtp_client_flush(struct smtp_client *c)
{
	struct str s = buf_str(&c->out);

	if (s.len == 0 || c->dead)
		return;
	c->hooks.write(c->arg, s.p, s.len);
	buf_clear(&c->out);
}

/* Replies to one kind of command stand in one entry: a transaction needs at
 * most RSET, MAIL, RCPT, DATA and the dot, or the pieces of BDAT. */
void
smtp_client_await(struct smtp_client *c, enum client_step s)
{
	if (c->nawaited > 0 && c->awaited[c->nawaited - 1].step == s &&
	    s == STEP_RCPT) {
		c->awaited[c->nawaited - 1].count++;
		return;
	}
	assert(c->nawaited < CLIENT_AWAITED_MAX);
	c->awaited[c->nawaited++] =
	    (struct client_awaited){ .step = (uint8_t)s, .count = 1 };
	c->since++;
}

/* The step that the next reply answers; STEP_NONE: no reply is awaited. */
static enum client_step
first_awaited(const struct smtp_client *c)
{
	return c->nawaited > 0 ? (enum client_step)c->awaited[0].step
	                       : STEP_NONE;
}

static void
answered(struct smtp_client *c)
{
	c->since++;
	if (--c->awaited[0].count > 0)
		return;
	c->nawaited--;
	memmove(c->awaited, c->awaited + 1, c->nawaited * sizeof c->awaited[0]);
}

void
smtp_client_outcome(const struct smtp_client *c, struct outcome *o,
    enum outcome_stage stage, const struct reply *r)
{
	const struct client_txn *t = c->nin_hand > 0 ? &c->in_hand[0] : NULL;

	*o = (struct outcome){ .stage = stage, .io = OUTCOME_REPLY };
	if (r != NULL) {
		o->code = r->code;
		memcpy(o->enhanced, r->enhanced, sizeof o->enhanced);
		memcpy(o->text, r->text, (size_t)r->text_len + 1);
	}
	if (t == NULL)
		return;
	o->first_since_idle = t->from_idle && !t->mail_answered;
	o->dot_sent = t->dot_sent;
}

/* Behind the first one, and nothing of it answered yet. */
static void
end_chained(struct smtp_client *c, struct smtp_txn *txn)
{
	struct outcome o = { .stage = OUTCOME_MAIL, .io = OUTCOME_LOST };

	snprintf(o.text, sizeof o.text, "taken back before its content");
	c->hooks.done(c->arg, txn, &o);
}

/* The end of one that was in hand when the session ended: what had decided it
 * before, the session's end, or (chained, nothing answered yet) its loss. */
static void
end_with_session(
    struct smtp_client *c, struct client_txn *t, const struct outcome *o)
{
	struct outcome mine = *o;

	if (t->decided) {
		mine = t->verdict;
	} else if (t != &c->in_hand[0]) {
		mine.stage = OUTCOME_MAIL;
		mine.io = OUTCOME_LOST;
		mine.code = 0;
		mine.enhanced[0] = '\0';
		mine.first_since_idle = false;
	}
	mine.dot_sent = t->dot_sent;
	c->hooks.done(c->arg, t->txn, &mine);
}

void
smtp_client_lose(struct smtp_client *c, const struct outcome *o)
{
	size_t n = c->nin_hand;

	if (smtp_client_is_over(c))
		return;
	smtp_client_set_phase(c, CLIENT_LOST);
	for (size_t i = 0; i < n && !c->dead; i++)
		end_with_session(c, &c->in_hand[i], o);
	c->nin_hand = 0;
	c->nawaited = 0;
	if (!c->dead)
		c->hooks.lost(c->arg, o);
}

void
smtp_client_lose_text(struct smtp_client *c, enum outcome_stage stage,
    enum outcome_io io, const char *text)
{
	struct outcome o;

	smtp_client_outcome(c, &o, stage, NULL);
	o.io = io;
	snprintf(o.text, sizeof o.text, "%s", text != NULL ? text : "");
	smtp_client_lose(c, &o);
}

void
smtp_client_nonsense(
    struct smtp_client *c, enum client_step s, const struct reply *r)
{
	char text[sizeof((struct outcome *)0)->text];
	enum outcome_stage stage = OUTCOME_IDLE;
	const char *to = "nothing";

	if (s != STEP_NONE) {
		stage = steps[s].stage;
		to = steps[s].phrase;
	}
	snprintf(text, sizeof text, "%u in reply to %s: %.400s", r->code, to,
	    r->text);
	smtp_client_lose_text(c, stage, OUTCOME_NONSENSE, text);
}

/* A reply that nothing asked for. */
static void
unasked(struct smtp_client *c, const struct reply *r)
{
	struct outcome o;

	if (c->nin_hand > 0) {
		client_txn_interrupted(c, r);
		return;
	}
	if (r->code < 400) {
		smtp_client_nonsense(c, STEP_NONE, r);
		return;
	}
	smtp_client_outcome(c, &o, OUTCOME_IDLE, r);
	smtp_client_lose(c, &o);
}

static void
on_reply(struct smtp_client *c, struct reply *r)
{
	enum client_step s = first_awaited(c);
	struct outcome o;

	if (s == STEP_NONE) {
		unasked(c, r);
		return;
	}
	answered(c);
	if (s == STEP_AUTH)
		client_hello_hide(c, r);
	if (r->code < 200) {
		smtp_client_nonsense(c, s, r);
	} else if (r->code == 421) {
		smtp_client_outcome(c, &o, steps[s].stage, r);
		smtp_client_lose(c, &o);
	} else {
		steps[s].on_reply(c, r);
	}
}

/* What was read in clear behind the reply to STARTTLS, or before the handshake
 * was done, never gets to the parser. */
static bool
is_injected(struct smtp_client *c, size_t left)
{
	if (c->phase != CLIENT_TLS || left == 0)
		return false;
	smtp_client_lose_text(c, OUTCOME_TLS, OUTCOME_NONSENSE,
	    "response injection: bytes in clear before the TLS handshake; "
	    "somebody between may have put them there");
	return true;
}

void
smtp_client_feed(struct smtp_client *c, const char *p, size_t n)
{
	enum reply_result res = REPLY_WHOLE;

	enter(c);
	while (n > 0 && !smtp_client_is_over(c) && !is_injected(c, n)) {
		size_t taken;

		res = reply_feed(&c->reply, p, n, &taken);
		if (res == REPLY_BAD) {
			smtp_client_lose_text(c, smtp_client_awaits(c, NULL),
			    OUTCOME_NONSENSE, c->reply.fault);
			break;
		}
		p += taken;
		n -= taken;
		if (res != REPLY_WHOLE)
			break;
		c->left = n;
		on_reply(c, &c->reply);
		if (c->phase == CLIENT_TLS && n == 0 && !c->dead)
			c->hooks.secure(c->arg);
		else if (c->phase == CLIENT_READY && !c->dead)
			client_txn_pump(c);
	}
	leave(c);
}

void
smtp_client_secured(struct smtp_client *c)
{
	if (smtp_client_is_over(c))
		return;
	enter(c);
	smtp_client_set_phase(c, CLIENT_HELLO);
	c->secure = true;
	c->caps = (struct capability){ 0 };
	reply_init(&c->reply, NULL, NULL);
	if (c->tls == SMTP_TLS_IMPLICIT)
		smtp_client_await(c, STEP_BANNER);
	else
		client_hello_ehlo(c);
	smtp_client_flush(c);
	leave(c);
}

void
smtp_client_fail(struct smtp_client *c, enum outcome_io io, const char *text)
{
	enter(c);
	smtp_client_lose_text(c, smtp_client_awaits(c, NULL), io, text);
	leave(c);
}

void
smtp_client_send(struct smtp_client *c, struct smtp_txn *t)
{
	assert(smtp_client_is_ready(c));
	enter(c);
	client_txn_begin(c, t);
	client_txn_pump(c);
	leave(c);
}

void
smtp_client_content(struct smtp_client *c, const char *p, size_t n, bool last)
{
	if (smtp_client_is_over(c))
		return;
	enter(c);
	client_txn_content(c, p, n, last);
	client_txn_settle(c);
	client_txn_pump(c);
	leave(c);
}

void
smtp_client_content_failed(struct smtp_client *c, const char *text)
{
	if (smtp_client_is_over(c))
		return;
	assert(c->asked);
	enter(c);
	smtp_client_lose_text(c, OUTCOME_BODY, OUTCOME_LOCAL, text);
	leave(c);
}

void
smtp_client_release(struct smtp_client *c)
{
	if (smtp_client_is_over(c) || c->nin_hand == 0)
		return;
	enter(c);
	c->in_hand[0].held = false;
	client_txn_pump(c);
	leave(c);
}

void
smtp_client_quit(struct smtp_client *c)
{
	if (smtp_client_is_over(c) || c->phase == CLIENT_QUITTING)
		return;
	assert(c->nin_hand == 0);
	enter(c);
	if (c->phase == CLIENT_READY) {
		smtp_client_set_phase(c, CLIENT_QUITTING);
		smtp_client_put(c, STR("QUIT\r\n"));
		smtp_client_await(c, STEP_QUIT);
		smtp_client_flush(c);
	} else {
		smtp_client_lose_text(c, OUTCOME_QUIT, OUTCOME_LOCAL,
		    "given up before it was ready");
	}
	leave(c);
}

static void
say(struct smtp_client *c, struct str command, enum client_step s)
{
	assert(smtp_client_is_ready(c));
	enter(c);
	smtp_client_put(c, command);
	smtp_client_await(c, s);
	smtp_client_flush(c);
	leave(c);
}

void
smtp_client_noop(struct smtp_client *c)
{
	say(c, STR("NOOP\r\n"), STEP_NOOP);
}

void
smtp_client_rset(struct smtp_client *c)
{
	c->need_rset = false;
	say(c, STR("RSET\r\n"), STEP_RESET);
}

void
smtp_client_rested(struct smtp_client *c)
{
	assert(smtp_client_is_ready(c));
	c->idle = true;
}

void
smtp_client_take_back(struct smtp_client *c)
{
	if (!smtp_client_after_dot(c) || c->nin_hand < 2)
		return;
	enter(c);
	c->nin_hand = 1;
	c->closing = true;
	end_chained(c, c->in_hand[1].txn);
	leave(c);
}

uint32_t
smtp_client_capabilities(const struct smtp_client *c)
{
	return c->caps.set;
}

uint64_t
smtp_client_size_max(const struct smtp_client *c)
{
	return c->caps.set & SMTP_CAP_SIZE ? c->caps.size_max : 0;
}

struct smtp_limits
smtp_client_limits(const struct smtp_client *c)
{
	const struct smtp_limits *l = &c->caps.limits;

	if (c->caps.set & SMTP_CAP_LIMITS)
		return *l;
	return (struct smtp_limits){ .by_s = l->by_s };
}

bool
smtp_client_is_ready(const struct smtp_client *c)
{
	return c->phase == CLIENT_READY && c->nin_hand == 0 && c->nawaited == 0;
}

enum outcome_stage
smtp_client_awaits(const struct smtp_client *c, uint64_t *since)
{
	if (since != NULL)
		*since = c->since;
	if (c->phase == CLIENT_TLS)
		return OUTCOME_TLS;
	if (c->nawaited > 0)
		return steps[c->awaited[0].step].stage;
	return c->nin_hand > 0 ? OUTCOME_BODY : OUTCOME_IDLE;
}

bool
smtp_client_after_dot(const struct smtp_client *c)
{
	return c->nin_hand > 0 && c->in_hand[0].dot_sent;
}
