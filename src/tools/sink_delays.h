/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/sink_delays - how long things take at a stage: the work (the command
 * is handled that much later, the next ones wait for it) and the line (the
 * reply is held back by itself, the next commands are handled meanwhile).
 */
#ifndef TOOLS_SINK_DELAYS_H
#define TOOLS_SINK_DELAYS_H

#include "tools/sink_rules.h"

struct sink_delay {
	uint32_t stages; /* bits of enum sink_stage */
	bool is_work, is_set;
	struct sink_span span;
	uint64_t min_us, max_us; /* uniform between them */
};

struct sink_delays {
	struct sink_delay *delay; /* the last that fits */
	size_t n;
	uint64_t random;
};

#define SINK_DELAY_MAX_US (UINT64_C(3600) * 1000000)

void sink_delays_done(struct sink_delays *d);
/* "MS" for all stages or "STAGE=MS" */
MUST_CHECK int sink_delays_add(
    struct sink_delays *d, const char *text, struct err *err);
MUST_CHECK int sink_delays_put(
    struct sink_delays *d, const struct sink_delay *delay, struct err *err);
/* In microseconds, at this time since the start. */
uint64_t sink_delays_work(
    struct sink_delays *d, enum sink_stage stage, uint64_t us);
uint64_t sink_delays_line(
    struct sink_delays *d, enum sink_stage stage, uint64_t us);

#endif
