/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/notices.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/buf.h"
#include "postern/base/clock.h"
#include "postern/base/crc32c.h"
#include "postern/base/id.h"
#include "postern/base/mem.h"
#include "postern/mail/dsn.h"
#include "postern/relay/relay.h"
#include "postern/spool/body.h"
#include "postern/spool/envelope.h"
#include "postern/spool/spool.h"

#include "relay/delivery.h"
#include "relay/ration.h"
#include "relay/relay_core.h"
#include "relay/relay_log.h"

#define REPORT_MAX (16u << 20)   /* thousands of recipients fit */
#define RETURNED_MAX (64u << 10) /* of the message that it is about */

struct notice {
	const struct delivery *d;
	struct envelope_rcpt one;
	struct envelope_rcpt *to; /* &one, or owned; those who are told */
	uint32_t nto;
	struct dsn_rcpt *rcpts; /* owned; room for all of d */
	size_t nrcpts;
	char *head; /* owned: header read from the store, or NULL */
};

static bool
wants(const struct envelope_rcpt *rcpt, uint8_t what)
{
	if (rcpt->notify == 0)
		return what != ENVELOPE_NOTIFY_SUCCESS;
	return (rcpt->notify & what) != 0;
}

static struct dsn_rcpt *
add(struct notice *n, const struct delivery_rcpt *rcpt, enum dsn_action action)
{
	const struct envelope_rcpt *of = &n->d->env->rcpts[rcpt->index];
	struct dsn_rcpt *to = &n->rcpts[n->nrcpts++];

	*to = (struct dsn_rcpt){ .action = action,
		.address = str_of(of->address),
		.orcpt = str_of(of->orcpt),
		.status = rcpt->reply.enhanced,
		.code = rcpt->reply.code,
		.text = str_of(rcpt->reply.text),
		.last_attempt_ms = clock_wall_ms() };
	return to;
}

static void
add_failures(struct notice *n)
{
	const struct delivery *d = n->d;

	for (uint32_t i = 0; i < d->nrcpts; i++) {
		const struct delivery_rcpt *rcpt = &d->rcpts[i];

		if (rcpt->state == DELIVERY_DEAD && !rcpt->quiet &&
		    wants(&d->env->rcpts[rcpt->index], ENVELOPE_NOTIFY_FAILURE))
			add(n, rcpt, DSN_FAILED);
	}
}

static void
add_relayed(struct notice *n)
{
	const struct delivery *d = n->d;

	for (uint32_t i = 0; i < d->nrcpts; i++) {
		if (d->rcpts[i].relayed)
			add(n, &d->rcpts[i], DSN_RELAYED);
	}
}

/* The message, or the beginning of a large one. */
static struct str
returned(struct notice *n)
{
	const struct delivery *d = n->d;
	struct err err = { 0 };
	int64_t len;

	if (d->env->body)
		return body_str(d->env->body);
	n->head = mem_new(RETURNED_MAX);
	len = spool_content(
	    d->relay->reader, d->key.mid, 0, n->head, RETURNED_MAX, &err);
	return (struct str){ n->head, len > 0 ? (size_t)len : 0 };
}

/* Is it because of its 8-bit content that it could not leave?  Returned whole
 * it could not, either. */
static bool
is_unfit(const struct notice *n)
{
	for (size_t i = 0; i < n->nrcpts; i++) {
		const char *status = n->rcpts[i].status;

		if (status != NULL && strcmp(status, "5.6.3") == 0)
			return true;
	}
	return false;
}

static bool
has_failure(const struct notice *n)
{
	for (size_t i = 0; i < n->nrcpts; i++) {
		if (n->rcpts[i].action == DSN_FAILED)
			return true;
	}
	return false;
}

/* Is the whole message returned?  With a failure only (RFC 3461 4.3). */
static bool
is_whole(const struct notice *n)
{
	const struct envelope *e = n->d->env;

	return (e->flags & ENVELOPE_RET_FULL) != 0 &&
	       (e->flags & (ENVELOPE_REQUIRETLS | ENVELOPE_BINARY)) == 0 &&
	       e->size <= RETURNED_MAX && has_failure(n) && !is_unfit(n);
}

