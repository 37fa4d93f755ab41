/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/metrics_out - the lines of an answer to Prometheus, and how many of
 * them there may be.  A scrape is at most METRICS_SERIES series, with as many
 * providers, listeners, windows of rates and threads as the bounds below let
 * have series of their own (a test counts).  What goes beyond them is added to
 * "other" where that means something, left out where not, and counted.
 */
#ifndef ADMIN_METRICS_OUT_H
#define ADMIN_METRICS_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "admin/metrics_table.h"

#define METRICS_SERIES 5000
#define METRICS_BYTES (1u << 20)
/* In the order of the settings; listeners in that of their beginning. */
#define METRICS_PROVIDERS 64
#define METRICS_LISTENERS 16
/* Of these, by how long each step takes: 6 steps are 48 series. */
#define METRICS_STAGED 8
/* Those of an hour and more first: short ones are full by design. */
#define METRICS_WINDOWS 128
#define METRICS_LABELS 256 /* octets */

struct buf;
struct relay_view;
struct stat_histogram;
struct stats_source;

struct metrics_out {
	struct buf *b;
	bool overflows;  /* b */
	uint64_t beyond; /* what has no series of its own */
	struct stats_source *src;
	const struct relay_view *view;
};

struct metrics_bounds {
	double unit; /* of what was observed, a second */
	size_t n;
	uint64_t at[16];
};

/* The metric's HELP and TYPE; then its lines. */
void metrics_out_head(struct metrics_out *o, enum metric m);
/* labels: "a=\"b\",c=\"d\"", or "". */
void metrics_out_put(
    struct metrics_out *o, enum metric m, const char *labels, double value);
/* Head and the only line. */
void metrics_out_one(struct metrics_out *o, enum metric m, double value);
/* With one label. */
void metrics_out_word(struct metrics_out *o, enum metric m,
    const char *const label[2], double value);
/* With two: a name, its value, another, its value. */
void metrics_out_pair(struct metrics_out *o, enum metric m,
    const char *const label[4], double value);
/* The same, where there is something to count. */
void metrics_out_some(struct metrics_out *o, enum metric m,
    const char *const label[4], uint64_t n);
void metrics_out_histogram(struct metrics_out *o, enum metric m,
    const char *labels, const struct stat_histogram *h,
    const struct metrics_bounds *bounds);

#endif
