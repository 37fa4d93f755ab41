/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp/client_txn - transactions: MAIL, RCPT, then DATA or BDAT, content, end.
 * Each send function says one command and moves t->at to what comes next; each
 * on_reply function judges one reply.  Nothing here waits: whatever is allowed
 * leaves at once (client_txn_pump), in as few writes as possible.
 *
 * Outbound gate: no address or parameter that could end a command gets out,
 * and content passes mail/message, which stops at a bare CR, LF or NUL; but for
 * a binary body, which goes in chunks only: nothing in it can end it.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "postern/smtp/smtp_server.h"
#include "smtp/smtp_client_state.h"

static bool
pipelines(const struct smtp_client *c)
{
	return c->caps.set & SMTP_CAP_PIPELINING;
}

/* Chunks only where envelope and content can leave together. */
static bool
chunks(const struct smtp_client *c)
{
	return pipelines(c) && c->caps.set & SMTP_CAP_CHUNKING;
}

static bool
passes(unsigned char b, bool utf8)
{
	return b >= ' ' && b != 0x7f && (b < 0x80 || utf8);
}

/* Can it stand between < and > without ending there, or the line? */
static bool
is_clean_address(struct str a, bool utf8)
{
	bool quoted = false;

	if (a.len > CLIENT_ADDRESS_MAX)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		unsigned char b = (unsigned char)a.p[i];

		if (!passes(b, utf8))
			return false;
		if (quoted && b == '\\') {
			if (++i == a.len ||
			    !passes((unsigned char)a.p[i], utf8))
				return false;
		} else if (b == '"') {
			quoted = !quoted;
		} else if (!quoted && (b == ' ' || b == '<' || b == '>')) {
			return false;
		}
	}
	return !quoted;
}

static bool
is_clean_parameter(struct str s, bool utf8)
{
	if (s.len > CLIENT_ADDRESS_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char b = (unsigned char)s.p[i];

		if (b == ' ' || b == '=' || !passes(b, utf8))
			return false;
	}
	return true;
}

/* NULL, or why this transaction must not go to this peer. */
static const char *
txn_fault(const struct smtp_client *c, const struct smtp_txn *t)
{
	uint32_t caps = c->caps.set;

	if (t->smtputf8 && !(caps & SMTP_CAP_SMTPUTF8))
		return "the peer does not offer SMTPUTF8";
	if (t->binary && (caps & SMTP_CAPS_BINARY) != SMTP_CAPS_BINARY)
		return "the peer does not offer BINARYMIME";
	if (t->eight_bit && !t->binary && !(caps & SMTP_CAP_8BITMIME) &&
	    !c->eight_bit_pass)
		return "the peer does not offer 8BITMIME";
	if (t->require_tls && !(caps & SMTP_CAP_REQUIRETLS))
		return "the peer does not offer REQUIRETLS";
	if (t->by_mode == 'R' && !(caps & SMTP_CAP_DELIVERBY))
		return "the peer does not offer DELIVERBY";
	if (t->by_mode == 'R' && (uint32_t)t->by_s < c->caps.limits.by_s)
		return "the peer takes longer than the message may";
	if (c->caps.set & SMTP_CAP_SIZE && c->caps.size_max > 0 &&
	    t->size > c->caps.size_max)
		return "the message is larger than the peer takes";
	if (!is_clean_address(t->sender, t->smtputf8))
		return "the sender's address cannot be sent";
	if (!is_clean_parameter(t->envid, false))
		return "the envelope id cannot be sent";
	for (uint32_t i = 0; i < t->nrcpts; i++) {
		if (t->rcpts[i].address.len == 0 ||
		    !is_clean_address(t->rcpts[i].address, t->smtputf8))
			return "a recipient's address cannot be sent";
		if (!is_clean_parameter(t->rcpts[i].orcpt, t->smtputf8))
			return "an original recipient cannot be sent";
	}
	return NULL;
}

