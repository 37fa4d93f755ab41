/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/intake/intake.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/clock.h"
#include "postern/base/crc32c.h"
#include "postern/base/id.h"
#include "postern/base/mem.h"
#include "postern/intake/repair.h"
#include "postern/mail/address_pattern.h"
#include "postern/mail/received.h"
#include "postern/spool/body.h"
#include "postern/spool/spool.h"

#include "intake/intake_log.h"
#include "intake/intake_state.h"
#include "intake/overload.h"
#include "intake/rates.h"
#include "intake/readers.h"
#include "intake/rules.h"

#define MESSAGE_MAGIC 0x1e77e12du
/* Words of an envelope: so much, and so much for each recipient (a path of 256
 * octets, an ORCPT in xtext). */
#define WORDS_BYTES (16u << 10)
#define WORDS_BYTES_RCPT 1088u
/* What they take beyond WORDS_FREE comes from the spool's budget. */
#define WORDS_FREE (16u << 10)
#define WORDS_STEP (16u << 10)
#define BODY_BYTES (1u << 20) /* more than any call of intake_body() brings */

static void
message_set_phase(struct intake_message *m, enum message_phase to)
{
	static const unsigned from[] = {
		[MESSAGE_CONTENT] = 1u << MESSAGE_ENVELOPE,
		[MESSAGE_STAGING] = 1u << MESSAGE_CONTENT,
		[MESSAGE_COMMITTING] =
		    1u << MESSAGE_CONTENT | 1u << MESSAGE_STAGING,
		[MESSAGE_GONE] = 1u << MESSAGE_CONTENT,
	};

	assert(m->magic == MESSAGE_MAGIC);
	assert((from[to] & 1u << m->phase) != 0);
	m->phase = to;
}

/* --- life ------------------------------------------------------------------
 */

struct intake *
intake_new(struct spool *sp, struct mailbox *mb)
{
	struct intake *i = mem_new(sizeof *i);

	content_pool_init(&i->pool, sp, mb);
	quota_open(&i->quotas, sp);
	buf_init(&i->field, RECEIVED_MAX);
	buf_init(&i->repaired, BODY_BYTES + REPAIR_GROWTH_MAX);
	return i;
}

void
intake_free(struct intake **i)
{
	if (*i == NULL)
		return;
	assert((*i)->pool.unanswered == 0);
	rules_drop(&(*i)->rules);
	quota_close(&(*i)->quotas);
	buf_done(&(*i)->field);
	buf_done(&(*i)->repaired);
	free(*i);
	*i = NULL;
}

void
intake_change(struct intake *i, const struct intake_settings *s,
    void (*let_go)(void *arg), void *arg)
{
	rules_drop(&i->rules);
	i->rules = rules_new(s, let_go, arg);
}

size_t
intake_pending(const struct intake *i)
{
	return i->pool.unanswered;
}

void
intake_on_idle(struct intake *i, void (*fn)(void *arg), void *arg)
{
	i->pool.on_idle = fn;
	i->pool.arg = arg;
}

static void
message_free(struct intake_message *m)
{
	if (m->phase != MESSAGE_ENVELOPE)
		content_done(&m->content);
	repair_free(&m->repair);
	quota_give_back(
	    &m->in->quotas, &m->quota, draft_word(&m->draft, DRAFT_USER));
	routing_done(&m->routing);
	free(m->deliveries);
	draft_done(&m->draft);
	if (m->words_taken > 0)
		spool_memory_give(m->in->pool.sp, m->words_taken);
	rules_drop(&m->rules);
	m->magic = 0;
	free(m);
}

/* Not ours after all.  What was staged goes; m stays until the spool has
 * answered for it. */
static void
message_drop(struct intake_message *m)
{
	if (m->phase != MESSAGE_ENVELOPE) {
		m->hooks = NULL;
		message_set_phase(m, MESSAGE_GONE);
		if (!content_drop(&m->content))
			return;
	}
	message_free(m);
}

static void
set_room_reply(struct smtp_reply *r, enum spool_result result)
{
	if (result == SPOOL_FULL)
		smtp_reply_set(r, 452, "4.3.1", "No room for it now");
	else
		smtp_reply_set(r, 451, "4.3.0", "The spool cannot take it now");
}

