/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sink_limits.h"

#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"

#define LIMITS_MAX 64

static void
limit_done(struct sink_limit *x)
{
	free(x->text);
	free(x->times);
	memset(x, 0, sizeof *x);
}

void
sink_limits_done(struct sink_limits *l)
{
	for (size_t i = 0; i < l->n; i++)
		limit_done(&l->limit[i]);
	free(l->limit);
	memset(l, 0, sizeof *l);
}

/* Messages are known at mail and from then on, recipients one by one at rcpt
 * and all of them from data on. */
static int
check(const struct sink_limit *x, struct err *err)
{
	bool rcpt = x->of == SINK_LIMIT_RATE && x->rate.of == RATE_RECIPIENTS;

	if (x->of != SINK_LIMIT_RATE) {
		if (x->at == SINK_BANNER || x->at == SINK_MAIL ||
		    x->at == SINK_DATA || x->at == SINK_DOT)
			return 0;
		return err_set(err, ERR_CONFIG,
		    "such a limit is at banner, mail, data or dot");
	}
	if (x->rate.count > SINK_LIMIT_COUNT_MAX)
		return err_set(err, ERR_CONFIG, "a rate counts at most %d",
		    SINK_LIMIT_COUNT_MAX);
	if (x->at == SINK_DATA || x->at == SINK_DOT ||
	    x->at == (rcpt ? SINK_RCPT : SINK_MAIL))
		return 0;
	return err_set(err, ERR_CONFIG,
	    rcpt ? "recipients are counted at rcpt, data or dot"
	         : "messages are counted at mail, data or dot");
}

int
sink_limits_put(struct sink_limits *l, struct sink_limit *x, struct err *err)
{
	int rc = check(x, err);

	if (l->n == LIMITS_MAX)
		rc =
		    err_set(err, ERR_CONFIG, "more than %d limits", LIMITS_MAX);
	if (rc == -1) {
		limit_done(x);
		return -1;
	}
	x->is_fixed = x->is_fixed || x->rate.is_fixed;
	if (x->of == SINK_LIMIT_RATE && !x->is_fixed)
		x->times = mem_array(x->rate.count, sizeof *x->times);
	l->limit = mem_resize(l->limit, (l->n + 1) * sizeof *x);
	l->limit[l->n++] = *x;
	return 0;
}

static uint32_t
weight(const struct sink_limit *x, const struct sink_load *load)
{
	return x->rate.of == RATE_RECIPIENTS ? load->recipients : 1;
}

/* Those leave that are as old as the window is long: it is half open. */
static void
forget_old(struct sink_limit *x, uint64_t now_us)
{
	uint64_t length_us = x->rate.period_ms * 1000;

	while (x->held > 0) {
		uint32_t oldest =
		    (x->at_ring + x->rate.count - x->held) % x->rate.count;

		if (now_us - x->times[oldest] < length_us)
			break;
		x->held--;
	}
}

static uint64_t
in_window(struct sink_limit *x, const struct sink_load *load)
{
	uint64_t window;

	if (!x->is_fixed) {
		forget_old(x, load->us);
		return x->held;
	}
	window = (load->wall_us - x->rate.reset_ms * UINT64_C(1000)) /
	         (x->rate.period_ms * 1000);
	if (window != x->window)
		x->counted = 0;
	x->window = window;
	return x->counted;
}

static bool
is_over(struct sink_limit *x, const struct sink_load *load)
{
	switch (x->of) {
	case SINK_LIMIT_SESSIONS:
		return load->older >= x->most;
	case SINK_LIMIT_MAILS:
		return load->mails >= x->most;
	case SINK_LIMIT_RATE:
		break;
	}
	return in_window(x, load) + weight(x, load) > x->rate.count;
}

static bool
is_due(const struct sink_limit *x, const struct sink_load *load)
{
	return x->at == load->stage && sink_rules_in_span(&x->span, load->us);
}

const struct sink_limit *
sink_limits_over(struct sink_limits *l, const struct sink_load *load)
{
	for (size_t i = 0; i < l->n; i++) {
		if (is_due(&l->limit[i], load) && is_over(&l->limit[i], load))
			return &l->limit[i];
	}
	return NULL;
}

static void
count(struct sink_limit *x, const struct sink_load *load)
{
	uint64_t before = in_window(x, load);
	uint32_t n = weight(x, load);

	if (x->is_fixed) {
		x->counted = before + n;
		return;
	}
	for (; n > 0; n--) {
		x->times[x->at_ring] = load->us;
		x->at_ring = (x->at_ring + 1) % x->rate.count;
		x->held += x->held < x->rate.count;
	}
}

bool
sink_limits_count(struct sink_limits *l, const struct sink_load *load)
{
	bool any = false;

	for (size_t i = 0; i < l->n; i++) {
		if (!is_due(&l->limit[i], load) ||
		    l->limit[i].of != SINK_LIMIT_RATE)
			continue;
		count(&l->limit[i], load);
		any = true;
	}
	return any;
}
