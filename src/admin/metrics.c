/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Labels are names of the configuration and words of fixed lists: the number of
 * series does not depend on the mail.  Counters and histograms of what never
 * happened are left out.
 */
#include "admin/metrics.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "postern/admin/stats.h"
#include "postern/base/buf.h"
#include "postern/base/log.h"
#include "postern/inlet/doors.h"
#include "postern/inlet/inlet.h"
#include "postern/relay/relay_view.h"
#include "postern/spool/spool.h"

#include "admin/filter.h"
#include "postern/admin/pulse.h"
#include "admin/metrics_table.h"
#include "admin/process.h"

#define LABELS_MAX 256
#define BOUNDS_MAX 16

struct out {
	struct buf *b;
	bool overflows;
	const struct stats_source *src;
	const struct relay_view *view;
};

static void
put(struct out *o, const char *name, const char *labels, double value)
{
	const char *open = labels[0] != '\0' ? "{" : "";
	const char *close = labels[0] != '\0' ? "}" : "";

	if (buf_addf(o->b, "%s%s%s%s %.15g\n", name, open, labels, close,
	        value) != 0)
		o->overflows = true;
}

static void
head(struct out *o, enum metric m)
{
	const struct metrics_row *r = &metrics_table[m];

	if (buf_addf(o->b, "# HELP %s %s\n# TYPE %s %s\n", r->name, r->help,
	        r->name, r->type) != 0)
		o->overflows = true;
}

static void
one(struct out *o, enum metric m, double value)
{
	head(o, m);
	put(o, metrics_table[m].name, "", value);
}

static void
labelled(struct out *o, enum metric m, const char *label, const char *word,
    double value)
{
	char labels[LABELS_MAX];

	(void)snprintf(labels, sizeof labels, "%s=\"%s\"", label, word);
	put(o, metrics_table[m].name, labels, value);
}

/* --- histograms ------------------------------------------------------------
 */

struct bounds {
	double unit; /* of what was observed, a second */
	size_t n;
	uint64_t at[BOUNDS_MAX];
};

static const struct bounds commit_bounds = { 1e6, 8,
	{ 100, 1000, 5000, 10000, 50000, 100000, 1000000, 10000000 } };
static const struct bounds batch_bounds = { 1, 7,
	{ 1, 4, 16, 64, 256, 1024, 4096 } };
static const struct bounds stage_bounds = { 1e6, 5,
	{ 10000, 100000, 1000000, 5000000, 30000000 } };
static const struct bounds wait_bounds = { 1e3, 10,
	{ 10, 100, 1000, 5000, 30000, 60000, 300000, 3600000, 14400000,
	    86400000 } };