static bool
fill(struct notice *n, struct buf *out, uint64_t mid, struct dsn_needs *needs)
{
	const struct delivery *d = n->d;
	const struct envelope *e = d->env;
	const char *host = d->relay->set->hostname;
	char from[300], message_id[300], id[ID_TEXT], own[ID_TEXT];
	struct dsn_report r = { .hostname = host,
		.to = str_of(n->to[0].address),
		.now_ms = clock_wall_ms(),
		.arrival_ms = e->arrival_ms,
		.envid = str_of(e->envid),
		.release_ms = e->flags & ENVELOPE_REVIVED ? 0 : e->release_ms,
		.by_ms = e->by_ms,
		.nrcpts = n->nrcpts,
		.rcpts = n->rcpts };
	bool built;

	id_text(e->mid, id);
	id_text(mid, own);
	snprintf(from, sizeof from, "MAILER-DAEMON@%s", host);
	snprintf(message_id, sizeof message_id, "%s@%s", own, host);
	r.id = str_of(id);
	r.from = str_of(from);
	r.message_id = str_of(message_id);
	r.returned = returned(n);
	r.full = is_whole(n) && r.returned.len == e->size;
	built = dsn_build(out, &r, needs) == 0;
	return built;
}

static uint32_t
flags_of(const struct dsn_needs *needs, const struct notice *n)
{
	const struct envelope *about = n->d->env;
	const char *to = n->to[0].address; /* several are all in ASCII */
	uint32_t flags = ENVELOPE_NOTICE;

	if (needs->eight_bit)
		flags |= ENVELOPE_8BITMIME | ENVELOPE_BODY_8BIT;
	if (needs->smtputf8)
		flags |= ENVELOPE_SMTPUTF8 | ENVELOPE_HEADER_8BIT;
	if (!str_is_ascii(str_of(to)))
		flags |= ENVELOPE_SMTPUTF8;
	return flags | (about->flags & ENVELOPE_REQUIRETLS);
}

static struct envelope *
pack(const struct notice *n, struct buf *text, uint64_t mid,
    const struct dsn_needs *needs)
{
	struct str s = buf_str(text);
	struct body *body = body_new(s.len);
	struct envelope *made;
	struct envelope e = { .mid = mid,
		.parent = n->d->key.mid,
		.arrival_ms = clock_wall_ms(),
		.size = s.len,
		.crc32c = crc32c(0, s.p, s.len),
		.flags = flags_of(needs, n),
		.mt_priority = n->d->env->mt_priority,
		.sender = "",
		.client = "local",
		.listener = "notice",
		.nrcpts = n->nto,
		.rcpts = n->to,
		.body = body };

	if (body_add(body, s.p, s.len) < 0)
		made = NULL; /* it was made for this size */
	else
		made = envelope_new(&e);
	body_free(&body);
	return made;
}

/* --- to whom ----------------------------------------------------------------
 */

static void
add_to(void *arg, const char *address)
{
	struct notice *n = arg;
	struct envelope_rcpt rcpt = { .address = address,
		.notify = ENVELOPE_NOTIFY_NEVER };

	if (n->nto == 0) {
		n->to = &n->one;
	} else if (n->nto == 1) {
		n->to = mem_array(ALIASES_MEMBERS_MAX, sizeof *n->to);
		n->to[0] = n->one;
	}
	n->to[n->nto++] = rcpt;
}

static void
forget_to(struct notice *n)
{
	if (n->nto > 1)
		free(n->to);
	n->to = NULL;
	n->nto = 0;
}

/* Of one who is known on this host alone, those who read its mail. */
static void
set_to(struct notice *n, const char *address)
{
	const struct local *l = &n->d->relay->set->local;
	struct str s = str_of(address);

	forget_to(n);
	if (!local_has(l, s) || !local_readers(l, local_name(s), add_to, n))
		add_to(n, address);
}

/* All but d goes. */
static void
end(struct notice *n)
{
	forget_to(n);
	free(n->head);
	free(n->rcpts);
}

