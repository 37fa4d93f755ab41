/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/delivery.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/clock.h"
#include "postern/base/mem.h"
#include "postern/relay/relay.h"
#include "postern/smtp/outcome.h"
#include "postern/spool/body.h"
#include "postern/spool/envelope.h"
#include "postern/spool/spool.h"

#include "relay/agenda.h"
#include "relay/domains.h"
#include "relay/doubt.h"
#include "relay/dress.h"
#include "relay/provider.h"
#include "relay/relay_core.h"
#include "relay/tally_book.h"
#include "relay/staging.h"
#include "relay/way.h"

#define BY_MAX_S 999999999 /* RFC 2852 4 */
#define REFUSED_STEP 8     /* room is made for so many more */

/* It is counted where it is, by n 1, and no more there by n -1. */
static void
count(struct delivery *d, size_t n)
{
	struct relay *r = d->relay;
	int class = d->key.priority;

	if (d->phase == DELIVERY_SENDING) {
		r->nsending += n;
		d->provider->nsending += n;
		return;
	}
	if (d->phase == DELIVERY_SETTLING) {
		r->nsettling += n;
		return;
	}
	r->nheld += n;
	r->nheld_of[class] += n;
	if (d->phase != DELIVERY_WAITING && d->aim)
		d->aim->nloose_of[class] += n;
}

void
delivery_set_phase(struct delivery *d, enum delivery_phase phase)
{
	assert(d->phase != DELIVERY_SETTLING);
	if (d->phase == DELIVERY_SENDING)
		spool_flight_del(d->relay->spool, d->key.mid);
	if (phase == DELIVERY_SENDING)
		spool_flight_add(d->relay->spool, d->key.mid);
	count(d, (size_t)-1);
	d->phase = phase;
	count(d, 1);
}

struct delivery *
delivery_new(
    struct relay *r, const struct spool_key *key, enum delivery_purpose purpose)
{
	struct delivery *d = mem_new(sizeof *d);

	d->magic = DELIVERY_MAGIC;
	d->relay = r;
	d->tally = tally_book_of(r->tally, NULL);
	d->key = *key;
	d->purpose = purpose;
	d->line = agenda_line(r->agenda, key->route);
	d->line->nheld++;
	d->taken_us = clock_mono_us();
	list_init(&d->node);
	d->inhand.mid = key->mid;
	d->inhand.n = key->n;
	keyset_add(r->inhand, &d->inhand);
	r->nswept += purpose != DELIVERY_SEND;
	count(d, 1);
	return d;
}

void
delivery_set_key(struct delivery *d, const struct spool_key *key)
{
	assert(key->mid == d->key.mid && key->n == d->key.n);
	count(d, (size_t)-1);
	d->line->nheld--;
	d->key = *key;
	d->line = agenda_line(d->relay->agenda, key->route);
	d->line->nheld++;
	count(d, 1);
}

void
delivery_aim(struct delivery *d, struct provider *p)
{
	count(d, (size_t)-1);
	d->aim = p;
	count(d, 1);
}

const struct relay_route *
delivery_route(const struct delivery *d)
{
	return d->line->way->set;
}

void
delivery_reply_done(struct delivery_reply *reply)
{
	free(reply->text);
	*reply = (struct delivery_reply){ 0 };
}

void
delivery_reply_set(struct delivery_reply *reply, uint16_t code,
    const char *enhanced, const char *text)
{
	char *copy = mem_str(text); /* text may be reply's own */

	snprintf(reply->enhanced, sizeof reply->enhanced, "%s", enhanced);
	free(reply->text);
	reply->code = code;
	reply->text = copy;
}

static void
txn_done(struct delivery *d)
{
	if (d->txn_rcpts && d->txn_rcpts != &d->txn_one) {
		free(d->txn_rcpts);
		free(d->slot);
	}
	d->txn_rcpts = NULL;
	d->slot = NULL;
}

