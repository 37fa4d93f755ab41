/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/recount.h"

#include "spool/batch.h"
#include "spool/counts.h"
#include "spool/engine.h"
#include "spool/keys.h"

/* A message that cannot be read counts with no bytes, a key that cannot be
 * read not at all. */
static void
count(struct batch *b, struct spool_key *key, enum counts_class class)
{
	struct record_delivery d;
	struct letter l;
	uint64_t bytes = 0;

	letter_init(&l, &b->x, &b->arena, key->mid);
	if (letter_try(&l, key->n, &d)) {
		bytes = l.msg.size;
		key->route = d.route;
		key->priority = d.priority;
	} else if (class == COUNTS_DEAD) {
		return; /* its route is not known */
	}
	counts_add(&b->sp->counts,
	    (struct counts_of){ key->route, key->priority, class }, bytes);
	arena_reset(&b->arena);
}

static int
read_key(struct str k, enum counts_class class, struct spool_key *key)
{
	uint8_t hold;

	if (class == COUNTS_QUEUED)
		return keys_read_sched(k, key);
	if (class == COUNTS_HELD || class == COUNTS_DOUBT)
		return keys_read_park(k, &hold, key);
	return keys_read_dead(k, &key->due_ms, &key->mid, &key->n);
}

/* Of those in the table, the one that the class is for. */
static bool
is_of(struct str k, enum counts_class class)
{
	bool doubt = k.len && k.p[0] == SPOOL_HOLD_DOUBT;

	if (class == COUNTS_HELD)
		return !doubt;
	return class != COUNTS_DOUBT || doubt;
}

static int
count_table(struct batch *b, enum store_table t, enum counts_class class)
{
	struct store_cursor c;
	struct spool_key key;
	int rc;

	if (store_cursor(&c, &b->x, t))
		return -1;
	for (rc = store_seek(&c, STR("\0")); rc == 0; rc = store_next(&c))
		if (is_of(c.k, class) && read_key(c.k, class, &key) == 0)
			count(b, &key, class);
	store_cursor_done(&c);
	return rc < 0 ? -1 : 0;
}

static int
drop_all(struct batch *b)
{
	struct store_cursor c;
	int rc;

	if (store_cursor(&c, &b->x, STORE_STAT))
		return -1;
	rc = store_seek(&c, STR("\0"));
	while (rc == 0)
		rc = store_del_next(&c);
	store_cursor_done(&c);
	return rc < 0 ? -1 : 0;
}

int
recount(struct batch *b)
{
	counts_clear(&b->sp->counts);
	if (drop_all(b) || count_table(b, STORE_SCHED, COUNTS_QUEUED) ||
	    count_table(b, STORE_PARK, COUNTS_HELD) ||
	    count_table(b, STORE_PARK, COUNTS_DOUBT))
		return -1;
	return count_table(b, STORE_DEAD, COUNTS_DEAD);
}