/* --- the answer of the spool ------------------------------------------------
 */

static void
message_answer(struct intake_message *m, enum spool_result result)
{
	const struct intake_hooks *hooks = m->hooks;
	void *arg = m->arg;
	struct smtp_reply reply = { 0 };
	char id[ID_TEXT];

	if (result == SPOOL_DONE) {
		m->quota.kept = 0; /* it stays */
		id_text(m->mid, id);
		wishes_reply(&m->wishes, id, &reply);
		intake_log_accepted(m);
	} else {
		set_room_reply(&reply, result);
		intake_log_refused(m, NULL, &reply);
		if (m->content.is_staged)
			spool_abort_staged(m->in->pool.sp, m->mid);
	}
	message_free(m);
	if (hooks != NULL)
		hooks->answer(arg, &reply);
}

static void
accept_answered(struct spool_op *op, void *owner)
{
	struct intake_message *m = op->arg;
	struct intake *in = m->in;
	enum spool_result result = op->result;

	(void)owner;
	assert(m->magic == MESSAGE_MAGIC && m->phase == MESSAGE_COMMITTING);
	free(op);
	message_answer(m, result);
	content_pool_answered(&in->pool);
}

static struct envelope *
make_envelope(struct intake_message *m, int64_t now_ms)
{
	struct envelope base = {
		.mid = m->mid,
		.arrival_ms = now_ms,
		.size = m->total,
		.crc32c = m->crc,
		.flags = m->flags | m->wishes.by_flags,
		.mt_priority = m->wishes.priority,
		.release_ms = m->wishes.release_ms,
		.by_ms = m->wishes.by_ms,
	};
	struct envelope *e;

	if (m->is_binary && !message_scan_is_lines(&m->scan))
		base.flags |= ENVELOPE_BINARY;
	if (m->scan.body_8bit)
		base.flags |= ENVELOPE_BODY_8BIT;
	if (m->scan.header_8bit)
		base.flags |= ENVELOPE_HEADER_8BIT;
	if (!m->content.is_staged)
		base.body = content_body(&m->content);
	e = draft_envelope(&m->draft, &base);
	body_free(&base.body);
	return e;
}

static void
put_deliveries(struct intake_message *m, struct spool_accept *a, int64_t now_ms)
{
	struct spool_delivery *d = m->deliveries;
	int64_t release_ms = m->wishes.release_ms;

	a->ndeliveries = m->routing.ndeliveries;
	for (uint16_t i = 0; i < a->ndeliveries; i++) {
		d[i].due_ms = release_ms > now_ms ? release_ms : now_ms;
		d[i].hold =
		    m->policy.hold ? SPOOL_HOLD_OPERATOR : SPOOL_HOLD_NONE;
	}
	a->first = d[0];
	if (a->ndeliveries > 1)
		a->more =
		    mem_dup(d + 1, (a->ndeliveries - 1u) * sizeof *a->more);
}

static void
message_commit(struct intake_message *m)
{
	struct spool_accept *a = mem_new(sizeof *a);
	int64_t now_ms = clock_wall_ms();

	message_set_phase(m, MESSAGE_COMMITTING);
	a->op.reply_to = m->in->pool.mb;
	a->op.done = accept_answered;
	a->op.arg = m;
	a->env = make_envelope(m, now_ms);
	memcpy(a->drop, m->drop, sizeof a->drop);
	put_deliveries(m, a, now_ms);
	quota_keep(
	    &m->in->quotas, &m->quota, draft_word(&m->draft, DRAFT_USER));
	content_pool_asked(&m->in->pool);
	spool_accept(m->in->pool.sp, a);
}

static void
on_content(struct content *c, enum content_event ev)
{
	struct intake_message *m = LIST_OF(c, struct intake_message, content);

	assert(m->magic == MESSAGE_MAGIC);
	if (ev == CONTENT_RESUME)
		m->hooks->resume(m->arg);
	else if (m->phase == MESSAGE_GONE)
		message_free(m);
	else if (m->phase == MESSAGE_STAGING && c->result == SPOOL_DONE)
		message_commit(m);
	else if (m->phase == MESSAGE_STAGING)
		message_answer(m, c->result);
}