void
delivery_free(struct delivery **dp)
{
	struct delivery *d = *dp;

	if (!d)
		return;
	assert(d->magic == DELIVERY_MAGIC && d->nsettles == 0);
	count(d, (size_t)-1);
	d->line->nheld--;
	doubt_forget(d);
	list_remove(&d->node);
	heap_del(&d->relay->quick, &d->wake);
	keyset_del(d->relay->inhand, &d->inhand);
	d->relay->nswept -= d->purpose != DELIVERY_SEND;
	txn_done(d);
	relay_generation_free(&d->gen);
	for (uint32_t i = 0; i < d->nrcpts; i++)
		delivery_reply_done(&d->rcpts[i].reply);
	if (d->rcpts != &d->one)
		free(d->rcpts);
	delivery_reply_done(&d->reply);
	free(d->refused);
	dress_free(&d->dress);
	free(d->from);
	envelope_free(&d->child);
	envelope_free(&d->env);
	d->magic = 0;
	free(d);
	*dp = NULL;
}

static bool
is_ours(const struct delivery *d, const struct envelope_rcpt *rcpt)
{
	return rcpt->delivery == d->key.n && rcpt->state == ENVELOPE_QUEUED;
}

static uint32_t
needs_of(const struct delivery *d)
{
	const struct envelope *e = d->env;
	uint32_t needs = 0;
	bool ascii = str_is_ascii(str_of(e->sender));

	for (uint32_t i = 0; ascii && i < d->nrcpts; i++)
		ascii =
		    str_is_ascii(str_of(e->rcpts[d->rcpts[i].index].address));
	if (!ascii || ((e->flags & ENVELOPE_SMTPUTF8) != 0 &&
	                  (e->flags & ENVELOPE_HEADER_8BIT) != 0))
		needs |= DELIVERY_NEEDS_UTF8;
	if (e->flags & ENVELOPE_BINARY)
		needs |= DELIVERY_NEEDS_BINARY;
	else if (e->flags & (ENVELOPE_BODY_8BIT | ENVELOPE_HEADER_8BIT))
		needs |= DELIVERY_NEEDS_8BIT;
	/* A bounce rather goes without than not at all (RFC 8689 5). */
	if ((e->flags & ENVELOPE_REQUIRETLS) != 0 && e->sender[0] != '\0')
		needs |= DELIVERY_NEEDS_TLS;
	if (e->flags & ENVELOPE_BY_RETURN)
		needs |= DELIVERY_NEEDS_BY;
	return needs;
}

bool
delivery_open(struct delivery *d, struct envelope *env)
{
	uint32_t n = 0;

	d->env = env;
	for (uint32_t i = 0; i < env->nrcpts; i++)
		n += is_ours(d, &env->rcpts[i]);
	if (n == 0)
		return false;
	d->rcpts = n == 1 ? &d->one : mem_array(n, sizeof *d->rcpts);
	for (uint32_t i = 0; d->nrcpts < n; i++) {
		if (is_ours(d, &env->rcpts[i]))
			d->rcpts[d->nrcpts++].index = i;
	}
	d->needs = needs_of(d);
	return true;
}

int32_t
delivery_by_s(const struct delivery *d)
{
	int64_t left_ms = d->env->by_ms - clock_wall_ms();
	int64_t s = left_ms / 1000 - (left_ms < 0 && left_ms % 1000 != 0);

	return (int32_t)(s < -BY_MAX_S  ? -BY_MAX_S
	                 : s > BY_MAX_S ? BY_MAX_S
	                                : s);
}

int64_t
delivery_since_ms(const struct delivery *d)
{
	const struct envelope *e = d->env;

	return e->release_ms > e->arrival_ms ? e->release_ms : e->arrival_ms;
}

bool
delivery_is_in_memory(const struct delivery *d)
{
	return d->env->body && body_str(d->env->body).len == d->env->size;
}

bool
delivery_fits(const struct delivery *d, const struct domains *domains)
{
	for (uint32_t i = 0; i < d->nrcpts; i++) {
		const struct envelope_rcpt *of =
		    &d->env->rcpts[d->rcpts[i].index];

		if (d->rcpts[i].state == DELIVERY_TODO &&
		    domains_fit(domains, str_of(of->address)))
			return true;
	}
	return false;
}