void
client_txn_begin(struct smtp_client *c, struct smtp_txn *txn)
{
	const char *fault = txn_fault(c, txn);
	struct client_txn *t;

	assert(txn->nrcpts > 0 && c->nin_hand < CLIENT_IN_HAND_MAX);
	if (fault != NULL) {
		struct outcome o = { .stage = OUTCOME_MAIL,
			.io = OUTCOME_LOCAL };

		snprintf(o.text, sizeof o.text, "%s", fault);
		c->hooks.done(c->arg, txn, &o);
		return;
	}
	t = &c->in_hand[c->nin_hand++];
	memset(t, 0, sizeof *t);
	t->txn = txn;
	t->from_idle = c->idle;
	t->at = c->need_rset ? STEP_RSET : STEP_MAIL;
	t->held = txn->hold_end;
	message_stuff_init(&t->stuff);
	message_scan_init(&t->scan);
	c->idle = false;
	c->carried++;
	c->since++;
}

/* --- sending ---------------------------------------------------------------
 */

static bool
may_send(const struct smtp_client *c, const struct client_txn *t)
{
	switch (t->at) {
	case STEP_NONE:
		return false;
	case STEP_CONTENT:
		return !c->asked;
	case STEP_BDAT:
		return !c->asked && !t->held && t->pieces < CLIENT_PIECES_MAX;
	case STEP_DOT:
		return !t->held || t->lone_dot;
	default:
		return pipelines(c) || c->nawaited == 0;
	}
}

static struct client_txn *
next_sender(struct smtp_client *c)
{
	if (smtp_client_is_over(c))
		return NULL;
	for (size_t i = 0; i < c->nin_hand; i++) {
		if (may_send(c, &c->in_hand[i]))
			return &c->in_hand[i];
	}
	return NULL;
}

/* Hooks asked on the way may answer at once, and so come back here: they only
 * change what is to be sent, the loop below sends it. */
void
client_txn_pump(struct smtp_client *c)
{
	struct client_txn *t;

	if (c->pumping)
		return;
	c->pumping = true;
	while ((t = next_sender(c)) != NULL)
		smtp_client_step(t->at)->send(c, t);
	c->pumping = false;
	if (!smtp_client_is_over(c))
		smtp_client_flush(c);
}

static void
await(struct smtp_client *c, struct client_txn *t, enum client_step s)
{
	t->unanswered++;
	smtp_client_await(c, s);
}

void
client_txn_send_rset(struct smtp_client *c, struct client_txn *t)
{
	smtp_client_put(c, STR("RSET\r\n"));
	await(c, t, STEP_RSET);
	c->need_rset = false;
	t->at = STEP_MAIL;
}

static void
put_by(struct smtp_client *c, const struct smtp_txn *txn)
{
	char by[32];
	int n;

	if (txn->by_mode == 0 || !(c->caps.set & SMTP_CAP_DELIVERBY))
		return;
	n = snprintf(by, sizeof by, " BY=%" PRId32 ";%c%s", txn->by_s,
	    txn->by_mode, txn->by_trace ? "T" : "");
	smtp_client_put(c, (struct str){ by, (size_t)n });
}

/* RFC 8689, 6710, 2852; AUTH=<> is for those that know us only (RFC 4954 5).
 */
static void
put_wishes(struct smtp_client *c, const struct smtp_txn *txn)
{
	char priority[32];
	int n;

	if (txn->require_tls)
		smtp_client_put(c, STR(" REQUIRETLS"));
	if (c->caps.set & SMTP_CAP_MT_PRIORITY && txn->mt_priority != 0) {
		n = snprintf(priority, sizeof priority, " MT-PRIORITY=%d",
		    txn->mt_priority);
		smtp_client_put(c, (struct str){ priority, (size_t)n });
	}
	put_by(c, txn);
	if (txn->auth_unknown && c->user != NULL)
		smtp_client_put(c, STR(" AUTH=<>"));
}

