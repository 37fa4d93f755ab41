/* SPDX-License-Identifier: Apache-2.0 */
#include "spool_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/crc32c.h"
#include "postern/base/mem.h"
#include "postern/spool/body.h"

#include "spool_kit.h"

#define TEXT_MAX 512
#define MODEL_OTHER_TEXT UINT32_MAX /* the spool's own words */

void
model_text(uint32_t number, char *to, size_t max)
{
	uint32_t x = number * 2654435761u;
	size_t n = x % 3 ? x % 40 : x % max; /* some are as long as can be */

	if (x % 11 == 0)
		n = max - 1;
	for (size_t i = 0; i < n; i++)
		to[i] = (char)('a' + (x >> 7) % 26);
	for (size_t i = 0; i < n && i < 10; i++, x /= 10)
		to[i] = (char)('0' + x % 10);
	to[n] = 0;
}

/* --- an envelope of a message --- */

static void
rcpt_texts(const struct model_message *m, uint32_t i, char *address,
    char *orcpt, size_t max)
{
	uint32_t x = (uint32_t)m->mid * 31 + i;

	snprintf(address, max, "r%u-", (unsigned)i);
	model_text(x, address + strlen(address), 250);
	orcpt[0] = 0;
	if (x % 3 == 0)
		model_text(x + 1, orcpt, 500);
}

static void
fill_rcpts(const struct model_message *m, struct envelope_rcpt *to)
{
	char address[TEXT_MAX], orcpt[TEXT_MAX];

	for (uint32_t i = 0; i < m->nrcpts; i++) {
		rcpt_texts(m, i, address, orcpt, sizeof address);
		to[i] = (struct envelope_rcpt){ .address = mem_str(address),
			.orcpt = orcpt[0] ? mem_str(orcpt) : NULL,
			.notify = i & 15,
			.delivery = m->r[i].delivery };
	}
}

static void
free_rcpts(struct envelope_rcpt *r, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		free((char *)(uintptr_t)r[i].address);
		free((char *)(uintptr_t)r[i].orcpt);
	}
	free(r);
}

struct envelope *
model_envelope(const struct model_message *m)
{
	struct envelope_rcpt *rcpts = mem_array(m->nrcpts, sizeof *rcpts);
	char sender[TEXT_MAX], id[TEXT_MAX], helo[TEXT_MAX], *content;
	struct envelope env = { .mid = m->mid,
		.size = m->bytes + m->bad,
		.arrival_ms = 7,
		.flags = (uint32_t)m->mid & 63,
		.sender = sender,
		.envid = m->mid % 2 ? "envid" : NULL,
		.client = "192.0.2.1",
		.helo = helo,
		.listener = "local",
		.message_id = m->mid % 3 ? id : NULL,
		.nrcpts = m->nrcpts,
		.rcpts = rcpts };
	struct envelope *e;

	model_text((uint32_t)m->mid + 5, sender, 255);
	model_text((uint32_t)m->mid + 6, id, 256);
	model_text((uint32_t)m->mid + 7, helo, 500);
	fill_rcpts(m, rcpts);
	content = mem_new(m->bytes);
	kit_content(m->mid, 0, content, m->bytes);
	env.crc32c = crc32c(0, content, m->bytes);
	if (!m->staged) {
		env.body = body_new(m->bytes);
		assert_int_equal(body_add(env.body, content, m->bytes), 0);
	}
	e = envelope_new(&env);
	body_free(&env.body);
	free(content);
	free_rcpts(rcpts, m->nrcpts);
	return e;
}

/* --- operations --- */

struct model_message *
model_find(struct model *w, uint64_t mid)
{
	for (size_t i = 0; i < MODEL_MESSAGES; i++)
		if (w->m[i].mid == mid)
			return &w->m[i];
	return NULL;
}

size_t
model_size(const struct model *w)
{
	size_t n = 0;

	for (size_t i = 0; i < MODEL_MESSAGES; i++)
		n += w->m[i].mid != 0;
	return n;
}

static void
place(struct model_delivery *d, const struct spool_delivery *at)
{
	d->at = *at;
	d->place = at->hold ? MODEL_PARKED : MODEL_SCHEDULED;
}

