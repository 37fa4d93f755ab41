/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/stats - what Postern counts and how it stands: whatever tells of that,
 * the control socket or HTTP, makes it of these two, this source, which is
 * counters (relaxed atomics) that any thread reads, and a view of the relay
 * (relay_view_ask()).
 */
#ifndef ADMIN_STATS_H
#define ADMIN_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/stat.h"
#include "postern/inlet/meter.h"
#include "postern/spool/spool.h"

struct doors;
struct inlet;
struct json_t;
struct relay;
struct relay_view;

#define STATS_VERSION 1
#define STATS_MINUTE_S 60

/* What it points to is borrowed. */
struct stats_source {
	const char *version, *modules;
	const char *hash; /* of the settings in force (struct settings) */
	struct spool *spool;
	struct relay *relay;
	size_t ninlets;
	struct inlet *const *inlets;
	int64_t started_ms;                    /* wall clock */
	const struct stat_histogram *turns_us; /* of main's loop */
	struct stat_counter beat_ms;           /* of main, monotonic */
	struct stat_counter is_draining;       /* 1: no new mail */
	struct stat_counter oldest_ms[SPOOL_PRIORITIES + 1]; /* oldest_look() */
	struct stat_counter strays;     /* as strays_look() */
	struct stat_counter refused_ms; /* no reload has worked since then, wall
	                                 * clock; 0: the last one has */
	struct stat_counter mistakes;   /* of the last one */
	struct stat_counter in_before;  /* messages accepted, 60 s ago */
	struct stat_counter out_before; /* recipients delivered to */
	struct stat_counter overflow;   /* what metrics had no room for */
	bool is_over; /* main's, as what follows: the rest is being freed */
	size_t ticks;
	uint64_t in[STATS_MINUTE_S], out[STATS_MINUTE_S]; /* at each second */
};

/* Each second, in the thread of main: a sign of life, and the last minute. */
void stats_tick(struct stats_source *s);

/* Messages accepted in the last minute, and recipients delivered to. */
uint64_t stats_in_minute(const struct stats_source *s);
uint64_t stats_out_minute(const struct stats_source *s);

/* The document of "postern status" and /v1/stats; "v" changes where a field
 * changes its meaning or goes.  The caller's. */
struct json_t *stats_document(
    const struct stats_source *s, const struct relay_view *view);

/* How long the oldest mail of a priority is queued, in s (SPOOL_PRIORITIES: of
 * all); 0: nothing is; -1: that is still being looked for. */
double stats_oldest_s(
    const struct stats_source *s, unsigned priority, uint64_t queued);

/* The sum of a counter over all inlets; at: of it in struct inlet_counters. */
uint64_t stats_sum(const struct stats_source *s, size_t at);

/* Of counters over all inlets, of the talk with applications. */
uint64_t stats_logins(const struct stats_source *s, enum meter_login what);
uint64_t stats_handshakes(const struct stats_source *s);

/* What is counted of each listener, over all inlets; the caller frees it. */
struct doors *stats_doors(const struct stats_source *s);

#endif