static void
put_mail_parameters(struct smtp_client *c, const struct smtp_txn *txn)
{
	uint32_t caps = c->caps.set;
	char size[32];

	if (caps & SMTP_CAP_SIZE && txn->size > 0) {
		int n =
		    snprintf(size, sizeof size, " SIZE=%" PRIu64, txn->size);

		smtp_client_put(c, (struct str){ size, (size_t)n });
	}
	if (txn->binary)
		smtp_client_put(c, STR(" BODY=BINARYMIME"));
	else if (caps & SMTP_CAP_8BITMIME && txn->eight_bit)
		smtp_client_put(c, STR(" BODY=8BITMIME"));
	if (txn->smtputf8)
		smtp_client_put(c, STR(" SMTPUTF8"));
	put_wishes(c, txn);
	if (!(caps & SMTP_CAP_DSN))
		return;
	if (txn->ret_full || txn->ret_hdrs)
		smtp_client_put(
		    c, txn->ret_full ? STR(" RET=FULL") : STR(" RET=HDRS"));
	if (txn->envid.len > 0) {
		smtp_client_put(c, STR(" ENVID="));
		smtp_client_put(c, txn->envid);
	}
}

void
client_txn_send_mail(struct smtp_client *c, struct client_txn *t)
{
	smtp_client_put(c, STR("MAIL FROM:<"));
	smtp_client_put(c, t->txn->sender);
	smtp_client_put(c, STR(">"));
	put_mail_parameters(c, t->txn);
	smtp_client_put(c, STR("\r\n"));
	await(c, t, STEP_MAIL);
	t->at = STEP_RCPT;
}

static void
put_notify(struct smtp_client *c, uint8_t notify)
{
	static const struct {
		uint8_t bit;
		struct str word;
	} words[] = {
		{ SMTP_NEVER, { "NEVER", 5 } },
		{ SMTP_SUCCESS, { "SUCCESS", 7 } },
		{ SMTP_FAILURE, { "FAILURE", 7 } },
		{ SMTP_DELAY, { "DELAY", 5 } },
	};
	struct str before = STR(" NOTIFY=");

	if (notify & SMTP_NEVER)
		notify = SMTP_NEVER; /* stands alone (RFC 3461 4.1) */
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (!(notify & words[i].bit))
			continue;
		smtp_client_put(c, before);
		smtp_client_put(c, words[i].word);
		before = STR(",");
	}
}

/* Its end may not leave before the owner says so. */
static void
ask_hold(struct smtp_client *c, struct client_txn *t)
{
	assert(t == &c->in_hand[0]);
	if (t->held)
		c->hooks.hold(c->arg, t->txn);
}

void
client_txn_send_rcpt(struct smtp_client *c, struct client_txn *t)
{
	const struct smtp_txn_rcpt *r = &t->txn->rcpts[t->rcpts_sent];

	smtp_client_put(c, STR("RCPT TO:<"));
	smtp_client_put(c, r->address);
	smtp_client_put(c, STR(">"));
	if (c->caps.set & SMTP_CAP_DSN) {
		put_notify(c, r->notify);
		if (r->orcpt.len > 0) {
			smtp_client_put(c, STR(" ORCPT="));
			smtp_client_put(c, r->orcpt);
		}
	}
	smtp_client_put(c, STR("\r\n"));
	await(c, t, STEP_RCPT);
	if (++t->rcpts_sent < t->txn->nrcpts)
		return;
	if (t->txn->no_content)
		t->at = STEP_NONE;
	else
		t->at = chunks(c) ? STEP_BDAT : STEP_DATA;
	if (t->at == STEP_BDAT)
		ask_hold(c, t);
}

void
client_txn_send_data(struct smtp_client *c, struct client_txn *t)
{
	smtp_client_put(c, STR("DATA\r\n"));
	await(c, t, STEP_DATA);
	t->at = STEP_NONE; /* until 354 */
}

