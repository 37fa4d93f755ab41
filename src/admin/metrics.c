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
#include <string.h>

#include "postern/base/buf.h"
#include "postern/base/log.h"
#include "postern/base/mem.h"
#include "postern/inlet/doors.h"
#include "postern/inlet/inlet.h"
#include "postern/io/helper.h"
#include "postern/relay/relay_view.h"
#include "postern/spool/spool.h"

#include "admin/filter.h"
#include "admin/metrics_out.h"
#include "admin/metrics_relay.h"
#include "admin/process.h"
#include "postern/admin/pulse.h"
#include "postern/admin/stats.h"

static const struct metrics_bounds commit_bounds = { 1e6, 8,
	{ 100, 1000, 5000, 10000, 50000, 100000, 1000000, 10000000 } };
static const struct metrics_bounds batch_bounds = { 1, 7,
	{ 1, 4, 16, 64, 256, 1024, 4096 } };
static const struct metrics_bounds size_bounds = { 1, 11,
	{ 1000, 3000, 10000, 30000, 100000, 300000, 1000000, 3000000, 10000000,
	    30000000, 50000000 } };
static const struct metrics_bounds turn_bounds = { 1e6, 8,
	{ 100, 1000, 5000, 10000, 50000, 100000, 1000000, 10000000 } };

/* --- listeners ---------------------------------------------------------------
 */

/* at: of a counter in struct door. */
static void
put_doors(
    struct metrics_out *o, enum metric m, const struct doors *all, size_t at)
{
	metrics_out_head(o, m);
	for (size_t i = 0; i < doors_count(all); i++) {
		const struct door *d = &all->of[i];
		const char *label[] = { "listener", d->name };

		metrics_out_word(o, m, label,
		    (double)stat_get((const void *)((const char *)d + at)));
	}
}

static void
put_doors_tls(struct metrics_out *o, enum metric m, const struct doors *all)
{
	metrics_out_head(o, m);
	for (size_t i = 0; i < doors_count(all) * DOORS_TLSES; i++) {
		const struct door *d = &all->of[i / DOORS_TLSES];
		enum doors_tls tls = (enum doors_tls)(i % DOORS_TLSES);
		const char *label[] = { "listener", d->name, "tls",
			doors_tls_word(tls) };

		metrics_out_pair(o, m, label,
		    (double)stat_get(
		        m == METRIC_SESSIONS ? &d->open[tls] : &d->ended[tls]));
	}
}

static void
put_refused(struct metrics_out *o, const struct doors *all)
{
	metrics_out_head(o, METRIC_REFUSED);
	for (size_t i = 0; i < doors_count(all); i++) {
		const struct door *d = &all->of[i];

		metrics_out_pair(o, METRIC_REFUSED,
		    (const char *[]){ "listener", d->name, "class", "4xx" },
		    (double)stat_get(&d->temporary));
		metrics_out_pair(o, METRIC_REFUSED,
		    (const char *[]){ "listener", d->name, "class", "5xx" },
		    (double)stat_get(&d->permanent));
	}
}

static void
put_listeners(struct metrics_out *o)
{
	struct doors *all = stats_doors(o->src);
	size_t n = doors_count(all);

	doors_cut(all, METRICS_LISTENERS);
	put_doors_tls(o, METRIC_SESSIONS, all);
	put_doors(o, METRIC_CONNECTED, all, offsetof(struct door, sessions));
	put_doors_tls(o, METRIC_SESSIONS_ALL, all);
	put_doors(
	    o, METRIC_TURNED_AWAY, all, offsetof(struct door, turned_away));
	put_doors(o, METRIC_RECEIVED, all, offsetof(struct door, messages));
	put_refused(o, all);
	o->beyond += n > METRICS_LISTENERS ? n - METRICS_LISTENERS : 0;
	free(all);
}

/* --- the talk with applications ----------------------------------------------
 */

/* The sum over all inlets of one of an array of counters. */
#define SUM_OF(o, field, i)                                                    \
	stats_sum((o)->src, offsetof(struct inlet_counters, field) +           \
	                        (i) * sizeof(struct stat_counter))

static void
put_commands(struct metrics_out *o)
{
	metrics_out_head(o, METRIC_COMMANDS);
	for (size_t i = 0; i < METER_VERBS * METER_CLASSES; i++) {
		const char *label[] = { "verb",
			meter_verb_word(i / METER_CLASSES), "class",
			meter_class_word(i % METER_CLASSES) };

		metrics_out_some(
		    o, METRIC_COMMANDS, label, SUM_OF(o, meter.commands, i));
	}
}

static void
put_rejected(struct metrics_out *o)
{
	metrics_out_head(o, METRIC_REJECTED);
	for (size_t i = 0; i < METER_REASONS; i++) {
		const char *label[] = { "reason",
			meter_reason_word((enum meter_reason)i) };

		metrics_out_word(o, METRIC_REJECTED, label,
		    (double)SUM_OF(o, meter.rejected, i));
	}
}