static void
histogram(struct out *o, enum metric m, const char *labels,
    const struct stat_histogram *h, const struct bounds *bounds)
{
	const char *comma = labels[0] != '\0' ? "," : "";
	uint64_t counts[BOUNDS_MAX], all;
	char name[80], more[LABELS_MAX];

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

/* --- the way in ------------------------------------------------------------
 */

#define SUM(o, field)                                                          \
	((double)stats_sum((o)->src, offsetof(struct inlet_counters, field)))

/* at: of a counter in struct door. */
static void
put_doors(struct out *o, enum metric m, const struct doors *all, size_t at)
{
	head(o, m);
	for (size_t i = 0; i < doors_count(all); i++) {
		const struct door *d = &all->of[i];

		labelled(o, m, "listener", d->name,
		    (double)stat_get((const void *)((const char *)d + at)));
	}
}

static void
put_refused(struct out *o, const struct doors *all)
{
	head(o, METRIC_REFUSED);
	for (size_t i = 0; i < doors_count(all); i++) {
		const struct door *d = &all->of[i];
		char labels[LABELS_MAX];

		(void)snprintf(labels, sizeof labels,
		    "listener=\"%s\",class=\"4xx\"", d->name);
		put(o, metrics_table[METRIC_REFUSED].name, labels,
		    (double)stat_get(&d->temporary));
		(void)snprintf(labels, sizeof labels,
		    "listener=\"%s\",class=\"5xx\"", d->name);
		put(o, metrics_table[METRIC_REFUSED].name, labels,
		    (double)stat_get(&d->permanent));
	}
}

static void
put_inlets(struct out *o)
{
	struct doors *all = stats_doors(o->src);

	one(o, METRIC_SESSIONS, SUM(o, open));
	put_doors(o, METRIC_SESSIONS_ALL, all, offsetof(struct door, sessions));
	put_doors(
	    o, METRIC_TURNED_AWAY, all, offsetof(struct door, turned_away));
	put_doors(o, METRIC_RECEIVED, all, offsetof(struct door, messages));
	one(o, METRIC_RECEIVED_BYTES, SUM(o, bytes));
	put_refused(o, all);
	free(all);
	head(o, METRIC_AUTH);
	labelled(o, METRIC_AUTH, "result", "ok", SUM(o, logins));
	labelled(o, METRIC_AUTH, "result", "failed", SUM(o, logins_failed));
	head(o, METRIC_TLS);
	labelled(o, METRIC_TLS, "result", "ok", SUM(o, tls));
	labelled(o, METRIC_TLS, "result", "failed", SUM(o, tls_failed));
}

static void
put_spool(struct out *o)
{
	struct spool_stats st;
	double oldest;

	spool_stats(o->src->spool, &st);
	oldest = stats_oldest_s(o->src, st.queued);
	head(o, METRIC_QUEUE);
	labelled(o, METRIC_QUEUE, "state", "queued", (double)st.queued);
	labelled(o, METRIC_QUEUE, "state", "held", (double)st.held);
	labelled(o, METRIC_QUEUE, "state", "dead", (double)st.dead);
	labelled(o, METRIC_QUEUE, "state", "doubt", (double)st.doubt);
	one(o, METRIC_QUEUE_BYTES, (double)st.queued_bytes);
	if (oldest >= 0)
		one(o, METRIC_QUEUE_OLDEST, oldest);
	one(o, METRIC_SPOOL_BYTES, (double)st.map_used);
	one(o, METRIC_DISK_FREE, (double)st.disk_free);
	one(o, METRIC_SPOOL_FULL, st.full);
	one(o, METRIC_READERS, (double)st.readers);
	one(o, METRIC_MEMORY, (double)st.memory);
	head(o, METRIC_COMMIT);
	histogram(o, METRIC_COMMIT, "", spool_commit_us(o->src->spool),
	    &commit_bounds);
	head(o, METRIC_BATCH);
	histogram(
	    o, METRIC_BATCH, "", spool_batches(o->src->spool), &batch_bounds);
	one(o, METRIC_LOG_DROPPED, (double)log_dropped());
}

/* --- providers as they stand -----------------------------------------------
 */

typedef void provider_fn(
    struct out *o, enum metric m, const struct relay_view_provider *p);

static void
each_provider(struct out *o, enum metric m, provider_fn *fn)
{
	head(o, m);
	for (size_t i = 0; i < o->view->n; i++)
		fn(o, m, &o->view->providers[i]);
}

static void
put_usable(struct out *o, enum metric m, const struct relay_view_provider *p)
{
	labelled(o, m, "provider", p->tally->name, p->is_usable);
}

static void
put_paused(struct out *o, enum metric m, const struct relay_view_provider *p)
{
	labelled(o, m, "provider", p->tally->name, p->paused_since_ms != 0);
}

static void
put_breaker(struct out *o, enum metric m, const struct relay_view_provider *p)
{
	labelled(o, m, "provider", p->tally->name, p->breaker);
}

static void
put_limit(struct out *o, enum metric m, const struct relay_view_provider *p)
{
	labelled(o, m, "provider", p->tally->name, p->sessions_max);
}

static void
put_sending(struct out *o, enum metric m, const struct relay_view_provider *p)
{
	labelled(o, m, "provider", p->tally->name, (double)p->sending);
}

static void
put_rate(struct out *o, enum metric m, const struct relay_view_provider *p)
{
	labelled(o, m, "provider", p->tally->name, p->per_second);
}

static void
put_pair(struct out *o, enum metric m, const struct tally *t,
    const char *word[2], double value)
{
	char labels[LABELS_MAX];

	(void)snprintf(labels, sizeof labels, "provider=\"%s\",%s=\"%s\"",
	    t->name, word[0], word[1]);
	put(o, metrics_table[m].name, labels, value);
}

static void
put_level(struct out *o, enum metric m, const struct relay_view_provider *p)
{
	for (size_t i = 0; i < TALLY_LEVELS; i++) {
		const char *word[] = { "level", tally_level_word(i) };

		put_pair(o, m, p->tally, word, p->level_at == i);
	}
}

static void
put_connections(
    struct out *o, enum metric m, const struct relay_view_provider *p)
{
	for (size_t i = 0; i < RELAY_VIEW_PHASES; i++) {
		const char *word[] = { "state", relay_view_phase(i) };

		put_pair(o, m, p->tally, word, (double)p->sessions[i]);
	}
}

static void
put_waiting(struct out *o, enum metric m, const struct relay_view_provider *p)
{
	for (uint8_t i = 0; i < SPOOL_PRIORITIES; i++) {
		const char *word[] = { "priority", filter_priority(i) };

		put_pair(o, m, p->tally, word, (double)p->waiting[i]);
	}
}

static void
put_windows(struct out *o, enum metric m)
{
	head(o, m);
	for (size_t i = 0; i < o->view->nwindows; i++) {
		const struct relay_view_window *w = &o->view->windows[i];
		char labels[LABELS_MAX];

		(void)snprintf(labels, sizeof labels,
		    "owner=\"%s\",window=\"%s\"", w->owner, w->window);
		put(o, metrics_table[m].name, labels,
		    (double)(m == METRIC_QUOTA_USED ? w->used : w->max));
	}
}

/* --- providers' counters ---------------------------------------------------
 */

typedef void tally_fn(struct out *o, enum metric m, const struct tally *t);

static void
each_tally(struct out *o, enum metric m, tally_fn *fn)
{
	head(o, m);
	fn(o, m, o->view->nobody);
	for (size_t i = 0; i < o->view->n; i++) {
		if (o->view->providers[i].tally != o->view->others)
			fn(o, m, o->view->providers[i].tally);
	}
	if (o->view->others != NULL)
		fn(o, m, o->view->others);
}

static void
put_some(struct out *o, enum metric m, const struct tally *t,
    const char *word[2], const struct stat_counter *c)
{
	uint64_t n = stat_get(c);

	if (n > 0)
		put_pair(o, m, t, word, (double)n);
}

static void
put_results(struct out *o, enum metric m, const struct tally *t)
{
	for (int i = 0; i < TALLY_RESULTS; i++) {
		const char *word[] = { "result",
			tally_result_word((enum tally_result)i) };

		put_some(o, m, t, word, &t->results[i]);
	}
}

static void
put_classes(struct out *o, enum metric m, const struct tally *t)
{
	const struct stat_counter *c =
	    m == METRIC_ATTEMPTS ? t->attempts : t->failures;

	for (size_t i = 0; tally_class_word(i) != NULL; i++) {
		const char *word[] = { "class", tally_class_word(i) };

		put_some(o, m, t, word, &c[i]);
	}
}

static void
put_count(struct out *o, enum metric m, const struct tally *t)
{
	const struct stat_counter *c = m == METRIC_OPENED      ? &t->opened
	                               : m == METRIC_REUSED    ? &t->reused
	                               : m == METRIC_FAILOVERS ? &t->failovers
	                                                       : &t->unsure;

	if (t != o->view->nobody)
		labelled(o, m, "provider", t->name, (double)stat_get(c));
}

static void
put_level_changes(struct out *o, enum metric m, const struct tally *t)
{
	for (size_t i = 0; i < TALLY_LEVELS; i++) {
		const char *word[] = { "level", tally_level_word(i) };

		put_some(o, m, t, word, &t->level[i]);
	}
}

static void
put_breaker_changes(struct out *o, enum metric m, const struct tally *t)
{
	for (int i = 0; i < TALLY_BREAKERS; i++) {
		const char *word[] = { "to",
			tally_breaker_word((enum tally_breaker)i) };

		put_some(o, m, t, word, &t->breaker[i]);
	}
}

static void
put_tls(struct out *o, enum metric m, const struct tally *t)
{
	for (int i = 0; i < TALLY_TLSES; i++) {
		const char *word[] = { "version",
			tally_tls_word((enum tally_tls)i) };

		put_some(o, m, t, word, &t->tls[i]);
	}
}

static void
put_times(struct out *o, enum metric m, const struct tally *t)
{
	const struct stat_histogram *h =
	    m == METRIC_DELIVERY ? &t->delivery_ms : &t->wait_ms;
	char labels[LABELS_MAX];

	(void)snprintf(labels, sizeof labels, "provider=\"%s\"", t->name);
	if (t != o->view->nobody && stat_get(&h->count) > 0)
		histogram(o, m, labels, h, &wait_bounds);
}

static void
put_stages(struct out *o, enum metric m, const struct tally *t)
{
	for (int i = 0; i < TALLY_STAGES; i++) {
		char labels[LABELS_MAX];

		if (stat_get(&t->stage_us[i].count) == 0)
			continue;
		(void)snprintf(labels, sizeof labels,
		    "provider=\"%s\",stage=\"%s\"", t->name,
		    tally_stage_word((enum tally_stage)i));
		histogram(o, m, labels, &t->stage_us[i], &stage_bounds);
	}
}

static void
put_relay(struct out *o)
{
	one(o, METRIC_INHAND, (double)o->view->inhand);
	each_provider(o, METRIC_USABLE, put_usable);
	each_provider(o, METRIC_PAUSED, put_paused);
	each_provider(o, METRIC_LEVEL, put_level);
	each_provider(o, METRIC_BREAKER, put_breaker);
	each_provider(o, METRIC_CONNECTIONS, put_connections);
	each_provider(o, METRIC_CONNECTIONS_MAX, put_limit);
	each_provider(o, METRIC_WAITING, put_waiting);
	each_provider(o, METRIC_SENDING, put_sending);
	each_provider(o, METRIC_RATE, put_rate);
	put_windows(o, METRIC_QUOTA_USED);
	put_windows(o, METRIC_QUOTA_LIMIT);
	each_tally(o, METRIC_RESULTS, put_results);
	each_tally(o, METRIC_ATTEMPTS, put_classes);
	each_tally(o, METRIC_FAILURES, put_classes);
	each_tally(o, METRIC_OPENED, put_count);
	each_tally(o, METRIC_REUSED, put_count);
	each_tally(o, METRIC_LEVEL_CHANGES, put_level_changes);
	each_tally(o, METRIC_BREAKER_CHANGES, put_breaker_changes);
	each_tally(o, METRIC_FAILOVERS, put_count);
	each_tally(o, METRIC_UNSURE, put_count);
	each_tally(o, METRIC_UPSTREAM_TLS, put_tls);
	each_tally(o, METRIC_DELIVERY, put_times);
	each_tally(o, METRIC_WAIT, put_times);
	each_tally(o, METRIC_STAGE, put_stages);
}

/* --- the process -----------------------------------------------------------
 */

static void
put_process(struct out *o)
{
	struct process p = process_look();

	one(o, METRIC_CPU, p.cpu_s);
	one(o, METRIC_RSS, p.rss);
	one(o, METRIC_FDS, p.fds);
	one(o, METRIC_FDS_MAX, p.fds_max);
	one(o, METRIC_START, (double)o->src->started_ms / 1000);
}

static void
put_silence(void *arg, const char *thread, uint64_t ms)
{
	labelled(arg, METRIC_SILENT, "thread", thread, (double)ms / 1000);
}

int
metrics_text(const struct stats_source *s, const struct relay_view *view,
    struct buf *b, struct err *err)
{
	struct out o = { .b = b, .src = s, .view = view };
	char labels[LABELS_MAX];

	(void)snprintf(labels, sizeof labels, "version=\"%s\",modules=\"%s\"",
	    s->version, s->modules);
	head(&o, METRIC_BUILD);
	put(&o, metrics_table[METRIC_BUILD].name, labels, 1);
	one(&o, METRIC_CONFIG_REFUSED, stat_get(&s->refused_ms) != 0);
	put_inlets(&o);
	put_spool(&o);
	head(&o, METRIC_SILENT);
	pulse_each(s, put_silence, &o);
	put_relay(&o);
	put_process(&o);
	if (o.overflows)
		return err_set(err, ERR_FULL, "more than %zu bytes", b->max);
	return 0;
}