/* As the route has it: whoever is written to in another's place tells nobody,
 * and the message says whose it was. */
static void
put_rcpt(struct delivery *d, struct smtp_txn_rcpt *to,
    const struct envelope_rcpt *of)
{
	const char *instead = staging_instead(d, of->address);

	*to = (struct smtp_txn_rcpt){ .address = str_of(of->address),
		.notify = of->notify,
		.orcpt = str_of(of->orcpt) };
	if (instead)
		*to = (struct smtp_txn_rcpt){ .address = str_of(instead),
			.notify = ENVELOPE_NOTIFY_NEVER };
	dress_address(d, instead ? of->address : NULL);
}

static void
choose_rcpts(struct delivery *d, uint32_t max, struct domains *domains)
{
	uint32_t n = delivery_count(d, DELIVERY_TODO);

	n = max > 0 && n > max ? max : n;
	txn_done(d);
	if (n == 1) {
		d->txn_rcpts = &d->txn_one;
		d->slot = &d->slot_one;
	} else {
		d->txn_rcpts = mem_array(n, sizeof *d->txn_rcpts);
		d->slot = mem_array(n, sizeof *d->slot);
	}
	d->txn.nrcpts = 0;
	for (uint32_t i = 0; i < d->nrcpts && d->txn.nrcpts < n; i++) {
		struct delivery_rcpt *rcpt = &d->rcpts[i];
		const struct envelope_rcpt *of = &d->env->rcpts[rcpt->index];

		if (rcpt->state != DELIVERY_TODO ||
		    !domains_take(domains, str_of(of->address)))
			continue;
		rcpt->state = DELIVERY_IN_TXN;
		d->slot[d->txn.nrcpts] = i;
		put_rcpt(d, &d->txn_rcpts[d->txn.nrcpts++], of);
	}
	d->txn.rcpts = d->txn_rcpts;
}

/* Needed, or said by the client and welcome: what stands deeper in the content
 * is not looked at. */
static bool
says_utf8(const struct delivery *d, const struct provider *p)
{
	uint32_t caps = p->seen.caps & ~p->set->disable;

	if (d->needs & DELIVERY_NEEDS_UTF8)
		return true;
	return (d->env->flags & ENVELOPE_SMTPUTF8) != 0 &&
	       (caps & SMTP_CAP_SMTPUTF8) != 0;
}

/* Likewise: ASCII that was announced as 8-bit goes anywhere. */
static bool
says_8bit(const struct delivery *d, const struct provider *p)
{
	uint32_t caps = p->seen.caps & ~p->set->disable;

	if (d->needs & DELIVERY_NEEDS_8BIT)
		return true;
	return (d->env->flags & ENVELOPE_8BITMIME) != 0 &&
	       (caps & SMTP_CAP_8BITMIME) != 0;
}

static bool
says_require_tls(const struct delivery *d, const struct provider *p)
{
	uint32_t caps = p->seen.caps & ~p->set->disable;

	if (d->needs & DELIVERY_NEEDS_TLS)
		return true;
	return (d->env->flags & ENVELOPE_REQUIRETLS) != 0 &&
	       (caps & SMTP_CAP_REQUIRETLS) != 0 &&
	       p->set->tls == RELAY_TLS_VERIFY;
}

static void
say_by(struct delivery *d)
{
	d->txn.by_mode = d->env->flags & ENVELOPE_BY_RETURN ? 'R' : 'N';
	d->txn.by_trace = (d->env->flags & ENVELOPE_BY_TRACE) != 0;
	d->txn.by_s = delivery_by_s(d);
}

struct smtp_txn *
delivery_begin(struct delivery *d, struct provider *p, uint32_t max,
    struct domains *domains)
{
	const struct envelope *e = d->env;