static void
put_logins(struct metrics_out *o)
{
	metrics_out_head(o, METRIC_AUTH);
	for (size_t i = 0; i < METER_MECHS * METER_LOGINS; i++) {
		const char *label[] = {
			"mech", meter_mech_word(i / METER_LOGINS), "result",
			meter_login_word((enum meter_login)(i % METER_LOGINS))
		};

		metrics_out_some(
		    o, METRIC_AUTH, label, SUM_OF(o, meter.logins, i));
	}
}

static void
put_handshake(struct metrics_out *o, const char *role, const char *const how[2],
    uint64_t n)
{
	char labels[METRICS_LABELS];

	if (n == 0)
		return;
	(void)snprintf(labels, sizeof labels,
	    "role=\"%s\",version=\"%s\",resumed=\"%s\"", role, how[0], how[1]);
	metrics_out_put(o, METRIC_TLS, labels, (double)n);
}

static void
put_handshakes(struct metrics_out *o)
{
	const struct tls_count *c = &relay_view_counters(o->src->relay)->tls;

	metrics_out_head(o, METRIC_TLS);
	for (size_t i = 0; i < TLS_COUNT_VERSIONS; i++) {
		const char *whole[] = { tls_count_word(i), "no" };
		const char *resumed[] = { tls_count_word(i), "yes" };

		put_handshake(
		    o, "server", whole, SUM_OF(o, meter.tls.whole, i));
		put_handshake(
		    o, "server", resumed, SUM_OF(o, meter.tls.resumed, i));
		put_handshake(o, "client", whole, stat_get(&c->whole[i]));
		put_handshake(o, "client", resumed, stat_get(&c->resumed[i]));
	}
	metrics_out_one(
	    o, METRIC_TLS_FAILED, (double)SUM_OF(o, meter.tls_failed, 0));
}

static void
put_sizes(struct metrics_out *o)
{
	struct stat_histogram *all = mem_array(METER_SOURCES, sizeof *all);
	char labels[METRICS_LABELS];

	for (size_t i = 0; i < o->src->ninlets; i++) {
		const struct inlet_counters *c =
		    inlet_counters(o->src->inlets[i]);

		for (size_t k = 0; k < METER_SOURCES; k++)
			stat_merge(&all[k], &c->meter.size[k]);
	}
	metrics_out_head(o, METRIC_SIZE);
	for (int k = 0; k < METER_SOURCES; k++) {
		if (stat_get(&all[k].count) == 0)
			continue;
		(void)snprintf(labels, sizeof labels, "source=\"%s\"",
		    meter_source_word((enum meter_source)k));
		metrics_out_histogram(
		    o, METRIC_SIZE, labels, &all[k], &size_bounds);
	}
	free(all);
}

/* --- the spool ---------------------------------------------------------------
 */

static void
put_queue(struct metrics_out *o, const struct spool_stats *st)
{
	const struct {
		const char *state;
		const uint64_t *n;
	} rows[] = {
		{ "queued", st->queued_of },
		{ "held", st->held_of },
		{ "dead", st->dead_of },
		{ "doubt", st->doubt_of },
	};

	metrics_out_head(o, METRIC_QUEUE);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		for (uint8_t k = 0; k < SPOOL_PRIORITIES; k++) {
			const char *label[] = { "state", rows[i].state,
				"priority", filter_priority(k) };

			metrics_out_pair(
			    o, METRIC_QUEUE, label, (double)rows[i].n[k]);
		}
	}
}

static void
put_oldest(struct metrics_out *o, const struct spool_stats *st)
{
	metrics_out_head(o, METRIC_QUEUE_OLDEST);
	for (uint8_t k = 0; k < SPOOL_PRIORITIES; k++) {
		double s = stats_oldest_s(o->src, k, st->queued_of[k]);
		const char *label[] = { "priority", filter_priority(k) };

		if (s >= 0)
			metrics_out_word(o, METRIC_QUEUE_OLDEST, label, s);
	}
}

static void
put_spool(struct metrics_out *o)
{
	struct spool_stats st;

	spool_stats(o->src->spool, &st);
	put_queue(o, &st);
	metrics_out_one(o, METRIC_QUEUE_BYTES, (double)st.queued_bytes);
	put_oldest(o, &st);
	metrics_out_one(o, METRIC_SPOOL_BYTES, (double)st.map_used);
	metrics_out_one(o, METRIC_SPOOL_LIMIT, (double)st.size_max);
	metrics_out_one(o, METRIC_DISK_FREE, (double)st.disk_free);
	metrics_out_one(o, METRIC_SPOOL_FULL, st.full);
	metrics_out_one(o, METRIC_READERS, (double)st.readers);
	metrics_out_one(o, METRIC_READER_OLDEST,
	    (double)spool_reader_ms(o->src->spool) / 1000);
	metrics_out_one(o, METRIC_MEMORY, (double)st.memory);
	metrics_out_head(o, METRIC_COMMIT);
	metrics_out_histogram(o, METRIC_COMMIT, "",
	    spool_commit_us(o->src->spool), &commit_bounds);
	metrics_out_head(o, METRIC_BATCH);
	metrics_out_histogram(
	    o, METRIC_BATCH, "", spool_batches(o->src->spool), &batch_bounds);
}