static struct envelope *
make(struct notice *n)
{
	struct dsn_needs needs = { 0 };
	struct envelope *e = NULL;
	struct buf text;
	uint64_t mid;

	if (n->nrcpts > 0) {
		mid = spool_mid(n->d->relay->spool);
		buf_init(&text, REPORT_MAX);
		if (fill(n, &text, mid, &needs))
			e = pack(n, &text, mid, &needs);
		buf_done(&text);
	}
	if (e)
		relay_log_notice(n->d, e);
	end(n);
	return e;
}

/* May there be a report at all? */
static bool
begin(struct notice *n, const struct delivery *d)
{
	const struct envelope *e = d->env;

	*n = (struct notice){ .d = d };
	if (!e || (e->flags & ENVELOPE_NOTICE) != 0 || e->sender[0] == '\0' ||
	    d->corrupt)
		return false;
	set_to(n, e->sender);
	return true;
}

/* Beyond the cap nobody is told: the message is kept, with a cause of its own.
 */
static bool
is_capped(struct notice *n)
{
	struct relay *r = n->d->relay;

	if (n->nrcpts == 0 || !r->set->bounce_rate ||
	    ration_take(&r->notices, r->set->bounce_rate, relay_now_ms(r)))
		return false;
	relay_log_notice_capped(n->d);
	end(n);
	return true;
}

static void
keep_quiet(struct delivery *d)
{
	for (uint32_t i = 0; i < d->nrcpts; i++)
		d->rcpts[i].quiet |= d->rcpts[i].state == DELIVERY_DEAD;
	d->cause = "bounce capped";
}

uint32_t
notices_route(const struct delivery *d)
{
	const struct relay_settings *set = d->relay->set;

	for (size_t i = 0; set->bounce_route && i < set->nroutes; i++) {
		if (strcmp(set->routes[i].name, set->bounce_route) == 0)
			return set->routes[i].id;
	}
	return d->key.route;
}

struct envelope *
notices_make(struct delivery *d)
{
	const struct relay_settings *set = d->relay->set;
	uint32_t dead = delivery_count(d, DELIVERY_DEAD);
	bool relayed = false;
	size_t failures;
	struct notice n;

	for (uint32_t i = 0; i < d->nrcpts && !relayed; i++)
		relayed = d->rcpts[i].relayed;
	if ((dead == 0 && !relayed) || !begin(&n, d))
		return NULL;
	n.rcpts = mem_array(d->nrcpts, sizeof *n.rcpts);
	if (set->bounce_to != RELAY_BOUNCE_NONE)
		add_failures(&n);
	failures = n.nrcpts;
	if (failures > 0 && set->bounce_to == RELAY_BOUNCE_ADDRESS)
		set_to(&n, set->bounce_address); /* failures only: success is
		                                    the sender's affair */
	else
		add_relayed(&n);
	if (!is_capped(&n))
		return make(&n);
	if (failures > 0)
		keep_quiet(d);
	return NULL;
}

struct envelope *
notices_delay(const struct delivery *d)
{
	const struct relay_settings *set = d->relay->set;
	int64_t give_up_ms = (int64_t)delivery_route(d)->retry.give_up_ms;
	struct notice n;

	if (set->bounce_to == RELAY_BOUNCE_NONE || !begin(&n, d))
		return NULL;
	if (set->bounce_to == RELAY_BOUNCE_ADDRESS)
		set_to(&n, set->bounce_address);
	n.rcpts = mem_array(d->nrcpts, sizeof *n.rcpts);
	for (uint32_t i = 0; i < d->nrcpts; i++) {
		const struct delivery_rcpt *rcpt = &d->rcpts[i];
		const struct envelope_rcpt *of = &d->env->rcpts[rcpt->index];
		struct dsn_rcpt *to;

		if (rcpt->state != DELIVERY_TODO ||
		    !wants(of, ENVELOPE_NOTIFY_DELAY))
			continue;
		to = add(&n, rcpt, DSN_DELAYED);
		to->status = d->by_ms ? "4.4.7" : of->enhanced;
		to->code = of->code;
		to->text = str_of(of->text);
		to->last_attempt_ms = 0;
		to->retry_until_ms = delivery_since_ms(d) + give_up_ms;
	}
	return is_capped(&n) ? NULL : make(&n);
}