	assert(!d->gen);
	d->gen = relay_generation_ref(p->gen);
	d->begun = p->id;
	d->txn = (struct smtp_txn){ .arg = d,
		.sender = dress_sender(d, p),
		.envid = str_of(e->envid),
		.eight_bit = says_8bit(d, p),
		.binary = (d->needs & DELIVERY_NEEDS_BINARY) != 0,
		.smtputf8 = says_utf8(d, p),
		.ret_full = (e->flags & ENVELOPE_RET_FULL) != 0,
		.ret_hdrs = (e->flags & ENVELOPE_RET_HDRS) != 0,
		.require_tls = says_require_tls(d, p),
		.auth_unknown = (e->flags & ENVELOPE_AUTH) != 0,
		.mt_priority = e->mt_priority,
		.hold_end = delivery_route(d)->on_doubt == RELAY_DOUBT_HOLD };
	if (e->by_ms != 0)
		say_by(d);
	if (delivery_is_in_memory(d) && !d->dress)
		d->txn.content = body_str(e->body);
	choose_rcpts(d, staging_redirects(d) ? 1 : max, domains);
	d->txn.size = dress_size(d);
	d->naccepted = d->nguessed = 0;
	d->receipt[0] = '\0';
	d->txn_why = VERDICT_OK;
	d->crc = dress_crc(d);
	d->leased_us = clock_mono_us();
	snprintf(d->via, sizeof d->via, "%s", p->set->name);
	d->tally = p->tally;
	flow_begin(d, p);
	return &d->txn;
}

/* What asks for the message, or one of its recipients, later. */
static void
note_wait(struct delivery *d, const struct verdict *v)
{
	enum verdict_message to = verdict_row(v->class)->message;

	if ((to == VERDICT_TO_LATER || to == VERDICT_TO_WAIT) &&
	    v->wait_ms > d->wait_ms)
		d->wait_ms = v->wait_ms;
}

void
delivery_rcpt(struct delivery *d, uint32_t index, const struct outcome *o,
    const struct verdict *v)
{
	struct delivery_rcpt *rcpt = &d->rcpts[d->slot[index]];

	assert(index < d->txn.nrcpts);
	note_wait(d, v);
	d->nguessed += v->is_guess && (v->class == VERDICT_RCPT ||
	                                  v->class == VERDICT_IDENTITY);
	switch (verdict_row(v->class)->message) {
	case VERDICT_TO_DONE:
		rcpt->state = DELIVERY_ACCEPTED;
		d->naccepted++;
		return;
	case VERDICT_TO_WAIT:
		rcpt->state = DELIVERY_LATER;
		break;
	case VERDICT_TO_FAIL:
	case VERDICT_TO_DEAD:
		rcpt->state = DELIVERY_DEAD;
		break;
	default:
		rcpt->state = DELIVERY_TODO;
		d->txn_why = v->class;
		delivery_reply_set(&d->reply, o->code, o->enhanced, o->text);
		return;
	}
	delivery_reply_set(&rcpt->reply, o->code, o->enhanced, o->text);
}

static bool
does(const struct provider *p, uint32_t cap)
{
	return p && (p->seen.caps & ~p->set->disable & cap) != 0;
}

/* Who set a time and traces the message hears of each relay; else of the one
 * that hands it to a server that knows no such times (RFC 2852 4.2). */
static bool
is_by_relayed(const struct delivery *d, const struct envelope_rcpt *of)
{
	if (d->env->by_ms == 0 || (of->notify & ENVELOPE_NOTIFY_NEVER) != 0)
		return false;
	return (d->env->flags & ENVELOPE_BY_TRACE) != 0 ||
	       !does(d->provider, SMTP_CAP_DELIVERBY);
}

static void
delivered(struct delivery *d, struct delivery_rcpt *rcpt)
{
	const struct envelope_rcpt *of = &d->env->rcpts[rcpt->index];
	bool unsaid = (of->notify & ENVELOPE_NOTIFY_SUCCESS) != 0 &&
	              !does(d->provider, SMTP_CAP_DSN);

	rcpt->state = DELIVERY_DONE;
	rcpt->relayed = unsaid || is_by_relayed(d, of);
}

