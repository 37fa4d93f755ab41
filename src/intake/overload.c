/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/overload.h"

#include <pthread.h>
#include <stdatomic.h>

#include "postern/base/clock.h"
#include "postern/spool/spool.h"

#include "intake/events.h"

#define LOOK_MS 100u

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic bool on; /* changed under the lock */
static uint64_t looked_ms;

static bool
is_above(uint64_t value, uint64_t limit, bool is_on)
{
	return limit != 0 && value > (is_on ? limit - limit / 4 : limit);
}

bool
overload_judge(bool is_on, const struct overload_limits *limits,
    const struct overload_figures *now)
{
	uint64_t commit_us = limits->commit_ms * 1000;

	return is_above(now->commit_us, commit_us, is_on) ||
	       is_above(now->under_way_us, 2 * commit_us, is_on) ||
	       is_above(now->queued, limits->queued, is_on);
}

static void
tell(const struct overload_figures *now)
{
	struct log_line l;

	log_begin(&l,
	    &intake_events[on ? INTAKE_OVERLOAD : INTAKE_OVERLOAD_OVER], 0, 0);
	log_num(&l, "commit_ms", (int64_t)now->commit_us / 1000);
	log_num(&l, "under_way_ms", (int64_t)now->under_way_us / 1000);
	log_num(&l, "queued", (int64_t)now->queued);
	log_end(&l);
}

static void
look(struct spool *sp, const struct overload_limits *limits)
{
	struct overload_figures now;
	struct spool_stats st;
	bool was = on;

	spool_stats(sp, &st);
	now = (struct overload_figures){
		.commit_us = st.commit_us_recent,
		.under_way_us = st.commit_us_under_way,
		.queued = st.queued,
	};
	on = overload_judge(was, limits, &now);
	if (on != was)
		tell(&now);
}

bool
overload_is_on(struct spool *sp, const struct overload_limits *limits)
{
	uint64_t now_ms = clock_mono_ms();
	bool result;

	if (limits->commit_ms == 0 && limits->queued == 0 && !on)
		return false;
	pthread_mutex_lock(&lock);
	if (looked_ms == 0 || now_ms - looked_ms >= LOOK_MS) {
		looked_ms = now_ms;
		look(sp, limits);
	}
	result = on;
	pthread_mutex_unlock(&lock);
	return result;
}
