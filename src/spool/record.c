/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/record.h"

#include <string.h>

/* --- primitives --- */

void
record_begin(struct record_out *o, void *p, size_t max)
{
	*o = (struct record_out){ .p = p, .max = max };
}

void
record_raw(struct record_out *o, struct str s)
{
	if (s.len > o->max - o->n) {
		o->full = true;
		return;
	}
	if (s.len)
		memcpy(o->p + o->n, s.p, s.len);
	o->n += s.len;
}

void
record_u8(struct record_out *o, uint8_t v)
{
	if (o->n == o->max) {
		o->full = true;
		return;
	}
	o->p[o->n++] = v;
}

void
record_fixed(struct record_out *o, uint64_t v, unsigned bytes)
{
	while (bytes--)
		record_u8(o, (uint8_t)(v >> (8 * bytes) & 0xff));
}

void
record_num(struct record_out *o, uint64_t v)
{
	for (; v > 0x7f; v >>= 7)
		record_u8(o, (uint8_t)(v & 0x7f) | 0x80);
	record_u8(o, (uint8_t)v);
}

void
record_signed(struct record_out *o, int64_t v)
{
	record_num(o, v < 0 ? ~((uint64_t)v << 1) : (uint64_t)v << 1);
}

void
record_text(struct record_out *o, struct str s)
{
	record_num(o, s.p ? s.len + 1 : 0);
	if (s.p)
		record_raw(o, s);
}

struct record_in
record_of(struct str v)
{
	return (struct record_in){ (const unsigned char *)v.p, v.len, false };
}

uint8_t
record_get_u8(struct record_in *in)
{
	if (in->bad || in->n == 0) {
		in->bad = true;
		return 0;
	}
	in->n--;
	return *in->p++;
}

uint64_t
record_get_fixed(struct record_in *in, unsigned bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | record_get_u8(in);
	return in->bad ? 0 : v;
}

uint64_t
record_get_num(struct record_in *in, uint64_t max)
{
	uint64_t v = 0;
	unsigned shift = 0;
	uint8_t b;

	do {
		b = record_get_u8(in);
		if (shift == 63 && b > 1) /* more than 64 bits */
			in->bad = true;
		else
			v |= (uint64_t)(b & 0x7f) << shift;
		shift += 7;
	} while (!in->bad && (b & 0x80));
	if (v > max)
		in->bad = true;
	return in->bad ? 0 : v;
}

int64_t
record_get_signed(struct record_in *in)
{
	uint64_t v = record_get_num(in, UINT64_MAX);

	return (int64_t)(v & 1 ? ~(v >> 1) : v >> 1);
}

static struct str
take(struct record_in *in, size_t n)
{
	struct str s = { (const char *)in->p, n };

	if (in->bad || n > in->n) {
		in->bad = true;
		return (struct str){ NULL, 0 };
	}
	in->p += n;
	in->n -= n;
	return s;
}

struct str
record_get_text(struct record_in *in)
{
	uint64_t n = record_get_num(in, (uint64_t)in->n + 1);

	return n ? take(in, (size_t)n - 1) : (struct str){ NULL, 0 };
}

int
record_end(const struct record_in *in)
{
	return in->bad || in->n ? -1 : 0;
}

static void
version(struct record_in *in)
{
	if (record_get_u8(in) != RECORD_VERSION)
		in->bad = true;
}

/* --- delivery --- */

#define PLACE_HANDED 0x80 /* beside the place */

static void
put_delivery(struct record_out *o, const struct record_delivery *d)
{
	record_u8(o, (uint8_t)(d->place | (d->handed ? PLACE_HANDED : 0)));
	record_u8(o, d->hold);
	record_u8(o, d->priority);
	record_u8(o, d->lane);
	record_num(o, d->route);
	record_signed(o, d->due_ms);
	record_num(o, d->attempts);
	record_text(o, d->provider);
}

static void
get_delivery(struct record_in *in, struct record_delivery *d)
{
	uint8_t place = record_get_u8(in);

	d->handed = (place & PLACE_HANDED) != 0;
	place &= (uint8_t)~PLACE_HANDED;
	if (place >= RECORD_PLACES)
		in->bad = true;
	d->place = (enum record_place)place;
	d->hold = record_get_u8(in);
	d->priority = record_get_u8(in);
	d->lane = record_get_u8(in);
	d->route = (uint32_t)record_get_num(in, UINT32_MAX);
	d->due_ms = record_get_signed(in);
	d->attempts = (uint32_t)record_get_num(in, UINT32_MAX);
	d->provider = record_get_text(in);
}

void
record_put_delivery(struct record_out *o, const struct record_delivery *d)
{
	record_u8(o, RECORD_VERSION);
	put_delivery(o, d);
}

int
record_read_delivery(struct str v, struct record_delivery *d)
{
	struct record_in in = record_of(v);

	version(&in);
	get_delivery(&in, d);
	return record_end(&in);
}

/* --- message --- */