/* --- threads and the process -------------------------------------------------
 */

static void
put_silence(void *arg, const char *thread, uint64_t ms)
{
	const char *label[] = { "thread", thread };

	metrics_out_word(arg, METRIC_SILENT, label, (double)ms / 1000);
}

static void
put_turns(struct metrics_out *o)
{
	struct stat_histogram *inlets = mem_new(sizeof *inlets);
	const struct stat_histogram *relay =
	    relay_view_counters(o->src->relay)->turns_us;

	for (size_t i = 0; i < o->src->ninlets; i++)
		stat_merge(inlets, inlet_counters(o->src->inlets[i])->turns_us);
	metrics_out_head(o, METRIC_TURNS);
	metrics_out_histogram(
	    o, METRIC_TURNS, "thread=\"main\"", o->src->turns_us, &turn_bounds);
	metrics_out_histogram(
	    o, METRIC_TURNS, "thread=\"inlet\"", inlets, &turn_bounds);
	metrics_out_histogram(
	    o, METRIC_TURNS, "thread=\"relay\"", relay, &turn_bounds);
	free(inlets);
}

/* Each inlet has pools of the same names. */
struct pools {
	size_t n;
	struct {
		char name[16];
		uint64_t waiting;
	} of[16]; /* twice as many as there are names */
};

static void
add_pool(void *arg, const char *name, uint64_t waiting)
{
	struct pools *p = arg;
	size_t i = 0;

	while (i < p->n && strcmp(p->of[i].name, name) != 0)
		i++;
	if (i == sizeof p->of / sizeof p->of[0])
		return;
	if (i == p->n)
		(void)snprintf(
		    p->of[p->n++].name, sizeof p->of[i].name, "%s", name);
	p->of[i].waiting += waiting;
}

static void
put_pools(struct metrics_out *o)
{
	struct pools p = { 0 };

	helper_each(add_pool, &p);
	metrics_out_head(o, METRIC_WORKERS);
	for (size_t i = 0; i < p.n; i++) {
		const char *label[] = { "pool", p.of[i].name };

		metrics_out_word(
		    o, METRIC_WORKERS, label, (double)p.of[i].waiting);
	}
}

static void
put_process(struct metrics_out *o)
{
	struct process p = process_look();

	metrics_out_one(o, METRIC_CPU, p.cpu_s);
	metrics_out_one(o, METRIC_RSS, p.rss);
	metrics_out_one(o, METRIC_FDS, p.fds);
	metrics_out_one(o, METRIC_FDS_MAX, p.fds_max);
	metrics_out_one(o, METRIC_START, (double)o->src->started_ms / 1000);
}

/* --- the whole ---------------------------------------------------------------
 */

static void
put_build(struct metrics_out *o)
{
	const struct stats_source *s = o->src;
	const char *build[] = { "version", s->version, "modules", s->modules };
	const char *config[] = { "hash", s->hash };

	metrics_out_head(o, METRIC_BUILD);
	metrics_out_pair(o, METRIC_BUILD, build, 1);
	metrics_out_head(o, METRIC_CONFIG);
	metrics_out_word(o, METRIC_CONFIG, config, 1);
	metrics_out_one(
	    o, METRIC_CONFIG_REFUSED, stat_get(&s->refused_ms) != 0);
}

int
metrics_text(struct stats_source *s, const struct relay_view *view,
    struct buf *b, struct err *err)
{
	struct metrics_out o = { .b = b, .src = s, .view = view };

	put_build(&o);
	put_listeners(&o);
	metrics_out_one(
	    &o, METRIC_RECEIVED_BYTES, (double)SUM_OF(&o, bytes, 0));
	put_commands(&o);
	put_rejected(&o);
	put_logins(&o);
	put_handshakes(&o);
	put_sizes(&o);
	put_spool(&o);
	metrics_out_one(&o, METRIC_LOG_DROPPED, (double)log_dropped());
	metrics_out_head(&o, METRIC_SILENT);
	pulse_each(s, put_silence, &o);
	put_turns(&o);
	put_pools(&o);
	metrics_relay_put(&o);
	put_process(&o);
	stat_add(&s->overflow, o.beyond);
	metrics_out_one(&o, METRIC_OVERFLOW, (double)stat_get(&s->overflow));
	if (o.overflows)
		return err_set(err, ERR_FULL, "more than %zu bytes", b->max);
	return 0;
}