/* The gate found what must not be sent, or sent half: no end is ever said. */
static void
faulty(struct smtp_client *c, enum message_fault fault)
{
	static const char *const text[] = {
		[MESSAGE_OK] = "the content cannot be sent",
		[MESSAGE_BARE_CR] = "the content holds a bare CR",
		[MESSAGE_BARE_LF] = "the content holds a bare LF",
		[MESSAGE_NUL] = "the content holds a NUL",
		[MESSAGE_LINE_TOO_LONG] = "the content holds too long a line",
	};

	smtp_client_lose_text(c, OUTCOME_BODY, OUTCOME_LOCAL, text[fault]);
}

/* Content behind 354, in slices that out can hold stuffed. */
static void
send_stuffed(
    struct smtp_client *c, struct client_txn *t, struct str s, bool last)
{
	while (s.len > 0) {
		size_t n = s.len < CLIENT_SLICE ? s.len : CLIENT_SLICE;

		if (c->out.len >= CLIENT_OUT_FLUSH)
			smtp_client_flush(c);
		if (message_stuff(&t->stuff, &c->out, s.p, n) != 0) {
			faulty(c, t->stuff.fault);
			return;
		}
		t->offset += n;
		s.p += n;
		s.len -= n;
	}
	if (last)
		t->at = STEP_DOT;
}

/* A piece with its BDAT; the last one ends the content. */
static void
send_piece(struct smtp_client *c, struct client_txn *t, struct str s, bool last)
{
	char line[48];
	int n;

	message_scan(&t->scan, s.p, s.len);
	if (last)
		message_scan_end(&t->scan);
	if (t->scan.fault != MESSAGE_OK &&
	    (!t->txn->binary || t->scan.in_header)) {
		faulty(c, t->scan.fault);
		return;
	}
	n = snprintf(
	    line, sizeof line, "BDAT %zu%s\r\n", s.len, last ? " LAST" : "");
	smtp_client_put(c, (struct str){ line, (size_t)n });
	if (s.len <= CLIENT_APPEND_MAX) {
		smtp_client_put(c, s);
	} else {
		smtp_client_flush(c);
		c->hooks.write(c->arg, s.p, s.len);
	}
	await(c, t, last ? STEP_BDAT_LAST : STEP_BDAT);
	t->pieces++;
	t->offset += s.len;
	if (last) {
		t->at = STEP_NONE;
		t->dot_sent = true;
	}
}

static void
ask_content(struct smtp_client *c, struct client_txn *t)
{
	c->asked = true;
	c->hooks.content(c->arg, t->txn, t->offset);
}

void
client_txn_content(struct smtp_client *c, const char *p, size_t n, bool last)
{
	struct client_txn *t = &c->in_hand[0];
	struct str s = { p, n };

	assert(c->asked && c->nin_hand > 0 && (n > 0 || last));
	c->asked = false;
	c->since++;
	if (t->at == STEP_CONTENT)
		send_stuffed(c, t, s, last);
	else if (t->at == STEP_BDAT)
		send_piece(c, t, s, last);
	/* else it has been refused meanwhile */
}

void
client_txn_send_content(struct smtp_client *c, struct client_txn *t)
{
	if (t->txn->content.p == NULL)
		ask_content(c, t);
	else
		send_stuffed(c, t, t->txn->content, true);
}

void
client_txn_send_bdat(struct smtp_client *c, struct client_txn *t)
{
	struct str s = t->txn->content;

	if (s.p == NULL) {
		ask_content(c, t);
		return;
	}
	s.p += t->offset;
	s.len -= t->offset;
	if (s.len > CLIENT_PIECE)
		send_piece(c, t, (struct str){ s.p, CLIENT_PIECE }, false);
	else
		send_piece(c, t, s, true);
}

