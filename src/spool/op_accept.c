/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/op.h"

#include <stdio.h>
#include <string.h>

#include "postern/spool/body.h"

#include "spool/batch.h"
#include "spool/cfg.h"
#include "spool/deadline.h"
#include "spool/engine.h"
#include "spool/keys.h"

#define STRINGS_MAX 2048u /* of the envelope, so that msg fits in a page */
#define ADDRESS_MAX 1024u /* a recipient with its reply fits in one, too */

/* --- checks --- */

static size_t
strings(const struct envelope *e)
{
	return str_of(e->sender).len + str_of(e->envid).len +
	       str_of(e->client).len + str_of(e->helo).len +
	       str_of(e->listener).len + str_of(e->user).len +
	       str_of(e->message_id).len;
}

static int
check_rcpts(const struct op_new *new)
{
	const struct envelope *e = new->env;
	const struct envelope_rcpt *r;

	for (uint32_t i = 0; i < e->nrcpts; i++) {
		r = &e->rcpts[i];
		if (r->delivery >= new->ndeliveries)
			return err_set(new->err, ERR_FORMAT,
			    "recipient %u has no delivery", (unsigned)i);
		if (str_of(r->address).len > ADDRESS_MAX ||
		    str_of(r->orcpt).len > ADDRESS_MAX)
			return err_set(new->err, ERR_LIMIT,
			    "recipient %u has too long an address",
			    (unsigned)i);
	}
	return 0;
}

static int
check(const struct op_new *new)
{
	const struct envelope *e = new->env;

	if (new->ndeliveries == 0 || e->nrcpts == 0)
		return err_set(new->err, ERR_FORMAT, "a message for nobody");
	if (e->body && body_str(e->body).len != e->size)
		return err_set(new->err, ERR_FORMAT,
		    "the content is not as long as was said");
	if (strings(e) > STRINGS_MAX)
		return err_set(new->err, ERR_LIMIT,
		    "the envelope is longer than %u bytes", STRINGS_MAX);
	return check_rcpts(new);
}

/* --- content --- */

static int
take_staged(struct batch *b, const struct op_new *new)
{
	uint64_t bytes, begun;
	struct keys k;
	struct str v;
	int rc;

	keys_mid(&k, new->env->mid);
	rc = store_get(&b->x, STORE_STAGE, keys_str(&k), &v);
	if (rc < 0)
		return -1;
	if (rc || record_read_pair(v, &bytes, &begun) ||
	    bytes != new->env->size) {
		err_set(new->err, ERR_STORE,
		    "the content was not staged as a whole");
		return store_damaged(&b->x);
	}
	return store_del(&b->x, STORE_STAGE, keys_str(&k)) < 0 ? -1 : 0;
}

static int
put_body(struct batch *b, uint64_t mid, struct str s)
{
	size_t max = store_value_max(b->sp->store), n;
	struct keys k;

	for (uint32_t i = 0; s.len; i++, s.p += n, s.len -= n) {
		n = s.len < max ? s.len : max;
		keys_body(&k, mid, i);
		if (store_put(&b->x, STORE_BODY, keys_str(&k),
		        (struct str){ s.p, n }))
			return -1;
	}
	return 0;
}

static int
take_content(struct batch *b, struct letter *l, const struct op_new *new)
{
	struct str s;

	if (!new->env->body)
		return take_staged(b, new);
	s = body_str(new->env->body);
	if (s.len <= b->sp->inline_max) {
		l->msg.inlined |= RECORD_BODY_INLINE;
		l->msg.body = s;
		return 0;
	}
	return put_body(b, l->mid, s);
}

/* --- envelope --- */

static struct str
text_of(const char *s)
{
	return s ? str_of(s) : (struct str){ NULL, 0 };
}

static const struct spool_past *
past_of(const struct op_new *new, uint16_t n)
{
	static const struct spool_past none;

	return new->past ? &new->past[n] : &none;
}

static uint16_t
dead_of(const struct op_new *new)
{
	uint16_t dead = 0;

	for (uint32_t n = 0; n < new->ndeliveries; n++)
		dead = (uint16_t)(dead + past_of(new, (uint16_t)n)->is_dead);
	return dead;
}

static void
fill_msg(struct record_msg *m, const struct op_new *new)
{
	const struct envelope *e = new->env;
	uint16_t dead = dead_of(new);

	*m = (struct record_msg){ .queued = (uint16_t)(new->ndeliveries - dead),
		.dead = dead,
		.deliveries = new->ndeliveries,
		.nrcpts = e->nrcpts,
		.flags = e->flags,
		.crc32c = e->crc32c,
		.size = e->size,
		.parent = e->parent,
		.arrival_ms = e->arrival_ms,
		.mt_priority = e->mt_priority,
		.release_ms = e->release_ms,
		.by_ms = e->by_ms,
		.sender = text_of(e->sender ? e->sender : ""),
		.envid = text_of(e->envid),
		.client = text_of(e->client),
		.helo = text_of(e->helo),
		.listener = text_of(e->listener),
		.user = text_of(e->user),
		.message_id = text_of(e->message_id) };
	if (new->ndeliveries == 1)
		m->inlined = RECORD_RCPTS_INLINE;
}

