/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/fetch.h"

#include <assert.h>
#include <stdlib.h>

#include "postern/base/clock.h"
#include "postern/base/crc32c.h"
#include "postern/base/mem.h"
#include "postern/io/helper.h"
#include "postern/io/mailbox.h"
#include "postern/relay/relay.h"
#include "postern/spool/body.h"
#include "postern/spool/envelope.h"
#include "postern/spool/spool.h"

#include "relay/delivery.h"
#include "relay/dispatch.h"
#include "relay/outflow.h"
#include "relay/relay_core.h"
#include "relay/relay_log.h"
#include "relay/relay_session.h"
#include "relay/settle.h"

#define COLD_MS 60000
#define PART (64u << 10)
#define QUEUE_MAX 4096

struct fetch {
	struct helper *helper;
	struct spool_reader *reader; /* the helper's own */
	char part[PART];             /* of the relay's thread */
};

struct fetch_job {
	struct helper_job job;
	struct relay *relay;
	struct delivery *delivery;     /* an envelope is wanted, for it */
	struct relay_session *session; /* else content; NULL: not any more */
	uint64_t mid, offset;
	uint16_t n;
	struct spool_loaded loaded;
	int result;
	int64_t len;
	struct err err;
	char part[]; /* PART bytes where content is wanted */
};

struct fetch *
fetch_new(struct relay *r)
{
	struct fetch *f = mem_new(sizeof *f);

	f->helper = helper_new("read", 1, QUEUE_MAX);
	f->reader = spool_reader_new(r->spool);
	return f;
}

void
fetch_stop(struct fetch *f)
{
	helper_free(&f->helper);
}

void
fetch_free(struct fetch **f)
{
	if (!*f)
		return;
	helper_free(&(*f)->helper);
	spool_reader_free(&(*f)->reader);
	free(*f);
	*f = NULL;
}

static bool
is_cold(uint64_t arrival_ms)
{
	int64_t now = clock_wall_ms();

	return now > (int64_t)arrival_ms && now - (int64_t)arrival_ms > COLD_MS;
}

/* --- envelopes -------------------------------------------------------------
 */

static bool
is_same_key(const struct spool_key *a, const struct spool_key *b)
{
	return a->route == b->route && a->priority == b->priority &&
	       a->lane == b->lane && a->due_ms == b->due_ms;
}

static void
check_content(struct delivery *d)
{
	struct delivery_reply why = { .code = 554, .enhanced = "5.3.0" };
	struct str body;

	d->stored = true;
	if (!delivery_is_in_memory(d))
		return;
	body = body_str(d->env->body);
	if (crc32c(0, body.p, body.len) == d->env->crc32c)
		return;
	d->corrupt = true;
	d->cause = "corrupt";
	why.text = mem_str("the content does not match its checksum");
	relay_log_corrupt(d, why.text);
	delivery_set_todo(d, DELIVERY_DEAD, &why);
	delivery_reply_done(&why);
}

/* The schedule told of it; meanwhile an operator may have had it moved. */
static bool
is_moved(const struct delivery *d, const struct spool_loaded *l)
{
	return d->purpose == DELIVERY_SEND &&
	       (l->hold != SPOOL_HOLD_NONE || !is_same_key(&l->key, &d->key));
}

static void
loaded(struct delivery *d, int result, struct spool_loaded *l,
    const struct err *err)
{
	if (result < 0) {
		relay_log_unreadable(d, err->text);
		settle_park(d, SPOOL_HOLD_DAMAGED);
		return;
	}
	if (result > 0 || is_moved(d, l)) {
		if (result == 0)
			envelope_free(&l->env);
		dispatch_loaded(d, true);
		return;
	}
	d->attempts = l->attempts;
	d->handed = l->handed;
	if (d->purpose == DELIVERY_OVERDUE)
		delivery_set_key(d, &l->key);
	if (!delivery_open(d, l->env)) {
		settle_final(d);
		return;
	}
	check_content(d);
	dispatch_loaded(d, false);
}

static void
run_load(struct helper_job *job)
{
	struct fetch_job *j = (struct fetch_job *)job;

	j->result = spool_load(
	    j->relay->fetch->reader, j->mid, j->n, &j->loaded, &j->err);
}

static void
deliver_load(struct mailbox_item *item, void *owner)
{
	struct fetch_job *j = (struct fetch_job *)item;
	struct relay *r = owner;

	assert(r->magic == RELAY_MAGIC);
	delivery_set_phase(j->delivery, DELIVERY_TAKEN);
	if (r->ended) {
		envelope_free(&j->loaded.env);
		delivery_free(&j->delivery);
	} else {
		loaded(j->delivery, j->result, &j->loaded, &j->err);
	}
	free(j);
	relay_kick(r);
}

static bool
submit_load(struct delivery *d)
{
	struct fetch_job *j = mem_new(sizeof *j);

	j->job.item.deliver = deliver_load;
	j->job.reply_to = d->relay->box;
	j->job.run = run_load;
	j->relay = d->relay;
	j->delivery = d;
	j->mid = d->key.mid;
	j->n = d->key.n;
	if (helper_submit(d->relay->fetch->helper, &j->job) == 0)
		return true;
	free(j);
	return false;
}

void
fetch_load(struct delivery *d)
{
	struct spool_loaded l = { 0 };
	struct err err = { 0 };

	if (is_cold(d->key.mid >> 20)) {
		delivery_set_phase(d, DELIVERY_LOADING);
		if (submit_load(d))
			return;
		delivery_set_phase(d, DELIVERY_TAKEN);
	}
	loaded(d, spool_load(d->relay->reader, d->key.mid, d->key.n, &l, &err),
	    &l, &err);
}

/* --- content ---------------------------------------------------------------
 */

static void
run_content(struct helper_job *job)
{
	struct fetch_job *j = (struct fetch_job *)job;

	j->len = spool_content(
	    j->relay->fetch->reader, j->mid, j->offset, j->part, PART, &j->err);
}

static void
deliver_content(struct mailbox_item *item, void *owner)
{
	struct fetch_job *j = (struct fetch_job *)item;
	struct relay_session *s = j->session;

	assert(((struct relay *)owner)->magic == RELAY_MAGIC);
	if (s) {
		s->job = NULL;
		outflow_take(s, j->part, j->len);
	}
	free(j);
}

static bool
submit_content(
    struct relay_session *s, const struct delivery *d, uint64_t offset)
{
	struct fetch_job *j = mem_new(sizeof *j + PART);

	j->job.item.deliver = deliver_content;
	j->job.reply_to = s->relay->box;
	j->job.run = run_content;
	j->relay = s->relay;
	j->session = s;
	j->mid = d->key.mid;
	j->offset = offset;
	if (helper_submit(s->relay->fetch->helper, &j->job) < 0) {
		free(j);
		return false;
	}
	s->job = j;
	return true;
}

void
fetch_content(struct relay_session *s, struct delivery *d, uint64_t offset)
{
	struct fetch *f = s->relay->fetch;
	struct err err = { 0 };
	int64_t n;

	if (is_cold((uint64_t)d->env->arrival_ms) &&
	    submit_content(s, d, offset))
		return;
	n = spool_content(
	    s->relay->reader, d->key.mid, offset, f->part, PART, &err);
	outflow_take(s, f->part, n);
}

void
fetch_forget(struct fetch_job **job)
{
	if (*job)
		(*job)->session = NULL;
	*job = NULL;
}
