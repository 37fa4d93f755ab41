/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How providers stand is told of the first METRICS_PROVIDERS of the settings.
 * What is counted of them is told of those that are among the first
 * METRICS_PROVIDERS names since the start, of steps among the first
 * METRICS_STAGED, and of all further names together as "other": a name that is
 * in it stays there whatever comes and goes, so that no counter falls.
 */
#include "admin/metrics_relay.h"

#include <stdio.h>
#include <stdlib.h>

#include "postern/base/mem.h"
#include "postern/io/dns.h"
#include "postern/relay/relay_view.h"

#include "admin/filter.h"
#include "admin/metrics_out.h"
#include "postern/admin/stats.h"

#define HOUR_MS 3600000

static const struct metrics_bounds stage_bounds = { 1e6, 5,
	{ 10000, 100000, 1000000, 5000000, 30000000 } };
static const struct metrics_bounds wait_bounds = { 1e3, 10,
	{ 10, 100, 1000, 5000, 30000, 60000, 300000, 3600000, 14400000,
	    86400000 } };

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static size_t
named(const struct metrics_out *o)
{
	return least(o->view->n, METRICS_PROVIDERS);
}

/* --- as they stand -----------------------------------------------------------
 */

typedef void provider_fn(
    struct metrics_out *o, enum metric m, const struct relay_view_provider *p);

static void
each_provider(struct metrics_out *o, enum metric m, provider_fn *fn)
{
	metrics_out_head(o, m);
	for (size_t i = 0; i < named(o); i++)
		fn(o, m, &o->view->providers[i]);
}

static double
figure(enum metric m, const struct relay_view_provider *p)
{
	switch (m) {
	case METRIC_USABLE:
		return p->is_usable;
	case METRIC_PAUSED:
		return p->paused_since_ms != 0;
	case METRIC_LEVEL:
		return (double)p->level_at;
	case METRIC_BREAKER:
		return p->breaker;
	case METRIC_CONNECTIONS_MAX:
		return p->sessions_max;
	default:
		return p->per_second; /* METRIC_RATE */
	}
}

static void
put_figure(
    struct metrics_out *o, enum metric m, const struct relay_view_provider *p)
{
	const char *label[] = { "provider", p->name };

	metrics_out_word(o, m, label, figure(m, p));
}

static void
put_waiting(
    struct metrics_out *o, enum metric m, const struct relay_view_provider *p)
{
	const char *label[] = { "provider", p->name };
	size_t n = 0;

	for (size_t i = 0; i < SPOOL_PRIORITIES; i++)
		n += p->waiting[i];
	metrics_out_word(o, m, label, (double)n);
}

static void
put_connections(
    struct metrics_out *o, enum metric m, const struct relay_view_provider *p)
{
	for (size_t i = 0; i < RELAY_VIEW_PHASES; i++) {
		const char *label[] = { "provider", p->name, "state",
			relay_view_phase(i) };

		metrics_out_pair(o, m, label, (double)p->sessions[i]);
	}
}

static void
put_providers(struct metrics_out *o)
{
	static const enum metric figures[] = { METRIC_USABLE, METRIC_PAUSED,
		METRIC_LEVEL, METRIC_BREAKER, METRIC_CONNECTIONS_MAX,
		METRIC_RATE };

	for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++)
		each_provider(o, figures[i], put_figure);
	each_provider(o, METRIC_CONNECTIONS, put_connections);
	each_provider(o, METRIC_WAITING, put_waiting);
	o->beyond += o->view->n - named(o);
}

/* --- windows -----------------------------------------------------------------
 */

static void
put_window(
    struct metrics_out *o, enum metric m, const struct relay_view_window *w)
{
	const char *label[] = { "owner", w->owner, "window", w->window };

	metrics_out_pair(
	    o, m, label, (double)(m == METRIC_QUOTA_USED ? w->used : w->max));
}

static void
put_windows(struct metrics_out *o, enum metric m)
{
	size_t left = METRICS_WINDOWS;

	metrics_out_head(o, m);
	for (int longer = 1; longer >= 0; longer--) {
		for (size_t i = 0; i < o->view->nwindows && left > 0; i++) {
			const struct relay_view_window *w =
			    &o->view->windows[i];

			if ((w->period_ms >= HOUR_MS) != longer)
				continue;
			put_window(o, m, w);
			left--;
		}
	}
}

