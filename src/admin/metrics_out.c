/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/metrics_out.h"

#include <stdio.h>

#include "postern/base/buf.h"
#include "postern/base/stat.h"

#define BOUNDS (sizeof((struct metrics_bounds *)NULL)->at / sizeof(uint64_t))

static void
put(struct metrics_out *o, const char *name, const char *labels, double value)
{
	const char *open = labels[0] != '\0' ? "{" : "";
	const char *close = labels[0] != '\0' ? "}" : "";

	if (buf_addf(o->b, "%s%s%s%s %.15g\n", name, open, labels, close,
	        value) != 0)
		o->overflows = true;
}

void
metrics_out_head(struct metrics_out *o, enum metric m)
{
	const struct metrics_row *r = &metrics_table[m];

	if (buf_addf(o->b, "# HELP %s %s\n# TYPE %s %s\n", r->name, r->help,
	        r->name, r->type) != 0)
		o->overflows = true;
}

void
metrics_out_put(
    struct metrics_out *o, enum metric m, const char *labels, double value)
{
	put(o, metrics_table[m].name, labels, value);
}

void
metrics_out_one(struct metrics_out *o, enum metric m, double value)
{
	metrics_out_head(o, m);
	metrics_out_put(o, m, "", value);
}

void
metrics_out_word(struct metrics_out *o, enum metric m,
    const char *const label[2], double value)
{
	char labels[METRICS_LABELS];

	(void)snprintf(labels, sizeof labels, "%s=\"%s\"", label[0], label[1]);
	metrics_out_put(o, m, labels, value);
}

void
metrics_out_pair(struct metrics_out *o, enum metric m,
    const char *const label[4], double value)
{
	char labels[METRICS_LABELS];

	(void)snprintf(labels, sizeof labels, "%s=\"%s\",%s=\"%s\"", label[0],
	    label[1], label[2], label[3]);
	metrics_out_put(o, m, labels, value);
}

void
metrics_out_some(struct metrics_out *o, enum metric m,
    const char *const label[4], uint64_t n)
{
	if (n > 0)
		metrics_out_pair(o, m, label, (double)n);
}

void
metrics_out_histogram(struct metrics_out *o, enum metric m, const char *labels,
    const struct stat_histogram *h, const struct metrics_bounds *bounds)
{
	const char *comma = labels[0] != '\0' ? "," : "";
	uint64_t counts[BOUNDS], all;
	char name[80], more[METRICS_LABELS];

	all = stat_cumulate(h, bounds->at, counts, bounds->n);
	(void)snprintf(name, sizeof name, "%s_bucket", metrics_table[m].name);
	for (size_t i = 0; i < bounds->n; i++) {
		(void)snprintf(more, sizeof more, "%s%sle=\"%g\"", labels,
		    comma, (double)bounds->at[i] / bounds->unit);
		put(o, name, more, (double)counts[i]);
	}
	(void)snprintf(more, sizeof more, "%s%sle=\"+Inf\"", labels, comma);
	put(o, name, more, (double)all);
	(void)snprintf(name, sizeof name, "%s_sum", metrics_table[m].name);
	put(o, name, labels, (double)stat_get(&h->sum) / bounds->unit);
	(void)snprintf(name, sizeof name, "%s_count", metrics_table[m].name);
	put(o, name, labels, (double)all);
}
