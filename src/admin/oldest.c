/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/admin/oldest.h"

#include <stdbool.h>
#include <stdlib.h>

#include "postern/base/mem.h"
#include "postern/spool/spool.h"

#define ROWS 256 /* of a look: main has other things to do */

struct oldest {
	struct spool_reader *reader;
	struct spool_mark mark; /* nothing before it is queued */
	uint64_t mid;           /* what was found; 0: nothing */
	int64_t arrival_ms;
	uint64_t aside; /* held, in doubt or dead at the last look */
	size_t rows;    /* of this look */
};

struct oldest *
oldest_new(struct spool *sp)
{
	struct oldest *o = mem_new(sizeof *o);

	o->reader = spool_reader_new(sp);
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
on_row(void *arg, const struct spool_row *row)
{
	struct oldest *o = arg;

	if (row->state != SPOOL_ROW_QUEUED)
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
		if (spool_walk(o->reader, &w, &mark) != 0)
			return;
	}
}

uint64_t
oldest_look(struct oldest *o, const struct spool_stats *st, int64_t *arrival_ms)
{
	struct spool_walk w = { .n = -1, .fn = on_row, .arg = o };
	uint64_t aside = st->held + st->doubt + st->dead;

	o->rows = 0;
	if (aside < o->aside) { /* what was aside may be queued now */
		o->mark = (struct spool_mark){ 0 };
		o->mid = 0;
	}
	o->aside = aside;
	check(o);
	o->mark.over = false; /* more may have come */
	if (o->mid == 0 && spool_walk(o->reader, &w, &o->mark) != 0)
		o->mid = 0;
	*arrival_ms = o->mid != 0 ? o->arrival_ms : 0;
	return o->mid;
}
