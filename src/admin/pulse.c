/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/admin/pulse.h"

#include <stdio.h>

#include "postern/admin/stats.h"
#include "postern/base/clock.h"
#include "postern/inlet/inlet.h"
#include "postern/relay/relay_view.h"
#include "postern/spool/spool.h"

static uint64_t
silent_ms(uint64_t beat_ms)
{
	uint64_t now = clock_mono_ms();

	return now > beat_ms ? now - beat_ms : 0;
}

void
pulse_each(const struct stats_source *s, pulse_fn *fn, void *arg)
{
	struct spool_stats st;
	char name[32];

	fn(arg, "main", silent_ms(stat_get(&s->beat_ms)));
	for (size_t i = 0; i < s->ninlets; i++) {
		const struct inlet_counters *c = inlet_counters(s->inlets[i]);

		(void)snprintf(name, sizeof name, "inlet%zu", i);
		fn(arg, name, silent_ms(stat_get(&c->beat_ms)));
	}
	fn(arg, "relay",
	    silent_ms(stat_get(&relay_view_counters(s->relay)->beat_ms)));
	spool_stats(s->spool, &st);
	fn(arg, "spool", st.commit_us_under_way / 1000);
}

static void
judge_silence(void *arg, const char *thread, uint64_t ms)
{
	struct err *err = arg;

	if (ms > PULSE_SILENT_MS && err->kind == ERR_NONE)
		(void)err_set(err, ERR_SYSTEM,
		    "thread %s has been silent for %llu s", thread,
		    (unsigned long long)(ms / 1000));
}

int
pulse_alive(const struct stats_source *s, struct err *err)
{
	*err = (struct err){ 0 };
	pulse_each(s, judge_silence, err);
	return err->kind == ERR_NONE ? 0 : -1;
}

int
pulse_ready(const struct stats_source *s, struct err *err)
{
	if (stat_get(&s->is_draining))
		return err_set(err, ERR_FULL, "it is stopping");
	if (spool_room(s->spool, 0) != SPOOL_DONE)
		return err_set(err, ERR_FULL, "the spool has no room");
	return pulse_alive(s, err);
}
