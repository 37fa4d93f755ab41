/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/agenda.h"

#include <assert.h>
#include <stdlib.h>

#include "postern/base/mem.h"
#include "postern/relay/relay.h"

#include "relay/scheduler.h"
#include "relay/way.h"

struct agenda {
	struct spool_reader *reader;
	const struct keyset *inhand;
	const struct ways *ways;
	size_t nlines;
	struct agenda_line **lines;
	struct list turns[SPOOL_PRIORITIES]; /* who was served last is last */
};

struct agenda *
agenda_new(struct spool_reader *reader, const struct keyset *inhand)
{
	struct agenda *a = mem_new(sizeof *a);

	a->reader = reader;
	a->inhand = inhand;
	for (int c = 0; c < SPOOL_PRIORITIES; c++)
		list_init(&a->turns[c]);
	return a;
}

static void
line_free(struct agenda_line **l)
{
	assert((*l)->nheld == 0);
	for (int c = 0; c < SPOOL_PRIORITIES; c++)
		list_remove(&(*l)->turn[c]);
	scheduler_free(&(*l)->sched);
	free(*l);
	*l = NULL;
}

void
agenda_free(struct agenda **ap)
{
	struct agenda *a = *ap;

	*ap = NULL;
	if (!a)
		return;
	for (size_t i = 0; i < a->nlines; i++)
		line_free(&a->lines[i]);
	free(a->lines);
	free(a);
}

struct agenda_line *
agenda_line(struct agenda *a, uint32_t id)
{
	struct agenda_line *l;

	for (size_t i = 0; i < a->nlines; i++) {
		if (a->lines[i]->id == id)
			return a->lines[i];
	}
	l = mem_new(sizeof *l);
	l->id = id;
	l->way = way_of(a->ways, id);
	l->sched = scheduler_new(id, a->reader, a->inhand);
	for (int c = 0; c < SPOOL_PRIORITIES; c++) {
		list_init(&l->turn[c]);
		list_insert(&a->turns[c], &l->turn[c]);
	}
	a->lines = mem_resize(
	    a->lines, (a->nlines + 1) * sizeof(struct agenda_line *));
	a->lines[a->nlines++] = l;
	return l;
}

static bool
is_over(const struct agenda *a, const struct agenda_line *l)
{
	uint32_t next = 0;

	return l->nheld == 0 &&
	       spool_next_route(a->reader, l->id, &next) >= 0 && next != l->id;
}

static void
add_stored(struct agenda *a)
{
	uint32_t id = 0;

	while (spool_next_route(a->reader, id, &id) > 0) {
		agenda_line(a, id);
		if (id++ == UINT32_MAX)
			return;
	}
}

void
agenda_change(struct agenda *a, const struct ways *ways)
{
	size_t n = 0;

	a->ways = ways;
	for (size_t i = 0; i < a->nlines; i++) {
		struct agenda_line *l = a->lines[i];

		l->way = way_of(ways, l->id);
		if (is_over(a, l))
			line_free(&l);
		else
			a->lines[n++] = l;
	}
	a->nlines = n;
	add_stored(a);
}

void
agenda_put(struct agenda *a, const struct spool_key *key)
{
	scheduler_put(agenda_line(a, key->route)->sched, key);
}

struct agenda_line *
agenda_take(struct agenda *a, enum spool_priority class, int64_t now_ms,
    agenda_may *may, struct spool_key *key)
{
	struct list *turns = &a->turns[class];

	for (struct list *t = turns->next; t != turns; t = t->next) {
		struct agenda_line *l =
		    LIST_OF(t, struct agenda_line, turn[class]);

		if (scheduler_next_ms(l->sched, class) > now_ms ||
		    !may(l, class) ||
		    !scheduler_take(l->sched, class, now_ms, key))
			continue;
		list_remove(t);
		list_push(turns, t);
		return l;
	}
	return NULL;
}

int64_t
agenda_next_ms(
    const struct agenda *a, enum spool_priority class, agenda_may *may)
{
	int64_t next = INT64_MAX;

	for (size_t i = 0; i < a->nlines; i++) {
		int64_t at = scheduler_next_ms(a->lines[i]->sched, class);

		if (at < next && may(a->lines[i], class))
			next = at;
	}
	return next;
}
