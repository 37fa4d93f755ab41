/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/tally_book.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/clock.h"
#include "postern/base/mem.h"

struct tally_book {
	atomic_uint refs;
	size_t n;
	struct tally *all[TALLY_MAX]; /* the first: nobody's */
	struct tally *others;         /* NULL: there was room */
	size_t nfailovers;
	struct tally_failover failovers[TALLY_REASONS + TALLY_FAILOVERS];
};

static struct tally *
tally_new(const char *name)
{
	struct tally *t = mem_new(sizeof *t);

	(void)snprintf(t->name, sizeof t->name, "%s", name);
	return t;
}

struct tally_book *
tally_book_new(void)
{
	struct tally_book *b = mem_new(sizeof *b);

	atomic_init(&b->refs, 1);
	b->all[b->n++] = tally_new("none");
	for (; b->nfailovers < TALLY_REASONS; b->nfailovers++)
		b->failovers[b->nfailovers].reason = b->nfailovers;
	return b;
}

struct tally_book *
tally_book_ref(struct tally_book *b)
{
	atomic_fetch_add(&b->refs, 1);
	return b;
}

void
tally_book_free(struct tally_book **bp)
{
	struct tally_book *b = *bp;

	*bp = NULL;
	if (b == NULL || atomic_fetch_sub(&b->refs, 1) > 1)
		return;
	for (size_t i = 0; i < b->n; i++)
		free(b->all[i]);
	free(b->others);
	free(b);
}

struct tally *
tally_book_of(struct tally_book *b, const char *name)
{
	if (name == NULL)
		return b->all[0];
	for (size_t i = 1; i < b->n; i++) {
		if (strncmp(b->all[i]->name, name, TALLY_NAME - 1) == 0)
			return b->all[i];
	}
	if (b->n < TALLY_MAX) {
		b->all[b->n] = tally_new(name);
		b->all[b->n]->place = b->n - 1;
		return b->all[b->n++];
	}
	if (b->others == NULL) {
		b->others = tally_new("other");
		b->others->place = TALLY_MAX;
	}
	return b->others;
}

const struct tally *
tally_book_others(const struct tally_book *b)
{
	return b->others;
}

const struct tally *const *
tally_book_all(const struct tally_book *b, size_t *n)
{
	*n = b->n - 1;
	return (const struct tally *const *)&b->all[1];
}

/* --- failovers -------------------------------------------------------------
 */

static struct tally_failover *
failover_of(struct tally_book *b, const struct tally *from,
    const struct tally *to, size_t reason)
{
	struct tally_failover *f;

	for (size_t i = TALLY_REASONS; i < b->nfailovers; i++) {
		f = &b->failovers[i];
		if (f->from == from && f->to == to && f->reason == reason)
			return f;
	}
	if (b->nfailovers == TALLY_REASONS + TALLY_FAILOVERS)
		return &b->failovers[reason];
	f = &b->failovers[b->nfailovers++];
	f->from = from;
	f->to = to;
	f->reason = reason;
	return f;
}

void
tally_book_failover(struct tally_book *b, const struct tally *from,
    const struct tally *to, size_t reason)
{
	stat_add(&failover_of(b, from, to, reason)->n, 1);
}

const struct tally_failover *
tally_book_failovers(const struct tally_book *b, size_t *n)
{
	*n = b->nfailovers;
	return b->failovers;
}

/* --- times -----------------------------------------------------------------
 */

/* TALLY_STAGES: not counted. */
static enum tally_stage
stage_of(enum outcome_stage stage)
{
	switch (stage) {
	case OUTCOME_DNS:
		return TALLY_DNS;
	case OUTCOME_CONNECT:
		return TALLY_CONNECT;
	case OUTCOME_STARTTLS:
	case OUTCOME_TLS:
		return TALLY_TLS;
	case OUTCOME_BANNER:
	case OUTCOME_EHLO:
	case OUTCOME_AUTH:
		return TALLY_LOGIN;
	case OUTCOME_MAIL:
	case OUTCOME_RCPT:
	case OUTCOME_DATA:
		return TALLY_ENVELOPE;
	case OUTCOME_BODY:
	case OUTCOME_DOT:
		return TALLY_CONTENT;
	default:
		return TALLY_STAGES;
	}
}

void
tally_book_step(
    struct tally *t, struct tally_watch *w, enum outcome_stage stage)
{
	enum tally_stage was = stage_of(w->stage), is = stage_of(stage);
	uint64_t now_us;

	w->stage = stage;
	if (w->since_us != 0 && was == is && is != TALLY_CONTENT)
		return; /* of several steps the sum */
	now_us = clock_mono_us();
	if (w->since_us != 0 && was != TALLY_STAGES)
		stat_observe(&t->stage_us[was], now_us - w->since_us);
	w->since_us = now_us;
}
