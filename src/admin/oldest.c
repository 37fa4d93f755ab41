/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/admin/oldest.h"

#include <stdbool.h>
#include <stdlib.h>

#include "postern/base/clock.h"
#include "postern/base/id.h"
#include "postern/base/mem.h"
#include "postern/spool/spool.h"

/* Of a look, as many times as fit: main has other things to do, and pages may
 * come from the disk. */
#define ROWS 256
#define LOOK_US 2000
/* A message has its id before it is in the store.  One for which that took
 * longer, or whose priority an operator has changed, may stay behind the mark:
 * at the end of all with nothing found, so many times, it begins anew. */
#define RECENT_MS 60000
#define MISSES 3

struct oldest {
	struct spool_reader *reader;
	unsigned priority;
	struct spool_mark mark; /* nothing before it is queued */
	uint64_t from;          /* nor before this id */
	uint64_t seen;          /* it has come to this one */
	uint64_t mid;           /* what was found; 0: nothing */
	int64_t arrival_ms;
	uint64_t aside; /* held, in doubt or dead at the last look */
	size_t rows;    /* since it was last looked at the clock */
	unsigned misses;
};

struct oldest *
oldest_new(struct spool *sp, unsigned priority)
{
	struct oldest *o = mem_new(sizeof *o);

	o->reader = spool_reader_new(sp);
	o->priority = priority;
	return o;
}

void
oldest_free(struct oldest **op)
{
	struct oldest *o = *op;

	*op = NULL;
	if (o == NULL)
		return;
	spool_reader_free(&o->reader);
	free(o);
}

static bool
is_wanted(const struct oldest *o, const struct spool_row *row)
{
	return row->state == SPOOL_ROW_QUEUED &&
	       (o->priority == SPOOL_PRIORITIES ||
	           o->priority == row->key.priority);
}

static bool
on_row(void *arg, const struct spool_row *row)
{
	struct oldest *o = arg;

	o->seen = row->key.mid;
	if (!is_wanted(o, row))
		return ++o->rows < ROWS;
	o->mid = row->key.mid;
	o->arrival_ms = row->arrival_ms;
	return false;
}

/* Finds it again, or nothing. */
static void
check(struct oldest *o)
{
	struct spool_walk w = {
		.mid = o->mid, .n = -1, .fn = on_row, .arg = o
	};
	struct spool_mark mark = { 0 };

	o->mid = 0;
	while (w.mid != 0 && o->mid == 0 && !mark.over) {
		o->rows = 0;
		if (spool_walk(o->reader, &w, &mark) != 0)
			return;
	}
}

static void
begin(struct oldest *o, uint64_t from)
{
	o->mark = (struct spool_mark){ 0 };
	o->from = o->seen = from;
	o->mid = 0;
	o->misses = 0;
}

static uint64_t
queued(const struct oldest *o, const struct spool_stats *st)
{
	if (o->priority == SPOOL_PRIORITIES)
		return st->queued;
	return st->queued_of[o->priority];
}

static uint64_t
aside(const struct oldest *o, const struct spool_stats *st)
{
	if (o->priority == SPOOL_PRIORITIES)
		return st->held + st->doubt + st->dead;
	return st->held_of[o->priority] + st->doubt_of[o->priority] +
	       st->dead_of[o->priority];
}

static void
search(struct oldest *o)
{
	struct spool_walk w = {
		.from = o->from, .n = -1, .fn = on_row, .arg = o
	};
	uint64_t until_us = clock_mono_us() + LOOK_US;

	o->mark.over = false; /* more may have come */
	do {
		o->rows = 0;
		if (spool_walk(o->reader, &w, &o->mark) != 0) {
			o->mid = 0;
			return;
		}
	} while (o->mid == 0 && !o->mark.over && clock_mono_us() < until_us);
}

/* Nothing is queued, but for what comes just now. */
static void
skip(struct oldest *o)
{
	uint64_t recent = id_first(clock_wall_ms() - RECENT_MS);

	o->mid = 0;
	if (o->seen < recent)
		begin(o, recent);
}

uint64_t
oldest_look(struct oldest *o, const struct spool_stats *st, int64_t *arrival_ms)
{
	if (aside(o, st) < o->aside) /* what was aside may be queued now */
		begin(o, 0);
	else if (queued(o, st) == 0)
		skip(o);
	o->aside = aside(o, st);
	check(o);
	if (o->mid == 0)
		search(o);
	if (o->mid != 0 || !o->mark.over)
		o->misses = 0;
	else if (queued(o, st) > 0 && ++o->misses == MISSES)
		begin(o, 0);
	*arrival_ms = o->mid != 0 ? o->arrival_ms : 0;
	return o->mid;
}
