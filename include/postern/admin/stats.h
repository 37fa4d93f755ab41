/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/stats - what Postern counts and how it stands: whatever tells of that,
 * the control socket or HTTP, makes it of these two, this source, which is
 * counters (relaxed atomics) that any thread reads, and a view of the relay
 * (relay_view_ask()).
 */
#ifndef ADMIN_STATS_H
#define ADMIN_STATS_H

#include <stddef.h>
#include <stdint.h>

#include "postern/base/stat.h"

struct inlet;
struct relay;
struct spool;

/* Borrowed, all of it. */
struct stats_source {
	const char *version, *modules;
	struct spool *spool;
	struct relay *relay;
	size_t ninlets;
	struct inlet *const *inlets;
	int64_t started_ms;              /* wall clock */
	struct stat_counter beat_ms;     /* of main, monotonic */
	struct stat_counter is_draining; /* 1: no new mail */
};

/* The sum of a counter over all inlets; at: of it in struct inlet_counters. */
uint64_t stats_sum(const struct stats_source *s, size_t at);

#endif