/* The next one's commands leave with this one's dot (RFC 2920 3.1). */
static void
chain(struct smtp_client *c)
{
	struct smtp_txn *next;

	if (!pipelines(c) || c->hooks.next == NULL ||
	    c->nin_hand == CLIENT_IN_HAND_MAX)
		return;
	next = c->hooks.next(c->arg);
	if (next != NULL && !smtp_client_is_over(c))
		client_txn_begin(c, next);
}

void
client_txn_send_dot(struct smtp_client *c, struct client_txn *t)
{
	t->at = STEP_NONE;
	if (t->lone_dot) {
		smtp_client_put(c, STR(".\r\n"));
		await(c, t, STEP_DOT);
		return;
	}
	if (message_stuff_end(&t->stuff, &c->out) != 0) {
		faulty(c, t->stuff.fault);
		return;
	}
	await(c, t, STEP_DOT);
	t->dot_sent = true;
	chain(c);
}

/* --- replies ---------------------------------------------------------------
 */

static void
finish(struct smtp_client *c)
{
	struct client_txn *t = &c->in_hand[0];
	struct outcome o = t->verdict;
	struct smtp_txn *txn = t->txn;
	bool out_of_step = t->out_of_step;

	assert(t->decided);
	c->nin_hand--;
	memmove(t, t + 1, c->nin_hand * sizeof *t);
	c->hooks.done(c->arg, txn, &o);
	if (c->closing && !smtp_client_is_over(c))
		smtp_client_lose_text(c, OUTCOME_QUIT, OUTCOME_LOCAL,
		    "given up after its last reply");
	if (out_of_step && !smtp_client_is_over(c))
		smtp_client_lose_text(c, OUTCOME_RCPT, OUTCOME_NONSENSE,
		    "a recipient taken after the sender was refused");
	while (!smtp_client_is_over(c) && smtp_client_is_ready(c) &&
	       c->hooks.next != NULL) {
		txn = c->hooks.next(c->arg);
		if (txn == NULL || smtp_client_is_over(c))
			break;
		client_txn_begin(c, txn);
	}
}

void
client_txn_settle(struct smtp_client *c)
{
	struct client_txn *t = &c->in_hand[0];

	if (smtp_client_is_over(c) || c->nin_hand == 0)
		return;
	if (t->unanswered == 0 && t->at == STEP_NONE && !c->asked)
		finish(c);
}

/* The first one in hand gets its reply. */
static struct client_txn *
answered(struct smtp_client *c)
{
	struct client_txn *t = &c->in_hand[0];

	assert(c->nin_hand > 0 && t->unanswered > 0);
	t->unanswered--;
	return t;
}

static void
decide(struct smtp_client *c, struct client_txn *t, enum outcome_stage stage,
    const struct reply *r)
{
	if (t->decided)
		return;
	smtp_client_outcome(c, &t->verdict, stage, r);
	t->decided = true;
}

/* Nothing more of this one is sent. */
static void
stop(struct client_txn *t)
{
	t->at = STEP_NONE;
}

void
client_txn_on_rset(struct smtp_client *c, const struct reply *r)
{
	struct outcome o;

	answered(c);
	if (r->code < 300)
		return;
	smtp_client_outcome(c, &o, OUTCOME_RSET, r);
	smtp_client_lose(c, &o);
}

void
client_txn_on_mail(struct smtp_client *c, const struct reply *r)
{
	struct client_txn *t = answered(c);

	if (r->code >= 300 && r->code < 400) {
		smtp_client_nonsense(c, STEP_MAIL, r);
		return;
	}
	if (r->code >= 400) {
		decide(c, t, OUTCOME_MAIL, r);
		t->mail_refused = true;
		stop(t);
	}
	t->mail_answered = true;
	client_txn_settle(c);
}