/* --- the envelope ------------------------------------------------------------
 */

static int
put_words(
    struct draft *d, const struct intake_from *from, const struct smtp_mail *m)
{
	const struct {
		enum draft_word word;
		struct str text;
		bool is_given;
	} words[] = {
		{ DRAFT_SENDER, m->sender, true },
		{ DRAFT_ENVID, m->envid, m->envid.len > 0 },
		{ DRAFT_CLIENT, str_of(from->client), true },
		{ DRAFT_HELO, str_of(from->helo), from->helo != NULL },
		{ DRAFT_LISTENER, str_of(from->listener), true },
		{ DRAFT_USER, str_of(from->user), from->user != NULL },
		{ DRAFT_MECH, str_of(from->mech), from->mech != NULL },
		{ DRAFT_RATE_CLIENT, str_of(from->rate_client),
		    from->rate_client != NULL },
		{ DRAFT_PROTOCOL, str_of(from->protocol), true },
		{ DRAFT_TLS, str_of(from->tls), from->tls != NULL },
	};

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (words[i].is_given &&
		    draft_put(d, words[i].word, words[i].text) == -1)
			return -1;
	}
	return 0;
}

static uint32_t
flags_of(const struct smtp_mail *m)
{
	return (m->eight_bit || m->binary ? ENVELOPE_8BITMIME : 0u) |
	       (m->smtputf8 ? ENVELOPE_SMTPUTF8 : 0u) |
	       (m->ret_full ? ENVELOPE_RET_FULL : 0u) |
	       (m->ret_hdrs ? ENVELOPE_RET_HDRS : 0u) |
	       (m->require_tls ? ENVELOPE_REQUIRETLS : 0u) |
	       (m->auth.len > 0 ? ENVELOPE_AUTH : 0u);
}

/* true: it may come; else *r is the refusal. */
static bool
has_room(
    const struct intake *i, const struct smtp_mail *m, struct smtp_reply *r)
{
	uint64_t max = i->rules->s.size_max;
	enum spool_result room;

	if (max != 0 && m->size > max) {
		smtp_reply_set(r, 552, "5.3.4", "At most %llu bytes are taken",
		    (unsigned long long)max);
		return false;
	}
	room = spool_room(i->pool.sp, m->size);
	if (room == SPOOL_DONE)
		return true;
	set_room_reply(r, room);
	return false;
}

static bool
is_sendable(const struct intake_message *m, struct str sender)
{
	const struct intake_settings *s = &m->rules->s;

	if (s->local.from != NULL && local_has(&s->local, sender))
		sender = str_of(s->local.from);
	return s->nidentities == 0 || sender.len == 0 ||
	       address_pattern_any(s->identities, s->nidentities, sender);
}

/* The same of the sender. */
static bool
is_allowed(const struct intake_message *m, const struct smtp_mail *mail,
    struct smtp_reply *r)
{
	if (!is_sendable(m, mail->sender)) {
		smtp_reply_set(
		    r, 550, "5.7.1", "No provider may send as this address");
		return false;
	}
	if (policy_allows_sender(&m->policy, mail->sender))
		return true;
	smtp_reply_set(r, 553, "5.7.1",
	    draft_word(&m->draft, DRAFT_USER) != NULL
	        ? "You may not send as this address"
	        : "This sender may not send here");
	return false;
}

/* The same of all that goes on here. */
static bool
is_welcome(const struct intake *i, struct smtp_reply *r)
{
	struct overload_limits limits = {
		.commit_ms = i->rules->s.overload_commit_ms,
		.queued = i->rules->s.overload_queued,
	};

	if (!overload_is_on(i->pool.sp, &limits))
		return true;
	smtp_reply_set(r, 451, "4.3.2", "Too busy, try again later");
	return false;
}