static void
put_quotas(struct metrics_out *o)
{
	size_t n = o->view->nwindows;

	put_windows(o, METRIC_QUOTA_USED);
	put_windows(o, METRIC_QUOTA_LIMIT);
	o->beyond += n - least(n, METRICS_WINDOWS);
}

/* --- counters ----------------------------------------------------------------
 */

typedef void tally_fn(
    struct metrics_out *o, enum metric m, const struct tally *t);

/* What names have together that have no series of their own: all of it from
 * place METRICS_PROVIDERS on, the steps from METRICS_STAGED on.  The caller's
 * to free. */
static struct tally *
rest_of(const struct relay_view *v)
{
	struct tally *rest = mem_new(sizeof *rest);

	(void)snprintf(rest->name, sizeof rest->name, "other");
	if (v->others != NULL)
		tally_merge(rest, v->others);
	for (size_t i = METRICS_STAGED; i < v->ntallies; i++) {
		const struct tally *t = v->tallies[i];

		if (i >= METRICS_PROVIDERS)
			tally_merge(rest, t);
		for (size_t k = 0; k < TALLY_STAGES && i < METRICS_PROVIDERS;
		     k++)
			stat_merge(&rest->stage_us[k], &t->stage_us[k]);
	}
	return rest;
}

static void
each_tally(struct metrics_out *o, enum metric m, tally_fn *fn,
    const struct tally *rest)
{
	size_t n = m == METRIC_STAGE ? METRICS_STAGED : METRICS_PROVIDERS;

	metrics_out_head(o, m);
	for (size_t i = 0; i < o->view->n; i++) {
		const struct tally *t = o->view->providers[i].tally;

		if (t->place < n)
			fn(o, m, t);
	}
	if (o->view->ntallies > n)
		fn(o, m, rest);
}

static void
put_results(struct metrics_out *o, enum metric m, const struct tally *t)
{
	for (int i = 0; i < TALLY_RESULTS; i++) {
		const char *label[] = { "provider", t->name, "result",
			tally_result_word((enum tally_result)i) };

		metrics_out_some(o, m, label, stat_get(&t->results[i]));
	}
}

static void
put_classes(struct metrics_out *o, enum metric m, const struct tally *t)
{
	for (int i = 0; i < TALLY_GROUPS; i++) {
		enum tally_group g = (enum tally_group)i;
		const char *label[] = { "provider", t->name, "class",
			tally_group_word(g) };

		metrics_out_some(o, m, label,
		    m == METRIC_ATTEMPTS ? tally_attempts(t, g)
		                         : tally_failures(t, g));
	}
}

static uint64_t
count_of(enum metric m, const struct tally *t)
{
	uint64_t n = 0;

	switch (m) {
	case METRIC_OPENED:
		return stat_get(&t->opened);
	case METRIC_REUSED:
		return stat_get(&t->reused);
	case METRIC_LEVEL_CHANGES:
		for (size_t i = 0; i < TALLY_LEVELS; i++)
			n += stat_get(&t->level[i]);
		return n;
	default:
		return stat_get(&t->unsure); /* METRIC_UNSURE */
	}
}

static void
put_count(struct metrics_out *o, enum metric m, const struct tally *t)
{
	const char *label[] = { "provider", t->name };

	metrics_out_word(o, m, label, (double)count_of(m, t));
}

static void
put_breaker_changes(struct metrics_out *o, enum metric m, const struct tally *t)
{
	for (int i = 0; i < TALLY_BREAKERS; i++) {
		const char *label[] = { "provider", t->name, "to",
			tally_breaker_word((enum tally_breaker)i) };

		metrics_out_some(o, m, label, stat_get(&t->breaker[i]));
	}
}

static void
put_delivery(struct metrics_out *o, enum metric m, const struct tally *t)
{
	char labels[METRICS_LABELS];

	(void)snprintf(labels, sizeof labels, "provider=\"%s\"", t->name);
	if (stat_get(&t->delivery_ms.count) > 0)
		metrics_out_histogram(
		    o, m, labels, &t->delivery_ms, &wait_bounds);
}

