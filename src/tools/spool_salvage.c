/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/spool_salvage.h"

#include <stdio.h>
#include <sysexits.h>

#include "postern/base/id.h"

#include "tools/letter_counts.h"
#include "tools/letter_file.h"
#include "tools/salvage_child.h"
#include "tools/spool_tool.h"

#define ENDS_MAX 10000u /* messages that end the process that reads them */

struct salvage {
	struct salvage_walk walk;
	uint64_t at;        /* looked at, and not yet told what came of it */
	uint64_t low, high; /* from the first and the last one on, all ids are
	                       known up to these */
	struct letter_counts counts;
	unsigned ends;
	bool has_failed, is_over;
};

static void
tell_bad(struct salvage *s, uint64_t mid, const char *why)
{
	char id[ID_TEXT];

	id_text(mid, id);
	s->counts.damaged++;
	(void)fprintf(stderr, "postern: %s: %s\n", id, why);
}

static void
on_note(void *arg, const struct salvage_note *n)
{
	struct salvage *s = arg;

	s->counts.done += n->kind == SALVAGE_DONE;
	s->counts.there += n->kind == SALVAGE_THERE;
	s->is_over |= n->kind == SALVAGE_END;
	if (n->kind == SALVAGE_BAD)
		tell_bad(s, n->mid, n->text);
	if (n->kind == SALVAGE_FAILED) {
		s->has_failed = true;
		(void)fprintf(stderr, "postern: %s\n", n->text);
	}
	if (n->kind == SALVAGE_AT)
		s->at = n->mid;
	else if (s->at != 0 && s->walk.back)
		s->high = s->at;
	else if (s->at != 0)
		s->low = s->at;
	if (n->kind != SALVAGE_AT)
		s->at = 0;
}

/* As far as it goes in one direction; a message that ends the child is passed
 * by. */
static void
walk(struct salvage *s)
{
	do {
		s->at = 0;
		if (salvage_child_run(&s->walk, on_note, s) || s->at == 0)
			return;
		tell_bad(s, s->at, "reading it ends the process that reads");
		s->walk.from = s->at;
		if (s->walk.back)
			s->high = s->at;
		else
			s->low = s->at;
	} while (s->ends++ < ENDS_MAX);
}

static void
tell_gap(const struct salvage *s)
{
	char low[ID_TEXT] = "the first", high[ID_TEXT] = "the last";

	if (s->low != 0)
		id_text(s->low, low);
	if (s->high != UINT64_MAX)
		id_text(s->high, high);
	(void)fprintf(stderr,
	    "postern: what there is between %s and %s cannot be found\n", low,
	    high);
}

static void
walk_both(struct salvage *s)
{
	s->walk.until = s->high = UINT64_MAX;
	walk(s);
	if (s->has_failed || s->is_over)
		return;
	s->walk.back = true;
	s->walk.from = UINT64_MAX;
	s->walk.until = s->low;
	walk(s);
	s->counts.has_gap = !s->has_failed && !s->is_over;
	if (s->counts.has_gap)
		tell_gap(s);
}

static int
salvage(const struct spool_tool *t, int dir)
{
	struct salvage s = { .walk = {
		                 .spool = t->set.directory, .dir = dir } };
	struct err err;

	walk_both(&s);
	if (s.has_failed)
		return EX_IOERR;
	if (letter_file_sync(dir, &err) != 0)
		return spool_tool_fail(&err);
	return letter_counts_tell(&s.counts, t->word, t->ask.is_json);
}

int
spool_salvage_run(const struct spool_tool *t)
{
	return spool_tool_into(t, salvage);
}