/* One more message or recipient: the same of the rates; m->wait_ms is set. */
static bool
is_within_rates(struct intake_message *m, enum rate_of of, struct smtp_reply *r)
{
	struct policy_source from = {
		.listener = draft_word(&m->draft, DRAFT_LISTENER),
		.client = draft_word(&m->draft, DRAFT_RATE_CLIENT),
		.user = draft_word(&m->draft, DRAFT_USER),
	};
	struct rates_answer a;
	const char *who = NULL;

	policy_count(&m->policy, &from, of, &a, &who);
	m->wait_ms = a.verdict == RATES_SLOW ? a.wait_ms : 0;
	if (a.verdict == RATES_SLOW && a.is_news)
		intake_log_slowed(m, who);
	if (a.verdict != RATES_OVER)
		return true;
	smtp_reply_set(r, 450, "4.7.1",
	    "Too many %s from %.64s; try again in %llu s",
	    of == RATE_MESSAGES ? "messages" : "recipients", who,
	    (unsigned long long)(a.wait_ms + 999) / 1000);
	return false;
}

/* The same of the user's quota. */
static bool
is_within_quota(struct intake_message *m, enum rate_of of, struct smtp_reply *r)
{
	const char *user = draft_word(&m->draft, DRAFT_USER);
	uint64_t ms = quota_take(&m->in->quotas, &m->quota, user, of);

	if (ms == 0)
		return true;
	smtp_reply_set(r, 450, "4.7.1",
	    "The quota of %.64s is used up; try again in %llu s", user,
	    (unsigned long long)(ms + 999) / 1000);
	return false;
}

uint64_t
intake_wait_ms(const struct intake_message *m)
{
	return m->wait_ms;
}

static struct intake_message *
message_new(struct intake *i, const struct intake_from *from,
    const struct smtp_mail *mail)
{
	struct intake_message *m = mem_new(sizeof *m);
	const struct intake_settings *s = &i->rules->s;
	size_t rcpts = s->recipients_max +
	               (s->local.aliases != NULL ? ALIASES_MEMBERS_MAX : 0);

	m->magic = MESSAGE_MAGIC;
	m->phase = MESSAGE_ENVELOPE;
	m->in = i;
	m->rules = rules_ref(i->rules);
	m->session = from->session;
	if (from->drop != NULL)
		(void)snprintf(m->drop, sizeof m->drop, "%s", from->drop);
	m->flags = flags_of(mail);
	m->is_binary = mail->binary;
	wishes_take(&m->wishes, mail, from, clock_wall_ms());
	policy_join(&m->policy, from->policy, from->user_policy);
	m->user_policy = from->user_policy;
	if (m->policy.quota != NULL)
		m->quota.rate = *m->policy.quota;
	routing_init(
	    &m->routing, i->rules->s.routes, m->policy.lane, from->address);
	draft_init(&m->draft, WORDS_BYTES + rcpts * WORDS_BYTES_RCPT);
	return m;
}

struct intake_message *
intake_begin(struct intake *i, const struct intake_from *from,
    const struct smtp_mail *mail, const struct intake_hooks *h, void *arg,
    struct smtp_reply *reply)
{
	struct intake_message *m = message_new(i, from, mail);

	m->hooks = h;
	m->arg = arg;
	if (put_words(&m->draft, from, mail) == -1)
		smtp_reply_set(reply, 501, "5.5.4", "Too long");
	else if (is_allowed(m, mail, reply) && is_welcome(i, reply) &&
	         has_room(i, mail, reply) &&
	         is_within_rates(m, RATE_MESSAGES, reply) &&
	         is_within_quota(m, RATE_MESSAGES, reply))
		smtp_reply_set(reply, 250, "2.1.0", "Ok");
	if (reply->code == 250)
		return m;
	intake_log_refused(m, NULL, reply);
	message_free(m);
	return NULL;
}

/* For n recipients more. */
static bool
has_memory(struct intake_message *m, size_t n)
{
	size_t wanted = m->draft.text.len + n * WORDS_BYTES_RCPT;

	while (wanted > WORDS_FREE + m->words_taken) {
		if (!spool_memory_take(m->in->pool.sp, WORDS_STEP))
			return false;
		m->words_taken += WORDS_STEP;
	}
	return true;
}

static bool
put_rcpt(struct intake_message *m, const struct readers *who,
    const struct smtp_rcpt *r, struct smtp_reply *reply)
{
	if (readers_put(who, &m->draft, r))
		return true;
	smtp_reply_set(reply, 452, "4.5.3", "Too many recipients");
	return false;
}

/* true: it is one of the message's, or those who read its mail are; else *reply
 * is the refusal. */