void
record_put_msg(struct record_out *o, const struct record_msg *m)
{
	bool wishes = m->mt_priority != 0 || m->release_ms != 0;
	int parts = (wishes ? RECORD_WISHES : 0) | (m->by_ms ? RECORD_BY : 0);

	record_u8(o, RECORD_VERSION);
	record_u8(o, (uint8_t)(m->inlined | parts));
	record_num(o, m->queued);
	record_num(o, m->dead);
	record_num(o, m->deliveries);
	record_num(o, m->nrcpts);
	record_num(o, m->flags);
	record_num(o, m->size);
	record_fixed(o, m->crc32c, 4);
	record_num(o, m->parent);
	record_signed(o, m->arrival_ms);
	record_text(o, m->sender);
	record_text(o, m->envid);
	record_text(o, m->client);
	record_text(o, m->helo);
	record_text(o, m->listener);
	record_text(o, m->user);
	record_text(o, m->message_id);
	put_delivery(o, &m->first);
	if (wishes) {
		record_signed(o, m->mt_priority);
		record_signed(o, m->release_ms);
	}
	if (m->by_ms != 0)
		record_signed(o, m->by_ms);
	if (m->inlined & RECORD_RCPTS_INLINE)
		record_text(o, m->rcpts);
	if (m->inlined & RECORD_BODY_INLINE)
		record_text(o, m->body);
}

/* Numbers of a message and of its delivery, lengths of ten texts. */
#define MSG_NUMBERS 170u

size_t
record_msg_room(const struct record_msg *m)
{
	return MSG_NUMBERS + m->sender.len + m->envid.len + m->client.len +
	       m->helo.len + m->listener.len + m->user.len + m->message_id.len +
	       m->first.provider.len + m->rcpts.len + m->body.len;
}

static void
get_msg_numbers(struct record_in *in, struct record_msg *m)
{
	m->inlined = record_get_u8(in);
	m->queued = (uint16_t)record_get_num(in, UINT16_MAX);
	m->dead = (uint16_t)record_get_num(in, UINT16_MAX);
	m->deliveries = (uint16_t)record_get_num(in, UINT16_MAX);
	m->nrcpts = (uint32_t)record_get_num(in, UINT32_MAX);
	m->flags = (uint32_t)record_get_num(in, UINT32_MAX);
	m->size = record_get_num(in, INT64_MAX);
	m->crc32c = (uint32_t)record_get_fixed(in, 4);
	m->parent = record_get_num(in, UINT64_MAX);
	m->arrival_ms = record_get_signed(in);
}

/* The bits are the record's own: they say nothing that the numbers do not. */
static void
get_wishes(struct record_in *in, struct record_msg *m)
{
	int64_t priority = 0;

	m->release_ms = 0;
	if (m->inlined & RECORD_WISHES) {
		priority = record_get_signed(in);
		m->release_ms = record_get_signed(in);
		if (priority < -9 || priority > 9 ||
		    (priority == 0 && m->release_ms == 0))
			in->bad = true;
	}
	m->mt_priority = in->bad ? 0 : (int8_t)priority;
	m->inlined &= (uint8_t)~RECORD_WISHES;
}

static void
get_by(struct record_in *in, struct record_msg *m)
{
	m->by_ms = 0;
	if (m->inlined & RECORD_BY) {
		m->by_ms = record_get_signed(in);
		if (m->by_ms == 0)
			in->bad = true;
	}
	m->inlined &= (uint8_t)~RECORD_BY;
}

int
record_read_msg(struct str v, struct record_msg *m)
{
	struct record_in in = record_of(v);

	version(&in);
	get_msg_numbers(&in, m);
	m->sender = record_get_text(&in);
	m->envid = record_get_text(&in);
	m->client = record_get_text(&in);
	m->helo = record_get_text(&in);
	m->listener = record_get_text(&in);
	m->user = record_get_text(&in);
	m->message_id = record_get_text(&in);
	get_delivery(&in, &m->first);
	get_wishes(&in, m);
	get_by(&in, m);
	m->rcpts = m->body = (struct str){ NULL, 0 };
	if (m->inlined & RECORD_RCPTS_INLINE)
		m->rcpts = record_get_text(&in);
	if (m->inlined & RECORD_BODY_INLINE) {
		m->body = record_get_text(&in);
		if (m->body.len != m->size)
			in.bad = true;
	}
	return record_end(&in);
}

/* --- recipient: index, what, address, orcpt, reply --- */

enum {
	RCPT_STATE = 0x03,
	RCPT_NOTIFY = 0x3c, /* four bits of enum envelope_notify */
	RCPT_REPLY = 0x40,  /* code, enhanced and text follow */
	RCPT_SAME = 0x80,   /* ... are those of the record before */
};
#define RCPT_NOTIFY_SHIFT 2
static bool
has_reply(const struct record_rcpt *r)
{
	return r->code || r->enhanced.p || r->text.p;
}

static bool
text_eq(struct str a, struct str b)
{
	return !a.p == !b.p && str_eq(a, b);
}