/* What the end means for one that has no verdict of its own yet. */
static void
end_rcpt(struct delivery *d, struct delivery_rcpt *rcpt,
    const struct outcome *o, const struct verdict_row *row)
{
	if (rcpt->state != DELIVERY_ACCEPTED && rcpt->state != DELIVERY_IN_TXN)
		return;
	if (row->message == VERDICT_TO_DONE && rcpt->state == DELIVERY_ACCEPTED)
		delivered(d, rcpt);
	else if (row->message == VERDICT_TO_FAIL ||
	         row->message == VERDICT_TO_DEAD)
		rcpt->state = DELIVERY_DEAD;
	else {
		rcpt->state = DELIVERY_TODO;
		return;
	}
	delivery_reply_set(&rcpt->reply, o->code, o->enhanced, o->text);
}

void
delivery_believe_none(struct delivery *d)
{
	for (uint32_t i = 0; i < d->txn.nrcpts; i++)
		d->rcpts[d->slot[i]].state = DELIVERY_TODO;
}

static void
doubt_rcpt(struct delivery_rcpt *rcpt, const struct outcome *o)
{
	char text[600];

	if (rcpt->state != DELIVERY_ACCEPTED && rcpt->state != DELIVERY_IN_TXN)
		return;
	snprintf(text, sizeof text, "nobody knows whether it was delivered: %s",
	    o->text);
	rcpt->state = DELIVERY_DOUBT;
	delivery_reply_set(&rcpt->reply, 0, "4.4.2", text);
}

void
delivery_end(
    struct delivery *d, const struct outcome *o, const struct verdict *v)
{
	const struct verdict_row *row = verdict_row(v->class);

	flow_end(d, o);
	note_wait(d, v);
	if (v->class == VERDICT_OK)
		receipt_read(d->receipt, o->text);
	for (uint32_t i = 0; i < d->txn.nrcpts; i++) {
		if (doubt_is(d, o))
			doubt_rcpt(&d->rcpts[d->slot[i]], o);
		else
			end_rcpt(d, &d->rcpts[d->slot[i]], o, row);
	}
	if (v->class != VERDICT_OK)
		delivery_reply_set(&d->reply, o->code, o->enhanced, o->text);
	txn_done(d);
	relay_generation_free(&d->gen);
}

void
delivery_set_todo(struct delivery *d, enum delivery_rcpt_state state,
    const struct delivery_reply *reply)
{
	for (uint32_t i = 0; i < d->nrcpts; i++) {
		struct delivery_rcpt *rcpt = &d->rcpts[i];

		if (rcpt->state != DELIVERY_TODO)
			continue;
		rcpt->state = state;
		delivery_reply_set(&rcpt->reply, reply->code, reply->enhanced,
		    reply->text ? reply->text : "");
	}
}

uint32_t
delivery_count(const struct delivery *d, enum delivery_rcpt_state state)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < d->nrcpts; i++)
		n += d->rcpts[i].state == state;
	return n;
}

static bool
is_among(const uint64_t *ids, uint32_t n, uint64_t id)
{
	for (uint32_t i = 0; i < n; i++) {
		if (ids[i] == id)
			return true;
	}
	return false;
}

/* With more providers than there is room for the round starts anew. */
void
delivery_mark_tried(struct delivery *d, const struct provider *p)
{
	d->nround++;
	if (delivery_has_tried(d, p))
		return;
	if (d->ntried == DELIVERY_TRIED_MAX)
		d->ntried = 0;
	d->tried[d->ntried++] = p->id;
}

bool
delivery_has_tried(const struct delivery *d, const struct provider *p)
{
	return is_among(d->tried, d->ntried, p->id);
}

void
delivery_mark_refused(struct delivery *d, const struct provider *p)
{
	if (delivery_was_refused(d, p))
		return;
	if (d->nrefused % REFUSED_STEP == 0)
		d->refused = mem_resize(d->refused,
		    (d->nrefused + REFUSED_STEP) * sizeof *d->refused);
	d->refused[d->nrefused++] = p->id;
}

bool
delivery_was_refused(const struct delivery *d, const struct provider *p)
{
	return is_among(d->refused, d->nrefused, p->id);
}