/* The time is the spool's: model_compare() takes it over. */
static void
hold_in_doubt(struct model_delivery *d)
{
	d->place = MODEL_PARKED;
	d->at.hold = SPOOL_HOLD_DOUBT;
	d->at.due_ms = -1;
}

static bool
is_in_doubt(const struct model_delivery *d)
{
	return d->place == MODEL_PARKED && d->at.hold == SPOOL_HOLD_DOUBT;
}

enum spool_result
model_accept(struct model *w, const struct model_message *m)
{
	struct model_message *to = model_find(w, 0);

	assert_non_null(to);
	if (m->bad || model_find(w, m->mid))
		return SPOOL_FAILED;
	*to = *m;
	for (uint16_t n = 0; n < m->ndeliveries; n++)
		place(&to->d[n], &m->d[n].at);
	return SPOOL_DONE;
}

static struct model_delivery *
delivery(struct model_message *m, uint16_t n)
{
	if (!m || n >= m->ndeliveries || m->d[n].place == MODEL_GONE)
		return NULL;
	return &m->d[n];
}

/* The delivery is over; the message goes with its last one. */
static void
gone(struct model_message *m, struct model_delivery *d)
{
	d->place = MODEL_GONE;
	d->doubted = false; /* nothing of it is left, that word neither */
	for (uint16_t n = 0; n < m->ndeliveries; n++)
		if (m->d[n].place != MODEL_GONE)
			return;
	m->mid = 0;
}

static bool
is_at(const struct model_delivery *d, const struct spool_key *k)
{
	return d->place == MODEL_SCHEDULED && d->at.route == k->route &&
	       d->at.priority == k->priority && d->at.lane == k->lane &&
	       d->at.due_ms == k->due_ms;
}

static void
take_results(struct model_message *m, const struct spool_settle *s,
    const uint32_t *texts)
{
	struct model_rcpt *r;

	for (uint32_t i = 0; i < s->nresults; i++) {
		if (s->results[i].index >= m->nrcpts)
			continue;
		r = &m->r[s->results[i].index];
		if (r->delivery != s->key.n || r->state != ENVELOPE_QUEUED)
			continue;
		r->state = s->results[i].state;
		r->code = s->results[i].code;
		r->text = texts[i];
	}
}

/* Those that die now go another way. */
static void
hand_over(struct model_message *m, const struct spool_settle *s,
    const struct model_rcpt *before)
{
	bool any = false;

	for (uint32_t i = 0; i < m->nrcpts; i++) {
		if (m->r[i].delivery != s->key.n ||
		    m->r[i].state != ENVELOPE_DEAD ||
		    before[i].state == ENVELOPE_DEAD)
			continue;
		m->r[i].state = ENVELOPE_QUEUED;
		m->r[i].delivery = m->ndeliveries;
		any = true;
	}
	if (any)
		place(&m->d[m->ndeliveries++], &s->over_to);
}

static void
settled(struct model_message *m, struct model_delivery *d,
    const struct spool_settle *s)
{
	uint32_t queued = 0, dead = 0, doubt = 0;

	for (uint32_t i = 0; i < m->nrcpts; i++) {
		if (m->r[i].delivery != s->key.n)
			continue;
		queued += m->r[i].state == ENVELOPE_QUEUED;
		dead += m->r[i].state == ENVELOPE_DEAD;
		doubt += m->r[i].state == ENVELOPE_DOUBT;
	}
	d->attempts += s->count_attempt;
	if (queued && is_at(d, &s->key)) {
		d->at.due_ms = s->next_due_ms;
		d->at.hold = s->hold;
		d->place = s->hold ? MODEL_PARKED : MODEL_SCHEDULED;
	} else if (!queued && doubt) {
		hold_in_doubt(d);
	} else if (!queued && dead && s->keep_dead) {
		d->place = MODEL_DEAD;
	} else if (!queued) {
		gone(m, d);
	}
}

