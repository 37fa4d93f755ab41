/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/admin/strays.h"

#include <stdbool.h>
#include <stdlib.h>

#include "postern/base/mem.h"
#include "postern/relay/stray_cause.h"
#include "postern/spool/spool_walk.h"

struct strays {
	struct spool_reader *reader;
	struct spool_mark mark;
	uint64_t dead;    /* letters, when the count under way or over began */
	uint64_t counted; /* of them so far */
	uint64_t found;   /* by the last whole count */
};

struct strays *
strays_new(struct spool *sp)
{
	struct strays *s = mem_new(sizeof *s);

	s->reader = spool_reader_new(sp);
	return s;
}

void
strays_free(struct strays **sp)
{
	struct strays *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	spool_reader_free(&s->reader);
	free(s);
}

static bool
on_row(void *arg, const struct spool_row *row)
{
	struct strays *s = arg;

	s->counted += str_eq(row->cause, STR(STRAY_CAUSE));
	return true;
}

uint64_t
strays_look(struct strays *s, const struct spool_stats *st)
{
	struct spool_walk w = {
		.where = SPOOL_WALK_DEAD, .n = -1, .fn = on_row, .arg = s
	};

	if (st->dead == 0) {
		s->dead = s->found = 0;
		return 0;
	}
	/* what comes meanwhile may be missed: so it is over some time, and then
	 * goes on with the next count */
	if (st->dead != s->dead && (s->dead == 0 || s->mark.over)) {
		s->dead = st->dead;
		s->mark = (struct spool_mark){ 0 };
		s->counted = 0;
	}
	if (!s->mark.over && spool_walk(s->reader, &w, &s->mark) == 0 &&
	    s->mark.over)
		s->found = s->counted;
	return s->found;
}
