/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/top_model - what "postern top" knows: the last document of the daemon's
 * figures, what two of them tell of rates, and what changed since it looks.
 * Pure: the caller hands documents and times in.
 */
#ifndef TOOLS_TOP_MODEL_H
#define TOOLS_TOP_MODEL_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#define TOP_MODEL_PAST 256    /* rates that are remembered */
#define TOP_MODEL_CHANGES 200 /* changes that are */
#define TOP_MODEL_WHY 512

struct top_model {
	json_t *doc;     /* owned; NULL: there was none */
	json_t *rates;   /* owned; by provider: delivered a second */
	json_t *changes; /* owned; newest first: at_ms, text */
	uint64_t at_ms;  /* of doc, monotonic */
	int64_t wall_ms; /* of doc */
	double in, out;  /* a second; below 0: not known yet */
	double cpu;      /* per cent of a core; below 0: not known */
	size_t npast;    /* of these two, oldest first */
	double in_past[TOP_MODEL_PAST], out_past[TOP_MODEL_PAST];
	int64_t lost_ms;          /* wall clock; 0: the daemon answers */
	char lost[TOP_MODEL_WHY]; /* why it does not */
};

/* Zeroed it is fit to be used. */
void top_model_done(struct top_model *m);

struct top_model_time {
	uint64_t mono_ms;
	int64_t wall_ms;
};
/* doc is borrowed. */
void top_model_take(
    struct top_model *m, json_t *doc, const struct top_model_time *now);
/* No answer; what was known stays. */
void top_model_lose(
    struct top_model *m, const char *why, const struct top_model_time *now);

double top_model_rate(const struct top_model *m, const char *provider);

#endif