static void
put_stages(struct metrics_out *o, enum metric m, const struct tally *t)
{
	for (int i = 0; i < TALLY_STAGES; i++) {
		char labels[METRICS_LABELS];

		if (stat_get(&t->stage_us[i].count) == 0)
			continue;
		(void)snprintf(labels, sizeof labels,
		    "provider=\"%s\",stage=\"%s\"", t->name,
		    tally_stage_word((enum tally_stage)i));
		metrics_out_histogram(
		    o, m, labels, &t->stage_us[i], &stage_bounds);
	}
}

static void
put_tallies(struct metrics_out *o)
{
	static const struct {
		enum metric m;
		tally_fn *fn;
	} rows[] = {
		{ METRIC_ATTEMPTS, put_classes },
		{ METRIC_FAILURES, put_classes },
		{ METRIC_OPENED, put_count },
		{ METRIC_REUSED, put_count },
		{ METRIC_LEVEL_CHANGES, put_count },
		{ METRIC_BREAKER_CHANGES, put_breaker_changes },
		{ METRIC_UNSURE, put_count },
		{ METRIC_DELIVERY, put_delivery },
		{ METRIC_STAGE, put_stages },
	};
	struct tally *rest = rest_of(o->view);

	each_tally(o, METRIC_RESULTS, put_results, rest);
	put_results(o, METRIC_RESULTS, o->view->nobody);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		each_tally(o, rows[i].m, rows[i].fn, rest);
	free(rest);
}

/* --- failovers ---------------------------------------------------------------
 */

static void
put_failover(struct metrics_out *o, const struct tally_failover *f)
{
	char labels[METRICS_LABELS];

	(void)snprintf(labels, sizeof labels,
	    "from=\"%s\",to=\"%s\",reason=\"%s\"",
	    f->from ? f->from->name : "other", f->to ? f->to->name : "other",
	    tally_reason_word(f->reason));
	metrics_out_put(o, METRIC_FAILOVERS, labels, (double)stat_get(&f->n));
}

static void
put_failovers(struct metrics_out *o)
{
	bool beyond = false;

	metrics_out_head(o, METRIC_FAILOVERS);
	for (size_t i = 0; i < o->view->nfailovers; i++) {
		const struct tally_failover *f = &o->view->failovers[i];

		if (stat_get(&f->n) == 0)
			continue;
		put_failover(o, f);
		beyond |= f->from == NULL;
	}
	o->beyond += beyond;
}

/* --- of all together ---------------------------------------------------------
 */

static void
put_waits(struct metrics_out *o, const struct relay_view_counters *c)
{
	metrics_out_head(o, METRIC_WAIT);
	for (uint8_t i = 0; i < SPOOL_PRIORITIES; i++) {
		char labels[METRICS_LABELS];

		if (stat_get(&c->wait_ms[i].count) == 0)
			continue;
		(void)snprintf(labels, sizeof labels, "priority=\"%s\"",
		    filter_priority(i));
		metrics_out_histogram(
		    o, METRIC_WAIT, labels, &c->wait_ms[i], &wait_bounds);
	}
}

static void
put_ends(struct metrics_out *o, const struct relay_view_counters *c)
{
	metrics_out_head(o, METRIC_CLOSED);
	for (size_t i = 0; i < RELAY_VIEW_ENDS; i++) {
		const char *label[] = { "reason", relay_view_end_word(i) };

		metrics_out_word(
		    o, METRIC_CLOSED, label, (double)stat_get(&c->ended[i]));
	}
}

static void
put_dns(struct metrics_out *o, const struct dns_count *n)
{
	metrics_out_head(o, METRIC_DNS);
	for (int i = 0; i < DNS_RESULTS; i++) {
		const char *label[] = { "result",
			dns_result_word((enum dns_result)i) };

		metrics_out_word(
		    o, METRIC_DNS, label, (double)stat_get(&n->of[i]));
	}
}

void
metrics_relay_put(struct metrics_out *o)
{
	const struct relay_view_counters *c =
	    relay_view_counters(o->src->relay);

	metrics_out_one(o, METRIC_INHAND, (double)o->view->inhand);
	put_providers(o);
	put_quotas(o);
	put_tallies(o);
	put_failovers(o);
	put_ends(o, c);
	put_waits(o, c);
	put_dns(o, c->dns);
}
