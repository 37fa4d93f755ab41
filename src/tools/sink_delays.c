/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sink_delays.h"

#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"

#define DELAYS_MAX 256
#define ALL_STAGES ((1u << SINK_STAGES) - 1)

void
sink_delays_done(struct sink_delays *d)
{
	free(d->delay);
	memset(d, 0, sizeof *d);
}

int
sink_delays_put(
    struct sink_delays *d, const struct sink_delay *delay, struct err *err)
{
	if (d->n == DELAYS_MAX)
		return err_set(
		    err, ERR_CONFIG, "more than %d delays", DELAYS_MAX);
	if (delay->max_us > SINK_DELAY_MAX_US)
		return err_set(
		    err, ERR_CONFIG, "a delay is longer than an hour");
	d->delay = mem_resize(d->delay, (d->n + 1) * sizeof *delay);
	d->delay[d->n++] = *delay;
	return 0;
}

int
sink_delays_add(struct sink_delays *d, const char *text, struct err *err)
{
	struct sink_delay delay = { .stages = ALL_STAGES };
	struct str ms = str_of(text);
	enum sink_stage stage;
	uint64_t v = 0;

	if (strchr(text, '=') != NULL) {
		if (sink_rules_find_stage(str_cut(&ms, '='), &stage, err) == -1)
			return -1;
		delay.stages = 1u << stage;
	}
	if (!str_u64(ms, &v) || v > SINK_DELAY_MAX_US / 1000)
		return err_set(err, ERR_CONFIG,
		    "\"%.*s\" is no delay; write milliseconds, at most an hour",
		    (int)ms.len, ms.p);
	delay.min_us = delay.max_us = v * 1000;
	return sink_delays_put(d, &delay, err);
}

static uint64_t
draw(struct sink_delays *d, enum sink_stage stage, uint64_t us, bool is_work)
{
	for (size_t i = d->n; i > 0; i--) {
		const struct sink_delay *x = &d->delay[i - 1];

		if (x->is_work != is_work || !(x->stages & 1u << stage) ||
		    !sink_rules_in_span(&x->span, us))
			continue;
		return x->min_us + sink_rules_random(&d->random) %
		                       (x->max_us - x->min_us + 1);
	}
	return 0;
}

uint64_t
sink_delays_work(struct sink_delays *d, enum sink_stage stage, uint64_t us)
{
	return draw(d, stage, us, true);
}

uint64_t
sink_delays_line(struct sink_delays *d, enum sink_stage stage, uint64_t us)
{
	return draw(d, stage, us, false);
}