static bool
take_rcpt(struct intake_message *m, const struct smtp_rcpt *rcpt,
    struct readers *who, struct smtp_reply *reply)
{
	if (!policy_allows_recipient(&m->policy, rcpt->address)) {
		smtp_reply_set(reply, 550, "5.7.1",
		    "Mail to this address is not taken here");
		return false;
	}
	readers_find(who, &m->rules->s.local, &m->draft, rcpt);
	if (who->n == 0)
		return true;
	if (!has_memory(m, who->n)) {
		smtp_reply_set(reply, 452, "4.3.1", "No memory for it now");
		return false;
	}
	if (m->draft.nrcpts >= m->rules->s.recipients_max) {
		smtp_reply_set(reply, 452, "4.5.3", "Too many recipients");
		return false;
	}
	return is_within_rates(m, RATE_RECIPIENTS, reply) &&
	       is_within_quota(m, RATE_RECIPIENTS, reply) &&
	       put_rcpt(m, who, rcpt, reply);
}

void
intake_rcpt(struct intake_message *m, const struct smtp_rcpt *r,
    struct smtp_reply *reply)
{
	struct readers who = { 0 };
	char *address;
	bool taken;

	assert(m->phase == MESSAGE_ENVELOPE);
	m->wait_ms = 0;
	taken = take_rcpt(m, r, &who, reply);
	readers_done(&who);
	if (taken) {
		smtp_reply_set(reply, 250, "2.1.5", "Ok");
		return;
	}
	address = mem_strn(r->address.p, r->address.len);
	intake_log_refused(m, address, reply);
	free(address);
}

/* --- the content -------------------------------------------------------------
 */

static bool
take_bytes(struct intake_message *m, const char *p, size_t n)
{
	m->crc = crc32c(m->crc, p, n);
	m->total += n;
	return content_add(&m->content, p, n);
}

/* Content as the client sent it, or as repair has made it. */
static bool
take_content(struct intake_message *m, const char *p, size_t n)
{
	message_scan(&m->scan, p, n);
	header_scan(&m->header, p, n);
	routing_feed(&m->routing, p, n);
	return take_bytes(m, p, n);
}

static void
begin_repair(struct intake_message *m)
{
	struct repair_settings s = {
		.complete = m->policy.repair_headers,
		.remove_bcc = m->policy.remove_bcc,
		.hostname = m->rules->s.hostname,
		.domain = m->rules->s.domain,
		.sender = draft_word(&m->draft, DRAFT_SENDER),
		.mid = m->mid,
		.now_ms = clock_wall_ms(),
	};

	if (s.complete || s.remove_bcc)
		m->repair = repair_new(&s);
}

/* n bytes of a header (p NULL: no more come) go on as they should be. */
static bool
take_repaired(struct intake_message *m, const char *p, size_t n)
{
	struct buf *out = &m->in->repaired;
	struct str made;
	const char *name, *why;
	bool enough;

	if (p != NULL)
		repair_feed(m->repair, p, n, out);
	else
		repair_end(m->repair, out);
	if (repair_is_over(m->repair)) {
		why = repair_left(m->repair, &name);
		if (why != NULL)
			intake_log_header_left(m, name, why);
		repair_free(&m->repair);
	}
	made = buf_str(out);
	enough = made.len > 0 && take_content(m, made.p, made.len);
	buf_clear(out);
	buf_release(out);
	return enough;
}

/* The one thing that is always added: in front of all (RFC 5321 4.4). */
static void
put_received(struct intake_message *m)
{
	struct buf *field = &m->in->field;
	const struct draft *d = &m->draft;
	char id[ID_TEXT], date[40];
	struct received r = {
		.helo = draft_word(d, DRAFT_HELO),
		.client = draft_word(d, DRAFT_CLIENT),
		.hostname = m->rules->s.hostname,
		.protocol = draft_word(d, DRAFT_PROTOCOL),
		.tls = draft_word(d, DRAFT_TLS),
		.id = id,
		.date = date,
		.priority = m->wishes.priority,
	};
	int rc;

	if (d->nrcpts == 1)
		r.recipient = draft_rcpt_at(d, 0);
	id_text(m->mid, id);
	clock_rfc5322(clock_wall_ms(), date);
	buf_clear(field);
	rc = received_build(field, &r);
	assert(rc == 0); /* RECEIVED_MAX is the longest */
	take_bytes(m, buf_str(field).p, buf_str(field).len);
}