enum spool_result
model_settle(struct model *w, const struct spool_settle *s,
    const uint32_t *texts, const struct model_message *child)
{
	struct model_message *m = model_find(w, s->key.mid);
	struct model_delivery *d = delivery(m, s->key.n);
	struct model_rcpt before[MODEL_RCPTS];

	if (d)
		d->doubted = false;
	if (!d || d->place == MODEL_DEAD)
		return SPOOL_GONE;
	memcpy(before, m->r, sizeof before);
	take_results(m, s, texts);
	if (s->hands_over)
		hand_over(m, s, before);
	settled(m, d, s);
	return child ? model_accept(w, child) : SPOOL_DONE;
}

enum spool_result
model_doubt(struct model *w, const struct spool_doubt *o)
{
	struct model_delivery *d =
	    delivery(model_find(w, o->key.mid), o->key.n);

	if (o->over) {
		if (d)
			d->doubted = false;
		return SPOOL_DONE;
	}
	if (!d || d->place != MODEL_SCHEDULED)
		return SPOOL_GONE;
	d->doubted = true;
	d->first = o->first;
	d->last = o->last;
	return SPOOL_DONE;
}

static void
start_with(struct model_message *m, uint16_t n)
{
	struct model_delivery *d = &m->d[n];
	uint32_t queued = 0, marked = 0;

	if (!d->doubted)
		return;
	d->doubted = false;
	for (uint32_t i = 0; i < m->nrcpts; i++) {
		struct model_rcpt *r = &m->r[i];

		if (r->delivery != n || r->state != ENVELOPE_QUEUED)
			continue;
		if (i < d->first || i > d->last) {
			queued++;
			continue;
		}
		marked++;
		r->state = ENVELOPE_DOUBT;
		r->code = 0;
		r->text = MODEL_OTHER_TEXT;
	}
	if (marked && queued == 0 && d->place <= MODEL_PARKED)
		hold_in_doubt(d);
}

void
model_start(struct model *w)
{
	for (size_t i = 0; i < MODEL_MESSAGES; i++)
		for (uint16_t n = 0; w->m[i].mid && n < w->m[i].ndeliveries;
		     n++)
			start_with(&w->m[i], n);
}

static bool
can_move(const struct model_delivery *d, const struct spool_move *o)
{
	return o->remove || o->to.hold != SPOOL_HOLD_DOUBT || is_in_doubt(d);
}

enum spool_result
model_move(struct model *w, const struct spool_move *o)
{
	struct model_message *m = model_find(w, o->mid);
	struct model_delivery *d = delivery(m, o->n);
	struct model_message was;
	uint32_t queued = 0;

	if (!d || !can_move(d, o))
		return SPOOL_GONE;
	if (o->remove) {
		gone(m, d);
		return SPOOL_DONE;
	}
	if (o->to.hold == SPOOL_HOLD_DOUBT) {
		place(d, &o->to);
		return SPOOL_DONE;
	}
	was = *m;
	for (uint32_t i = 0; i < m->nrcpts; i++) {
		if (m->r[i].delivery != o->n)
			continue;
		if (((o->revive || d->place == MODEL_DEAD) &&
		        m->r[i].state == ENVELOPE_DEAD) ||
		    (is_in_doubt(d) && m->r[i].state == ENVELOPE_DOUBT))
			m->r[i].state = ENVELOPE_QUEUED;
		queued += m->r[i].state == ENVELOPE_QUEUED;
	}
	if (queued == 0) {
		*m = was;
		return SPOOL_GONE;
	}
	if (d->place == MODEL_DEAD)
		d->attempts = 0;
	place(d, &o->to);
	return SPOOL_DONE;
}

/* --- comparing --- */

static void
compare_rcpt(
    const struct model_message *m, uint32_t i, const struct envelope_rcpt *got)
{
	char address[TEXT_MAX], orcpt[TEXT_MAX], text[TEXT_MAX];

	rcpt_texts(m, i, address, orcpt, sizeof address);
	assert_string_equal(got->address, address);
	assert_string_equal(got->orcpt ? got->orcpt : "", orcpt);
	assert_int_equal(got->notify, i & 15);
	assert_int_equal(got->delivery, m->r[i].delivery);
	assert_int_equal(got->state, m->r[i].state);
	assert_int_equal(got->code, m->r[i].code);
	text[0] = 0;
	if (m->r[i].text == MODEL_OTHER_TEXT) {
		assert_non_null(strstr(got->text, "nobody knows"));
		return;
	}
	if (m->r[i].text)
		model_text(m->r[i].text, text, sizeof text);
	assert_string_equal(got->text ? got->text : "", text);
}