/* All have been answered and nobody is to get it. */
static void
end_without(struct smtp_client *c, struct client_txn *t, const struct reply *r)
{
	decide(c, t, OUTCOME_RCPT, r);
	stop(t);
	c->need_rset = true;
}

void
client_txn_on_rcpt(struct smtp_client *c, const struct reply *r)
{
	struct client_txn *t = answered(c);
	uint32_t index = t->rcpts_answered++;
	struct outcome o;

	if (r->code >= 300 && r->code < 400) {
		smtp_client_nonsense(c, STEP_RCPT, r);
		return;
	}
	if (t->mail_refused) {
		t->out_of_step |= r->code < 300;
		client_txn_settle(c);
		return;
	}
	if (r->code < 300)
		t->rcpts_accepted++;
	if (t->rcpts_answered == t->txn->nrcpts &&
	    (t->rcpts_accepted == 0 || t->txn->no_content))
		end_without(c, t, r);
	smtp_client_outcome(c, &o, OUTCOME_RCPT, r);
	c->hooks.rcpt(c->arg, t->txn, index, &o);
	client_txn_settle(c);
}

/* 354 */
static void
content_wanted(struct smtp_client *c, struct client_txn *t)
{
	if (t->out_of_step) {
		smtp_client_lose_text(c, OUTCOME_DATA, OUTCOME_NONSENSE,
		    "content wanted after the sender was refused");
		return;
	}
	/* It would pass for the reply to the dot, and the message for sent. */
	if (c->left > 0) {
		smtp_client_lose_text(c, OUTCOME_DATA, OUTCOME_NONSENSE,
		    "a reply to content that was not yet sent");
		return;
	}
	t->lone_dot = t->rcpts_accepted == 0;
	t->at = t->lone_dot ? STEP_DOT : STEP_CONTENT;
	if (t->lone_dot)
		c->need_rset = false; /* the dot ends the transaction */
	else
		ask_hold(c, t);
}

void
client_txn_on_data(struct smtp_client *c, const struct reply *r)
{
	struct client_txn *t = answered(c);

	if (r->code < 300) {
		smtp_client_nonsense(c, STEP_DATA, r);
		return;
	}
	if (r->code < 400) {
		content_wanted(c, t);
		return;
	}
	decide(c, t, OUTCOME_DATA, r);
	c->need_rset |= !t->mail_refused;
	client_txn_settle(c);
}

void
client_txn_on_dot(struct smtp_client *c, const struct reply *r)
{
	struct client_txn *t = answered(c);

	if (r->code >= 300 && r->code < 400) {
		smtp_client_nonsense(c, STEP_DOT, r);
		return;
	}
	decide(c, t, OUTCOME_DOT, r);
	client_txn_settle(c);
}

static void
on_piece(struct smtp_client *c, const struct reply *r, enum client_step s)
{
	struct client_txn *t = answered(c);
	bool last = s == STEP_BDAT_LAST;

	t->pieces--;
	if (r->code >= 300 && r->code < 400) {
		smtp_client_nonsense(c, s, r);
		return;
	}
	if (last || r->code >= 400)
		decide(c, t, last ? OUTCOME_DOT : OUTCOME_BODY, r);
	if (r->code >= 400) {
		stop(t);
		c->need_rset = true; /* what is left there is unknown */
	}
	client_txn_settle(c);
}

void
client_txn_on_bdat(struct smtp_client *c, const struct reply *r)
{
	on_piece(c, r, STEP_BDAT);
}

void
client_txn_on_bdat_last(struct smtp_client *c, const struct reply *r)
{
	on_piece(c, r, STEP_BDAT_LAST);
}

void
client_txn_interrupted(struct smtp_client *c, const struct reply *r)
{
	struct outcome o;

	if (r->code < 400) {
		smtp_client_nonsense(c, STEP_CONTENT, r);
		return;
	}
	smtp_client_outcome(c, &o, OUTCOME_BODY, r);
	smtp_client_lose(c, &o);
}