static void
put_message_id(struct intake_message *m)
{
	struct str id = header_scan_id(&m->header);

	/* Without room for it the message goes on without it. */
	if (id.len > 0 && draft_put(&m->draft, DRAFT_MESSAGE_ID, id) == -1)
		m->draft.word[DRAFT_MESSAGE_ID] = 0;
}

void
intake_data(struct intake_message *m, struct smtp_reply *reply)
{
	if (m->draft.nrcpts == 0) {
		smtp_reply_set(reply, 554, "5.5.1", "No valid recipients");
		return;
	}
	message_set_phase(m, MESSAGE_CONTENT);
	m->mid = spool_mid(m->in->pool.sp);
	content_init(&m->content, &m->in->pool, m->mid, m->rules->s.stage_above,
	    on_content);
	message_scan_init(&m->scan);
	header_scan_init(&m->header);
	put_received(m);
	begin_repair(m);
	smtp_reply_set(reply, 354, "", "End with a dot on a line of its own");
}

bool
intake_body(struct intake_message *m, const char *p, size_t n)
{
	uint64_t max = m->rules->s.size_max;

	assert(m->phase == MESSAGE_CONTENT);
	if (m->is_too_big)
		return false;
	m->size += n;
	if (max != 0 && m->size > max) {
		m->is_too_big = true;
		content_drop(&m->content);
		return false;
	}
	return m->repair != NULL ? take_repaired(m, p, n)
	                         : take_content(m, p, n);
}

/* A body may hold any bytes where it was announced so; a header never. */
static bool
is_faulty(const struct intake_message *m)
{
	return m->scan.fault != MESSAGE_OK &&
	       (!m->is_binary || m->scan.in_header);
}

/* What speaks against the whole content; true: nothing. */
static bool
is_acceptable(struct intake_message *m, struct smtp_reply *r)
{
	message_scan_end(&m->scan);
	if (m->is_too_big)
		smtp_reply_set(
		    r, 552, "5.3.4", "Message size exceeds the limit");
	else if (m->header.received > m->rules->s.received_max)
		smtp_reply_set(r, 554, "5.4.6",
		    "This mail goes in a loop: it has %u Received fields",
		    m->header.received);
	else if (is_faulty(m) && m->scan.fault == MESSAGE_NUL)
		smtp_reply_set(r, 550, "5.5.2", "NUL in the content");
	else if (is_faulty(m))
		smtp_reply_set(r, 550, "5.5.2", "Bare CR or LF in the content");
	else if (m->content.result != SPOOL_DONE)
		set_room_reply(r, m->content.result);
	else
		return true;
	return false;
}

static void
choose_routes(struct intake_message *m)
{
	struct routing_ask ask = { .policy = &m->policy,
		.user = m->user_policy,
		.wishes = &m->wishes,
		.size = m->size };

	m->deliveries = routing_decide(&m->routing, &m->draft, &ask);
}

int
intake_end(struct intake_message *m, struct smtp_reply *reply)
{
	assert(m->phase == MESSAGE_CONTENT);
	if (m->repair != NULL && !m->is_too_big)
		(void)take_repaired(m, NULL, 0);
	if (!is_acceptable(m, reply)) {
		intake_log_refused(m, NULL, reply);
		message_drop(m);
		return SMTP_NOW;
	}
	put_message_id(m);
	choose_routes(m);
	if (content_end(&m->content))
		message_commit(m);
	else
		message_set_phase(m, MESSAGE_STAGING);
	return SMTP_LATER;
}

void
intake_forget(struct intake_message *m)
{
	assert(m->magic == MESSAGE_MAGIC && m->phase >= MESSAGE_STAGING);
	m->hooks = NULL;
}

void
intake_abort(struct intake_message **mp)
{
	struct intake_message *m = *mp;

	*mp = NULL;
	if (m == NULL)
		return;
	assert(m->phase <= MESSAGE_CONTENT);
	message_drop(m);
}