static void
fill_delivery(struct record_delivery *d, const struct spool_delivery *from,
    const struct spool_past *past)
{
	*d = (struct record_delivery){ .route = from->route,
		.priority = from->priority,
		.lane = from->lane,
		.due_ms = from->due_ms,
		.hold = (uint8_t)from->hold,
		.place = from->hold ? RECORD_PARKED : RECORD_SCHEDULED,
		.handed = past->handed,
		.attempts = past->attempts,
		.provider = str_of(past->provider) };
	if (past->is_dead) {
		d->place = RECORD_DEAD;
		d->hold = SPOOL_HOLD_NONE;
	}
}

static int
bury(struct batch *b, struct letter *l, uint16_t n,
    const struct record_delivery *d, const struct spool_past *past)
{
	return batch_bury(b, l, n, d,
	    &(struct record_dead){ .code = past->code,
	        .cause = str_of(past->cause),
	        .provider = d->provider,
	        .enhanced = str_of(past->enhanced),
	        .text = str_of(past->text) });
}

static void
fill_rcpts(struct letter *l, struct letter_rcpts *r, const struct envelope *e,
    uint16_t n)
{
	const struct envelope_rcpt *from;

	*r = (struct letter_rcpts){ .v = arena_get(
		                        l->a, e->nrcpts * sizeof *r->v) };
	for (uint32_t i = 0; i < e->nrcpts; i++) {
		from = &e->rcpts[i];
		if (from->delivery != n)
			continue;
		r->v[r->n++] = (struct record_rcpt){ .index = i,
			.state = (uint8_t)from->state,
			.notify = from->notify,
			.code = from->code,
			.address = text_of(from->address),
			.orcpt = text_of(from->orcpt),
			.enhanced = text_of(from->enhanced),
			.text = text_of(from->text) };
	}
}

static int
put_delivery(
    struct batch *b, struct letter *l, const struct op_new *new, uint16_t n)
{
	const struct spool_past *past = past_of(new, n);
	struct letter_rcpts rcpts;
	struct record_delivery d;
	struct spool_key key;

	fill_delivery(&d, n ? &new->more[n - 1] : new->first, past);
	fill_rcpts(l, &rcpts, new->env, n);
	if (letter_set_delivery(l, n, &d) || letter_set_rcpts(l, n, &rcpts))
		return -1;
	if (d.place == RECORD_DEAD)
		return bury(b, l, n, &d, past);
	if (batch_place(b, l, n, &d) || deadline_put(b, l, n, &d))
		return -1;
	if (d.place == RECORD_SCHEDULED) {
		key = batch_key(l, n, &d);
		batch_ready(b, &key, new->env);
	}
	return 0;
}

/* --- journal --- */

static void
tell_delivery(struct batch *b, const struct op_new *new, uint16_t n)
{
	const struct envelope *e = new->env;
	const struct spool_delivery *d = n ? &new->more[n - 1] : new->first;
	struct spool_event ev = { .kind = SPOOL_EVENT_ACCEPTED,
		.mid = e->mid,
		.n = n,
		.sender = spool_fingerprint(str_of(e->sender)),
		.message_id = spool_fingerprint(str_of(e->message_id)),
		.route = d->route,
		.why = d->why };

	snprintf(ev.client, sizeof ev.client, "%s", e->client ? e->client : "");
	if (past_of(new, n)->is_dead)
		snprintf(
		    ev.cause, sizeof ev.cause, "%s", past_of(new, n)->cause);
	else if (d->hold)
		snprintf(
		    ev.cause, sizeof ev.cause, "%s", spool_hold_word(d->hold));
	for (uint32_t i = 0; i < e->nrcpts; i++) {
		if (e->rcpts[i].delivery != n)
			continue;
		if (ev.nrcpts == SPOOL_EVENT_RCPTS) {
			batch_event(b, &ev);
			ev.nrcpts = 0;
		}
		ev.rcpts[ev.nrcpts++] =
		    spool_fingerprint(str_of(e->rcpts[i].address));
	}
	if (ev.nrcpts)
		batch_event(b, &ev);
}

int
op_accept_new(struct batch *b, const struct op_new *new)
{
	struct letter l;

	if (check(new))
		return store_damaged(&b->x);
	letter_init(&l, &b->x, &b->arena, new->env->mid);
	fill_msg(&l.msg, new);
	if (take_content(b, &l, new))
		return -1;
	for (uint32_t n = 0; n < new->ndeliveries; n++)
		if (put_delivery(b, &l, new, (uint16_t)n))
			return -1;
	for (uint32_t n = 0; n < new->ndeliveries; n++)
		tell_delivery(b, new, (uint16_t)n);
	if (letter_save_new(&l) == 0)
		return 0;
	if (store_fault(&b->x) == STORE_DAMAGED)
		err_set(new->err, ERR_STORE, "the message's id is in use");
	return -1;
}

int
op_accept(struct batch *b, struct spool_op *op)
{
	struct spool_accept *a = (struct spool_accept *)op;
	struct op_new new = { .env = a->env,
		.ndeliveries = a->ndeliveries,
		.first = &a->first,
		.more = a->more,
		.past = a->past,
		.err = &op->err };

	if (op_accept_new(b, &new))
		return -1;
	return a->drop[0] != '\0' ? cfg_put_drop(&b->x, a->drop) : 0;
}