static bool
same_reply(const struct record_rcpt *a, const struct record_rcpt *b)
{
	return b && a->code == b->code && text_eq(a->enhanced, b->enhanced) &&
	       text_eq(a->text, b->text);
}

void
record_put_rcpt(struct record_out *o, const struct record_rcpt *r,
    const struct record_rcpt *prev)
{
	unsigned what =
	    r->state | ((unsigned)r->notify << RCPT_NOTIFY_SHIFT & RCPT_NOTIFY);

	if (has_reply(r))
		what |= same_reply(r, prev) ? RCPT_SAME : RCPT_REPLY;
	record_num(o, r->index);
	record_u8(o, (uint8_t)what);
	record_text(o, r->address);
	record_text(o, r->orcpt);
	if (what & RCPT_REPLY) {
		record_num(o, r->code);
		record_text(o, r->enhanced);
		record_text(o, r->text);
	}
}

static void
get_reply(struct record_in *in, struct record_rcpt *r, uint8_t what, bool first)
{
	if ((what & RCPT_SAME) && (first || (what & RCPT_REPLY)))
		in->bad = true;
	if (what & RCPT_SAME)
		return; /* r still holds it */
	r->code = 0;
	r->enhanced = r->text = (struct str){ NULL, 0 };
	if (what & RCPT_REPLY) {
		r->code = (uint16_t)record_get_num(in, UINT16_MAX);
		r->enhanced = record_get_text(in);
		r->text = record_get_text(in);
	}
}

int
record_read_rcpt(struct record_in *in, struct record_rcpt *r)
{
	bool first = r->address.p == NULL;
	uint8_t what;

	if (in->bad)
		return -1;
	if (in->n == 0)
		return 0;
	r->index = (uint32_t)record_get_num(in, UINT32_MAX);
	what = record_get_u8(in);
	r->state = what & RCPT_STATE;
	r->notify = (uint8_t)((what & RCPT_NOTIFY) >> RCPT_NOTIFY_SHIFT);
	r->address = record_get_text(in);
	r->orcpt = record_get_text(in);
	get_reply(in, r, what, first);
	if (in->bad || !r->address.p) {
		in->bad = true;
		return -1;
	}
	return 1;
}

/* --- dead letter --- */

void
record_put_dead(struct record_out *o, const struct record_dead *d)
{
	record_u8(o, RECORD_VERSION);
	record_num(o, d->code);
	record_text(o, d->cause);
	record_text(o, d->provider);
	record_text(o, d->enhanced);
	record_text(o, d->text);
}

int
record_read_dead(struct str v, struct record_dead *d)
{
	struct record_in in = record_of(v);

	version(&in);
	d->code = (uint16_t)record_get_num(&in, UINT16_MAX);
	d->cause = record_get_text(&in);
	d->provider = record_get_text(&in);
	d->enhanced = record_get_text(&in);
	d->text = record_get_text(&in);
	return record_end(&in);
}

/* --- doubt --- */

void
record_put_doubt(struct record_out *o, const struct record_doubt *d)
{
	record_u8(o, RECORD_VERSION);
	record_text(o, d->provider);
	record_signed(o, d->at_ms);
	record_num(o, d->first);
	record_num(o, d->last);
}

int
record_read_doubt(struct str v, struct record_doubt *d)
{
	struct record_in in = record_of(v);

	version(&in);
	d->provider = record_get_text(&in);
	d->at_ms = record_get_signed(&in);
	d->first = (uint32_t)record_get_num(&in, UINT32_MAX);
	d->last = (uint32_t)record_get_num(&in, UINT32_MAX);
	return record_end(&in);
}

/* --- small ones --- */

void
record_put_pair(struct record_out *o, uint64_t a, uint64_t b)
{
	record_u8(o, RECORD_VERSION);
	record_num(o, a);
	record_num(o, b);
}

int
record_read_pair(struct str v, uint64_t *a, uint64_t *b)
{
	struct record_in in = record_of(v);

	version(&in);
	*a = record_get_num(&in, UINT64_MAX);
	*b = record_get_num(&in, UINT64_MAX);
	return record_end(&in);
}

void
record_put_named(struct record_out *o, struct str name)
{
	record_u8(o, RECORD_VERSION);
	record_text(o, name);
}

int
record_read_named(struct str v, struct str *name)
{
	struct record_in in = record_of(v);

	version(&in);
	*name = record_get_text(&in);
	return record_end(&in) || !name->p ? -1 : 0;
}

void
record_put_quota(struct record_out *o, int64_t reserved, int64_t spent)
{
	record_u8(o, RECORD_VERSION);
	record_signed(o, reserved);
	record_signed(o, spent);
}

int
record_read_quota(struct str v, int64_t *reserved, int64_t *spent)
{
	struct record_in in = record_of(v);

	version(&in);
	*reserved = record_get_signed(&in);
	*spent = record_get_signed(&in);
	return record_end(&in) ? -1 : 0;
}
