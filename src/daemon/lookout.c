/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/lookout.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>

#include "postern/admin/oldest.h"
#include "postern/admin/pulse.h"
#include "postern/admin/stats.h"
#include "postern/admin/strays.h"
#include "postern/base/mem.h"
#include "postern/io/loop.h"
#include "postern/spool/spool.h"

#include "daemon/events.h"
#include "daemon/notify.h"

#define LOOK_MS 1000
#define TRIM_LOOKS 2
#define TRIM_BYTES (8u << 20)

struct lookout {
	struct spool *spool;
	struct timer *timer;
	struct stats_source *figures;
	struct oldest *oldest[SPOOL_PRIORITIES + 1];
	struct strays *strays;
	bool was_full;
	unsigned looks;
};

static void
tell_room(const struct spool_stats *st)
{
	enum daemon_event ev = st->full ? DAEMON_SPOOL_FULL : DAEMON_SPOOL_ROOM;
	struct log_line l;

	log_begin(&l, &daemon_events[ev], 0, 0);
	log_num(&l, "queued", (int64_t)st->queued);
	log_num(&l, "queued_bytes", (int64_t)st->queued_bytes);
	log_num(&l, "disk_free", (int64_t)st->disk_free);
	log_end(&l);
}

/* What a burst took and let go, the allocator keeps: the system gets it back
 * once that is more than what is in use. */
static void
trim(void)
{
	struct mallinfo2 m = mallinfo2();

	if (m.fordblks > TRIM_BYTES && m.fordblks > m.uordblks)
		malloc_trim(0);
}

static void
look_for_oldest(struct lookout *o, const struct spool_stats *st)
{
	int64_t at_ms;

	for (unsigned i = 0; i <= SPOOL_PRIORITIES; i++) {
		(void)oldest_look(o->oldest[i], st, &at_ms);
		stat_set(&o->figures->oldest_ms[i], (uint64_t)at_ms);
	}
}

static void
look(void *arg)
{
	struct lookout *o = arg;
	struct spool_stats st;
	struct err err;

	stats_tick(o->figures);
	if (pulse_alive(o->figures, &err) == 0)
		notify_alive();
	spool_stats(o->spool, &st);
	look_for_oldest(o, &st);
	stat_set(&o->figures->strays, strays_look(o->strays, &st));
	if (st.full != o->was_full)
		tell_room(&st);
	o->was_full = st.full;
	if (++o->looks % TRIM_LOOKS == 0)
		trim();
	timer_set(o->timer, LOOK_MS);
}

struct lookout *
lookout_new(struct loop *l, struct spool *sp, struct stats_source *figures)
{
	struct lookout *o = mem_new(sizeof *o);

	o->spool = sp;
	o->figures = figures;
	for (unsigned i = 0; i <= SPOOL_PRIORITIES; i++)
		o->oldest[i] = oldest_new(sp, i);
	o->strays = strays_new(sp);
	o->timer = timer_new(l, look, o);
	timer_set(o->timer, 0);
	return o;
}

void
lookout_free(struct lookout **o)
{
	if (*o == NULL)
		return;
	timer_free(&(*o)->timer);
	for (unsigned i = 0; i <= SPOOL_PRIORITIES; i++)
		oldest_free(&(*o)->oldest[i]);
	strays_free(&(*o)->strays);
	free(*o);
	*o = NULL;
}