static void
compare_content(const struct model_message *m, struct kit *k)
{
	static char got[65536], want[65536];
	struct err err;
	uint64_t at = 0;
	int64_t n;

	while (
	    (n = spool_content(k->r, m->mid, at, got, sizeof got, &err)) > 0) {
		kit_content(m->mid, at, want, (size_t)n);
		assert_memory_equal(got, want, (size_t)n);
		at += (uint64_t)n;
	}
	assert_int_equal(n, 0);
	assert_int_equal(at, m->bytes);
}

static void
compare_delivery(const struct model_message *m, uint16_t n, struct kit *k)
{
	struct model_delivery *d = (struct model_delivery *)(uintptr_t)&m->d[n];
	struct spool_loaded l;
	struct err err;
	int rc = spool_load(k->r, m->mid, n, &l, &err);

	if (d->place > MODEL_PARKED) {
		assert_int_equal(rc, 1);
		return;
	}
	assert_int_equal(rc, 0);
	assert_int_equal(l.key.route, d->at.route);
	assert_int_equal(l.key.priority, d->at.priority);
	assert_int_equal(l.key.lane, d->at.lane);
	if (d->at.due_ms == -1) /* since when it is in doubt */
		d->at.due_ms = l.key.due_ms;
	assert_int_equal(l.key.due_ms, d->at.due_ms);
	if (d->place == MODEL_PARKED)
		assert_int_equal(l.hold, d->at.hold);
	assert_int_equal(l.attempts, d->attempts);
	assert_int_equal(l.env->nrcpts, m->nrcpts);
	for (uint32_t i = 0; i < m->nrcpts; i++)
		compare_rcpt(m, i, &l.env->rcpts[i]);
	envelope_free(&l.env);
}

static void
compare_list(const struct model *w, struct kit *k)
{
	static struct spool_item items[SPOOL_PAGE];
	const struct model_message *m;
	size_t queued, dead;
	int n = spool_list(k->r, 0, items, SPOOL_PAGE);

	assert_int_equal(n, model_size(w));
	for (int i = 0; i < n; i++) {
		m = model_find((struct model *)(uintptr_t)w, items[i].mid);
		assert_non_null(m);
		queued = dead = 0;
		for (uint16_t d = 0; d < m->ndeliveries; d++) {
			queued += m->d[d].place <= MODEL_PARKED;
			dead += m->d[d].place == MODEL_DEAD;
		}
		assert_int_equal(items[i].size, m->bytes);
		assert_int_equal(items[i].queued, queued);
		assert_int_equal(items[i].dead, dead);
	}
}

static void
compare_stats(const struct model *w, struct kit *k)
{
	struct spool_stats st;
	const struct model_delivery *d;
	size_t n[4] = { 0 }, doubt = 0;

	for (size_t i = 0; i < MODEL_MESSAGES; i++)
		for (uint16_t j = 0; j < w->m[i].ndeliveries && w->m[i].mid;
		     j++) {
			d = &w->m[i].d[j];
			n[d->place]++;
			doubt += is_in_doubt(d);
		}
	spool_stats(k->sp, &st);
	assert_int_equal(st.queued, n[MODEL_SCHEDULED]);
	assert_int_equal(st.held, n[MODEL_PARKED] - doubt);
	assert_int_equal(st.doubt, doubt);
	assert_int_equal(st.dead, n[MODEL_DEAD]);
}

void
model_compare(const struct model *w, struct kit *k)
{
	kit_audit(k);
	compare_list(w, k);
	compare_stats(w, k);
	for (size_t i = 0; i < MODEL_MESSAGES; i++) {
		if (!w->m[i].mid)
			continue;
		for (uint16_t n = 0; n < w->m[i].ndeliveries; n++)
			compare_delivery(&w->m[i], n, k);
		compare_content(&w->m[i], k);
	}
}
